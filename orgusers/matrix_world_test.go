package orgusers_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/memstore"
)

// matrixWorld is where the authorization matrix is played: two organizations, Acme with one person
// of each kind and Bolt with some of the same people, put into a store without a password typed.
type matrixWorld struct {
	*world.World
	acme, bolt *office
	stacks     map[string]orgusers.StackID // by the name of who owns them
	role       orgusers.RoleID             // a custom stack role of Acme
	boltStack  orgusers.StackID
	boltRole   orgusers.RoleID
}

// newMatrixWorld sets the stage. disabled: Acme is switched off.
func newMatrixWorld(tb testing.TB, disabled bool) *matrixWorld {
	tb.Helper()
	x := &matrixWorld{World: world.New(tb, memstore.New()), stacks: map[string]orgusers.StackID{}}
	a := newOffice(tb,
		"olivia owner mfa locked", "adam admin mfa locked", "anna admin mfa locked", "abel admin mfa locked",
		"mark member mfa locked", "mia member mfa locked", "petra member pending account locked", "ivan member inactive mfa locked",
		"sven member several mfa locked", "edda admin ended",
	)
	b := newOfficeAt(tb, "bolt.example", "bob owner mfa locked", "beth admin mfa locked", "sven@acme.example member several mfa locked", "petra@acme.example member locked")
	x.acme, x.bolt = a, b
	a.org.Disabled = disabled
	for _, owner := range []string{"olivia", "adam", "mark", "mia", "ivan", "edda"} {
		x.stacks[owner] = a.stack(owner+"'s", owner)
	}
	x.role = a.role("Auditor", "content:read")
	a.grant("mark", x.stacks["mia"], orgusers.RoleContentManager)
	a.grant("petra", x.stacks["mia"], x.role)
	x.boltStack, x.boltRole = b.stack("bob's", "bob"), b.role("Bookkeeper", "content:read")
	b.grant("sven", x.boltStack, x.boltRole)

	// Everything that can be mailed is under way: an invitation, an offer, two resets.
	a.org.Transfer = orgusers.Transfer{
		To: a.member("mia").Address, By: a.org.OwnerID, Link: officeID[orgusers.OperationID]("offer"),
		OfferedAt: a.now.Add(-time.Hour), SentAt: a.now.Add(-time.Hour), ExpiresAt: a.now.Add(time.Hour), Sends: 1,
	}
	mark := a.user("mark")
	mark.ResetLink, mark.ResetExpires, mark.ResetRequired = officeID[orgusers.OperationID]("reset"), a.now.Add(59*time.Minute), true
	mark.MFAResetLink, mark.MFAResetExpire = officeID[orgusers.OperationID]("mfa reset"), a.now.Add(59*time.Minute)

	x.Clock.Tick(a.now.Sub(x.Clock.Now()))
	putOffices(tb, x.Store, b, a)
	return x
}

// open puts an office into a store of its own, with a service on it.
func (o *office) open(options ...func(*orgusers.Config)) *matrixWorld {
	o.t.Helper()
	x := &matrixWorld{World: world.New(o.t, memstore.New(), append(options, func(c *orgusers.Config) { c.Policy = o.policy })...), acme: o, bolt: &office{}}
	x.Clock.Tick(o.now.Sub(x.Clock.Now()))
	putOffices(o.t, x.Store, o)
	return x
}

// user is somebody's account as the store has it.
func (x *matrixWorld) user(email string) orgusers.User {
	x.T.Helper()
	v, err := x.Store.View(world.Ctx(), orgusers.ViewQuery{UserKeys: []orgusers.AddressKey{x.acme.address(email).Key}})
	require.NoError(x.T, err)
	require.Len(x.T, v.Users, 1)
	return v.Users[0]
}

// as is somebody's door to Acme.
func (x *matrixWorld) as(name string) orgusers.Admin {
	return x.Svc.Admin(x.acme.actor(name), x.acme.org.ID)
}

// putOffices writes offices into a store as they stand. An account that several know is taken from
// the first.
func putOffices(tb testing.TB, store orgusers.Store, offices ...*office) {
	tb.Helper()
	known := map[orgusers.UserID]bool{}
	for _, o := range offices {
		c := orgusers.Changes{NewOrg: true, NewStacks: o.stacks, NewRoles: o.roles, Effects: o.underWay()}
		org := o.org.Clone()
		c.Org = &org
		for _, u := range o.users {
			if !known[u.ID] {
				known[u.ID] = true
				c.NewUsers = append(c.NewUsers, u)
			}
		}
		for i := range o.members {
			m := o.members[i].Clone()
			for _, g := range m.Grants {
				c.Granted = append(c.Granted, orgusers.MemberGrant{Member: m.ID, Grant: g})
			}
			m.Grants = nil
			c.NewMembers = append(c.NewMembers, m)
		}
		require.NoError(tb, store.Commit(world.Ctx(), c))
	}
}

// underWay is the outbox of an office: a mail for each link that is good.
func (o *office) underWay() []orgusers.Effect {
	var out []orgusers.Effect
	mail := func(e orgusers.Effect, op orgusers.OperationID, kind orgusers.MailKind, to string) {
		if op == "" {
			return
		}
		e.ID, e.Operation, e.Kind = officeID[orgusers.EffectID]("mail "+string(op)), op, orgusers.EffectMail
		e.Mail = orgusers.MailData{Kind: kind, To: to}
		e.CreatedAt, e.DueAt = o.now, o.now
		out = append(out, e)
	}
	for i := range o.members {
		m := &o.members[i]
		mail(orgusers.Effect{Org: o.org.ID, Member: m.ID}, m.Link, orgusers.MailInvitation, m.Address.Email)
	}
	mail(orgusers.Effect{Org: o.org.ID}, o.org.Transfer.Link, orgusers.MailOwnershipOffer, o.org.Transfer.To.Email)
	for i := range o.users {
		u := &o.users[i]
		mail(orgusers.Effect{Org: o.org.ID, User: u.ID}, u.ResetLink, orgusers.MailPasswordReset, u.Address.Email)
		mail(orgusers.Effect{Org: o.org.ID, User: u.ID}, u.MFAResetLink, orgusers.MailMFAReset, u.Address.Email)
	}
	return out
}

// token delivers the outbox and returns the secret of the mail of one kind.
func (x *matrixWorld) token(kind orgusers.MailKind) string {
	x.T.Helper()
	x.Dispatch()
	for _, m := range x.Inbox.All() {
		if m.Kind == kind {
			return world.Token(m)
		}
	}
	return "" // void by now
}

// matrixActors are the kinds of actor, as the columns of the rule book name them, and who stands for
// each.
func matrixActors() map[string]string {
	return map[string]string{
		"nobody":   "nobody",           // no such user
		"none":     "",                 // no user at all
		"foreign":  "bob",              // belongs to another organization only
		"invitee":  "petra",            // has an account, and a pending invitation here
		"inactive": "ivan",             // deactivated here
		"member":   "mark",             //
		"admin":    "adam",             //
		"owner":    "olivia",           //
		"ended":    "edda",             // an admin whose sessions were ended
		"unsigned": "adam, unsigned",   // an admin of whom the host does not say when he signed in
		"disabled": "olivia, disabled", // the owner of an organization that is switched off
	}
}

// actor is how somebody of one kind acts.
func (x *matrixWorld) actor(kind string) orgusers.Actor {
	a := orgusers.Actor{
		SignedInAt: x.acme.now.Add(-time.Minute), Session: "a session", Agent: "matrix", IP: netip.MustParseAddr("203.0.113.7"),
	}
	switch kind {
	case "none":
		return orgusers.Actor{}
	case "nobody":
		a.User = officeID[orgusers.UserID]("nobody")
	case "foreign":
		a.User = x.bolt.user("bob").ID
	case "unsigned":
		a.User, a.SignedInAt = x.acme.user("adam").ID, time.Time{}
	case "disabled":
		a.User = x.acme.user("olivia").ID
	default:
		a.User = x.acme.user(matrixActors()[kind]).ID
	}
	return a
}

// dump is everything in the store.
func (x *matrixWorld) dump() storeDump {
	x.T.Helper()
	var everybody []string
	for _, u := range append(slices.Clone(x.acme.users), x.bolt.users...) {
		everybody = append(everybody, u.Address.Email)
	}
	return dumpStore(x.T, x.Store, everybody...)
}
