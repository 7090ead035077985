package orgusers_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// personRule is a row of the rule book for people.
type personRule struct {
	action  orgusers.Action
	by      string
	answers map[string]string // by kind of person
}

func readPersonRules(tb testing.TB) []personRule {
	tb.Helper()
	words := strings.Fields(personRules)
	const fixed, width = 2, 12
	kinds := words[fixed:width]
	require.ElementsMatch(tb, keysOf(matrixTargets()), kinds, "a column for each kind of person")
	require.Zero(tb, len(words)%width, "each row is complete")
	var rules []personRule
	for row := range slices.Chunk(words[width:], width) {
		r := personRule{action: orgusers.Action(row[0]), by: row[1], answers: map[string]string{}}
		for i, k := range kinds {
			r.answers[k] = row[fixed+i]
		}
		rules = append(rules, r)
	}
	return rules
}

// matrixTargets are the kinds of person that an operation may be aimed at, and who stands for each.
func matrixTargets() map[string]string {
	return map[string]string{
		"owner": "olivia", "admin": "anna", "member": "mark", "pending": "petra", "inactive": "ivan",
		"several":   "sven",
		"self":      "",     // whoever asks
		"foreign":   "bob",  // somebody of the other organization
		"elsewhere": "sven", // the other organization's row of somebody who is here too
		"random":    "",     // nobody
	}
}

// matrixOperations makes one of each operation, such that it would change the person.
func matrixOperations(x *matrixWorld, m *orgusers.Member) map[orgusers.Action]orgusers.Operation {
	other := orgusers.RoleAdmin
	if m != nil && m.Role == orgusers.RoleAdmin {
		other = orgusers.RoleMember
	}
	all := []orgusers.Operation{
		orgusers.Remove{},
		orgusers.SetRole{Role: other},
		orgusers.SetStacks{Stacks: []orgusers.StackAccess{{Stack: x.stacks["mark"], Roles: []orgusers.RoleID{orgusers.RoleDeveloper}}}},
		orgusers.Deactivate{},
		orgusers.Reactivate{},
		orgusers.Delete{},
		orgusers.Rename{Name: orgusers.Name{First: "Renamed"}},
		orgusers.ForcePasswordReset{},
		orgusers.ResetMFA{},
		orgusers.EndSessions{},
		orgusers.ResendInvitation{},
		orgusers.Unlock{},
		orgusers.SetWithoutSSO{Allow: true},
		orgusers.UnlinkSSO{},
	}
	byAction := map[orgusers.Action]orgusers.Operation{}
	for _, op := range all {
		byAction[op.Action()] = op
	}
	return byAction
}

// personCell is one cell of the rule book for people.
type personCell struct {
	action   orgusers.Action
	by, kind string
	single   string // what is expected alone
	bulk     string // and in a bulk
}

// stage sets everything up anew, and returns who is aimed at: the id, the row (nil if there is none
// in Acme), the operation, and somebody of the same role to come along in a bulk.
func (c *personCell) stage(tb testing.TB) (x *matrixWorld, admin orgusers.Admin, id orgusers.MemberID, op orgusers.Operation, companion *orgusers.Member) {
	tb.Helper()
	x = newMatrixWorld(tb, false)
	admin = x.Svc.Admin(x.actor(c.by), x.acme.org.ID)
	name := matrixTargets()[c.kind]
	switch c.kind {
	case "self":
		name = matrixActors()[c.by]
		fallthrough
	default:
		id = x.acme.member(name).ID
	case "foreign":
		id, name = x.bolt.member("bob").ID, ""
	case "elsewhere":
		id, name = x.bolt.member("sven").ID, ""
	case "random":
		id = officeID[orgusers.MemberID]("nobody at all")
	}
	var m *orgusers.Member
	if name != "" {
		m = x.acme.member(name)
	}
	companion = x.acme.member("mia")
	if m != nil && m.Role == orgusers.RoleAdmin {
		companion = x.acme.member("abel")
	}
	return x, admin, id, matrixOperations(x, m)[c.action], companion
}

// TestS036_EveryOperationForEveryPerson plays the rule book for people: each operation by an admin
// and by the owner, on each kind of person, alone and in a bulk, and beforehand as a preview, as an
// explanation and as a menu. All of them must say the same.
func TestS036_EveryOperationForEveryPerson(t *testing.T) {
	t.Parallel()
	rules := readPersonRules(t)
	x := newMatrixWorld(t, false)
	for action := range matrixOperations(x, nil) {
		for _, by := range []string{"admin", "owner"} {
			n := 0
			for _, r := range rules {
				if r.action == action && r.by == by {
					n++
				}
			}
			require.Equal(t, 1, n, "one row for %s by the %s", action, by)
		}
	}
	require.Len(t, rules, 2*len(matrixOperations(x, nil)))
	for _, r := range rules {
		t.Run(string(r.action)+" by "+r.by, func(t *testing.T) {
			t.Parallel()
			for kind, answer := range r.answers {
				c := &personCell{action: r.action, by: r.by, kind: kind}
				var two bool
				if c.single, c.bulk, two = strings.Cut(answer, "|"); !two {
					c.bulk = c.single
				}
				t.Run(kind, func(t *testing.T) {
					c.playBefore(t)
					c.playAlone(t)
					c.playBulk(t)
				})
			}
		})
	}
}

// spoken is an outcome in the words of the rule book.
func spoken(o *orgusers.Outcome) string {
	switch {
	case o.Result == orgusers.Refused:
		return "!" + string(o.Reason)
	case o.Result == orgusers.Skipped:
		return string(o.Reason)
	case o.Reason == orgusers.ReasonUnchanged:
		return "same"
	case o.Reason == "":
		return "ok"
	}
	return "applied?" + string(o.Reason)
}

// playBefore asks in every way that does nothing: nothing is done, and each gives the answer that
// doing it would.
func (c *personCell) playBefore(t *testing.T) {
	t.Helper()
	ctx := world.Ctx()
	x, admin, id, op, _ := c.stage(t)
	before := x.dump()
	preview, err := admin.Preview(ctx, op, id)
	require.NoError(t, err)
	require.Len(t, preview.Outcomes, 1)
	require.Equal(t, c.single, spoken(&preview.Outcomes[0]), "Preview")
	require.Empty(t, preview.Operation, "a preview is no operation")

	o := preview.Outcomes[0]
	decision, err := admin.Permit(ctx, op, id)
	require.NoError(t, err)
	require.Equal(t, orgusers.Decision{Allowed: o.Result == orgusers.Applied, Reason: o.Reason, Rule: o.Rule}, decision, "Permit")
	if !decision.Allowed {
		require.NotEmpty(t, decision.Rule, "a refusal names its rule")
		require.NotEqual(t, string(decision.Reason), decision.Reason.Text(), "and has words")
	}

	menu, err := admin.Allowed(ctx, id)
	require.NoError(t, err)
	if c.single == "!not_found" {
		require.Empty(t, menu, "Allowed leaves out who is not there")
	} else {
		require.Len(t, menu[id], 14)
		require.Equal(t, decision, menu[id][c.action], "Allowed")
	}
	require.Equal(t, before, x.dump(), "asking does nothing")
}

// playAlone does it to one person.
func (c *personCell) playAlone(t *testing.T) {
	t.Helper()
	ctx := world.Ctx()
	x, admin, id, op, _ := c.stage(t)
	preview, err := admin.Preview(ctx, op, id)
	require.NoError(t, err)
	before := x.dump()
	rep, err := admin.Apply(ctx, op, id)
	require.NoError(t, err)
	require.Len(t, rep.Outcomes, 1)
	require.Equal(t, c.single, spoken(&rep.Outcomes[0]), "Apply")
	require.Equal(t, id, rep.Outcomes[0].Member)
	require.Equal(t, preview.Outcomes, rep.Outcomes, "Preview said so")
	c.requireEffect(t, x, before, id, c.single)
	if c.single != "ok" {
		kept, _ := before.beside()
		left, entries := x.dump().beside()
		require.Equal(t, kept, left, "what is not done changes nothing at all")
		require.Equal(t, c.single == "same", len(entries) == 0, "what is refused or skipped is recorded (Q32)")
	}

	// Do is Apply with an error instead of an outcome.
	_, admin, id, op, _ = c.stage(t)
	err = admin.Do(ctx, op, id)
	switch c.single {
	case "ok", "same":
		require.NoError(t, err)
	case "!not_found":
		require.ErrorIs(t, err, orgusers.ErrNotFound)
		require.EqualError(t, admin.Do(ctx, op, officeID[orgusers.MemberID]("nobody either")), err.Error(), "as for a random id")
	default:
		require.ErrorIs(t, err, orgusers.ErrDenied)
		var e *orgusers.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, strings.TrimPrefix(c.single, "!"), string(e.Reason))
		require.Equal(t, id, e.Member)
	}
}

// playBulk does it to the person and a companion with whom nothing is wrong: one bad person never
// stops the others (R6.9), save for Unlock (R6.10).
func (c *personCell) playBulk(t *testing.T) {
	t.Helper()
	x, admin, id, op, companion := c.stage(t)
	before := x.dump()
	rep, err := admin.Apply(world.Ctx(), op, id, companion.ID)
	require.NoError(t, err)
	require.Len(t, rep.Outcomes, 2)
	require.Equal(t, []orgusers.MemberID{id, companion.ID}, []orgusers.MemberID{rep.Outcomes[0].Member, rep.Outcomes[1].Member}, "in the order named")
	require.Equal(t, c.bulk, spoken(&rep.Outcomes[0]), "in a bulk")

	along := "ok"
	switch {
	case c.action == orgusers.ActionReactivate:
		along = "same"
	case c.action == orgusers.ActionResendInvitation:
		along = "not_pending"
	case c.action == orgusers.ActionUnlock && c.bulk != "ok":
		along = "!others_not_unlockable"
	}
	require.Equal(t, along, spoken(&rep.Outcomes[1]), "the companion")
	c.requireEffect(t, x, before, id, c.bulk)
	c.requireEffect(t, x, before, companion.ID, along)
}

// person is what a dump shows of somebody at Acme.
type person struct {
	row     *orgusers.Member
	account *orgusers.User
	mails   []orgusers.MailKind
}

func (x *matrixWorld) person(d storeDump, id orgusers.MemberID) person {
	x.T.Helper()
	var p person
	acme := d.of(x.T, x.acme.org.ID)
	for i := range acme.Members {
		if acme.Members[i].ID == id {
			p.row = &acme.Members[i]
		}
	}
	for i := range x.acme.members {
		for k := range d.Users {
			if x.acme.members[i].ID == id && d.Users[k].Address.Key == x.acme.members[i].Address.Key {
				p.account = &d.Users[k]
			}
		}
	}
	for i := range acme.Outbox {
		if e := &acme.Outbox[i]; e.Member == id && e.Kind == orgusers.EffectMail {
			p.mails = append(p.mails, e.Mail.Kind)
		}
	}
	return p
}

// became reports whether an operation left its mark on a person, and no other.
func (was person) became(now person, action orgusers.Action) bool {
	mailed := slices.Clone(now.mails)
	for _, k := range was.mails {
		mailed = slices.Delete(mailed, slices.Index(mailed, k), slices.Index(mailed, k)+1)
	}
	none, one := len(mailed) == 0, func(k orgusers.MailKind) bool { return len(mailed) == 1 && mailed[0] == k }
	if now.row == nil || now.account == nil {
		return action == orgusers.ActionDelete && now.row == nil && now.account == nil && none ||
			action == orgusers.ActionRemove && now.row == nil && now.account != nil && none
	}
	row, account := *was.row, *was.account // what they should be, made from what they were
	account.Version = now.account.Version
	switch action {
	case orgusers.ActionSetRole:
		row.Role = now.row.Role
		none = none && now.row.Role != was.row.Role
	case orgusers.ActionSetStacks:
		row.Grants = now.row.Grants
		none = none && len(row.Grants) == len(was.row.Grants)+1
	case orgusers.ActionDeactivate:
		row.Status, row.ValidFrom = orgusers.StatusInactive, now.row.ValidFrom
		none = none && !row.ValidFrom.IsZero()
		if account.Orgs == 1 {
			account.SessionsValidFrom = now.account.SessionsValidFrom
			account.ResetLink, account.MFAResetLink = "", ""
			none = none && !now.account.SessionsValidFrom.IsZero()
		}
	case orgusers.ActionReactivate:
		row.Status = orgusers.StatusActive
	case orgusers.ActionRename:
		row.Name = orgusers.Name{First: "Renamed"}
		account.Name = row.Name
	case orgusers.ActionForcePasswordReset:
		account.ResetRequired, account.ResetLink, account.ResetExpires = true, now.account.ResetLink, now.account.ResetExpires
		none = one(orgusers.MailPasswordReset) && account.ResetLink != was.account.ResetLink
	case orgusers.ActionResetMFA:
		account.MFAResetLink, account.MFAResetExpire = now.account.MFAResetLink, now.account.MFAResetExpire
		none = one(orgusers.MailMFAReset) && account.MFAResetLink != was.account.MFAResetLink
	case orgusers.ActionEndSessions:
		account.SessionsValidFrom = now.account.SessionsValidFrom
		none = none && !account.SessionsValidFrom.IsZero()
	case orgusers.ActionResendInvitation:
		row.Link, row.SentAt, row.InvitedAt, row.ExpiresAt = now.row.Link, now.row.SentAt, now.row.InvitedAt, now.row.ExpiresAt
		row.InvitedBy, row.InvitedByEmail, row.Sends = now.row.InvitedBy, now.row.InvitedByEmail, was.row.Sends+1
		none = one(orgusers.MailInvitation) && row.Link != was.row.Link
	case orgusers.ActionUnlock:
		account.LockedUntil = time.Time{}
	case orgusers.ActionSetWithoutSSO:
		row.WithoutSSO = true
	case orgusers.ActionUnlinkSSO:
		row.Subject = ""
		account.SessionsValidFrom = now.account.SessionsValidFrom
		none = none && was.row.Subject != "" && !account.SessionsValidFrom.IsZero()
	}
	return none && reflect.DeepEqual(row, *now.row) && reflect.DeepEqual(account, *now.account)
}

// requireEffect holds the store to what the report said of one person: done exactly if it said so,
// and Bolt left alone whatever it said (S-073, S-156).
func (c *personCell) requireEffect(t *testing.T, x *matrixWorld, before storeDump, id orgusers.MemberID, said string) {
	t.Helper()
	after := x.dump()
	require.Equal(t, before.of(t, x.bolt.org.ID), after.of(t, x.bolt.org.ID), "the other organization is left alone")
	was, now := x.person(before, id), x.person(after, id)
	if said != "ok" {
		require.Equal(t, was, now, "nothing is done")
		return
	}
	require.NotNil(t, was.row)
	require.True(t, was.became(now, c.action), "%s is done:\nwas %+v %+v %v\nnow %+v %+v %v", c.action, was.row, was.account, was.mails, now.row, now.account, now.mails)
	require.NotEqual(t, was, now)
}

// TestS036_OthersLearnNothingOfPeople: whoever may not use the door gets one and the same answer
// whatever the operation and whomever it is aimed at, and nothing is changed.
func TestS036_OthersLearnNothingOfPeople(t *testing.T) {
	t.Parallel()
	ctx := world.Ctx()
	rules := readMethodRules(t)
	apply := rules[slices.IndexFunc(rules, func(r methodRule) bool { return r.name == "Admin.Apply" })]
	for actor, answer := range apply.answers {
		if answer == "ok" {
			continue
		}
		t.Run(actor, func(t *testing.T) {
			t.Parallel()
			x := newMatrixWorld(t, actor == "disabled")
			admin := x.Svc.Admin(x.actor(actor), x.acme.org.ID)
			start := x.dump()
			kept, _ := start.beside()
			for action, op := range matrixOperations(x, nil) {
				for kind, name := range matrixTargets() {
					id := officeID[orgusers.MemberID]("nobody at all")
					if kind == "foreign" || kind == "elsewhere" {
						id = x.bolt.member(name).ID
					} else if name != "" {
						id = x.acme.member(name).ID
					}
					calls := map[string]func() error{
						"Apply":   func() error { _, err := admin.Apply(ctx, op, id); return err },
						"Do":      func() error { return admin.Do(ctx, op, id) },
						"Preview": func() error { _, err := admin.Preview(ctx, op, id); return err },
						"Permit":  func() error { _, err := admin.Permit(ctx, op, id); return err },
						"Allowed": func() error { _, err := admin.Allowed(ctx, id); return err },
						"Member":  func() error { _, err := admin.Member(ctx, id); return err },
					}
					for call, ask := range calls {
						err := ask()
						if answer == "404" {
							require.ErrorIs(t, err, orgusers.ErrNotFound, "%s %s %s", call, action, kind)
						} else {
							requireRefused(t, methodRule{name: "Admin." + call}, answer, err)
						}
					}
				}
			}
			end := x.dump()
			if answer == "404" {
				require.Equal(t, start, end, "a stranger leaves no trace")
			}
			left, beside := end.beside()
			require.Equal(t, kept, left, "nothing changed")
			for _, e := range beside {
				require.Equal(t, orgusers.Refused, e.Result)
				require.Empty(t, e.Member, "the trail does not repeat what a refused caller said")
			}
		})
	}
}

// portOfSessions is a host's session store that counts how often it is asked, and fails.
type portOfSessions struct{ asked atomic.Int64 }

func (p *portOfSessions) Active(context.Context, []orgusers.UserID) (map[orgusers.UserID]int, error) {
	p.asked.Add(1)
	return nil, errors.New("the session store is down")
}

func (p *portOfSessions) End(context.Context, []orgusers.UserID, time.Time) error { return nil }

// TestS156_PortsAreAskedForAdministratorsOnly: the host's session store is asked after the actor was
// found to be entitled. Otherwise its failing, or its slowness, would tell a stranger that the
// organization exists, and anybody could put load on it.
func TestS156_PortsAreAskedForAdministratorsOnly(t *testing.T) {
	t.Parallel()
	rules := readMethodRules(t)
	apply := rules[slices.IndexFunc(rules, func(r methodRule) bool { return r.name == "Admin.Apply" })]
	for kind, answer := range apply.answers {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			x := newMatrixWorld(t, kind == "disabled")
			port := &portOfSessions{}
			x.Conf.Sessions = port
			x.World = x.Second()
			admin, mia := x.Svc.Admin(x.actor(kind), x.acme.org.ID), x.acme.member("mia").ID
			for i, ask := range []func() error{
				func() error { _, err := admin.Apply(world.Ctx(), orgusers.EndSessions{}, mia); return err },
				func() error { _, err := admin.Preview(world.Ctx(), orgusers.EndSessions{}, mia); return err },
				func() error { _, err := admin.Allowed(world.Ctx(), mia); return err },
			} {
				err := ask()
				switch answer {
				case "ok":
					require.ErrorIs(t, err, orgusers.ErrStore)
					require.EqualValues(t, i+1, port.asked.Load())
					continue
				case "404":
					require.ErrorIs(t, err, orgusers.ErrNotFound)
				default:
					requireRefused(t, methodRule{name: "Admin.Apply"}, answer, err)
				}
				require.Zero(t, port.asked.Load())
			}
		})
	}
}
