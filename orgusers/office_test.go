package orgusers_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/argon2"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// everybodysPassword is computed once: hashing is meant to be slow.
var everybodysPassword = sync.OnceValue(officePassword)

// office is an organization held in plain values, so that a test can write down who is there and
// ask Decide without any store, service or clock. Whatever is decided in an office is also checked
// for what must hold always: nothing given to Decide is changed by it, the same question gets the
// same answer, and after the changes the tally is a recount and the owner is in place.
type office struct {
	t testing.TB

	org      orgusers.Organization
	members  []orgusers.Member
	users    []orgusers.User
	stacks   []orgusers.Stack
	roles    []orgusers.StackRole
	sessions map[orgusers.UserID]int
	counters map[string]int64
	policy   orgusers.Policy
	now      time.Time
}

// newOffice makes an organization of people, each written as a name and words about them:
//
//	"olivia owner"          the owner
//	"adam admin"            an admin; "mark member", a member
//	"petra member pending"  invited, and not joined; with "account", though there is an account
//	"ivan member inactive"  deactivated
//	"several"               belongs to another organization too
//	"mfa", "locked"         second factor in force; sign-in locked
//	"own"                   may use own credentials under single sign-on
//	"unproved"              nobody has proved to own the account
//	"ended"                 sessions were ended just now
//
// A name is the local part of an address at acme.example, unless it is an address itself.
func newOffice(tb testing.TB, people ...string) *office {
	tb.Helper()
	return newOfficeAt(tb, "acme.example", people...)
}

func newOfficeAt(tb testing.TB, domain string, people ...string) *office {
	tb.Helper()
	o := &office{t: tb, now: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)}
	o.org = orgusers.Organization{
		ID: officeID[orgusers.OrgID](domain), Name: domain, CreatedAt: o.now.AddDate(-1, 0, 0), Version: 7,
	}
	for _, p := range people {
		words := strings.Fields(p)
		o.add(domain, words[0], words[1:])
	}
	for i := range o.members {
		if m := &o.members[i]; m.Status == orgusers.StatusPending {
			m.InvitedBy, m.InvitedByEmail = o.anyAdministrator()
		}
	}
	o.org.Tally = o.recount()
	return o
}

// officeID names something the same way in every run. Links want UUIDs.
func officeID[T ~string](name string) T {
	return T(uuid.NewSHA1(uuid.NameSpaceURL, []byte(name)).String())
}

// officePassword is a hash of [world.Password], with as little work in it as is accepted at all.
func officePassword() orgusers.PasswordHash {
	salt := []byte("salt for testing")
	key := argon2.IDKey([]byte(world.Password), salt, 1, 8192, 1, 32)
	return orgusers.PasswordHash("$argon2id$v=19$m=8192,t=1,p=1$" + base64.RawStdEncoding.EncodeToString(salt) + "$" + base64.RawStdEncoding.EncodeToString(key))
}

func (o *office) add(domain, name string, words []string) {
	has := func(word string) bool { return slices.Contains(words, word) }
	email := name
	if !strings.Contains(name, "@") {
		email = name + "@" + domain
	}
	addr, err := orgusers.ParseAddress(email)
	require.NoError(o.t, err)
	local, _, _ := strings.Cut(email, "@")
	u := orgusers.User{
		ID: officeID[orgusers.UserID]("user " + email), Address: addr, Name: orgusers.Name{First: local, Last: "Person"},
		Verified: !has("unproved"), Password: everybodysPassword(), Orgs: 1, CreatedAt: o.now.AddDate(0, -2, 0), Version: 3,
	}
	if has("several") {
		u.Orgs = 2
	}
	if has("mfa") {
		u.MFA = orgusers.MFA{Secret: "sealed", EnrolledAt: o.now.AddDate(0, -1, 0), LastStep: 9, Recovery: "a b c"}
	}
	if has("locked") {
		u.LockedUntil = o.now.Add(time.Hour)
	}
	if has("ended") {
		u.SessionsValidFrom = o.now
	}
	m := orgusers.Member{
		ID: officeID[orgusers.MemberID]("member " + domain + " " + email), Org: o.org.ID, User: u.ID, Address: addr,
		Role: orgusers.RoleMember, Status: orgusers.StatusActive, WithoutSSO: has("own"),
		InvitedAt: o.now.AddDate(0, -2, 0), JoinedAt: o.now.AddDate(0, -1, 0), Name: u.Name, MFA: u.MFA.Enrolled(),
	}
	switch {
	case has("owner"):
		m.Role, o.org.OwnerID = orgusers.RoleAdmin, u.ID
	case has("admin"):
		m.Role = orgusers.RoleAdmin
	case !has("member"):
		o.t.Fatalf("%s is neither owner, admin nor member", name)
	}
	switch {
	case has("inactive"):
		m.Status = orgusers.StatusInactive
	case has("pending"):
		m.Status, m.User, m.MFA, m.JoinedAt = orgusers.StatusPending, "", false, time.Time{}
		m.Link, m.Sends = officeID[orgusers.OperationID]("invited "+email), 1
		m.SentAt, m.ExpiresAt = o.now.Add(-time.Hour), o.now.Add(24*time.Hour)
		m.InvitedAt = m.SentAt
	}
	if m.User != "" && !has("several") { // whoever is nobody else's has come by the identity provider once
		m.Subject = "s-" + local
	}
	o.members = append(o.members, m)
	if m.User != "" || has("account") {
		o.users = append(o.users, u)
	}
}

func (o *office) anyAdministrator() (orgusers.UserID, string) {
	for i := range o.members {
		if m := &o.members[i]; m.Administers() {
			return m.User, m.Address.Email
		}
	}
	return "", ""
}

// recount counts what the tally should say.
func (o *office) recount() orgusers.Tally {
	t := orgusers.Tally{Stacks: int64(len(o.stacks))}
	for i := range o.members {
		switch m := &o.members[i]; m.Status {
		case orgusers.StatusPending:
			t.Pending++
		case orgusers.StatusActive:
			t.Members++
			if m.Role == orgusers.RoleAdmin {
				t.Admins++
			}
		case orgusers.StatusInactive:
			t.Members++
		}
	}
	return t
}

// find returns somebody's row, nil if there is none.
func (o *office) find(name string) *orgusers.Member {
	for i := range o.members {
		local, _, _ := strings.Cut(o.members[i].Address.Email, "@")
		if local == name || o.members[i].Address.Email == name {
			return &o.members[i]
		}
	}
	return nil
}

// member returns somebody's row, which must be there.
func (o *office) member(name string) *orgusers.Member {
	m := o.find(name)
	require.NotNil(o.t, m, "nobody is called %s", name)
	return m
}

// user returns somebody's account, nil if there is none.
func (o *office) user(name string) *orgusers.User {
	for i := range o.users {
		local, _, _ := strings.Cut(o.users[i].Address.Email, "@")
		if local == name || o.users[i].Address.Email == name {
			return &o.users[i]
		}
	}
	return nil
}

// ids returns the member ids of people; somebody unknown gets a random one.
func (o *office) ids(names ...string) []orgusers.MemberID {
	ids := make([]orgusers.MemberID, len(names))
	for i, n := range names {
		ids[i] = officeID[orgusers.MemberID]("nobody " + n)
		if m := o.find(n); m != nil {
			ids[i] = m.ID
		}
	}
	return ids
}

// stack puts up a stack and returns its id.
func (o *office) stack(name, owner string) orgusers.StackID {
	s := orgusers.Stack{ID: officeID[orgusers.StackID]("stack " + string(o.org.ID) + name), Org: o.org.ID, Name: name, CreatedAt: o.now}
	if owner != "" {
		s.Owner = o.member(owner).User
	}
	o.stacks = append(o.stacks, s)
	o.org.Tally = o.recount()
	return s.ID
}

// role makes a custom stack role.
func (o *office) role(name string, permissions ...orgusers.Permission) orgusers.RoleID {
	r := orgusers.StackRole{ID: officeID[orgusers.RoleID]("role " + string(o.org.ID) + name), Org: o.org.ID, Name: name, Permissions: permissions}
	o.roles = append(o.roles, r)
	return r.ID
}

func (o *office) grant(name string, stack orgusers.StackID, roles ...orgusers.RoleID) {
	m := o.member(name)
	for _, r := range roles {
		m.Grants = append(m.Grants, orgusers.Grant{Stack: stack, Role: r})
	}
	m.Grants = orgusers.SortGrants(m.Grants)
}

// limit sets the plan's limits on users and stacks; negative: none.
func (o *office) limit(users, stacks int64) {
	o.org.Plan = orgusers.Plan{Name: "test"}
	if stacks >= 0 {
		o.org.Plan.Limits = append(o.org.Plan.Limits, orgusers.Limit{Resource: orgusers.ResourceStacks, Max: stacks})
	}
	if users >= 0 {
		o.org.Plan.Limits = append(o.org.Plan.Limits, orgusers.Limit{Resource: orgusers.ResourceUsers, Max: users})
	}
}

// actor is how somebody acts who signed in an hour ago.
func (o *office) actor(name string) orgusers.Actor {
	a := orgusers.Actor{
		User: "nobody-" + orgusers.UserID(name), SignedInAt: o.now.Add(-time.Hour), ProvedAt: o.now, Session: "session of " + name,
		IP: netip.MustParseAddr("203.0.113.5"), Agent: "test",
	}
	if u := o.user(name); u != nil {
		a.User = u.ID
	}
	// Whoever must come by single sign-on does.
	if m := o.find(name); m != nil && o.org.Settings.SSO.Enabled && m.User != o.org.OwnerID && (o.org.Settings.SSO.Strict || !m.WithoutSSO) {
		a.SSO = o.org.ID
	}
	return a
}

// view cuts out of the office what a query asks for, no more than a store would answer, in an order
// of its own: nothing may depend on what a query did not name.
func (o *office) view(q orgusers.ViewQuery) orgusers.View {
	var v orgusers.View
	rows, accounts := map[orgusers.MemberID]bool{}, map[orgusers.UserID]bool{}
	owned := map[orgusers.UserID]bool{}
	account := func(match func(u *orgusers.User) bool) {
		for i := range o.users {
			if u := &o.users[i]; match(u) && !accounts[u.ID] {
				accounts[u.ID] = true
				v.Users = append(v.Users, *u)
			}
		}
	}
	row := func(match func(m *orgusers.Member) bool, withAccount, withOwned bool) {
		for i := range o.members {
			m := &o.members[i]
			if !match(m) {
				continue
			}
			if withAccount {
				account(func(u *orgusers.User) bool { return u.Address.Key == m.Address.Key })
			}
			if withOwned && m.User != "" {
				owned[m.User] = true
			}
			if !rows[m.ID] {
				rows[m.ID] = true
				c := m.Clone()
				if !q.Grants {
					c.Grants = nil
				}
				v.Members = append(v.Members, c)
			}
		}
	}
	if q.Org == o.org.ID {
		v.Org = o.org.Clone()
		inviters := map[orgusers.UserID]bool{}
		row(func(m *orgusers.Member) bool {
			named := slices.Contains(q.Members, m.ID)
			inviters[m.InvitedBy] = inviters[m.InvitedBy] || named && q.Inviters && m.InvitedBy != ""
			return named
		}, true, true)
		row(func(m *orgusers.Member) bool { return m.User != "" && slices.Contains(q.Joined, m.User) }, true, true)
		row(func(m *orgusers.Member) bool { return q.Owner && m.User != "" && m.User == o.org.OwnerID }, true, true)
		row(func(m *orgusers.Member) bool { return slices.Contains(q.Keys, m.Address.Key) }, false, false)
		row(func(m *orgusers.Member) bool { return m.User != "" && inviters[m.User] }, false, false)
		for _, s := range o.stacks {
			if q.AllStack || slices.Contains(q.Stacks, s.ID) || q.Owned && owned[s.Owner] {
				v.Stacks = append(v.Stacks, s)
			}
		}
		for i := range o.roles {
			if q.Roles {
				v.Roles = append(v.Roles, o.roles[i].Clone())
			}
		}
	}
	account(func(u *orgusers.User) bool {
		return slices.Contains(q.Users, u.ID) || slices.Contains(q.UserKeys, u.Address.Key)
	})
	v.Sessions = o.sessions
	keys := slices.Clone(q.Counters)
	for i := range v.Members {
		for _, prefix := range q.PerUser {
			if m := &v.Members[i]; m.User != "" && slices.Contains(q.Members, m.ID) {
				keys = append(keys, prefix+string(m.User))
			}
		}
	}
	for _, key := range keys {
		if n, ok := o.counters[key]; ok {
			if v.Counters == nil {
				v.Counters = map[string]int64{}
			}
			v.Counters[key] = n
		}
	}
	slices.Reverse(v.Members)
	slices.Reverse(v.Users)
	slices.Reverse(v.Stacks)
	return v
}

// env counts ids from 1, so that two decisions name things alike.
func (o *office) env() orgusers.Env {
	n := 0
	return orgusers.Env{Now: o.now, NewID: func() string {
		n++
		return fmt.Sprintf("00000000-0000-7000-8000-%012d", n)
	}}
}

// decide asks Decide, and holds it to what must always be.
func (o *office) decide(a orgusers.Actor, c orgusers.Command) (orgusers.Changes, orgusers.Report, error) {
	o.t.Helper()
	q := orgusers.Query(a, c, o.now)
	given, kept := o.view(q), o.view(q)
	command := fmt.Sprintf("%#v", c)
	policy := o.policy
	policy.Developer, policy.ContentManager = slices.Clone(o.policy.Developer), slices.Clone(o.policy.ContentManager)
	changes, report, err := orgusers.Decide(given, a, c, o.policy, o.env())
	require.Equal(o.t, kept, given, "Decide changed the view it was given")
	require.Equal(o.t, policy, o.policy, "Decide changed the policy it was given")
	require.Equal(o.t, command, fmt.Sprintf("%#v", c), "Decide changed the command it was given")
	again, reportAgain, errAgain := orgusers.Decide(kept, a, c, o.policy, o.env())
	require.Equal(o.t, changes, again, "the same question got another answer")
	require.Equal(o.t, report, reportAgain, "the same question got another report")
	require.Equal(o.t, err, errAgain, "the same question got another error")
	scribble(&again)
	require.Equal(o.t, given, kept, "what Decide returns shares memory with what it was given")
	if err != nil {
		require.Equal(o.t, orgusers.Changes{}, changes, "an error comes with no changes")
	}
	o.hold(changes)
	return changes, report, err
}

// scribble writes over every slice in changes that could be somebody else's.
func scribble(c *orgusers.Changes) {
	if c.Org != nil {
		for i := range c.Org.Settings.AllowedDomains {
			c.Org.Settings.AllowedDomains[i] = "scribble"
		}
		for i := range c.Org.Settings.Closed {
			c.Org.Settings.Closed[i] = "scribble"
		}
		for i := range c.Org.Plan.Limits {
			c.Org.Plan.Limits[i].Max = -1
		}
	}
	for _, r := range append(slices.Clone(c.Roles), c.NewRoles...) {
		for i := range r.Permissions {
			r.Permissions[i] = "scribble"
		}
	}
	for _, m := range c.NewMembers {
		for i := range m.Grants {
			m.Grants[i].Role = "scribble"
		}
	}
}

// hold checks what must be true of any changes.
func (o *office) hold(c orgusers.Changes) {
	o.t.Helper()
	byID := func(a, b orgusers.UserUpdate) int { return strings.Compare(string(a.ID), string(b.ID)) }
	require.True(o.t, slices.IsSortedFunc(c.Users, byID) && slices.IsSortedFunc(c.DeleteUsers, byID), "accounts are locked in one order")
	if c.Org == nil {
		return
	}
	after := o.after(c)
	require.Equal(o.t, after.recount(), c.Org.Tally, "the tally is a recount")
	if !c.NewOrg {
		require.Equal(o.t, o.org.Version, c.Org.Version, "the version is the one that was read")
	}
	if c.Org.OwnerID == "" {
		require.Positive(o.t, c.Org.Tally.Admins, "an owner-less organization keeps an administrator")
		return
	}
	owners := 0
	for i := range after.members {
		if m := &after.members[i]; m.User == c.Org.OwnerID {
			owners++
			require.True(o.t, m.Administers(), "the owner is an active administrator")
		}
	}
	require.Equal(o.t, 1, owners, "there is one owner")
}

// after returns the office as it is once the changes are made; for a new organization, that one.
func (o *office) after(c orgusers.Changes) *office {
	o.t.Helper()
	if c.NewOrg {
		o = &office{t: o.t, users: o.users, policy: o.policy, now: o.now}
	}
	n := *o
	if c.Org != nil {
		n.org = c.Org.Clone()
	}
	n.counters = maps.Clone(o.counters)
	for _, count := range c.Counters {
		require.True(o.t, count.ExpiresAt.After(o.now), "a counter counts in its own time")
		if n.counters == nil {
			n.counters = map[string]int64{}
		}
		n.counters[count.Key] += count.Add
	}
	gone := func(id orgusers.MemberID) bool { return slices.Contains(c.DeleteMembers, id) }
	n.members = nil
	for i := range o.members {
		if !gone(o.members[i].ID) {
			n.members = append(n.members, o.members[i].Clone())
		}
	}
	for i := range c.NewMembers {
		m := c.NewMembers[i].Clone()
		m.Grants = nil // they come with Granted
		n.members = append(n.members, m)
	}
	n.users = nil
	for _, u := range append(slices.Clone(o.users), c.NewUsers...) {
		if !slices.ContainsFunc(c.DeleteUsers, func(d orgusers.UserUpdate) bool { return d.ID == u.ID }) {
			n.users = append(n.users, u)
		}
	}
	for _, up := range c.Users {
		for i := range n.users {
			if n.users[i].ID == up.ID {
				require.Equal(o.t, n.users[i].Version, up.Version, "the guard is the version that was read")
				up.Patch.Apply(&n.users[i])
			}
		}
	}
	for i := range n.members {
		m := &n.members[i]
		for _, up := range c.Members {
			if up.ID == m.ID {
				up.Patch.Apply(m)
			}
		}
		for _, p := range c.Profiles {
			if p.User == m.User {
				m.Name, m.MFA = p.Name, p.MFA
			}
		}
		m.Grants = slices.DeleteFunc(m.Grants, func(g orgusers.Grant) bool {
			return slices.ContainsFunc(c.Revoked, func(r orgusers.Revoke) bool {
				switch {
				case r.Member != "":
					return r.Member == m.ID && r.Stack == g.Stack
				case r.Stack != "":
					return r.Stack == g.Stack
				}
				return r.Role == g.Role && slices.Contains(r.On, g.Stack)
			})
		})
		for _, g := range c.Granted {
			if g.Member == m.ID {
				m.Grants = append(m.Grants, g.Grant)
			}
		}
		m.Grants = orgusers.SortGrants(m.Grants)
	}
	n.stacks = replaced(o.stacks, c.NewStacks, c.Stacks, c.DeleteStacks, func(s orgusers.Stack) orgusers.StackID { return s.ID })
	n.roles = replaced(o.roles, c.NewRoles, c.Roles, c.DeleteRoles, func(r orgusers.StackRole) orgusers.RoleID { return r.ID })
	return &n
}

func replaced[T any, ID comparable](have, added, changed []T, gone []ID, id func(T) ID) []T {
	var out []T
	for _, v := range append(slices.Clone(have), added...) {
		if slices.Contains(gone, id(v)) {
			continue
		}
		if i := slices.IndexFunc(changed, func(c T) bool { return id(c) == id(v) }); i >= 0 {
			v = changed[i]
		}
		out = append(out, v)
	}
	return out
}

// do is an operation by somebody on people; what comes back is the office afterwards and a line for
// each outcome, in order: "mark: applied", "olivia: skipped owner R1.14".
func (o *office) do(by string, op orgusers.Operation, people ...string) (*office, []string) {
	o.t.Helper()
	changes, rep, err := o.decide(o.actor(by), orgusers.Bulk{Org: o.org.ID, Operation: op, Members: o.ids(people...)})
	require.NoError(o.t, err)
	require.Len(o.t, rep.Outcomes, len(slices.Compact(slices.Sorted(slices.Values(people)))))
	return o.after(changes), outcomes(&rep)
}

// alone is what comes of an operation on one person: "applied", "skipped owner R1.14".
func (o *office) alone(by string, op orgusers.Operation, person string) string {
	o.t.Helper()
	_, lines := o.do(by, op, person)
	_, line, _ := strings.Cut(lines[0], ": ")
	return line
}

func outcomes(rep *orgusers.Report) []string {
	lines := make([]string, len(rep.Outcomes))
	for i := range rep.Outcomes {
		r := &rep.Outcomes[i]
		name, _, _ := strings.Cut(strings.ToLower(r.Email), "@") // invitations repeat what was typed
		if name == "" {
			name = "?"
		}
		lines[i] = name + ": " + outcome(r)
	}
	return lines
}

func outcome(r *orgusers.Outcome) string {
	return strings.Join(strings.Fields(fmt.Sprintf("%s %s %s", r.Result, r.Reason, r.Rule)), " ")
}

// mails lists the mails in changes: "password_reset mark@acme.example".
func mails(c *orgusers.Changes) []string {
	var out []string
	for i := range c.Effects {
		if e := &c.Effects[i]; e.Kind == orgusers.EffectMail {
			out = append(out, string(e.Mail.Kind)+" "+e.Mail.To)
		}
	}
	return out
}

// ended lists whose sessions are to be ended at the host's.
func (o *office) ended(c *orgusers.Changes) []string {
	var out []string
	for i := range c.Effects {
		if e := &c.Effects[i]; e.Kind == orgusers.EffectEndSessions {
			for k := range o.users {
				if o.users[k].ID == e.User {
					local, _, _ := strings.Cut(o.users[k].Address.Email, "@")
					out = append(out, local)
				}
			}
		}
	}
	return out
}
