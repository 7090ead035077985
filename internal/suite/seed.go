package suite

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// Person is somebody to put on a roster straight through the store: without mails, and without the
// price of a password.
type Person struct {
	Email  string
	Role   orgusers.Role   // empty: RoleMember
	Status orgusers.Status // empty: StatusActive
	Grants []orgusers.Grant
	// Subject is what the identity provider calls them, if they came from there.
	Subject string
	// Change edits the account before it is written. It is not called if the account exists.
	Change func(*orgusers.User)
}

// NewOrg puts an organization with these people into the store. Everybody's account is proved and
// has no password; who has one already keeps it. Without an owner's address it is owner-less.
func NewOrg(t testing.TB, w *world.World, name, owner string, people ...Person) world.Org {
	t.Helper()
	org := orgusers.Organization{ID: orgusers.OrgID(uuid.NewString()), Name: name, CreatedAt: w.Clock.Now(), Version: 1}
	c := orgusers.Changes{Org: &org, NewOrg: true}
	if owner != "" {
		rows := seed(t, w, &c, []Person{{Email: owner, Role: orgusers.RoleAdmin}})
		org.OwnerID = rows[0].User
	}
	seed(t, w, &c, people)
	require.NoError(t, w.Store.Commit(world.Ctx(), c))
	return w.Existing(org.ID)
}

// Add puts more people into an organization and returns their rows.
func Add(t testing.TB, w *world.World, org orgusers.OrgID, people ...Person) []orgusers.Member {
	t.Helper()
	v, err := w.Store.View(world.Ctx(), orgusers.ViewQuery{Org: org})
	require.NoError(t, err)
	c := orgusers.Changes{Org: &v.Org}
	rows := seed(t, w, &c, people)
	require.NoError(t, w.Store.Commit(world.Ctx(), c))
	return rows
}

// Seed puts n members, who have joined, into an organization and returns their rows.
func Seed(t testing.TB, w *world.World, org orgusers.OrgID, n int) []orgusers.Member {
	t.Helper()
	people := make([]Person, n)
	for i := range people {
		people[i].Email = fmt.Sprintf("seed-%s-%d@people.example", uuid.NewString()[24:], i)
	}
	return Add(t, w, org, people...)
}

// Account puts a proved account, which belongs nowhere, into the store.
func Account(t testing.TB, w *world.World, email string, change ...func(*orgusers.User)) orgusers.User {
	t.Helper()
	u := newUser(t, w, email)
	for _, c := range change {
		c(&u)
	}
	require.NoError(t, w.Store.Commit(world.Ctx(), orgusers.Changes{NewUsers: []orgusers.User{u}}))
	return u
}

func newUser(t testing.TB, w *world.World, email string) orgusers.User {
	t.Helper()
	address, err := orgusers.ParseAddress(email)
	require.NoError(t, err)
	local, _, _ := strings.Cut(email, "@")
	return orgusers.User{
		ID: orgusers.UserID(uuid.NewString()), Address: address, Name: orgusers.Name{First: local, Last: "Tester"},
		Verified: true, CreatedAt: w.Clock.Now(), Version: 1,
	}
}

// seed adds people to changes of an organization, and counts them.
func seed(t testing.TB, w *world.World, c *orgusers.Changes, people []Person) []orgusers.Member {
	t.Helper()
	rows := make([]orgusers.Member, 0, len(people))
	for _, p := range people {
		u, known := accountOf(t, w, p.Email)
		m := orgusers.Member{
			ID: orgusers.MemberID(uuid.NewString()), Org: c.Org.ID, Address: newUser(t, w, p.Email).Address,
			Role: p.Role, Status: p.Status, InvitedBy: c.Org.OwnerID, InvitedAt: w.Clock.Now(),
			Subject: p.Subject,
		}
		if m.Role == "" {
			m.Role = orgusers.RoleMember
		}
		if m.Status == "" {
			m.Status = orgusers.StatusActive
		}
		switch {
		case m.Status == orgusers.StatusPending:
			m.Link, m.SentAt, m.Sends = orgusers.OperationID(uuid.NewString()), w.Clock.Now(), 1
			m.ExpiresAt = w.Clock.Now().Add(7 * 24 * time.Hour)
		case known:
			c.Users = append(c.Users, orgusers.UserUpdate{
				ID: u.ID, Version: u.Version, Patch: orgusers.UserPatch{Orgs: orgusers.Some(u.Orgs + 1)},
			})
		default:
			u = newUser(t, w, p.Email)
			u.Orgs = 1
			if p.Change != nil {
				p.Change(&u)
			}
			c.NewUsers = append(c.NewUsers, u)
		}
		if m.Status != orgusers.StatusPending {
			m.User, m.Address, m.Name, m.MFA = u.ID, u.Address, u.Name, u.MFA.Enrolled()
			m.JoinedAt, m.LastLogin = w.Clock.Now(), u.LastLogin
		}
		count(&c.Org.Tally, &m)
		c.NewMembers = append(c.NewMembers, m)
		for _, g := range p.Grants {
			c.Granted = append(c.Granted, orgusers.MemberGrant{Member: m.ID, Grant: g})
		}
		m.Grants = orgusers.SortGrants(append([]orgusers.Grant(nil), p.Grants...))
		rows = append(rows, m)
	}
	return rows
}

func count(n *orgusers.Tally, m *orgusers.Member) {
	if m.Status == orgusers.StatusPending {
		n.Pending++
		return
	}
	n.Members++
	if m.Administers() {
		n.Admins++
	}
}

// accountOf reads the account with this address.
func accountOf(t testing.TB, w *world.World, email string) (orgusers.User, bool) {
	t.Helper()
	address, err := orgusers.ParseAddress(email)
	require.NoError(t, err)
	v, err := w.Store.View(world.Ctx(), orgusers.ViewQuery{UserKeys: []orgusers.AddressKey{address.Key}})
	require.NoError(t, err)
	if len(v.Users) == 0 {
		return orgusers.User{}, false
	}
	return v.Users[0], true
}

// rowOf reads the roster row with this address.
func rowOf(t testing.TB, w *world.World, org orgusers.OrgID, email string) (orgusers.Member, bool) {
	t.Helper()
	address, err := orgusers.ParseAddress(email)
	require.NoError(t, err)
	v, err := w.Store.View(world.Ctx(), orgusers.ViewQuery{Org: org, Keys: []orgusers.AddressKey{address.Key}, Grants: true})
	require.NoError(t, err)
	if len(v.Members) == 0 {
		return orgusers.Member{}, false
	}
	return v.Members[0], true
}

// newStack makes a stack that the owner owns.
func newStack(t testing.TB, org world.Org, name string) orgusers.StackID {
	t.Helper()
	id, err := org.Admin().CreateStack(world.Ctx(), name)
	require.NoError(t, err)
	return id
}

// team is an organization with one of each kind of person.
type team struct {
	world.Org
	t                    testing.TB
	w                    *world.World
	domain               string
	owner, admin, member orgusers.Member
}

// newTeam makes a team whose addresses are owner@, admin@ and member@ under name.example.
func newTeam(t testing.TB, w *world.World, name string) team {
	t.Helper()
	x := team{t: t, w: w, domain: name + ".example"}
	x.Org = NewOrg(t, w, name, x.email("owner"),
		Person{Email: x.email("admin"), Role: orgusers.RoleAdmin}, Person{Email: x.email("member")})
	x.owner, x.admin, x.member = x.row("owner"), x.row("admin"), x.row("member")
	return x
}

func (x team) email(local string) string { return local + "@" + x.domain }

// add puts somebody who has joined on the roster.
func (x team) add(local string, role orgusers.Role, grants ...orgusers.Grant) orgusers.Member {
	x.t.Helper()
	return Add(x.t, x.w, x.ID, Person{Email: x.email(local), Role: role, Grants: grants})[0]
}

// row reads somebody's row as it is now.
func (x team) row(local string) orgusers.Member {
	x.t.Helper()
	m, ok := rowOf(x.t, x.w, x.ID, x.email(local))
	require.True(x.t, ok, "%s is on the roster", local)
	return m
}

// gone demands that nobody with this address is on the roster.
func (x team) gone(local string) {
	x.t.Helper()
	_, ok := rowOf(x.t, x.w, x.ID, x.email(local))
	require.False(x.t, ok, "%s is not on the roster", local)
}

// link invites somebody, who has a proved account of their own, and returns the row and the token
// that was mailed.
func (x team) link(local string, role orgusers.Role, stacks ...orgusers.StackAccess) (orgusers.Member, string) {
	x.t.Helper()
	if _, known := accountOf(x.t, x.w, x.email(local)); !known {
		Account(x.t, x.w, x.email(local))
	}
	m := x.Invite(x.email(local), role, stacks...)
	x.w.Dispatch()
	return m, x.w.Token(x.email(local))
}

// accept accepts an invitation for somebody who has an account.
func accept(w *world.World, token string) error {
	_, err := w.Visitor().AcceptInvitation(world.Ctx(), token, orgusers.NewAccount{})
	return err
}
