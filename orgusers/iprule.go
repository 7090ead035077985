package orgusers

import (
	"net/netip"
	"time"
)

// IPRule is an address opened for a session on a named resource of an organization (section 12 of
// the rules). It is in force while it has not expired, its session is live and of the kind that the
// organization demands, and the person is an active member of the enabled organization, as for
// [Service.Access]; none from before a deactivation or removal comes back. Nothing has to be revoked for it
// to end. Several sessions may hold the same address open on the same resource; it closes when the last one ends
// (R12.4).
type IPRule struct {
	ID        IPRuleID
	Org       OrgID
	User      UserID
	Session   SessionID
	IP        netip.Addr
	Resource  string // the host's name for it: 1 to 128 visible ASCII characters
	OpenedAt  time.Time
	ExpiresAt time.Time
}

// InForce reports whether the rule counts now: the one place that says so.
func (v *IPRuleView) InForce(now time.Time) bool {
	if !now.Before(v.ExpiresAt) || v.Session.Step != StepDone || !v.Session.Live(now, v.ValidFrom) || !v.OpenedAt.After(v.MemberFrom) {
		return false
	}
	o := Organization{ID: v.Org, OwnerID: v.OwnerID, Disabled: v.Disabled, Settings: Settings{SSO: v.SSO, Security: v.Security}}
	m := Member{User: v.User, Status: v.Status, WithoutSSO: v.WithoutSSO, ValidFrom: v.MemberFrom}
	a := v.Session.actor()
	return attending(&o, &m, &a) == nil && fitting(&o, &m, &a, v.MFA) == nil
}

// ends is when the rule ends if its session is not used again.
func (v *IPRuleView) ends() time.Time {
	return earlier(v.ExpiresAt, v.Session.SeenAt.Add(v.Session.Idle))
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// ended is the rule as one that is over for good, by any node's clock: whoever is reactivated opens
// anew (R12.2).
func (r IPRule) ended(e Env) IPRule {
	r.ID, r.ExpiresAt = IPRuleID(e.NewID()), earlier(r.OpenedAt, e.Now)
	return r
}

// IPRuleState says how a rule stands.
type IPRuleState string

const (
	IPRuleInForce IPRuleState = "in_force"
	IPRuleClosing IPRuleState = "closing" // over; the [Firewall] has not confirmed yet (Q25)
	IPRuleOver    IPRuleState = "over"    // over; kept until [Operator.Prune], because there is no Firewall to wait for
)

// IPRuleInfo is a rule and how it stands.
type IPRuleInfo struct {
	IPRule
	State IPRuleState
}

// stand tells of each rule how it stands.
func (s *Service) stand(page []IPRuleView) []IPRuleInfo {
	now := s.now()
	infos := make([]IPRuleInfo, len(page))
	for i := range page {
		infos[i] = IPRuleInfo{page[i].IPRule, IPRuleOver}
		switch {
		case page[i].InForce(now):
			infos[i].State = IPRuleInForce
		case s.firewall != nil:
			infos[i].State = IPRuleClosing
		}
	}
	return infos
}

const (
	minIPRule      = time.Minute
	sessionIPRules = 50   // open at once for one session
	personIPRules  = 1000 // kept for one person, those closing among them
	maxResource    = 128
)

// checkPlace lists what is wrong with an address and the name of a resource. The unspecified address
// is refused, because firewalls take it for all of them.
func checkPlace(field string, ip netip.Addr, resource string) []FieldError {
	var bad []FieldError
	switch {
	case !ip.IsValid():
		bad = append(bad, FieldError{Field: field, Reason: ReasonRequired, Message: "is required"})
	case ip.IsUnspecified() || ip.IsMulticast():
		bad = append(bad, FieldError{Field: field, Reason: ReasonRange, Message: "must be the address of one host"})
	}
	switch {
	case resource == "":
		bad = append(bad, FieldError{Field: "resource", Reason: ReasonRequired, Message: "is required"})
	case len(resource) > maxResource:
		bad = append(bad, FieldError{Field: "resource", Reason: ReasonTooLong, Message: "has up to 128 characters"})
	case !visibleASCII(resource):
		bad = append(bad, FieldError{Field: "resource", Reason: ReasonCharacter, Message: "has visible ASCII characters only"})
	}
	return bad
}
