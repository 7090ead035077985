package orgusers_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

// decideBulk is an operation by somebody on people that is not refused as a whole.
func (o *office) decideBulk(by string, op orgusers.Operation, people ...string) (orgusers.Changes, *office, []string) {
	o.t.Helper()
	c, rep, err := o.decide(o.actor(by), orgusers.Bulk{Org: o.org.ID, Operation: op, Members: o.ids(people...)})
	require.NoError(o.t, err)
	return c, o.after(c), outcomes(&rep)
}

// refusedWith is a command that is refused as a whole.
func (o *office) refusedWith(by string, c orgusers.Command, kind error) *orgusers.Error {
	o.t.Helper()
	changes, rep, err := o.decide(o.actor(by), c)
	require.ErrorIs(o.t, err, kind)
	require.Equal(o.t, orgusers.Changes{}, changes)
	require.Empty(o.t, rep.Outcomes)
	var e *orgusers.Error
	require.ErrorAs(o.t, err, &e)
	return e
}

// TestRules_RolesThatCanBeGiven: Admin and Member, and nothing that looks like them or like the owner
// (R1.2, R1.3, S-016, S-017, S-038, S-045).
func TestRules_RolesThatCanBeGiven(t *testing.T) {
	t.Parallel()
	for _, role := range []orgusers.Role{"owner", "Owner", "Admin", "MEMBER", " admin", "admin ", "owner,member", "admin\x00", "ａdmin", "аdmin", "-1", "99", "root"} {
		o := usual(t)
		for _, by := range []string{"olivia", "adam"} {
			e := o.refusedWith(by, orgusers.Bulk{Org: o.org.ID, Operation: orgusers.SetRole{Role: role}, Members: o.ids("mark")}, orgusers.ErrInvalid)
			require.Equal(t, []string{"role", "role"}, []string{e.Fields[0].Field, string(e.Fields[0].Reason)}, "R1.3 %q", role)
		}
		_, err := o.invite(orgusers.Invitation{To: "new@acme.example", Role: role})
		var e *orgusers.Error
		require.ErrorAs(t, err, &e, "R1.3 %q", role)
		require.Equal(t, []string{"role", "role"}, []string{e.Fields[0].Field, string(e.Fields[0].Reason)})
	}
	o := usual(t)
	_ = o.refusedWith("olivia", orgusers.Bulk{Org: o.org.ID, Operation: orgusers.SetRole{}, Members: o.ids("mark")}, orgusers.ErrInvalid)
}

// TestRules_SetRole: what changing a role does, and what it leaves (R1.9, Q13).
func TestRules_SetRole(t *testing.T) {
	t.Parallel()
	admin, member := orgusers.SetRole{Role: orgusers.RoleAdmin}, orgusers.SetRole{Role: orgusers.RoleMember}
	t.Run("R1.9 at once, and nothing else", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		c, _, _ := o.decideBulk("adam", admin, "mark")
		require.Equal(t, []orgusers.MemberUpdate{{ID: o.member("mark").ID, Patch: orgusers.MemberPatch{Role: orgusers.Some(orgusers.RoleAdmin)}}}, c.Members)
		require.Empty(t, c.Users)
		require.Empty(t, c.Effects, "no session ends, no mail goes")
		require.Equal(t, o.org.Tally.Admins+1, c.Org.Tally.Admins)
	})
	t.Run("R6.9 the same role is no change", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		c, _, lines := o.decideBulk("adam", member, "mark", "mia")
		require.Equal(t, []string{"mark: applied unchanged R6.9", "mia: applied unchanged R6.9"}, lines)
		require.Equal(t, orgusers.Changes{}, c, "and nothing is written, not even to the trail")
	})
	t.Run("Q13 pending", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		c, after, _ := o.decideBulk("adam", admin, "petra")
		require.Equal(t, []any{orgusers.RoleAdmin, orgusers.StatusPending}, []any{after.member("petra").Role, after.member("petra").Status})
		require.Equal(t, o.org.Tally, c.Org.Tally, "an invited admin administers nothing yet")
		require.Empty(t, c.Effects, "the invitation is not mailed again")
		require.Equal(t, o.member("petra").Link, after.member("petra").Link, "and its link stays good")
	})
	t.Run("Q23 inactive", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		c, _, lines := o.decideBulk("adam", admin, "ivan")
		require.Equal(t, []string{"ivan: applied"}, lines)
		require.Equal(t, o.org.Tally, c.Org.Tally, "a deactivated admin does not count as an administrator")
	})
	t.Run("R1.16 oneself, alone", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		_, after, lines := o.decideBulk("adam", member, "adam")
		require.Equal(t, []string{"adam: applied"}, lines)
		e := after.refusedWith("adam", orgusers.Bulk{Org: o.org.ID, Operation: orgusers.Remove{}, Members: o.ids("mark")}, orgusers.ErrDenied)
		require.Equal(t, orgusers.ReasonNotAdministrator, e.Reason)
	})
}

// TestRules_Addresses: nothing changes an e-mail address (R1.11, S-077).
func TestRules_Addresses(t *testing.T) {
	t.Parallel()
	for _, patch := range []reflect.Type{reflect.TypeFor[orgusers.UserPatch](), reflect.TypeFor[orgusers.MemberPatch](), reflect.TypeFor[orgusers.Profile]()} {
		for i := range patch.NumField() {
			f := patch.Field(i)
			require.NotEqual(t, reflect.TypeFor[orgusers.Opt[orgusers.Address]](), f.Type, "R1.11 %s.%s", patch, f.Name)
			require.False(t, strings.Contains(f.Name, "Address") || strings.Contains(f.Name, "Email") && f.Name != "InvitedByEmail", "R1.11 %s.%s", patch, f.Name)
		}
	}
}

// TestRules_SSO: what single sign-on changes for the operations (R2.20 to R2.28, R7.7, Q19).
func TestRules_SSO(t *testing.T) {
	t.Parallel()
	const (
		off     = "off"
		loose   = "loose"   // enabled, not strict
		strict  = "strict"  //
		mapped  = "mapped"  // loose, with role mapping
		mappedS = "mappedS" // strict, with role mapping
	)
	settings := map[string]orgusers.SSO{
		off: {}, loose: {Enabled: true}, strict: {Enabled: true, Strict: true},
		mapped: {Enabled: true, RoleMapping: true}, mappedS: {Enabled: true, Strict: true, RoleMapping: true},
	}
	idp, sso := "skipped idp_managed R2.28", "skipped sso_managed Q19"
	for _, c := range []struct {
		rule string
		op   orgusers.Operation
		on   string
		want map[string]string // what is not named here: applied
	}{
		{"R2.20 R2.28 removing", orgusers.Remove{}, "mark", map[string]string{mapped: idp, mappedS: idp}},
		{"R2.28 removing a pending invitee", orgusers.Remove{}, "petra", nil},
		{"R2.27 removing who uses own credentials", orgusers.Remove{}, "oona", map[string]string{mappedS: idp}},
		{"R2.28 changing the role", orgusers.SetRole{Role: orgusers.RoleAdmin}, "mark", map[string]string{mapped: idp, mappedS: idp}},
		{"R2.28 changing the role of a pending invitee", orgusers.SetRole{Role: orgusers.RoleAdmin}, "petra", nil},
		{"R2.27 changing the role of who uses own credentials", orgusers.SetRole{Role: orgusers.RoleAdmin}, "oona", map[string]string{mappedS: idp}},
		{"R2.28 changing stack roles", orgusers.SetStacks{}, "mark", map[string]string{mapped: idp, mappedS: idp}},
		{"R2.28 the owner's stack roles", orgusers.SetStacks{}, "olivia", nil},
		{"R2.28 deleting", orgusers.Delete{}, "mark", map[string]string{mapped: idp, mappedS: idp}},
		{"R2.28 deactivating is ours", orgusers.Deactivate{}, "mark", nil},
		{"Q19 R7.7 forced reset", orgusers.ForcePasswordReset{}, "mark", map[string]string{loose: sso, strict: sso, mapped: sso, mappedS: sso}},
		{"R2.21 R2.22 forced reset of who uses own credentials", orgusers.ForcePasswordReset{}, "oona", map[string]string{strict: sso, mappedS: sso}},
		{"R2.23 forced reset of the owner, by itself", orgusers.ForcePasswordReset{}, "olivia", nil},
		{"R2.24 MFA reset", orgusers.ResetMFA{}, "mark", map[string]string{loose: sso, strict: sso, mapped: sso, mappedS: sso}},
		{"R2.21 R2.22 MFA reset of who uses own credentials", orgusers.ResetMFA{}, "oona", map[string]string{strict: sso, mappedS: sso}},
		{"R2.23 MFA reset of the owner, by itself", orgusers.ResetMFA{}, "olivia", nil},
		{"ending sessions is not about credentials", orgusers.EndSessions{}, "mark", nil},
	} {
		for name, s := range settings {
			t.Run(c.rule+"/"+name, func(t *testing.T) {
				t.Parallel()
				o := usual(t, "oona member mfa own")
				o.org.Settings.SSO = s
				op := c.op
				if _, ok := op.(orgusers.SetStacks); ok {
					op = orgusers.SetStacks{Stacks: []orgusers.StackAccess{{Stack: o.stack("web", "mia"), Roles: []orgusers.RoleID{orgusers.RoleDeveloper}}}}
				}
				want := c.want[name]
				if want == "" {
					want = "applied"
				}
				require.Equal(t, want, o.alone("olivia", op, c.on))
			})
		}
	}
	t.Run("R2.20 switching it on touches nobody", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		c, _, err := o.decide(o.actor("olivia"), orgusers.SetSSO{Org: o.org.ID, SSO: orgusers.SSO{Enabled: true, Strict: true}})
		require.NoError(t, err)
		require.Empty(t, c.Members)
		require.Empty(t, c.Effects)
		require.Equal(t, orgusers.SSO{Enabled: true, Strict: true}, c.Org.Settings.SSO)
	})
	t.Run("R1.5 only the owner sets it", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		require.Equal(t, orgusers.ReasonNotOwner, o.refusedWith("adam", orgusers.SetSSO{Org: o.org.ID, SSO: orgusers.SSO{Enabled: true}}, orgusers.ErrDenied).Reason)
		p := ownerless(t, "adam admin", "mark member")
		_, _, err := p.decide(p.actor("adam"), orgusers.SetSSO{Org: p.org.ID, SSO: orgusers.SSO{Enabled: true}})
		require.NoError(t, err, "where there is none, the administrators")
		require.Equal(t, orgusers.ReasonNotAdministrator, p.refusedWith("mark", orgusers.SetSSO{Org: p.org.ID}, orgusers.ErrDenied).Reason)
	})
	t.Run("strict mode and role mapping need it", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		for _, s := range []orgusers.SSO{{Strict: true}, {RoleMapping: true}} {
			require.Equal(t, "sso", o.refusedWith("olivia", orgusers.SetSSO{Org: o.org.ID, SSO: s}, orgusers.ErrInvalid).Fields[0].Field)
		}
	})
}

// TestRules_Trail: each person has an entry of its own, with who, what, whom, when, from where, and
// how it ended; all entries of one call share its number (R10.4, R10.6, Q32).
func TestRules_Trail(t *testing.T) {
	t.Parallel()
	o := usual(t)
	a := o.actor("adam")
	a.Request = "r-1"
	c, rep, err := o.decide(a, orgusers.Bulk{Org: o.org.ID, Operation: orgusers.SetRole{Role: orgusers.RoleAdmin}, Members: o.ids("mark", "olivia", "anna", "nobody")})
	require.NoError(t, err)
	require.Len(t, c.Audit, 3, "R10.6: skipped and refused too; what was so already is no event")
	first := c.Audit[0]
	first.ID = ""
	require.Equal(t, orgusers.AuditEntry{
		Org: o.org.ID, At: o.now, Operation: rep.Operation, Action: orgusers.ActionSetRole, Result: orgusers.Applied,
		Actor: a.User, ActorEmail: "adam@acme.example", ActorRole: "admin", Session: a.Session, IP: a.IP, Agent: a.Agent, Request: "r-1",
		Member: o.member("mark").ID, User: o.user("mark").ID, Email: "mark@acme.example", Before: "role=member", After: "role=admin",
	}, first)
	require.Equal(t, []any{orgusers.Skipped, orgusers.ReasonOwner, o.member("olivia").ID}, []any{c.Audit[1].Result, c.Audit[1].Reason, c.Audit[1].Member})
	require.Equal(t, []any{orgusers.Refused, orgusers.ReasonNotFound, orgusers.MemberID("")}, []any{c.Audit[2].Result, c.Audit[2].Reason, c.Audit[2].Member})
	for _, e := range c.Audit {
		require.Equal(t, rep.Operation, e.Operation)
		require.False(t, e.Chained, "sealing is the shell's")
	}
}
