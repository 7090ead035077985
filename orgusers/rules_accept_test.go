package orgusers_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// TestRules_Accept: what joining needs, and what it gives. The link comes from a mail.
func TestRules_Accept(t *testing.T) {
	t.Parallel()
	ctx := world.Ctx()
	accept := func(x *matrixWorld) (orgusers.Joined, error) {
		return x.Visitor().AcceptInvitation(ctx, x.token(orgusers.MailInvitation), orgusers.NewAccount{})
	}
	requireUnused := func(t *testing.T, x *matrixWorld) {
		t.Helper()
		m := x.dump()
		petra := x.person(m, x.acme.member("petra").ID)
		require.Equal(t, orgusers.StatusPending, petra.row.Status, "still pending")
		require.Equal(t, x.acme.member("petra").Link, petra.row.Link, "the link is not used up")
	}
	reason := func(t *testing.T, err error) orgusers.Reason {
		t.Helper()
		var e *orgusers.Error
		require.ErrorAs(t, err, &e)
		return e.Reason
	}
	t.Run("R2.7 roles begin with the membership", func(t *testing.T) {
		t.Parallel()
		x := newMatrixWorld(t, false)
		petra := x.actor("invitee")
		_, err := x.Svc.Access(ctx, petra, x.acme.org.ID)
		require.ErrorIs(t, err, orgusers.ErrNotFound, "not before")
		joined, err := accept(x)
		require.NoError(t, err)
		require.Equal(t, orgusers.Joined{Org: x.acme.org.ID, Member: x.acme.member("petra").ID, User: petra.User}, joined)
		access, err := x.Svc.Access(ctx, petra, x.acme.org.ID)
		require.NoError(t, err)
		require.True(t, access.Can(x.stacks["mia"], "content:read"))
		require.False(t, access.Can(x.stacks["mia"], "content:write"))
		now := x.person(x.dump(), joined.Member)
		require.Equal(t, 2, now.account.Orgs)
		require.Equal(t, everybodysPassword(), now.account.Password, "an invitation changes nobody's password")
		_, err = accept(x)
		require.ErrorIs(t, err, orgusers.ErrExpired, "S-006: once")
	})
	for _, c := range []struct {
		rule, petra     string // how the office knows her
		needsName       bool
		needsPassword   bool
		sso             orgusers.SSO
		given           orgusers.NewAccount
		bad             []string // the fields found wrong
		keepsOldAccount bool
	}{
		{
			rule: "R2.6 no account", petra: "petra member pending", needsName: true, needsPassword: true,
			given: orgusers.NewAccount{Name: someName(), Password: world.Password},
		},
		{
			rule: "R2.6 no account, nothing given", petra: "petra member pending", needsName: true, needsPassword: true,
			bad: []string{"name.first", "password"},
		},
		{
			rule: "R2.6 no account, a name that is none", petra: "petra member pending", needsName: true, needsPassword: true,
			given: orgusers.NewAccount{Name: orgusers.Name{First: "a\nb", Last: "c\x00"}, Password: world.Password}, bad: []string{"name.first", "name.last"},
		},
		{
			rule: "S-002 an account nobody has proved keeps nothing that lets another in", petra: "petra member pending account unproved mfa", needsPassword: true,
			given: orgusers.NewAccount{Password: "another " + world.Password}, keepsOldAccount: true,
		},
		{
			rule: "S-002 an account nobody has proved needs a password", petra: "petra member pending account unproved", needsPassword: true,
			bad: []string{"password"},
		},
		{
			rule: "R2.20 single sign-on needs no password", petra: "petra member pending", needsName: true, sso: orgusers.SSO{Enabled: true},
			given: orgusers.NewAccount{Name: someName()},
		},
		{
			rule: "R2.21 who may use own credentials needs one", petra: "petra member pending own", needsName: true, needsPassword: true,
			sso: orgusers.SSO{Enabled: true}, given: orgusers.NewAccount{Name: someName()}, bad: []string{"password"},
		},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t, "olivia owner", c.petra)
			o.org.Settings.SSO = c.sso
			if u := o.user("petra"); u != nil {
				u.ResetLink, u.MFAResetLink, u.ResetRequired = officeID[orgusers.OperationID]("r"), officeID[orgusers.OperationID]("m"), true
				u.Failures, u.LockedUntil = 7, o.now.Add(time.Hour)
			}
			x := o.open()
			token := x.token(orgusers.MailInvitation)
			info, err := x.Visitor().InspectInvitation(ctx, token)
			require.NoError(t, err)
			require.Equal(t, orgusers.InvitationInfo{
				Org: o.org.ID, OrgName: o.org.Name, Email: "petra@acme.example", Name: o.member("petra").Name, Role: orgusers.RoleMember,
				InvitedBy: "olivia@acme.example", ExpiresAt: o.member("petra").ExpiresAt, NeedsName: c.needsName, NeedsPassword: c.needsPassword,
			}, info)
			joined, err := x.Visitor().AcceptInvitation(ctx, token, c.given)
			if c.bad != nil {
				require.ErrorIs(t, err, orgusers.ErrInvalid)
				var e *orgusers.Error
				require.ErrorAs(t, err, &e)
				var fields []string
				for _, f := range e.Fields {
					fields = append(fields, f.Field)
				}
				require.Equal(t, c.bad, fields, "all of them at once")
				requireUnused(t, x)
				return
			}
			require.NoError(t, err)
			u := x.user("petra@acme.example")
			require.Equal(t, []any{u.ID, !c.keepsOldAccount}, []any{joined.User, joined.NewAccount})
			require.True(t, u.Verified, "the link proves the mailbox")
			require.Equal(t, c.given.Password == "", u.Password == "")
			require.NotEqual(t, everybodysPassword(), u.Password)
			require.Equal(t, []any{orgusers.OperationID(""), orgusers.OperationID(""), false}, []any{u.ResetLink, u.MFAResetLink, u.ResetRequired}, "older links are void")
			require.Equal(t, []any{0, time.Time{}}, []any{u.Failures, u.LockedUntil}, "nor is it locked by who made it")
			if c.keepsOldAccount {
				require.Equal(t, []any{o.user("petra").ID, o.user("petra").Name, orgusers.MFA{}, x.Clock.Now()}, []any{u.ID, u.Name, u.MFA, u.SessionsValidFrom})
				return
			}
			require.Equal(t, someName(), u.Name)
			require.Equal(t, 1, u.Orgs)
		})
	}
	t.Run("R9.3 S-028 the plan has shrunk", func(t *testing.T) {
		t.Parallel()
		x := newMatrixWorld(t, false)
		tally := x.acme.org.Tally
		token := x.token(orgusers.MailInvitation)
		limit := func(n int64) {
			require.NoError(t, x.Operator().SetPlan(ctx, x.acme.org.ID, orgusers.Plan{Limits: []orgusers.Limit{{Resource: orgusers.ResourceUsers, Max: n}}}))
		}
		limit(tally.Members)
		_, err := x.Visitor().AcceptInvitation(ctx, token, orgusers.NewAccount{})
		require.ErrorIs(t, err, orgusers.ErrSeats)
		requireUnused(t, x)
		limit(tally.Members + 1)
		_, err = x.Visitor().AcceptInvitation(ctx, token, orgusers.NewAccount{})
		require.NoError(t, err, "and works again with the plan")
	})
	t.Run("R2.11 the domain is forbidden meanwhile", func(t *testing.T) {
		t.Parallel()
		x := newMatrixWorld(t, false)
		token := x.token(orgusers.MailInvitation)
		require.NoError(t, x.Svc.Admin(x.actor("owner"), x.acme.org.ID).SetAllowedDomains(ctx, "else.example"))
		_, err := x.Visitor().AcceptInvitation(ctx, token, orgusers.NewAccount{})
		require.ErrorIs(t, err, orgusers.ErrDenied)
		require.Equal(t, orgusers.ReasonDomain, reason(t, err))
		requireUnused(t, x)
	})
	for name, gone := range map[string]func(x *matrixWorld, by orgusers.MemberID) error{
		"removed": func(x *matrixWorld, by orgusers.MemberID) error {
			return x.Svc.Admin(x.actor("owner"), x.acme.org.ID).Do(ctx, orgusers.Remove{}, by)
		},
		"demoted": func(x *matrixWorld, by orgusers.MemberID) error {
			return x.Svc.Admin(x.actor("owner"), x.acme.org.ID).Do(ctx, orgusers.SetRole{Role: orgusers.RoleMember}, by)
		},
		"deactivated": func(x *matrixWorld, by orgusers.MemberID) error {
			return x.Svc.Admin(x.actor("owner"), x.acme.org.ID).Do(ctx, orgusers.Deactivate{}, by)
		},
	} {
		t.Run("the inviter is "+name, func(t *testing.T) {
			t.Parallel()
			x := newMatrixWorld(t, false)
			require.NoError(t, x.Svc.Admin(x.actor("admin"), x.acme.org.ID).Do(ctx, orgusers.ResendInvitation{}, x.acme.member("petra").ID))
			x.Dispatch()
			token := x.Token("petra@acme.example")
			require.NoError(t, gone(x, x.acme.member("adam").ID))
			_, err := x.Visitor().InspectInvitation(ctx, token)
			require.Equal(t, orgusers.ReasonInviterGone, reason(t, err))
			_, err = x.Visitor().AcceptInvitation(ctx, token, orgusers.NewAccount{})
			require.ErrorIs(t, err, orgusers.ErrExpired)
			require.Equal(t, orgusers.ReasonInviterGone, reason(t, err))

			// Somebody else resends, and it is theirs from then on.
			x.Clock.Tick(time.Hour)
			require.NoError(t, x.Svc.Admin(x.actor("owner"), x.acme.org.ID).Do(ctx, orgusers.ResendInvitation{}, x.acme.member("petra").ID))
			x.Dispatch()
			_, err = x.Visitor().AcceptInvitation(ctx, x.Token("petra@acme.example"), orgusers.NewAccount{})
			require.NoError(t, err)
		})
	}
	t.Run("Q1 S-008 expiry to the microsecond", func(t *testing.T) {
		t.Parallel()
		for late, ok := range map[time.Duration]bool{-time.Microsecond: true, 0: false, time.Microsecond: false} {
			x := newMatrixWorld(t, false)
			token := x.token(orgusers.MailInvitation)
			x.Clock.Tick(x.acme.member("petra").ExpiresAt.Add(late).Sub(x.Clock.Now()))
			_, err := x.Visitor().AcceptInvitation(ctx, token, orgusers.NewAccount{})
			if ok {
				require.NoError(t, err)
				continue
			}
			require.ErrorIs(t, err, orgusers.ErrExpired)
			require.Equal(t, orgusers.ReasonLinkExpired, reason(t, err))
			requireUnused(t, x)
		}
	})
	t.Run("R2.9 cancelled", func(t *testing.T) {
		t.Parallel()
		x := newMatrixWorld(t, false)
		token := x.token(orgusers.MailInvitation)
		require.NoError(t, x.Svc.Admin(x.actor("admin"), x.acme.org.ID).Do(ctx, orgusers.Remove{}, x.acme.member("petra").ID))
		_, err := x.Visitor().AcceptInvitation(ctx, token, orgusers.NewAccount{})
		require.ErrorIs(t, err, orgusers.ErrExpired)
	})
	t.Run("declining frees the seat", func(t *testing.T) {
		t.Parallel()
		x := newMatrixWorld(t, false)
		require.NoError(t, x.Visitor().DeclineInvitation(ctx, x.token(orgusers.MailInvitation)))
		after := x.dump()
		require.Nil(t, x.person(after, x.acme.member("petra").ID).row)
		require.Equal(t, x.acme.org.Tally.Seats()-1, after.of(t, x.acme.org.ID).Org.Tally.Seats())
		require.Equal(t, 1, x.person(after, x.acme.member("petra").ID).account.Orgs)
	})
}
