package orgusers

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// wrongCommand is a command that forgot its checks: it may do anything to a draft, and reports success.
type wrongCommand struct{ do func(d *draft) }

func (wrongCommand) Action() Action                { return ActionRemove }
func (wrongCommand) validate(*Policy) []FieldError { return nil }
func (wrongCommand) query(Actor) ViewQuery         { return ViewQuery{Org: "org"} }
func (wrongCommand) authorize(*draft) *Error       { return nil }

func (c wrongCommand) decide(d *draft) error {
	d.report.Outcomes = append(d.report.Outcomes, Outcome{Result: Applied})
	c.do(d)
	return nil
}

func (c wrongCommand) against(v View) error {
	n := 0
	env := Env{Now: time.Unix(1, 0).UTC(), NewID: func() string { n++; return fmt.Sprint(n) }}
	changes, report, err := Decide(v, Actor{User: "admin"}, c, Policy{}, env)
	if err != nil && (changes.Org != nil || changes.Members != nil || len(report.Outcomes) > 0) {
		return errors.New("changes or outcomes beside an error: " + err.Error())
	}
	return err
}

// invariantView is an organization with an owner, an admin, a member, somebody invited, and two of
// five seats free; or the same without an owner.
func invariantView(owned bool) View {
	person := func(name string, role Role, status Status) Member {
		m := Member{ID: MemberID(name), Org: "org", User: UserID(name), Address: Address{Email: name, Key: AddressKey(name)}, Role: role, Status: status}
		if status == StatusPending {
			m.User = ""
		}
		return m
	}
	v := View{
		Org: Organization{
			ID: "org", Version: 1, Tally: Tally{Members: 3, Pending: 1, Admins: 2},
			Plan: Plan{Limits: []Limit{{Resource: ResourceUsers, Max: 6}}},
		},
		Members: []Member{
			person("owner", RoleAdmin, StatusActive), person("admin", RoleAdmin, StatusActive), person("member", RoleMember, StatusActive),
			person("pending", RoleMember, StatusPending),
		},
		Users: []User{{ID: "owner", Orgs: 1}, {ID: "admin", Orgs: 1}, {ID: "member", Orgs: 1}},
	}
	for i := range v.Users {
		v.Users[i].Address = Address{Email: string(v.Users[i].ID), Key: AddressKey(v.Users[i].ID)}
	}
	if owned {
		v.Org.OwnerID = "owner"
	}
	return v
}

// TestInvariants: whatever a command does, what would break a promise of the package stops before
// anything is written, and says so as a defect.
func TestInvariants(t *testing.T) {
	t.Parallel()
	set := func(name MemberID, change func(m *Member)) func(d *draft) {
		return func(d *draft) { d.set(d.byID.get(name), change) }
	}
	expel := func(names ...MemberID) func(d *draft) {
		return func(d *draft) {
			for _, n := range names {
				d.expel(d.byID.get(n))
			}
		}
	}
	newcomers := func(n int) func(d *draft) {
		return func(d *draft) {
			for i := range n {
				name := fmt.Sprint("new", i)
				d.addMember(Member{ID: MemberID(name), Org: "org", Address: Address{Email: name, Key: AddressKey(name)}, Role: RoleMember, Status: StatusPending})
			}
		}
	}
	sso := func(s SSO) func(d *draft) { return func(d *draft) { d.org.now.Settings.SSO = s } }
	for name, c := range map[string]struct {
		ownerless bool
		kept      bool // by admin, while single sign-on is on
		do        func(d *draft)
		promise   string // "": none is broken
	}{
		"nothing":                                   {do: func(*draft) {}},
		"a member goes":                             {do: expel("member", "pending")},
		"an admin goes, with an owner left":         {do: expel("admin")},
		"an admin goes, with another left":          {ownerless: true, do: expel("admin")},
		"seats to the last":                         {do: newcomers(2)},
		"the owner becomes another active admin":    {do: func(d *draft) { d.org.now.OwnerID = "admin" }},
		"the ownership is handed over as it should": {do: func(d *draft) { d.handOver(d.byID.get("member")) }},

		"the owner goes":                  {do: expel("owner"), promise: "the owner is an active member"},
		"the owner is demoted":            {do: set("owner", func(m *Member) { m.Role = RoleMember }), promise: "the owner is an active member"},
		"the owner is deactivated":        {do: set("owner", func(m *Member) { m.Status = StatusInactive }), promise: "the owner is an active member"},
		"a member becomes owner":          {do: func(d *draft) { d.org.now.OwnerID = "member" }, promise: "the owner is an active member"},
		"somebody unknown becomes owner":  {do: func(d *draft) { d.org.now.OwnerID = "nobody" }, promise: "the owner is an active member"},
		"an invitee's user becomes owner": {do: func(d *draft) { d.org.now.OwnerID = "pending" }, promise: "the owner is an active member"},
		"the ownership ends":              {do: func(d *draft) { d.org.now.OwnerID = "" }, promise: "keeps its form"},
		"an ownership begins":             {ownerless: true, do: func(d *draft) { d.org.now.OwnerID = "admin" }, promise: "keeps its form"},

		"all administrators go": {ownerless: true, do: expel("admin", "owner"), promise: "R12.5"},
		"all administrators are demoted": {ownerless: true, do: func(d *draft) {
			set("admin", func(m *Member) { m.Role = RoleMember })(d)
			set("owner", func(m *Member) { m.Role = RoleMember })(d)
		}, promise: "R12.5"},
		"all administrators are deactivated": {ownerless: true, do: func(d *draft) {
			set("admin", func(m *Member) { m.Status = StatusInactive })(d)
			set("owner", func(m *Member) { m.Status = StatusInactive })(d)
		}, promise: "R12.5"},

		"single sign-on, and nobody named": {ownerless: true, do: sso(SSO{Enabled: true}), promise: "R2.23"},
		"a keeper who is a member":         {ownerless: true, do: sso(SSO{Enabled: true, Keeper: "member"}), promise: "R2.23"},
		"a keeper who is nobody":           {ownerless: true, do: sso(SSO{Enabled: true, Keeper: "nobody"}), promise: "R2.23"},
		"a keeper who is an admin":         {ownerless: true, do: sso(SSO{Enabled: true, Strict: true, Keeper: "admin"})},
		"the keeper goes":                  {ownerless: true, kept: true, do: expel("admin"), promise: "R2.23"},
		"the keeper is demoted":            {ownerless: true, kept: true, do: set("admin", func(m *Member) { m.Role = RoleMember }), promise: "R2.23"},
		"the keeper is deactivated":        {ownerless: true, kept: true, do: set("admin", func(m *Member) { m.Status = StatusInactive }), promise: "R2.23"},
		"the keeper is forgotten":          {ownerless: true, kept: true, do: sso(SSO{Enabled: true}), promise: "R2.23"},
		"another keeper":                   {ownerless: true, kept: true, do: sso(SSO{Enabled: true, Keeper: "owner"})},
		"the keeper goes with it":          {ownerless: true, kept: true, do: func(d *draft) { sso(SSO{})(d); expel("admin")(d) }},
		"another admin goes":               {ownerless: true, kept: true, do: expel("owner")},

		"one seat too many":                {do: newcomers(3), promise: "R9.3"},
		"a negative tally":                 {do: func(d *draft) { d.org.now.Tally.Stacks-- }, promise: "the tally counts"},
		"pending below zero":               {do: func(d *draft) { d.org.now.Tally.Pending -= 2 }, promise: "the tally counts"},
		"more administrators than members": {do: func(d *draft) { d.org.now.Tally.Admins = 9 }, promise: "the tally counts"},

		"no role":                   {do: set("member", func(m *Member) { m.Role = "" }), promise: "a row has a role"},
		"a role there is not":       {do: set("member", func(m *Member) { m.Role = "owner" }), promise: "a row has a role"},
		"a status there is not":     {do: set("member", func(m *Member) { m.Status = "gone" }), promise: "a row has a role"},
		"active without an account": {do: set("pending", func(m *Member) { m.Status = StatusActive }), promise: "a row has a role"},
		"pending with an account":   {do: set("member", func(m *Member) { m.Status = StatusPending }), promise: "a row has a role"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := invariantView(!c.ownerless)
			if c.kept {
				v.Org.Settings.SSO = SSO{Enabled: true, Keeper: "admin"}
			}
			err := wrongCommand{c.do}.against(v)
			if c.promise == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, ErrDenied)
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, ReasonInvariant, e.Reason)
			require.ErrorContains(t, e.Err, c.promise)
			require.NotContains(t, err.Error(), c.promise, "what exactly is for the host's log")
		})
	}
}

// TestInvariantsOfAnOverfullOrganization: a plan that shrank below what is in use stops newcomers,
// and nothing else.
func TestInvariantsOfAnOverfullOrganization(t *testing.T) {
	t.Parallel()
	v := invariantView(true)
	v.Org.Plan.Limits[0].Max = 1
	require.NoError(t, wrongCommand{func(d *draft) { d.set(d.byID.get("member"), func(m *Member) { m.Role = RoleAdmin }) }}.against(v))
	v = invariantView(true)
	v.Org.Plan.Limits[0].Max = 1
	require.NoError(t, wrongCommand{func(d *draft) { d.expel(d.byID.get("member")) }}.against(v))
	v = invariantView(true)
	v.Org.Plan.Limits[0].Max = 1
	newcomer := Member{ID: "new", Org: "org", Address: Address{Email: "new", Key: "new"}, Role: RoleMember, Status: StatusPending}
	require.ErrorIs(t, wrongCommand{func(d *draft) { d.addMember(newcomer) }}.against(v), ErrDenied)
	v = invariantView(true)
	v.Org.Plan.Limits[0].Max, v.Org.Plan.OverUsage = 1, true
	require.NoError(t, wrongCommand{func(d *draft) { d.addMember(newcomer) }}.against(v), "over-usage is allowed")
	v = invariantView(true)
	v.Org.Plan.Limits[0].Max = 1
	require.NoError(t, wrongCommand{func(d *draft) { // one for one
		d.expel(d.byID.get("member"))
		d.addMember(newcomer)
	}}.against(v))
}
