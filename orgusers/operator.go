package orgusers

import (
	"context"
	"time"
)

// Operator is the vendor's own support team: what customers cannot do themselves (R1.12). The host
// decides who gets this door; its actor is only written down.
type Operator struct {
	s     *Service
	actor Actor
}

// Operator returns the support team's door.
func (s *Service) Operator(actor Actor) Operator { return Operator{s, actor} }

// CreateOrganization makes an organization with its owner, or owner-less with administrators. People
// without an account get one and a mailed link to set its password.
func (o Operator) CreateOrganization(ctx context.Context, n NewOrganization) (OrgID, error) {
	rep, err := o.s.do(ctx, "Operator.CreateOrganization", o.actor, &CreateOrganization{NewOrganization: n})
	return OrgID(rep.Subject), err
}

// RenameOrganization renames an organization.
func (o Operator) RenameOrganization(ctx context.Context, org OrgID, name string) error {
	return o.do(ctx, "Operator.RenameOrganization", RenameOrganization{org, name})
}

// DisableOrganization shuts an organization: nobody of it can do anything there, and nobody can
// join (S-030).
func (o Operator) DisableOrganization(ctx context.Context, org OrgID) error {
	return o.do(ctx, "Operator.DisableOrganization", SetDisabled{org, true})
}

// EnableOrganization opens it again. Links that expired meanwhile stay expired.
func (o Operator) EnableOrganization(ctx context.Context, org OrgID) error {
	return o.do(ctx, "Operator.EnableOrganization", SetDisabled{org, false})
}

// SetPlan replaces the plan. People above a lower limit stay; nobody new comes in.
func (o Operator) SetPlan(ctx context.Context, org OrgID, plan Plan) error {
	return o.do(ctx, "Operator.SetPlan", SetPlan{org, plan})
}

// SetGates says which operations are switched off in an organization (R6.3); the others are on.
func (o Operator) SetGates(ctx context.Context, org OrgID, closed ...Action) error {
	return o.do(ctx, "Operator.SetGates", SetGates{org, closed})
}

// RestoreOwner makes an active member the owner, when the owner cannot any more. The old owner
// becomes a Member and is told. Who has only come by single sign-on needs a password first, as for
// [Admin.OfferOwnership].
func (o Operator) RestoreOwner(ctx context.Context, org OrgID, member MemberID) error {
	return o.do(ctx, "Operator.RestoreOwner", RestoreOwner{org, member})
}

func (o Operator) do(ctx context.Context, op string, c Command) error {
	_, err := o.s.do(ctx, op, o.actor, c)
	return err
}

// Organization returns one organization.
func (o Operator) Organization(ctx context.Context, org OrgID) (Organization, error) {
	if org == "" {
		return Organization{}, named("Operator.Organization", notFound())
	}
	v, err := o.s.view(ctx, ViewQuery{Org: org})
	return v.Org, named("Operator.Organization", stored(err))
}

// Organizations returns up to limit (1 to 1,000) organizations whose ids follow after, in the order
// of their ids.
func (o Operator) Organizations(ctx context.Context, after OrgID, limit int) ([]Organization, error) {
	if bad := idField("after", after); bad != nil {
		return nil, named("Operator.Organizations", invalid(bad...))
	}
	orgs, err := o.s.store.Organizations(ctx, OrgQuery{After: after, Limit: clamp(limit, 100, 1000)})
	return orgs, named("Operator.Organizations", stored(err))
}

// DeadLetters returns up to limit effects that were given up, in the order of their ids. They stay
// until [Operator.Requeue].
func (o Operator) DeadLetters(ctx context.Context, after EffectID, limit int) ([]Effect, error) {
	effects, err := o.effects(ctx, true, after, limit)
	return effects, named("Operator.DeadLetters", err)
}

// Backlog returns up to limit effects still to be carried out, in the order of their ids. One with an
// [Effect.LastError] is late: it says why.
func (o Operator) Backlog(ctx context.Context, after EffectID, limit int) ([]Effect, error) {
	effects, err := o.effects(ctx, false, after, limit)
	return effects, named("Operator.Backlog", err)
}

func (o Operator) effects(ctx context.Context, dead bool, after EffectID, limit int) ([]Effect, error) {
	if bad := idField("after", after); bad != nil {
		return nil, invalid(bad...)
	}
	effects, err := o.s.store.Effects(ctx, EffectQuery{Dead: dead, After: after, Limit: clamp(limit, 100, 1000)})
	return effects, stored(err)
}

// Requeue tries dead effects again, and returns how many there were.
func (o Operator) Requeue(ctx context.Context, ids ...EffectID) (int, error) {
	n, err := o.s.store.Requeue(ctx, plausible(ids), o.s.now())
	return n, named("Operator.Requeue", stored(err))
}

// Prune forgets expired counters, sessions and IP rules (with a [Firewall] those go when it has
// confirmed), and the answers to request ids older than keep (at least a day). Call it now and then,
// for example once a day.
func (o Operator) Prune(ctx context.Context, keep time.Duration) error {
	now := o.s.now()
	rules := now
	if o.s.firewall != nil {
		rules = time.Time{} // however long that takes
	}
	return named("Operator.Prune", stored(o.s.store.Prune(ctx, now, rules, now.Add(-max(keep, day)))))
}

// Verify checks the audit trail of an organization; see [Admin.Verify]. With no organization it checks
// the entries of account matters, which stand beside every chain: each under a seal of its own, so
// that what was edited, made up or moved there is found, and what was deleted is not.
func (o Operator) Verify(ctx context.Context, org OrgID) (Verification, error) {
	v, err := o.s.verify(ctx, org)
	return v, named("Operator.Verify", err)
}

// clamp brings a page size into range; 0 or less is the default (S-173).
func clamp(n, def, high int) int {
	if n <= 0 {
		return def
	}
	return min(n, high)
}
