package orgusers_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// settings are the ways in which an organization or a host may differ from the default.
func settings() map[string]func(o *office) {
	return map[string]func(o *office){
		"default":         func(*office) {},
		"peers protected": func(o *office) { o.policy.PeersProtected = true },
		"MFA at once":     func(o *office) { o.policy.ImmediateMFAReset = true },
		"unlock skips":    func(o *office) { o.policy.UnlockSkips = true },
		"single sign-on":  func(o *office) { o.org.Settings.SSO = orgusers.SSO{Enabled: true} },
		"strict":          func(o *office) { o.org.Settings.SSO = orgusers.SSO{Enabled: true, Strict: true} },
		"role mapping":    func(o *office) { o.org.Settings.SSO = orgusers.SSO{Enabled: true, RoleMapping: true} },
		"sessions":        func(o *office) { o.sessions = map[orgusers.UserID]int{o.user("mark").ID: 1} },
		"no sessions":     func(o *office) { o.sessions = map[orgusers.UserID]int{} },
		"ended with a forced reset": func(o *office) {
			o.policy.EndSessionsOnForcedReset = true
		},
		"switched off": func(o *office) {
			o.org.Settings.Closed = []orgusers.Action{orgusers.ActionDelete, orgusers.ActionSetStacks, orgusers.ActionUnlock}
		},
		"owner-less": func(o *office) { o.org.OwnerID = "" },
		"the last administrator": func(o *office) {
			o.org.OwnerID = ""
			for _, name := range []string{"olivia", "anna"} {
				o.member(name).Role = orgusers.RoleMember
			}
			o.org.Tally = o.recount()
		},
		"just mailed": func(o *office) { o.member("petra").SentAt = o.now },
	}
}

// hostSessions is a host's session store with these numbers in it.
type hostSessions map[orgusers.UserID]int

func (h hostSessions) Active(_ context.Context, users []orgusers.UserID) (map[orgusers.UserID]int, error) {
	n := map[orgusers.UserID]int{}
	for _, u := range users {
		if h[u] > 0 {
			n[u] = h[u]
		}
	}
	return n, nil
}

func (h hostSessions) End(context.Context, []orgusers.UserID, time.Time) error { return nil }

func previewOffice(tb testing.TB, change func(o *office)) *office {
	tb.Helper()
	o := usual(tb, "uma member locked own mfa", "bea admin locked", "ines admin inactive")
	o.stack("any", "mark")
	change(o)
	return o
}

func (o *office) openWithSessions() *matrixWorld {
	return o.open(func(c *orgusers.Config) {
		if o.sessions != nil {
			c.Sessions = hostSessions(o.sessions)
		}
	})
}

// TestRules_Menus: what Allowed draws for a page of people is what Permit explains for each, and what
// Apply does to each alone, whatever the settings.
func TestRules_Menus(t *testing.T) {
	t.Parallel()
	ctx := world.Ctx()
	for name, change := range settings() {
		for _, by := range []string{"olivia", "adam"} {
			if name == "the last administrator" && by == "olivia" {
				continue // is none there
			}
			t.Run(name+"/"+by, func(t *testing.T) {
				t.Parallel()
				o := previewOffice(t, change)
				x := o.openWithSessions()
				var everybody []orgusers.MemberID
				for i := range o.members {
					everybody = append(everybody, o.members[i].ID)
				}
				menu, err := x.as(by).Allowed(ctx, append(everybody, "nobody")...)
				require.NoError(t, err)
				require.Len(t, menu, len(everybody), "who is not there is left out")
				for i := range o.members {
					m := &o.members[i]
					for _, op := range sampledFor(o, m) {
						what := m.Address.Email + " " + string(op.Action())
						got := menu[m.ID][op.Action()]
						if o.closed(op.Action()) {
							require.Equal(t, orgusers.Decision{Reason: orgusers.ReasonGate, Rule: "R6.3"}, got, what)
							_, err := x.as(by).Permit(ctx, op, m.ID)
							require.ErrorIs(t, err, orgusers.ErrGate)
							continue
						}
						explained, err := x.as(by).Permit(ctx, op, m.ID)
						require.NoError(t, err, what)
						require.Equal(t, explained, got, what)
						// Decide alone, on this person alone.
						_, rep, err := o.decide(o.actor(by), orgusers.Bulk{Org: o.org.ID, Operation: op, Members: []orgusers.MemberID{m.ID}})
						require.NoError(t, err, what)
						done := rep.Outcomes[0]
						require.Equal(t, orgusers.Decision{Allowed: done.Result == orgusers.Applied, Reason: done.Reason, Rule: done.Rule}, got, what)
					}
				}
			})
		}
	}
	t.Run("at most 200", func(t *testing.T) {
		t.Parallel()
		x := usual(t).open()
		_, err := x.as("adam").Allowed(ctx, make([]orgusers.MemberID, 201)...)
		require.ErrorIs(t, err, orgusers.ErrInvalid)
		_, err = x.as("adam").Allowed(ctx, make([]orgusers.MemberID, 200)...)
		require.NoError(t, err)
	})
}

func (o *office) closed(a orgusers.Action) bool {
	for _, c := range o.org.Settings.Closed {
		if a == c {
			return true
		}
	}
	return false
}

// sampledFor is one of each operation, such that it would change somebody.
func sampledFor(o *office, m *orgusers.Member) []orgusers.Operation {
	role := orgusers.RoleAdmin
	if m.Role == orgusers.RoleAdmin {
		role = orgusers.RoleMember
	}
	return []orgusers.Operation{
		orgusers.Remove{},
		orgusers.SetRole{Role: role},
		orgusers.SetStacks{Stacks: []orgusers.StackAccess{{Stack: o.stacks[0].ID, Roles: []orgusers.RoleID{orgusers.RoleDeveloper}}}},
		orgusers.Deactivate{},
		orgusers.Reactivate{},
		orgusers.Delete{},
		orgusers.Rename{Name: someName()},
		orgusers.ForcePasswordReset{},
		orgusers.ResetMFA{},
		orgusers.EndSessions{},
		orgusers.ResendInvitation{},
		orgusers.Unlock{},
		orgusers.SetWithoutSSO{Allow: !m.WithoutSSO},
		orgusers.UnlinkSSO{},
	}
}

// TestRules_Preview: a preview of a bulk reports what applying it then reports, and does nothing.
func TestRules_Preview(t *testing.T) {
	t.Parallel()
	ctx := world.Ctx()
	for name, change := range settings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i := range 14 {
				o := previewOffice(t, change)
				x := o.openWithSessions()
				op := sampledFor(o, o.member("mark"))[i]
				on := o.ids("mark", "adam", "olivia", "petra", "ivan", "sven", "anna", "nobody", "uma", "mark")
				before := x.dump()
				preview, previewErr := x.as("adam").Preview(ctx, op, on...)
				kept, _ := x.dump().beside()
				left, _ := before.beside()
				require.Equal(t, left, kept, "a preview does nothing")
				rep, err := x.as("adam").Apply(ctx, op, on...)
				require.Equal(t, previewErr == nil, err == nil)
				require.Equal(t, preview.Outcomes, rep.Outcomes, "%s", op.Action())
				require.Equal(t, preview.Action, rep.Action)
				require.Empty(t, preview.Operation)
			}
		})
	}
	t.Run("invitations", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		o.org.Settings.AllowedDomains = []string{"acme.example"}
		o.limit(o.org.Tally.Seats()+1, -1)
		o.policy.InvitesPerActorHour = 2
		x := o.open()
		inv := orgusers.Invitation{To: "nia@acme.example\nx@else.example\nmark@acme.example\npetra@acme.example\nnia@acme.example\nnonsense"}
		before := x.dump()
		var preview orgusers.Report
		for range 5 { // more often than the quota would bear
			var err error
			preview, err = x.as("adam").PreviewInvite(ctx, inv)
			require.NoError(t, err)
			require.Empty(t, preview.Operation)
		}
		require.Equal(t, before, x.dump(), "a preview does nothing")
		rep, err := x.as("adam").Invite(ctx, inv)
		require.NoError(t, err, "and uses up nothing")
		require.Len(t, rep.Outcomes, 6)
		require.Equal(t, orgusers.Applied, rep.Outcomes[0].Result)
		require.NotEmpty(t, rep.Outcomes[0].Member)
		for _, i := range []int{4, 0} { // the new row
			require.Equal(t, rep.Outcomes[0].Member, rep.Outcomes[i].Member)
			require.Empty(t, preview.Outcomes[i].Member, "who is not invited yet has no id")
			rep.Outcomes[i].Member = ""
		}
		require.NotEmpty(t, preview.Outcomes[3].Member, "who was has one")
		require.Equal(t, preview.Outcomes, rep.Outcomes)
		inv.To = "neo@acme.example"
		_, previewErr := x.as("adam").PreviewInvite(ctx, inv)
		_, err = x.as("adam").Invite(ctx, inv)
		require.ErrorIs(t, previewErr, orgusers.ErrSeats)
		require.ErrorIs(t, err, orgusers.ErrSeats)
	})
}
