package orgusers_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

// usual is an organization with somebody of each kind.
func usual(tb testing.TB, more ...string) *office {
	tb.Helper()
	return newOffice(tb, append([]string{
		"olivia owner mfa", "adam admin mfa", "anna admin mfa", "mark member mfa", "mia member mfa",
		"petra member pending", "ivan member inactive mfa", "sven member several mfa",
	}, more...)...)
}

// ownerless is an organization without an owner, kept by its administrators (R12.5).
func ownerless(tb testing.TB, people ...string) *office {
	tb.Helper()
	return newOffice(tb, people...)
}

// operationCase is one line of the rules about operations: who does what to whom, and what comes of
// it, person by person in the order named.
type operationCase struct {
	rule  string
	given func(o *office)
	by    string
	op    orgusers.Operation
	on    []string
	want  []string
}

func (c *operationCase) play(t *testing.T, o *office) {
	t.Helper()
	if c.given != nil {
		c.given(o)
	}
	_, got := o.do(c.by, c.op, c.on...)
	require.Equal(t, c.want, got)
}

func someName() orgusers.Name { return orgusers.Name{First: "Some", Last: "Name"} }

// everyOperation is one of each, to a role nobody has lost yet and a name nobody has.
func everyOperation(o *office) []orgusers.Operation {
	stack := o.stack("any", "")
	return []orgusers.Operation{
		orgusers.Remove{},
		orgusers.SetRole{Role: orgusers.RoleMember},
		orgusers.SetStacks{Stacks: []orgusers.StackAccess{{Stack: stack, Roles: []orgusers.RoleID{orgusers.RoleDeveloper}}}},
		orgusers.Deactivate{},
		orgusers.Reactivate{},
		orgusers.Delete{},
		orgusers.Rename{Name: someName()},
		orgusers.ForcePasswordReset{},
		orgusers.ResetMFA{},
		orgusers.EndSessions{},
		orgusers.ResendInvitation{},
		orgusers.Unlock{},
		orgusers.SetWithoutSSO{Allow: true},
		orgusers.UnlinkSSO{},
	}
}

// TestRules_OperationTable is the table of section 6, cell by cell, with the rule that decides each:
// what comes of an operation by an admin in a bulk, on the owner, oneself, a pending invitee, a
// person of several organizations, and whom else it passes over.
func TestRules_OperationTable(t *testing.T) {
	t.Parallel()
	companions := []string{"mark"} // so that it is a bulk
	for _, c := range []struct {
		op                                    orgusers.Operation
		owner, self, pending, several, others string
		mark                                  string
	}{
		{
			op: orgusers.Remove{}, owner: "skipped owner R1.14", self: "skipped self R1.16", pending: "applied", several: "applied",
			others: "applied", mark: "applied",
		},
		{
			op: orgusers.SetRole{Role: orgusers.RoleAdmin}, owner: "skipped owner R1.14", self: "skipped self R1.16", pending: "applied", several: "applied",
			others: "applied", mark: "applied",
		},
		{
			op: orgusers.Deactivate{}, owner: "skipped owner R1.14", self: "skipped self R1.16", pending: "skipped pending R6.9", several: "applied",
			others: "applied unchanged R6.9", mark: "applied",
		},
		{
			op: orgusers.Reactivate{}, owner: "skipped owner R1.14", self: "skipped self R1.16", pending: "skipped pending R6.9", several: "applied unchanged R6.9",
			others: "applied", mark: "applied unchanged R6.9",
		},
		{
			op: orgusers.Delete{}, owner: "skipped owner R1.14", self: "skipped self R1.16", pending: "skipped pending R6.9", several: "skipped several_organizations R6.5",
			others: "applied", mark: "applied",
		},
		{
			op: orgusers.Rename{Name: someName()}, owner: "skipped owner R1.14", self: "applied", pending: "skipped pending R6.9", several: "skipped several_organizations R6.5",
			others: "applied", mark: "applied",
		},
		{
			op: orgusers.ForcePasswordReset{}, owner: "skipped owner R1.14", self: "applied", pending: "skipped pending R6.9", several: "applied",
			others: "skipped inactive Q23", mark: "applied",
		},
		{
			op: orgusers.ResetMFA{}, owner: "skipped owner R1.14", self: "applied", pending: "skipped pending R6.9", several: "applied",
			others: "skipped inactive Q23", mark: "applied",
		},
		{
			op: orgusers.EndSessions{}, owner: "skipped owner R1.14", self: "refused self R6.5", pending: "skipped pending R6.9", several: "skipped several_organizations R6.5",
			others: "skipped inactive Q23", mark: "applied",
		},
		{
			op: orgusers.ResendInvitation{}, owner: "skipped not_pending R2.8", self: "skipped not_pending R2.8", pending: "applied", several: "skipped not_pending R2.8",
			others: "skipped not_pending R2.8", mark: "skipped not_pending R2.8",
		},
		{
			op: orgusers.Unlock{}, owner: "refused owner R1.14", self: "refused self R6.10", pending: "refused pending R6.9", several: "refused several_organizations R6.5",
			others: "refused not_locked R6.10", mark: "refused not_locked R6.10",
		},
		{
			op: orgusers.SetWithoutSSO{Allow: true}, owner: "skipped owner R1.14", self: "skipped self R1.16", pending: "applied", several: "applied",
			others: "applied", mark: "applied",
		},
		{
			op: orgusers.UnlinkSSO{}, owner: "skipped owner R1.14", self: "applied", pending: "skipped pending R6.9", several: "skipped several_organizations R6.5",
			others: "applied", mark: "applied",
		},
	} {
		t.Run(string(c.op.Action()), func(t *testing.T) {
			t.Parallel()
			o := usual(t)
			_, got := o.do("adam", c.op, append([]string{"olivia", "adam", "petra", "sven", "ivan"}, companions...)...)
			require.Equal(t, []string{
				"olivia: " + c.owner, "adam: " + c.self, "petra: " + c.pending, "sven: " + c.several, "ivan: " + c.others, "mark: " + c.mark,
			}, got)
		})
	}
	t.Run(string(orgusers.ActionSetStacks), func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		op := orgusers.SetStacks{Stacks: []orgusers.StackAccess{{Stack: o.stack("web", "mark"), Roles: []orgusers.RoleID{orgusers.RoleDeveloper}}}}
		_, got := o.do("adam", op, "olivia", "adam", "petra", "sven", "ivan", "mark")
		require.Equal(t, []string{"olivia: applied", "adam: applied", "petra: applied", "sven: applied", "ivan: applied", "mark: applied"}, got)
	})
}

// TestRules_Self: what an administrator may do to himself, selected alone and in a bulk (R1.16, Q9,
// S-074).
func TestRules_Self(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		op           orgusers.Operation
		single, bulk string
	}{
		{orgusers.Remove{}, "refused self R1.16", "skipped self R1.16"},
		{orgusers.SetRole{Role: orgusers.RoleMember}, "applied", "skipped self R1.16"},
		{orgusers.Deactivate{}, "refused self R1.16", "skipped self R1.16"},
		{orgusers.Reactivate{}, "refused self R1.16", "skipped self R1.16"},
		{orgusers.Delete{}, "refused self R1.16", "skipped self R1.16"},
		{orgusers.Rename{Name: someName()}, "applied", "applied"},
		{orgusers.ForcePasswordReset{}, "applied", "applied"},
		{orgusers.ResetMFA{}, "applied", "applied"},
		{orgusers.EndSessions{}, "refused self R6.5", "refused self R6.5"},
		{orgusers.ResendInvitation{}, "skipped not_pending R2.8", "skipped not_pending R2.8"},
		{orgusers.Unlock{}, "refused self R6.10", "refused self R6.10"},
		{orgusers.SetWithoutSSO{Allow: true}, "refused self R1.16", "skipped self R1.16"},
		{orgusers.UnlinkSSO{}, "applied", "applied"},
	} {
		t.Run(string(c.op.Action()), func(t *testing.T) {
			t.Parallel()
			o := usual(t)
			require.Equal(t, c.single, o.alone("adam", c.op, "adam"), "R1.16 alone")
			_, lines := o.do("adam", c.op, "mark", "adam")
			require.Equal(t, "adam: "+c.bulk, lines[1], "R1.16 in a bulk")
			// The same person twice is one person, selected alone.
			_, rep, err := o.decide(o.actor("adam"), orgusers.Bulk{Org: o.org.ID, Operation: c.op, Members: o.ids("adam", "adam")})
			require.NoError(t, err)
			require.Equal(t, []string{"adam: " + c.single}, outcomes(&rep), "R6.12")
		})
	}
}

// TestRules_Owner: nobody does anything to the owner that needs a transfer first, the owner included
// (R1.14, Q24, S-037); what is about the owner's own account, only the owner may (Q8).
func TestRules_Owner(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		op            orgusers.Operation
		admin, itself string
	}{
		{orgusers.Remove{}, "skipped owner R1.14", "refused self R1.16"},
		{orgusers.SetRole{Role: orgusers.RoleMember}, "skipped owner R1.14", "skipped owner R1.14"},
		{orgusers.Deactivate{}, "skipped owner R1.14", "refused self R1.16"},
		{orgusers.Reactivate{}, "skipped owner R1.14", "refused self R1.16"},
		{orgusers.Delete{}, "skipped owner R1.14", "refused self R1.16"},
		{orgusers.Rename{Name: someName()}, "skipped owner R1.14", "applied"},
		{orgusers.ForcePasswordReset{}, "skipped owner R1.14", "applied"},
		{orgusers.ResetMFA{}, "skipped owner R1.14", "applied"},
		{orgusers.EndSessions{}, "skipped owner R1.14", "refused self R6.5"},
		{orgusers.Unlock{}, "refused owner R1.14", "refused self R6.10"},
		{orgusers.SetWithoutSSO{Allow: true}, "skipped owner R1.14", "refused self R1.16"},
		{orgusers.UnlinkSSO{}, "skipped owner R1.14", "applied"},
	} {
		t.Run(string(c.op.Action()), func(t *testing.T) {
			t.Parallel()
			o := usual(t)
			o.user("olivia").LockedUntil = o.now.Add(time.Hour)
			require.Equal(t, c.admin, o.alone("adam", c.op, "olivia"))
			require.Equal(t, c.itself, o.alone("olivia", c.op, "olivia"))
		})
	}
}

// TestRules_Peers: an admin may act on another (R1.15, Q7), unless the host protects peers; then
// only the owner may.
func TestRules_Peers(t *testing.T) {
	t.Parallel()
	spared := map[orgusers.Action]bool{}
	for _, a := range []orgusers.Action{
		orgusers.ActionRemove, orgusers.ActionSetRole, orgusers.ActionDeactivate, orgusers.ActionReactivate, orgusers.ActionDelete,
		orgusers.ActionRename, orgusers.ActionForcePasswordReset, orgusers.ActionResetMFA, orgusers.ActionEndSessions,
		orgusers.ActionSetWithoutSSO, orgusers.ActionUnlinkSSO,
	} {
		spared[a] = true
	}
	for _, op := range everyOperation(usual(t)) {
		t.Run(string(op.Action()), func(t *testing.T) {
			t.Parallel()
			free, protected := usual(t), usual(t)
			for _, o := range []*office{free, protected} {
				everyOperation(o) // puts up the stack
				o.user("anna").LockedUntil = o.now.Add(time.Hour)
			}
			protected.policy.PeersProtected = true
			normally := free.alone("adam", op, "anna")
			require.Equal(t, normally, free.alone("olivia", op, "anna"), "R1.15: an admin may what the owner may")
			want := normally
			if spared[op.Action()] {
				require.Contains(t, normally, "applied")
				want = "skipped not_owner Q7"
			}
			require.Equal(t, want, protected.alone("adam", op, "anna"), "Q7")
			require.Equal(t, normally, protected.alone("olivia", op, "anna"), "the owner still may")
			require.Equal(t, free.alone("adam", op, "mark"), protected.alone("adam", op, "mark"), "members are not protected")
		})
	}
	t.Run("Q7 pending and inactive admins are peers too", func(t *testing.T) {
		t.Parallel()
		o := usual(t, "paul admin pending", "inga admin inactive")
		o.policy.PeersProtected = true
		_, got := o.do("adam", orgusers.Remove{}, "paul", "inga", "petra")
		require.Equal(t, []string{"paul: skipped not_owner Q7", "inga: skipped not_owner Q7", "petra: applied"}, got)
	})
	t.Run("Q7 Q4 inviting a pending admin again is no way around", func(t *testing.T) {
		t.Parallel()
		o := usual(t, "paul admin pending")
		o.policy.PeersProtected = true
		require.Equal(t, "skipped not_owner Q7", o.alone("adam", orgusers.SetRole{Role: orgusers.RoleMember}, "paul"))
		for _, inv := range []orgusers.Invitation{
			{To: "paul@acme.example, petra@acme.example"}, {To: "paul@acme.example, petra@acme.example", Role: orgusers.RoleAdmin, WithoutSSO: true},
		} {
			c, after, lines := o.invited("adam", inv)
			require.Equal(t, []string{"paul: skipped not_owner Q7", "petra: applied renewed Q4"}, lines)
			require.Equal(t, *o.member("paul"), *after.member("paul"))
			require.Equal(t, []string{"invitation petra@acme.example"}, mails(&c))
		}
		_, _, lines := o.invited("adam", orgusers.Invitation{To: "paul@acme.example", Role: orgusers.RoleAdmin})
		require.Equal(t, []string{"paul: applied renewed Q4"}, lines, "which is resending")
		_, after, lines := o.invited("olivia", orgusers.Invitation{To: "paul@acme.example"})
		require.Equal(t, []string{"paul: applied renewed Q4"}, lines)
		require.Equal(t, orgusers.RoleMember, after.member("paul").Role, "the owner may")
	})
	t.Run("Q7 oneself is no peer", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		o.policy.PeersProtected = true
		require.Equal(t, "applied", o.alone("adam", orgusers.SetRole{Role: orgusers.RoleMember}, "adam"))
	})
}

// TestRules_Selection: how many, who, and in what order (R6.1, R6.9, R6.12, S-158).
func TestRules_Selection(t *testing.T) {
	t.Parallel()
	crowd := func(n int) []string {
		var names []string
		for i := range n {
			names = append(names, fmt.Sprintf("person%02d", i))
		}
		return names
	}
	crowded := func(t *testing.T, n int) *office {
		t.Helper()
		people := []string{"olivia owner"}
		for _, name := range crowd(n) {
			people = append(people, name+" member")
		}
		return newOffice(t, people...)
	}
	bulk := func(o *office, names ...string) orgusers.Bulk {
		return orgusers.Bulk{Org: o.org.ID, Operation: orgusers.Deactivate{}, Members: o.ids(names...)}
	}
	refused := func(t *testing.T, o *office, c orgusers.Command, reason orgusers.Reason) {
		t.Helper()
		changes, rep, err := o.decide(o.actor("olivia"), c)
		var e *orgusers.Error
		require.ErrorAs(t, err, &e)
		require.ErrorIs(t, err, orgusers.ErrInvalid)
		require.Len(t, e.Fields, 1)
		require.Equal(t, []string{"members", string(reason)}, []string{e.Fields[0].Field, string(e.Fields[0].Reason)})
		require.Equal(t, orgusers.Changes{}, changes, "nobody is touched")
		require.Empty(t, rep.Outcomes)
	}
	t.Run("R6.1 ten", func(t *testing.T) {
		t.Parallel()
		o := crowded(t, 11)
		changes, rep, err := o.decide(o.actor("olivia"), bulk(o, crowd(10)...))
		require.NoError(t, err)
		require.Equal(t, 10, rep.Count(orgusers.Applied))
		require.Len(t, changes.Members, 10)
	})
	t.Run("R6.1 eleven", func(t *testing.T) {
		t.Parallel()
		o := crowded(t, 11)
		refused(t, o, bulk(o, crowd(11)...), orgusers.ReasonTooMany)
	})
	t.Run("R6.1 as many as the policy says", func(t *testing.T) {
		t.Parallel()
		o := crowded(t, 25)
		o.policy.MaxSelected = 24
		refused(t, o, bulk(o, crowd(25)...), orgusers.ReasonTooMany)
		_, rep, err := o.decide(o.actor("olivia"), bulk(o, crowd(24)...))
		require.NoError(t, err)
		require.Equal(t, 24, rep.Count(orgusers.Applied))
	})
	t.Run("R6.12 duplicates are counted once, first place counts", func(t *testing.T) {
		t.Parallel()
		o := crowded(t, 10)
		names := append(crowd(10), crowd(10)...)
		names = append([]string{"person07"}, names...)
		_, rep, err := o.decide(o.actor("olivia"), bulk(o, names...))
		require.NoError(t, err)
		want := append([]string{"person07"}, slices.DeleteFunc(crowd(10), func(s string) bool { return s == "person07" })...)
		var got []string
		for _, line := range outcomes(&rep) {
			got = append(got, line[:len("person00")])
		}
		require.Equal(t, want, got)
	})
	t.Run("R6.12 nobody", func(t *testing.T) {
		t.Parallel()
		o := crowded(t, 1)
		refused(t, o, bulk(o), orgusers.ReasonRequired)
	})
	t.Run("R6.12 unknown people", func(t *testing.T) {
		t.Parallel()
		o := crowded(t, 2)
		c := bulk(o, "person01", "stranger", "person00")
		c.Members = append(c.Members, "", "x")
		changes, rep, err := o.decide(o.actor("olivia"), c)
		require.NoError(t, err)
		require.Equal(t, []string{
			"person01: applied", "?: refused not_found R6.12", "person00: applied", "?: refused not_found R6.12", "?: refused not_found R6.12",
		}, outcomes(&rep))
		for _, e := range changes.Audit {
			if e.Reason == orgusers.ReasonNotFound {
				require.Equal(t, []any{orgusers.MemberID(""), "unknown"}, []any{e.Member, e.Object}, "S-208: ids in the trail come from rows")
			}
		}
	})
	t.Run("R6.12 a row whose account the store has lost", func(t *testing.T) {
		t.Parallel()
		for _, op := range []orgusers.Operation{orgusers.Delete{}, orgusers.Rename{Name: someName()}, orgusers.EndSessions{}, orgusers.Deactivate{}} {
			o := usual(t)
			o.users = slices.DeleteFunc(o.users, func(u orgusers.User) bool { return u.ID == o.member("mark").User })
			require.Equal(t, "refused not_found R6.12", o.alone("adam", op, "mark"))
		}
	})
	t.Run("R6.9 order and going on", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		_, got := o.do("adam", orgusers.Deactivate{}, "sven", "olivia", "ivan", "adam", "petra", "nobody", "mark", "anna")
		require.Equal(t, []string{
			"sven: applied", "olivia: skipped owner R1.14", "ivan: applied unchanged R6.9", "adam: skipped self R1.16",
			"petra: skipped pending R6.9", "?: refused not_found R6.12", "mark: applied", "anna: applied",
		}, got)
	})
	t.Run("Report", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		_, rep, err := o.decide(o.actor("adam"), orgusers.Bulk{Org: o.org.ID, Operation: orgusers.Remove{}, Members: o.ids("mark", "adam", "nobody")})
		require.NoError(t, err)
		require.Equal(t, "member.remove: 1 applied, 1 skipped, 1 refused", rep.String())
		require.Equal(t, []int{1, 1, 1}, []int{rep.Count(orgusers.Applied), rep.Count(orgusers.Skipped), rep.Count(orgusers.Refused)})
		require.ErrorIs(t, rep.Err(), orgusers.ErrDenied, "the first that was not applied")
		require.Equal(t, orgusers.ActionRemove, rep.Action)
		require.NotEmpty(t, rep.Operation)
	})
}

// TestRules_Gates: support may switch each operation off, per organization; then it is refused as a
// whole, before anything else is looked at (R6.3, Q33).
func TestRules_Gates(t *testing.T) {
	t.Parallel()
	for _, op := range everyOperation(usual(t)) {
		t.Run(string(op.Action()), func(t *testing.T) {
			t.Parallel()
			o := usual(t)
			everyOperation(o)
			o.org.Settings.Closed = []orgusers.Action{op.Action()}
			_, rep, err := o.decide(o.actor("olivia"), orgusers.Bulk{Org: o.org.ID, Operation: op, Members: o.ids("mark", "nobody")})
			require.ErrorIs(t, err, orgusers.ErrGate)
			require.Empty(t, rep.Outcomes)
			for _, other := range everyOperation(usual(t)) {
				if other.Action() != op.Action() {
					_, lines := o.do("olivia", other, "mark")
					require.Len(t, lines, 1, "the others are open")
				}
			}
			_, _, err = o.decide(o.actor("mark"), orgusers.Bulk{Org: o.org.ID, Operation: op, Members: o.ids("mia")})
			require.ErrorIs(t, err, orgusers.ErrDenied, "whoever may not, does not learn of the gate")
		})
	}
	t.Run("R6.3 Q4 inviting somebody pending again", func(t *testing.T) {
		t.Parallel()
		web := func(o *office) []orgusers.StackAccess {
			return []orgusers.StackAccess{{Stack: o.stack("web", "mia"), Roles: []orgusers.RoleID{orgusers.RoleDeveloper}}}
		}
		for gate, change := range map[orgusers.Action]func(o *office, inv *orgusers.Invitation){
			orgusers.ActionResendInvitation: func(*office, *orgusers.Invitation) {},
			orgusers.ActionSetRole:          func(_ *office, inv *orgusers.Invitation) { inv.Role = orgusers.RoleAdmin },
			orgusers.ActionSetWithoutSSO:    func(_ *office, inv *orgusers.Invitation) { inv.WithoutSSO = true },
			orgusers.ActionSetStacks:        func(o *office, inv *orgusers.Invitation) { inv.Stacks = web(o) },
		} {
			o := usual(t)
			o.org.Settings.Closed = []orgusers.Action{gate}
			inv := orgusers.Invitation{To: "petra@acme.example, new@acme.example"}
			if gate != orgusers.ActionResendInvitation {
				_, _, lines := o.invited("adam", inv)
				require.Equal(t, []string{"petra: applied renewed Q4", "new: applied"}, lines, "what changes nothing needs no gate")
			}
			change(o, &inv)
			c, after, lines := o.invited("adam", inv)
			require.Equal(t, []string{"petra: refused switched_off R6.3", "new: applied"}, lines, "%s", gate)
			require.Equal(t, *o.member("petra"), *after.member("petra"))
			require.Equal(t, []string{"invitation new@acme.example"}, mails(&c))
		}
	})
	t.Run("R6.3 invitations", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		o.org.Settings.Closed = []orgusers.Action{orgusers.ActionInvite}
		c, err := o.invite(orgusers.Invitation{To: "new@acme.example"})
		require.NoError(t, err)
		_, _, err = o.decide(o.actor("olivia"), c)
		require.ErrorIs(t, err, orgusers.ErrGate)
	})
}
