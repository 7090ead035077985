package orgusers_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

func (o *office) address(email string) orgusers.Address {
	o.t.Helper()
	a, err := orgusers.ParseAddress(email)
	require.NoError(o.t, err)
	return a
}

// offered leaves the ownership offered to an address, an hour ago.
func (o *office) offered(email string) *office {
	o.org.Transfer = orgusers.Transfer{
		To: o.address(email), By: o.org.OwnerID, Link: officeID[orgusers.OperationID]("offer to " + email),
		OfferedAt: o.now.Add(-time.Hour), SentAt: o.now.Add(-time.Hour), ExpiresAt: o.now.Add(71 * time.Hour), Sends: 1,
	}
	return o
}

// TestRules_Offer: section 4, up to the acceptance.
func TestRules_Offer(t *testing.T) {
	t.Parallel()
	offer := func(o *office, email string) orgusers.OfferOwnership {
		return orgusers.OfferOwnership{Org: o.org.ID, To: o.address(email)}
	}
	t.Run("R4.1 R4.4 R4.5 nothing changes yet", func(t *testing.T) {
		t.Parallel()
		for _, to := range []string{"mark@acme.example", "petra@acme.example", "new@else.example", "sven@acme.example"} {
			o := usual(t)
			c, _, err := o.decide(o.actor("olivia"), offer(o, to))
			require.NoError(t, err, "R4.6: %s", to)
			tr := c.Org.Transfer
			require.Equal(t, []any{o.address(to), o.org.OwnerID, o.now, o.now.Add(72 * time.Hour), 1}, []any{tr.To, tr.By, tr.OfferedAt, tr.ExpiresAt, tr.Sends})
			require.Equal(t, []string{"ownership_offer " + to}, mails(&c))
			require.Equal(t, tr.Link, c.Effects[0].Operation)
			same := o.org.Clone()
			same.Transfer = tr
			require.Equal(t, same, *c.Org, "the owner, the roles, the tally: as they were")
			require.Empty(t, c.Members)
			require.Empty(t, c.Users)
		}
	})
	t.Run("R4.3 R4.5 at most one: a new offer replaces the old", func(t *testing.T) {
		t.Parallel()
		o := usual(t).offered("mark@acme.example")
		old := o.org.Transfer.Link
		c, _, err := o.decide(o.actor("olivia"), offer(o, "mia@acme.example"))
		require.NoError(t, err)
		require.Equal(t, "mia@acme.example", c.Org.Transfer.To.Email)
		require.NotEqual(t, old, c.Org.Transfer.Link)
	})
	t.Run("R4.8 S-065 to oneself, in whatever spelling", func(t *testing.T) {
		t.Parallel()
		for _, to := range []string{"olivia@acme.example", "OLIVIA@Acme.EXAMPLE"} {
			o := usual(t)
			e := o.refusedWith("olivia", offer(o, to), orgusers.ErrInvalid)
			require.Equal(t, []string{"email", "self"}, []string{e.Fields[0].Field, string(e.Fields[0].Reason)})
		}
	})
	t.Run("Q20 R2.11 outside the allowed domains", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		o.org.Settings.AllowedDomains = []string{"acme.example"}
		require.Equal(t, orgusers.ReasonDomain, o.refusedWith("olivia", offer(o, "new@else.example"), orgusers.ErrInvalid).Fields[0].Reason)
	})
	t.Run("R4.7 to who is deactivated", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		require.Equal(t, orgusers.ReasonInactive, o.refusedWith("olivia", offer(o, "ivan@acme.example"), orgusers.ErrInvalid).Fields[0].Reason)
	})
	t.Run("S-054 only the owner offers, resends, cancels", func(t *testing.T) {
		t.Parallel()
		o := usual(t).offered("mark@acme.example")
		p := ownerless(t, "adam admin", "mark member")
		for _, who := range []string{"adam", "mark"} {
			for _, c := range []orgusers.Command{offer(o, "mia@acme.example"), orgusers.ResendOwnership{Org: o.org.ID}, orgusers.CancelOwnership{Org: o.org.ID}} {
				require.Equal(t, orgusers.ReasonNotOwner, o.refusedWith(who, c, orgusers.ErrDenied).Reason)
				require.Equal(t, orgusers.ReasonNotOwner, p.refusedWith(who, c, orgusers.ErrDenied).Reason, "where there is no owner, nobody")
			}
		}
	})
	t.Run("R4.1 C5 resending", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		_ = o.refusedWith("olivia", orgusers.ResendOwnership{Org: o.org.ID}, orgusers.ErrNotFound)
		o.offered("mark@acme.example")
		c, _, err := o.decide(o.actor("olivia"), orgusers.ResendOwnership{Org: o.org.ID})
		require.NoError(t, err)
		require.NotEqual(t, o.org.Transfer.Link, c.Org.Transfer.Link, "a new link voids the old one")
		require.Equal(t, []any{o.now.Add(72 * time.Hour), 2, o.org.Transfer.OfferedAt}, []any{c.Org.Transfer.ExpiresAt, c.Org.Transfer.Sends, c.Org.Transfer.OfferedAt})
		o.org.Transfer.SentAt = o.now.Add(-59 * time.Second)
		require.Equal(t, orgusers.ReasonCooldown, o.refusedWith("olivia", orgusers.ResendOwnership{Org: o.org.ID}, orgusers.ErrDenied).Reason)
		require.Equal(t, orgusers.ReasonCooldown, o.refusedWith("olivia", offer(o, "mark@acme.example"), orgusers.ErrDenied).Reason, "offering again is resending")
		o.org.Transfer.SentAt, o.org.Transfer.Sends = o.now.Add(-time.Hour), 6
		require.Equal(t, orgusers.ReasonResendLimit, o.refusedWith("olivia", orgusers.ResendOwnership{Org: o.org.ID}, orgusers.ErrDenied).Reason)
		o.org.Transfer.Sends = 5
		c, _, err = o.decide(o.actor("olivia"), offer(o, "MARK@acme.example"))
		require.NoError(t, err)
		require.Equal(t, 6, c.Org.Transfer.Sends, "S-026: which does not begin anew")
		c, _, err = o.decide(o.actor("olivia"), offer(o, "mia@acme.example"))
		require.NoError(t, err)
		require.Equal(t, 1, c.Org.Transfer.Sends, "to somebody else is another offer")
	})
	t.Run("R2.11 resending to a domain since forbidden", func(t *testing.T) {
		t.Parallel()
		o := usual(t).offered("mark@acme.example")
		o.org.Settings.AllowedDomains = []string{"else.example"}
		require.Equal(t, orgusers.ReasonDomain, o.refusedWith("olivia", orgusers.ResendOwnership{Org: o.org.ID}, orgusers.ErrDenied).Reason)
		x := o.open()
		_ = x.token(orgusers.MailOwnershipOffer)
		x.Dispatch()
		require.Empty(t, x.Inbox.All(), "an offer on its way is not mailed either: its link opens nothing")
	})
	t.Run("R4.5 cancelling", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		_ = o.refusedWith("olivia", orgusers.CancelOwnership{Org: o.org.ID}, orgusers.ErrNotFound)
		o.offered("mark@acme.example")
		c, _, err := o.decide(o.actor("olivia"), orgusers.CancelOwnership{Org: o.org.ID})
		require.NoError(t, err)
		require.Equal(t, orgusers.Transfer{}, c.Org.Transfer)
		require.Empty(t, c.Effects)
	})
}

// TestRules_AcceptOwnership: the swap, and what stands in its way. The link comes from a mail.
func TestRules_AcceptOwnership(t *testing.T) {
	t.Parallel()
	ctx := world.Ctx()
	accept := func(x *matrixWorld) error {
		return x.Visitor().AcceptOwnership(ctx, x.token(orgusers.MailOwnershipOffer))
	}
	row := func(x *matrixWorld, email string) *orgusers.Member {
		for _, m := range x.dump().of(x.T, x.acme.org.ID).Members {
			if m.Address.Email == email {
				return &m
			}
		}
		return nil
	}
	record := func(x *matrixWorld) orgusers.Organization { return x.dump().of(x.T, x.acme.org.ID).Org }

	for _, c := range []struct {
		rule, to string
		seats    int64 // more than before
	}{
		{"R4.1 R4.2 a member", "mark@acme.example", 0},
		{"R4.1 an admin", "adam@acme.example", 0},
		{"R4.6 somebody invited", "pia@acme.example", 0},
		{"R4.6 S-065 somebody from outside", "otto@else.example", 1},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			o := usual(t, "pia member pending account").offered(c.to)
			otto := newOfficeAt(t, "else.example", "otto owner")
			o.users = append(o.users, otto.users...)
			olivias, theirs := o.stack("olivia's", "olivia"), o.stack("theirs", "mia")
			if m := o.find(c.to); m != nil {
				o.grant(c.to, theirs, orgusers.RoleDeveloper)
			}
			o.grant("olivia", theirs, orgusers.RoleDeveloper)
			x := o.open()
			require.NoError(t, accept(x))

			org, now, old := record(x), row(x, c.to), row(x, "olivia@acme.example")
			require.Equal(t, now.User, org.OwnerID)
			require.Equal(t, []any{orgusers.RoleAdmin, orgusers.StatusActive}, []any{now.Role, now.Status})
			require.Equal(t, []any{orgusers.RoleMember, orgusers.StatusActive}, []any{old.Role, old.Status}, "R4.2 the old owner is a Member")
			require.Equal(t, orgusers.Transfer{}, org.Transfer)
			require.Equal(t, o.org.Tally.Seats()+c.seats, org.Tally.Seats())
			require.Equal(t, o.org.Tally.Admins+map[bool]int64{true: -1, false: 0}[c.to == "adam@acme.example"], org.Tally.Admins, "one administrator for another")
			for _, s := range x.dump().of(t, o.org.ID).Stacks {
				require.Equal(t, s.ID == olivias, s.Owner == old.User, "Q21 the old owner's stacks stay theirs")
			}
			require.Len(t, old.Grants, 1, "and stack roles")
			joins := now.JoinedAt.Equal(x.Clock.Now())
			require.Equal(t, c.to == "pia@acme.example" || c.to == "otto@else.example", joins)
			require.Equal(t, o.user(c.to).Orgs+map[bool]int{true: 1}[joins], x.user(c.to).Orgs, "one organization more for who joins")
			if o.find(c.to) != nil {
				require.Len(t, now.Grants, 1, "R4.6 the new one's stack roles stay")
			}
			x.Dispatch()
			mail, ok := x.Inbox.Last("olivia@acme.example")
			require.True(t, ok)
			require.Equal(t, orgusers.MailOwnershipTaken, mail.Kind, "the old owner is told")
			require.ErrorIs(t, accept(x), orgusers.ErrExpired, "R4.7 once")
			require.Equal(t, org, record(x))
		})
	}

	for _, c := range []struct {
		rule   string
		given  func(o *office)
		kind   error
		reason orgusers.Reason
	}{
		{"Q20 S-055 there is no account", func(o *office) { o.offered("new@else.example") }, orgusers.ErrDenied, orgusers.ReasonAccountRequired},
		{"Q20 S-055 invited, without an account", func(o *office) { o.offered("petra@acme.example") }, orgusers.ErrDenied, orgusers.ReasonAccountRequired},
		{"Q20 S-055 an account nobody has proved", func(o *office) { o.offered("mark@acme.example").user("mark").Verified = false }, orgusers.ErrDenied, orgusers.ReasonAccountRequired},
		{"R4.7 deactivated", func(o *office) { o.offered("ivan@acme.example") }, orgusers.ErrExpired, orgusers.ReasonRecipientGone},
		{"R4.7 R2.11 the domain is forbidden", func(o *office) {
			o.offered("mark@acme.example").org.Settings.AllowedDomains = []string{"else.example"}
		}, orgusers.ErrDenied, orgusers.ReasonDomain},
		{"R4.7 offered by who is no longer the owner", func(o *office) { o.offered("mark@acme.example").org.Transfer.By = o.member("adam").User }, orgusers.ErrExpired, orgusers.ReasonOffererGone},
		{"R9.3 S-065 from outside, and no seat is free", func(o *office) {
			o.offered("otto@else.example")
			o.users = append(o.users, newOfficeAt(o.t, "else.example", "otto owner").users...)
			o.limit(o.org.Tally.Seats(), -1)
		}, orgusers.ErrSeats, ""},
		{"R9.3 S-028 somebody invited, and the plan has shrunk", func(o *office) {
			o.add("acme.example", "pia", []string{"member", "pending", "account"})
			o.org.Tally = o.recount()
			o.offered("pia@acme.example").limit(o.org.Tally.Members, -1)
		}, orgusers.ErrSeats, ""},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			o := usual(t)
			c.given(o)
			// The link went out while the offer was good: here, from an office where it still is.
			token := usual(t).offered(o.org.Transfer.To.Email).open().token(orgusers.MailOwnershipOffer)
			x := o.open()
			before := x.dump()
			err := x.Visitor().AcceptOwnership(ctx, token)
			require.ErrorIs(t, err, c.kind)
			var e *orgusers.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, c.reason, e.Reason)
			kept, _ := before.beside()
			left, _ := x.dump().beside()
			require.Equal(t, kept, left, "the owner stays, the offer too")
		})
	}

	t.Run("R4.7 Q14 S-008 expiry to the microsecond", func(t *testing.T) {
		t.Parallel()
		for late, ok := range map[time.Duration]bool{-time.Microsecond: true, 0: false, time.Microsecond: false} {
			x := usual(t).offered("mark@acme.example").open()
			token := x.token(orgusers.MailOwnershipOffer)
			x.Clock.Tick(x.acme.org.Transfer.ExpiresAt.Add(late).Sub(x.Clock.Now()))
			err := x.Visitor().AcceptOwnership(ctx, token)
			require.Equal(t, ok, err == nil, "%v", err)
		}
	})
	t.Run("R4.5 a cancelled or replaced offer is void", func(t *testing.T) {
		t.Parallel()
		x := usual(t).offered("mark@acme.example").open()
		old := x.token(orgusers.MailOwnershipOffer)
		require.NoError(t, x.as("olivia").OfferOwnership(ctx, "mia@acme.example"))
		require.ErrorIs(t, x.Visitor().AcceptOwnership(ctx, old), orgusers.ErrExpired)
		x.Dispatch()
		newer := x.Token("mia@acme.example")
		require.NoError(t, x.as("olivia").CancelOwnership(ctx))
		require.ErrorIs(t, x.Visitor().AcceptOwnership(ctx, newer), orgusers.ErrExpired)
		require.Equal(t, x.acme.org.OwnerID, record(x).OwnerID)
	})
	t.Run("declining ends it", func(t *testing.T) {
		t.Parallel()
		x := usual(t).offered("mark@acme.example").open()
		token := x.token(orgusers.MailOwnershipOffer)
		info, err := x.Visitor().InspectOwnership(ctx, token)
		require.NoError(t, err)
		require.Equal(t, orgusers.OwnershipInfo{
			Org: x.acme.org.ID, OrgName: x.acme.org.Name, Email: "mark@acme.example", OfferedBy: "olivia@acme.example", ExpiresAt: x.acme.org.Transfer.ExpiresAt,
		}, info)
		require.NoError(t, x.Visitor().DeclineOwnership(ctx, token))
		require.Equal(t, orgusers.Transfer{}, record(x).Transfer)
		require.ErrorIs(t, x.Visitor().AcceptOwnership(ctx, token), orgusers.ErrExpired)
	})
}

// TestRules_RestoreOwner: support may put an active member in the place of an owner who cannot any
// more; not into an owner-less organization.
func TestRules_RestoreOwner(t *testing.T) {
	t.Parallel()
	support := orgusers.Actor{User: "support-1"}
	for who, reason := range map[string]orgusers.Reason{
		"mark": "", "adam": "", "ivan": orgusers.ReasonNotJoined, "petra": orgusers.ReasonNotJoined, "olivia": orgusers.ReasonUnchanged,
	} {
		o := usual(t).offered("mia@acme.example")
		c, _, err := o.decide(support, orgusers.RestoreOwner{Org: o.org.ID, Member: o.member(who).ID})
		if reason == "" {
			require.NoError(t, err)
			require.Equal(t, o.member(who).User, c.Org.OwnerID)
			require.Equal(t, orgusers.Transfer{}, c.Org.Transfer, "an offer of the old owner is void")
			require.Equal(t, orgusers.RoleMember, o.after(c).member("olivia").Role)
			require.Equal(t, []string{"ownership_taken olivia@acme.example"}, mails(&c))
			continue
		}
		var e *orgusers.Error
		require.ErrorAs(t, err, &e, who)
		require.Equal(t, reason, e.Fields[0].Reason, who)
	}
	o := usual(t)
	_, _, err := o.decide(support, orgusers.RestoreOwner{Org: o.org.ID, Member: "nobody"})
	require.ErrorIs(t, err, orgusers.ErrNotFound)
	p := ownerless(t, "adam admin", "mark member")
	_, _, err = p.decide(support, orgusers.RestoreOwner{Org: p.org.ID, Member: p.member("mark").ID})
	require.ErrorIs(t, err, orgusers.ErrInvalid, "an organization never changes its form")
}
