package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

// world is one check's store, and how to put people into it. Its methods fail the check when the
// store fails; the store's own methods, promoted, return their errors.
type world struct {
	tester
	orgusers.Store
	ctx   context.Context
	share int // of the rounds that a race runs: one in so many

	mu       sync.Mutex
	random   *rand.Rand
	made     int               // values made by fresh
	accounts []orgusers.UserID // every account the check knows of, written or not: for dumps
	signedIn []orgusers.UserID // those that may have sessions
	people   map[string]orgusers.User
}

func newWorld(t tester, s orgusers.Store) *world {
	return &world{
		tester: t, Store: s, ctx: t.Context(), share: 1,
		random: rand.New(rand.NewPCG(1, 2)), //nolint:gosec // the same ids in every run, so that a failure comes again
		people: make(map[string]orgusers.User),
	}
}

// rounds scales the rounds of a race.
func (w *world) rounds(n int) int { return max(n/w.share, 1) }

// id makes a UUID. They come in no order, so that an order by id is not an order by age.
func (w *world) id() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	a, b := w.random.Uint64(), w.random.Uint64()
	return fmt.Sprintf("%08x-%04x-7%03x-8%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>52, b&0xffff_ffff_ffff)
}

// moment is a time, n minutes and n microseconds after a fixed one.
func moment(n int) time.Time {
	return time.Date(2031, 3, 30, 1, 59, 59, 999_000_000, time.UTC).
		Add(time.Duration(n)*time.Minute + time.Duration(n)*time.Microsecond)
}

func address(local string) orgusers.Address {
	return orgusers.Address{Email: local + "@Example.com", Key: orgusers.AddressKey(local + "@example.com")}
}

func name(local string) orgusers.Name { return orgusers.Name{First: local, Last: "Example"} }

// newAccount makes an account that nobody has written yet.
func (w *world) newAccount(local string) orgusers.User {
	u := orgusers.User{
		ID: orgusers.UserID(w.id()), Address: address(local), Name: name(local),
		Verified: true, CreatedAt: moment(0), Version: 1,
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.accounts = append(w.accounts, u.ID)
	return u
}

// account writes an account, or returns the one this person has already.
func (w *world) account(local string) orgusers.User {
	w.Helper()
	if u, ok := w.people[local]; ok {
		return u
	}
	u := w.newAccount(local)
	require.NoError(w, w.Commit(w.ctx, orgusers.Changes{NewUsers: []orgusers.User{u}}))
	w.people[local] = u
	return u
}

// newSession makes a session that nobody has written yet.
func (w *world) newSession(user orgusers.UserID) orgusers.Session {
	s := orgusers.Session{
		ID: orgusers.SessionID(w.id()), User: user, Token: strings.ReplaceAll(w.id()+w.id(), "-", ""), Step: orgusers.StepDone,
		IP: netip.MustParseAddr("192.0.2.7"), Agent: "browser", CreatedAt: moment(1), SeenAt: moment(1), ExpiresAt: moment(1000),
		Idle: time.Hour, ProvedAt: moment(1),
	}
	if !slices.Contains(w.signedIn, user) {
		w.signedIn = append(w.signedIn, user)
	}
	return s
}

// keep writes sessions.
func (w *world) keep(sessions ...orgusers.Session) {
	w.Helper()
	var users []orgusers.UserID
	for _, s := range sessions {
		users = append(users, s.User)
	}
	slices.Sort(users)
	require.NoError(w, w.Commit(w.ctx, orgusers.Changes{
		Users: w.updates(slices.Compact(users), orgusers.UserPatch{}), NewSessions: sessions,
	}))
}

// signIn writes a session of a person, whose account is raised by it.
func (w *world) signIn(local string) orgusers.Session {
	w.Helper()
	s := w.newSession(w.account(local).ID)
	w.keep(s)
	w.people[local] = w.user(s.User)
	return s
}

func (w *world) newOrganization(name string) orgusers.Organization {
	return orgusers.Organization{ID: orgusers.OrgID(w.id()), Name: name, CreatedAt: moment(0), Version: 1}
}

// organization writes an empty organization.
func (w *world) organization(name string) orgusers.OrgID {
	w.Helper()
	o := w.newOrganization(name)
	require.NoError(w, w.Commit(w.ctx, orgusers.Changes{Org: &o, NewOrg: true}))
	return o.ID
}

// newInvitation makes a pending row.
func (w *world) newInvitation(org orgusers.OrgID, local string) orgusers.Member {
	return orgusers.Member{
		ID: orgusers.MemberID(w.id()), Org: org, Address: address(local), Role: orgusers.RoleMember,
		Status: orgusers.StatusPending, InvitedAt: moment(1), ExpiresAt: moment(1000), Name: name(local),
	}
}

// newMembership makes the row of an account that has joined.
func (w *world) newMembership(org orgusers.OrgID, u orgusers.User) orgusers.Member {
	return orgusers.Member{
		ID: orgusers.MemberID(w.id()), Org: org, User: u.ID, Address: u.Address, Role: orgusers.RoleMember,
		Status: orgusers.StatusActive, InvitedAt: moment(1), JoinedAt: moment(2), Name: u.Name,
	}
}

// try reads the organization, lets change fill in the rest, and commits.
func (w *world) try(org orgusers.OrgID, change func(c *orgusers.Changes)) error {
	v, err := w.View(w.ctx, orgusers.ViewQuery{Org: org})
	if err != nil {
		return err
	}
	c := orgusers.Changes{Org: &v.Org}
	change(&c)
	return w.Commit(w.ctx, c)
}

// edit is try for changes that must succeed.
func (w *world) edit(org orgusers.OrgID, change func(c *orgusers.Changes)) {
	w.Helper()
	require.NoError(w, w.try(org, change))
}

// invite writes a pending row.
func (w *world) invite(org orgusers.OrgID, local string) orgusers.Member {
	w.Helper()
	m := w.newInvitation(org, local)
	w.edit(org, func(c *orgusers.Changes) { c.NewMembers = []orgusers.Member{m} })
	return m
}

// join writes the row of a person, with an account.
func (w *world) join(org orgusers.OrgID, local string) orgusers.Member {
	w.Helper()
	m := w.newMembership(org, w.account(local))
	w.edit(org, func(c *orgusers.Changes) { c.NewMembers = []orgusers.Member{m} })
	return m
}

func (w *world) newStack(org orgusers.OrgID, name string, owner orgusers.UserID) orgusers.Stack {
	return orgusers.Stack{ID: orgusers.StackID(w.id()), Org: org, Name: name, Owner: owner, CreatedAt: moment(3)}
}

func (w *world) stack(org orgusers.OrgID, name string, owner orgusers.UserID) orgusers.Stack {
	w.Helper()
	s := w.newStack(org, name, owner)
	w.edit(org, func(c *orgusers.Changes) { c.NewStacks = []orgusers.Stack{s} })
	return s
}

func (w *world) newRole(org orgusers.OrgID, name string) orgusers.StackRole {
	return orgusers.StackRole{
		ID: orgusers.RoleID(w.id()), Org: org, Name: name,
		Permissions: []orgusers.Permission{orgusers.PermissionRead, "entries:review"},
	}
}

func (w *world) role(org orgusers.OrgID, name string) orgusers.StackRole {
	w.Helper()
	r := w.newRole(org, name)
	w.edit(org, func(c *orgusers.Changes) { c.NewRoles = []orgusers.StackRole{r} })
	return r
}

// grant gives roles on one stack.
func (w *world) grant(org orgusers.OrgID, m orgusers.MemberID, stack orgusers.StackID, roles ...orgusers.RoleID) {
	w.Helper()
	w.edit(org, func(c *orgusers.Changes) {
		for _, r := range roles {
			c.Granted = append(c.Granted, orgusers.MemberGrant{Member: m, Grant: orgusers.Grant{Stack: stack, Role: r}})
		}
	})
}

func (w *world) newEffect(org orgusers.OrgID, due time.Time) orgusers.Effect {
	return orgusers.Effect{
		ID: orgusers.EffectID(w.id()), Org: org, Operation: orgusers.OperationID(w.id()), Kind: orgusers.EffectMail,
		Mail: orgusers.MailData{Kind: orgusers.MailInvitation, To: "ann@example.com"}, CreatedAt: moment(0), DueAt: due,
	}
}

func (w *world) newEntry(org orgusers.OrgID, seq int64, chained bool) orgusers.AuditEntry {
	return orgusers.AuditEntry{
		ID: orgusers.EntryID(w.id()), Org: org, Seq: seq, Chained: chained, At: moment(int(seq)),
		Operation: orgusers.OperationID(w.id()), Action: orgusers.ActionInvite, Result: orgusers.Applied, Seal: w.id(),
	}
}

// cast is an organization with one of everything. Two casts are alike but for their ids: whatever
// leaks from one into the other shows.
type cast struct {
	org   orgusers.OrgID
	owner orgusers.Member // joined, invited nobody knows how
	ann   orgusers.Member // joined, invited by owner; has roles on both stacks
	bob   orgusers.Member // pending, invited by owner, and has an account; has a role on web
	cat   orgusers.Member // pending, invited by ann, without an account
	dan   orgusers.Member // inactive
	web   orgusers.Stack  // of owner
	app   orgusers.Stack  // of ann
	lost  orgusers.Stack  // of nobody
	edit  orgusers.StackRole
	spare orgusers.StackRole // which nobody has
}

func (w *world) cast() cast {
	w.Helper()
	var k cast
	k.org = w.organization("Acme")
	owner, ann := w.account("owner"), w.account("ann")
	w.account("bob")
	k.owner = w.newMembership(k.org, owner)
	k.owner.Role = orgusers.RoleAdmin
	k.ann = w.newMembership(k.org, ann)
	k.ann.InvitedBy = owner.ID
	k.bob = w.newInvitation(k.org, "bob")
	k.bob.InvitedBy = owner.ID
	k.cat = w.newInvitation(k.org, "cat")
	k.cat.InvitedBy = ann.ID
	k.dan = w.newMembership(k.org, w.account("dan"))
	k.dan.Status = orgusers.StatusInactive
	k.web, k.app, k.lost = w.newStack(k.org, "web", owner.ID), w.newStack(k.org, "app", ann.ID), w.newStack(k.org, "lost", "")
	k.edit, k.spare = w.newRole(k.org, "editor"), w.newRole(k.org, "spare")
	k.ann.Grants = orgusers.SortGrants([]orgusers.Grant{
		{Stack: k.web.ID, Role: k.edit.ID}, {Stack: k.web.ID, Role: orgusers.RoleDeveloper}, {Stack: k.app.ID, Role: k.edit.ID},
	})
	k.bob.Grants = []orgusers.Grant{{Stack: k.web.ID, Role: k.edit.ID}}
	w.edit(k.org, func(c *orgusers.Changes) {
		c.Org.OwnerID = owner.ID
		c.NewMembers = []orgusers.Member{k.owner, k.ann, k.bob, k.cat, k.dan}
		c.NewStacks = []orgusers.Stack{k.web, k.app, k.lost}
		c.NewRoles = []orgusers.StackRole{k.edit, k.spare}
		for _, m := range c.NewMembers {
			for _, g := range m.Grants {
				c.Granted = append(c.Granted, orgusers.MemberGrant{Member: m.ID, Grant: g})
			}
		}
	})
	return k
}
