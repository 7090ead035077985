// Package world sets up organizations with people in them for tests: a service on any store, a
// clock that stands still, a mailer that keeps what it is given. Tests drive the library only
// through its doors, as a host would.
package world

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

// Password is what everybody here uses.
const Password = "correct horse battery staple 42"

// World is a service and what surrounds it.
type World struct {
	T     testing.TB
	Svc   *orgusers.Service
	Store orgusers.Store
	Inbox *Inbox
	Clock *Clock
	Conf  orgusers.Config
}

// New starts a world on a store. Each option may change the configuration.
func New(t testing.TB, store orgusers.Store, options ...func(*orgusers.Config)) *World {
	t.Helper()
	w := &World{T: t, Store: store, Inbox: &Inbox{}, Clock: NewClock()}
	w.Conf = orgusers.Config{
		Store: store, Mailer: w.Inbox, Now: w.Clock.Now,
		Keys:  []orgusers.Key{testKey(1)},
		Links: orgusers.Links{Base: "https://app.example.com/users"},
		// People here sign in once and act for days. What needs a fresh proof has tests of its own.
		Policy:         orgusers.Policy{StepUp: []orgusers.Action{}},
		PasswordMemory: 1 << 30, // tests of the bound set their own
	}
	for _, o := range options {
		o(&w.Conf)
	}
	svc, err := orgusers.New(w.Conf)
	require.NoError(t, err)
	w.Svc = svc
	return w
}

// Second starts another service on the same store, clock and inbox: a second process, as far as the
// library can tell.
func (w *World) Second() *World {
	w.T.Helper()
	return w.On(w.Store)
}

// On starts another service with the same clock and inbox on another store, which leads to the same
// data: a second process that is connected to another node of a database.
func (w *World) On(store orgusers.Store) *World {
	w.T.Helper()
	second := *w
	second.Store, second.Conf.Store = store, store
	svc, err := orgusers.New(second.Conf)
	require.NoError(w.T, err)
	second.Svc = svc
	return &second
}

func testKey(seed byte) orgusers.Key {
	k := make(orgusers.Key, 32)
	for i := range k {
		k[i] = seed*31 + byte(i)*7
	}
	return k
}

// Org is an organization and how its owner acts.
type Org struct {
	ID    orgusers.OrgID
	Owner orgusers.Actor // zero in an owner-less organization
	w     *World
}

// Ctx is the context tests use where none matters.
func Ctx() context.Context { return context.Background() }

// Operator is the support team's door.
func (w *World) Operator() orgusers.Operator {
	return w.Svc.Operator(orgusers.Actor{User: "support-1", IP: netip.MustParseAddr("192.0.2.9")})
}

// Visitor is the door for links.
func (w *World) Visitor() orgusers.Visitor {
	return w.Svc.Visitor(orgusers.Actor{IP: netip.MustParseAddr("198.51.100.7"), Agent: "visitor"})
}

// NewOrg creates an organization whose owner has set a password.
func (w *World) NewOrg(name, owner string, change ...func(*orgusers.NewOrganization)) Org {
	w.T.Helper()
	n := orgusers.NewOrganization{Name: name, Owner: owner, OwnerName: orgusers.Name{First: "Olive", Last: "Owner"}}
	for _, c := range change {
		c(&n)
	}
	id, err := w.Operator().CreateOrganization(Ctx(), n)
	require.NoError(w.T, err)
	org := Org{ID: id, w: w}
	w.Dispatch()
	for _, email := range append([]string{n.Owner}, n.Admins...) {
		if mail, ok := w.Inbox.Last(email); ok && mail.Kind == orgusers.MailActivation {
			require.NoError(w.T, w.Reset(Token(mail), Password))
			w.Clock.Tick(time.Second)
		}
	}
	if n.Owner != "" {
		o, err := w.Operator().Organization(Ctx(), id)
		require.NoError(w.T, err)
		org.Owner = w.Actor(o.OwnerID)
	}
	return org
}

// Existing is an organization that is in the store already, its owner freshly signed in.
func (w *World) Existing(id orgusers.OrgID) Org {
	w.T.Helper()
	rec, err := w.Operator().Organization(Ctx(), id)
	require.NoError(w.T, err)
	org := Org{ID: id, w: w}
	if rec.OwnerID != "" {
		org.Owner = w.Actor(rec.OwnerID)
	}
	return org
}

// Ownerless changes an organization to be made into one with administrators and no owner.
func Ownerless(admins ...string) func(*orgusers.NewOrganization) {
	return func(n *orgusers.NewOrganization) {
		n.Owner, n.OwnerName, n.Admins = "", orgusers.Name{}, admins
	}
}

// Actor is how somebody acts who has just signed in.
func (w *World) Actor(user orgusers.UserID) orgusers.Actor {
	w.Clock.Tick(time.Millisecond)
	return orgusers.Actor{
		User: user, SignedInAt: w.Clock.Now(), Session: "session-" + string(user),
		IP: netip.MustParseAddr("203.0.113.5"), Agent: "test",
	}
}

// Admin is the owner's door.
func (o Org) Admin() orgusers.Admin { return o.w.Svc.Admin(o.Owner, o.ID) }

// As is somebody's door.
func (o Org) As(m orgusers.Member) orgusers.Admin { return o.w.Svc.Admin(o.w.Actor(m.User), o.ID) }

// Invite invites one address and returns the pending member.
func (o Org) Invite(email string, role orgusers.Role, stacks ...orgusers.StackAccess) orgusers.Member {
	o.w.T.Helper()
	rep, err := o.Admin().Invite(Ctx(), orgusers.Invitation{To: email, Role: role, Stacks: stacks})
	require.NoError(o.w.T, err)
	require.NoError(o.w.T, rep.Err())
	return o.Member(email)
}

// Join invites somebody, dispatches the mail and accepts the invitation.
func (o Org) Join(email string, role orgusers.Role, stacks ...orgusers.StackAccess) orgusers.Member {
	o.w.T.Helper()
	o.Invite(email, role, stacks...)
	o.w.Dispatch()
	_, err := o.w.Visitor().AcceptInvitation(Ctx(), o.w.Token(email), NewAccount(email))
	require.NoError(o.w.T, err)
	return o.Member(email)
}

// NewAccount is what a person without an account gives.
func NewAccount(email string) orgusers.NewAccount {
	local, _, _ := strings.Cut(email, "@")
	return orgusers.NewAccount{Name: orgusers.Name{First: local, Last: "Tester"}, Password: Password}
}

// Member reads one person as the owner sees it; in an owner-less organization, as the store has it.
func (o Org) Member(email string) orgusers.Member {
	o.w.T.Helper()
	if o.Owner.User != "" {
		m, err := o.Admin().MemberByEmail(Ctx(), email)
		require.NoError(o.w.T, err)
		return m
	}
	addr, err := orgusers.ParseAddress(email)
	require.NoError(o.w.T, err)
	v, err := o.w.Store.View(Ctx(), orgusers.ViewQuery{Org: o.ID, Keys: []orgusers.AddressKey{addr.Key}, Grants: true})
	require.NoError(o.w.T, err)
	require.Len(o.w.T, v.Members, 1, email)
	return v.Members[0]
}

// Record reads the organization as the store has it.
func (o Org) Record() orgusers.Organization {
	o.w.T.Helper()
	rec, err := o.w.Operator().Organization(Ctx(), o.ID)
	require.NoError(o.w.T, err)
	return rec
}

// Dispatch carries out everything in the outbox that is due.
func (w *World) Dispatch() {
	w.T.Helper()
	for {
		n, err := w.Svc.Dispatch(Ctx(), 500)
		require.NoError(w.T, err)
		if n == 0 {
			return
		}
	}
}

// Token is the secret of the last link mailed to an address.
func (w *World) Token(email string) string {
	w.T.Helper()
	m, ok := w.Inbox.LastLink(email)
	require.True(w.T, ok, "no link was mailed to %s", email)
	return Token(m)
}

// Token is the secret in a mail's link.
func Token(m orgusers.Mail) string {
	u, err := url.Parse(m.Link)
	if err != nil {
		panic(fmt.Sprint("bad link: ", err))
	}
	return u.Query().Get("token")
}

// Clock stands still until it is told to move. It is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock starts at a fixed moment.
func NewClock() *Clock { return &Clock{now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)} }

// Now is the time on the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Tick moves the clock.
func (c *Clock) Tick(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Inbox is a mailer that keeps what it is given.
type Inbox struct {
	mu    sync.Mutex
	mails []orgusers.Mail
	// Fail, if set, decides what Send returns.
	Fail func(orgusers.Mail) error
}

// Send keeps the mail.
func (i *Inbox) Send(_ context.Context, m orgusers.Mail) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.Fail != nil {
		if err := i.Fail(m); err != nil {
			return err
		}
	}
	i.mails = append(i.mails, m)
	return nil
}

// All returns everything sent so far.
func (i *Inbox) All() []orgusers.Mail {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]orgusers.Mail(nil), i.mails...)
}

// To returns everything sent to an address.
func (i *Inbox) To(email string) []orgusers.Mail {
	var out []orgusers.Mail
	for _, m := range i.All() {
		if m.To == email {
			out = append(out, m)
		}
	}
	return out
}

// Last returns the last mail to an address.
func (i *Inbox) Last(email string) (orgusers.Mail, bool) {
	mails := i.To(email)
	if len(mails) == 0 {
		return orgusers.Mail{}, false
	}
	return mails[len(mails)-1], true
}

// LastLink returns the last mail to an address that has a link.
func (i *Inbox) LastLink(email string) (orgusers.Mail, bool) {
	mails := i.To(email)
	for k := len(mails) - 1; k >= 0; k-- {
		if mails[k].Link != "" {
			return mails[k], true
		}
	}
	return orgusers.Mail{}, false
}
