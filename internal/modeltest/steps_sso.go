package modeltest

import (
	"fmt"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

func (r *run) setSSO(a actor, o *org, v sso) {
	keeper := 0
	if o != nil && r.chance("keeper", 15) {
		keeper = pick(r, "account", r.known...)
	}
	r.expect(fmt.Sprintf("%s in %v: SSO %+v, kept by %d", r.who(a), o, v, keeper), r.model.setSSO(a, o, v, keeper), func(s *side) reply {
		settings := orgusers.SSO{Enabled: v.On, Strict: v.Strict, RoleMapping: v.Mapping}
		if keeper != 0 {
			settings.Keeper = r.users.id(keeper)
		}
		return reply{err: r.admin(s, a, o).SetSSO(world.Ctx(), settings)}
	})
}

// drawSSO has somebody come by the organization's provider, which must be switched on first, and given
// groups.
func (r *run) drawSSO(o *org) {
	a := r.actor(o)
	switch {
	case !o.sso.On && r.chance("on", 70):
		r.setSSO(a, o, pick(r, "SSO", sso{On: true, Mapping: true}, sso{On: true}, sso{true, true, true}))
		return
	case len(o.groups) == 0 && r.chance("groups", 50), r.chance("groups", 15):
		r.drawGroups(a, o)
		return
	}
	email := r.drawAddress()
	subject := "s of " + pick(r, "subject", email, email, email, email, email, email, "ann@acme.example", "somebody else")
	groups := pick(r, "groups", nil, []string{"staff"}, []string{"staff"}, []string{"it", "staff"}, []string{"it"}, []string{"Staff"})
	r.expect(fmt.Sprintf("%s comes to %v as %q of %v", email, o, subject, groups), r.model.signInSSO(o, email, subject, groups), func(s *side) reply {
		_, err := s.world.Visitor().SignInSSO(world.Ctx(), orgusers.Assertion{Org: r.org(o), Subject: subject, Email: email, Groups: groups})
		return reply{err: err}
	})
}

func (r *run) drawGroups(a actor, o *org) {
	var asked []mapping
	var groups []orgusers.GroupRole
	for range pick(r, "groups", 1, 2, 2, 3, 0) {
		m := mapping{name: pick(r, "group", "staff", "it", "all"), admin: r.chance("admin", 30)}
		g := orgusers.GroupRole{Group: m.name, Role: orgusers.RoleMember}
		if m.admin {
			g.Role = orgusers.RoleAdmin
		}
		for _, in := range r.drawAccess(o) {
			for _, role := range in.roles {
				m.grants = append(m.grants, grant{in.stack, role})
				g.Grants = append(g.Grants, orgusers.Grant{Stack: r.stacks.id(in.stack), Role: r.roles.id(role)})
			}
		}
		asked, groups = append(asked, m), append(groups, g)
	}
	r.expect(fmt.Sprintf("%s in %v: groups %+v", r.who(a), o, asked), r.model.setGroups(a, o, asked), func(s *side) reply {
		return reply{err: r.admin(s, a, o).SetGroups(world.Ctx(), groups...)}
	})
}
