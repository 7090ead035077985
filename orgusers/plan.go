package orgusers

import (
	"context"
	"time"
)

// Resource names something a plan limits. Users and stacks are counted here; the host's [Meter]
// counts the others, and may add resources of its own.
type Resource string

const (
	ResourceUsers        Resource = "users" // seats: everyone on the roster, pending included (Q6)
	ResourceStacks       Resource = "stacks"
	ResourceAssets       Resource = "assets"
	ResourceEntries      Resource = "entries"
	ResourceContentTypes Resource = "content_types"
	ResourceAPICalls     Resource = "api_calls"
	ResourceBandwidth    Resource = "bandwidth"

	// ResourceInvitations appears in errors when a quota of [Policy] on invitation mails is used up.
	ResourceInvitations Resource = "invitations"
	// ResourceTries appears in errors when a link or password was tried too often.
	ResourceTries Resource = "tries"
	// ResourceIPRules appears in errors when a session or a person has too many open.
	ResourceIPRules Resource = "ip_rules"
)

// Plan is what an organization may use: limits as data, because no two products agree on them
// (R9.2, R9.4). The zero value limits nothing.
type Plan struct {
	Name   string
	Limits []Limit // sorted by resource; a resource that is not listed is not limited
	// OverUsage lets the organization pass its limits; [Admin.Usage] still shows it (R9.3).
	OverUsage bool
}

// Limit is the most an organization may use of one resource.
type Limit struct {
	Resource Resource
	Max      int64 // 0 or more
}

// Max returns the limit of a resource, and whether there is one.
func (p *Plan) Max(r Resource) (int64, bool) {
	for _, l := range p.Limits {
		if l.Resource == r {
			return l.Max, true
		}
	}
	return 0, false
}

// admit returns an error of this kind if n more of r, with used in use, would pass the limit.
func (p *Plan) admit(kind error, r Resource, used, n int64) error {
	limit, ok := p.Max(r)
	if !ok || p.OverUsage || n <= 0 || used+n <= limit {
		return nil
	}
	return &Error{Kind: kind, Limit: &LimitError{Resource: r, Used: used, Asked: n, Allowed: limit}}
}

// Usage is one line of the plan page (R9.1).
type Usage struct {
	Resource Resource
	Used     int64
	Max      int64
	Limited  bool // false: Max means nothing
	Over     bool // more in use than allowed
}

// Meter tells how much of its own resources an organization uses. It is asked when the plan page
// is shown, never inside an operation.
type Meter interface {
	Usage(ctx context.Context, org OrgID) (map[Resource]int64, error)
}

// micro cuts a time to what every store keeps: microseconds, UTC. The zero time stays zero.
func micro(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.Truncate(time.Microsecond).UTC()
}
