package orgusers

import "context"

// Account is a signed-in person's own affairs.
type Account struct {
	s     *Service
	actor Actor
}

// Account returns the door of a signed-in person.
func (s *Service) Account(actor Actor) Account { return Account{s, actor} }

// Organizations returns up to limit (1 to 1,000) organizations the person has joined, whose ids
// follow after. A session by an identity provider is told of the provider's own alone.
func (a Account) Organizations(ctx context.Context, after OrgID, limit int) ([]OrganizationInfo, error) {
	const op = "Account.Organizations"
	d, err := a.look(ctx, ActionReadAccount)
	if err != nil {
		return nil, named(op, err)
	}
	if bad := idField("after", after); bad != nil {
		return nil, named(op, invalid(bad...))
	}
	if sso := d.actor.SSO; sso != "" { // an identity provider is told nothing of the others
		out := []OrganizationInfo{}
		if m := d.membership(sso); m != nil && sso > after {
			out = append(out, OrganizationInfo{ID: sso, Name: m.OrgName, Disabled: m.Disabled, Owner: m.OwnerID == d.actor.User})
		}
		return out, nil
	}
	orgs, err := a.s.store.Organizations(ctx, OrgQuery{User: a.actor.User, After: after, Limit: clamp(limit, 100, 1000)})
	if err != nil {
		return nil, named(op, stored(err))
	}
	out := make([]OrganizationInfo, 0, len(orgs))
	for i := range orgs {
		out = append(out, OrganizationInfo{ID: orgs[i].ID, Name: orgs[i].Name, Disabled: orgs[i].Disabled, Owner: orgs[i].OwnerID == a.actor.User})
	}
	return out, nil
}

// OrganizationInfo is what any member may see of an organization (R1.7).
type OrganizationInfo struct {
	ID       OrgID
	Name     string
	Disabled bool
	Owner    bool // the person owns it
}

// Leave ends the person's membership in an organization. The owner must transfer the ownership
// first (R1.13), the last administrator of an owner-less organization cannot leave (R12.5), nor its
// [SSO.Keeper]. Repeated
// with its request id by whoever left, it is answered again (S-225).
func (a Account) Leave(ctx context.Context, org OrgID) error {
	_, err := a.s.do(ctx, "Account.Leave", a.actor, Leave{org})
	return err
}

// Rename changes the person's name, on the rosters of all organizations too.
func (a Account) Rename(ctx context.Context, name Name) error {
	c := &RenameSelf{Name: name}
	_, err := a.run(ctx, "Account.Rename", c, &c.own)
	return err
}
