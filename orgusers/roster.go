package orgusers

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"
)

// enter is the way in for everything that only reads one organization: the same authority as for
// changes, read anew, and a refusal recorded.
func (a Admin) enter(ctx context.Context, action Action, q ViewQuery, authority func(*draft) *Error) (*draft, error) {
	actor, err := a.actor.clean()
	if err != nil {
		return nil, err
	}
	q.Org, q.Joined = a.org, append(q.Joined, actor.User)
	v, err := a.s.view(ctx, q)
	if err != nil {
		return nil, stored(err)
	}
	d := newDraft(&v, actor, action, &a.s.policy, a.s.env())
	if err := authority(d); err != nil {
		return nil, a.s.refused(ctx, d, err)
	}
	return d, nil
}

// List says which page of the roster to read.
type List struct {
	MemberFilter
	Sort       MemberSort // empty: SortEmail
	Descending bool
	Cursor     string // MemberPage.Next of the page before; empty: the first page
	Limit      int    // 1 to 200; 0: 30 (R8.3)
	Grants     bool   // with everybody's stack roles
}

// MemberPage is one page of the roster.
type MemberPage struct {
	Members []Member
	Next    string // the cursor of the next page; empty: this is the last
	Tally   Tally  // of the whole organization, whatever the filter
}

// Members returns one page of the roster. Pages are by position, not by number: rows that come or go
// meanwhile are neither repeated nor lost (R8.4), and the last page costs what the first does. A
// cursor is good for the same organization, filter and order only; another one is ErrInvalid
// (S-168).
func (a Admin) Members(ctx context.Context, l List) (MemberPage, error) {
	const op = "Admin.Members"
	d, err := a.enter(ctx, ActionListMembers, ViewQuery{}, (*draft).byAdministrator)
	if err != nil {
		return MemberPage{}, named(op, err)
	}
	q, bind, err := a.memberQuery(l)
	if err != nil {
		return MemberPage{}, named(op, err)
	}
	limit := q.Limit
	q.Limit++ // one more tells whether there is a next page
	members, err := a.s.store.Members(ctx, q)
	if err != nil {
		return MemberPage{}, named(op, stored(err))
	}
	page := MemberPage{Members: members, Tally: d.org.was.Tally}
	if len(members) > limit {
		page.Members = members[:limit]
		key, err := json.Marshal(q.Sort.Key(&members[limit-1]))
		if err != nil {
			return MemberPage{}, named(op, err)
		}
		page.Next = a.s.keys.sealCursor(bind, key)
	}
	markOwner(d.org.was, page.Members)
	return page, nil
}

func markOwner(org *Organization, members []Member) {
	for i := range members {
		members[i].Owner = org.isOwner(&members[i])
	}
}

// memberQuery checks a listing and returns the store's query, and what its cursors are bound to.
func (a Admin) memberQuery(l List) (MemberQuery, string, error) {
	if l.Sort == "" {
		l.Sort = SortEmail
	}
	var bad []FieldError
	check := func(wrong bool, field string) {
		if wrong {
			bad = append(bad, FieldError{Field: field, Reason: ReasonUnknown, Message: "has no such value"})
		}
	}
	check(!l.Sort.Valid(), "sort")
	check(l.Status != "" && !l.Status.Valid(), "status")
	check(l.Role != "" && !l.Role.Valid(), "role")
	bad = append(bad, idField("stack", l.Stack)...)
	search, fe := cleanSearch(l.Search)
	if fe != nil {
		bad = append(bad, *fe)
	}
	if bad != nil {
		return MemberQuery{}, "", invalid(bad...)
	}
	q := MemberQuery{
		Org: a.org, MemberFilter: l.MemberFilter, Sort: l.Sort, Descending: l.Descending,
		Limit: clamp(l.Limit, 30, 200), Grants: l.Grants,
	}
	q.Search, q.InactiveSince = search, micro(l.InactiveSince)
	bind := fmt.Sprintf("%s|%s|%t|%q|%s|%s|%s|%t|%d|%t", a.org, q.Sort, q.Descending, q.Search, q.Status, q.Role, q.Stack, q.NeverLoggedIn, q.InactiveSince.UnixMicro(), q.WithoutMFA)
	if l.Cursor != "" {
		payload, ok := a.s.keys.openCursor(bind, l.Cursor)
		var key MemberKey
		if !ok || json.Unmarshal(payload, &key) != nil {
			return MemberQuery{}, "", invalid(FieldError{Field: "cursor", Reason: ReasonSyntax, Message: "is not a cursor of this list"})
		}
		q.After = &key
	}
	return q, bind, nil
}

// cleanSearch folds what is searched for the way rosters are folded.
func cleanSearch(s string) (string, *FieldError) {
	s = strings.TrimSpace(s)
	if s == "" {
		return "", nil
	}
	s, fe := cleanText("search", s, 100)
	return strings.ToLower(norm.NFC.String(s)), fe
}

// All walks the roster in the order and filter of the list, from its Cursor on (empty: all of it), in constant
// memory, Limit people a read (0: 200). It ends with the first error.
func (a Admin) All(ctx context.Context, l List) iter.Seq2[Member, error] {
	return func(yield func(Member, error) bool) {
		if l.Limit == 0 {
			l.Limit = 200
		}
		for {
			page, err := a.Members(ctx, l)
			if err != nil {
				yield(Member{}, err)
				return
			}
			for i := range page.Members {
				if !yield(page.Members[i], nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			l.Cursor = page.Next
		}
	}
}

// Member returns one person of the roster, with stack roles.
func (a Admin) Member(ctx context.Context, id MemberID) (Member, error) {
	const op = "Admin.Member"
	d, err := a.enter(ctx, ActionListMembers, ViewQuery{Members: []MemberID{id}, Grants: true}, (*draft).byAdministrator)
	if err != nil {
		return Member{}, named(op, err)
	}
	r := d.byID.get(id)
	if r == nil {
		return Member{}, named(op, notFound())
	}
	m := *r.was
	m.Owner = d.org.was.isOwner(&m)
	return m, nil
}

// MemberByEmail returns the person with this address, with stack roles.
func (a Admin) MemberByEmail(ctx context.Context, email string) (Member, error) {
	const op = "Admin.MemberByEmail"
	addr, fe := parseAddressField("email", email)
	if fe != nil {
		return Member{}, named(op, invalid(*fe))
	}
	d, err := a.enter(ctx, ActionListMembers, ViewQuery{Keys: []AddressKey{addr.Key}, Grants: true}, (*draft).byAdministrator)
	if err != nil {
		return Member{}, named(op, err)
	}
	r := d.byKey.get(addr.Key)
	if r == nil {
		return Member{}, named(op, notFound())
	}
	m := *r.was
	m.Owner = d.org.was.isOwner(&m)
	return m, nil
}

// OrganizationDetails is what administrators may see of their organization.
type OrganizationDetails struct {
	ID        OrgID
	Name      string
	OwnerID   UserID
	Settings  Settings
	Plan      Plan     // with its name, and whether limits may be passed (R9.1, R9.3); [Admin.Usage] has the figures
	Transfer  Transfer // the pending offer of ownership
	Tally     Tally
	CreatedAt time.Time
}

// Organization returns the organization's own details.
func (a Admin) Organization(ctx context.Context) (OrganizationDetails, error) {
	d, err := a.enter(ctx, ActionReadUsage, ViewQuery{}, (*draft).byAdministrator)
	if err != nil {
		return OrganizationDetails{}, named("Admin.Organization", err)
	}
	o := d.org.now // a copy
	return OrganizationDetails{
		ID: o.ID, Name: o.Name, OwnerID: o.OwnerID, Settings: o.Settings, Plan: o.Plan, Transfer: o.Transfer, Tally: o.Tally, CreatedAt: o.CreatedAt,
	}, nil
}

// Stacks returns all stacks of the organization, by name.
func (a Admin) Stacks(ctx context.Context) ([]Stack, error) {
	d, err := a.enter(ctx, ActionReadUsage, ViewQuery{AllStack: true}, (*draft).byAdministrator)
	if err != nil {
		return nil, named("Admin.Stacks", err)
	}
	out := make([]Stack, len(d.stacks))
	for i, s := range d.stacks {
		out[i] = *s.was
	}
	sortByName(out, func(s *Stack) (string, string) { return s.Name, string(s.ID) })
	return out, nil
}

// Roles returns the stack roles of the organization: the built-in ones, then the custom ones by
// name.
func (a Admin) Roles(ctx context.Context) ([]StackRole, error) {
	d, err := a.enter(ctx, ActionReadUsage, ViewQuery{Roles: true}, (*draft).byAdministrator)
	if err != nil {
		return nil, named("Admin.Roles", err)
	}
	custom := make([]StackRole, len(d.roles))
	for i, r := range d.roles {
		custom[i] = r.was.Clone()
	}
	sortByName(custom, func(r *StackRole) (string, string) { return r.Name, string(r.ID) })
	return append(a.s.policy.builtInRoles(), custom...), nil
}

// Usage returns the plan page: each resource that is limited or in use, with its limit (R9.1). Users
// and stacks come first, the rest from the host's [Meter] by name.
func (a Admin) Usage(ctx context.Context) ([]Usage, error) {
	const op = "Admin.Usage"
	d, err := a.enter(ctx, ActionReadUsage, ViewQuery{}, (*draft).byAdministrator)
	if err != nil {
		return nil, named(op, err)
	}
	used := map[Resource]int64{}
	if a.s.meter != nil {
		var metered map[Resource]int64
		err := a.s.port(ctx, func(ctx context.Context) (err error) {
			metered, err = a.s.meter.Usage(ctx, a.org)
			return err
		})
		if err != nil {
			return nil, named(op, &Error{Kind: ErrStore, Err: err})
		}
		for r, n := range metered {
			used[r] = n
		}
	}
	used[ResourceUsers], used[ResourceStacks] = d.org.was.Tally.Seats(), d.org.was.Tally.Stacks
	return usageLines(&d.org.was.Plan, used), nil
}
