package modeltest

import (
	"fmt"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// Stacks, roles and settings of an organization, and what support does.

func (r *run) drawTitle() string {
	return pick(r, "title", "Site", "Shop", "Blog", "SHOP", " Press ", "Ärger", "")
}

func (r *run) drawStack(o *org) {
	a := r.actor(o)
	id, title := r.drawStackID(o), r.drawTitle()
	if s := o.stack(id); s != nil && s.owner != 0 && r.chance("stack owner", 40) {
		a.user = s.owner
	}
	o = r.seldomNone(o)
	switch n := r.number("stack", 10); {
	case n < 4:
		r.createStack(a, o, title)
	case n < 7:
		r.expect(fmt.Sprintf("%s in %v: call stack %d %q", r.who(a), o, id, title), r.model.renameStack(a, o, id, title), func(s *side) reply {
			return reply{err: r.admin(s, a, o).RenameStack(world.Ctx(), r.stacks.id(id), title)}
		})
	default:
		r.expect(fmt.Sprintf("%s in %v: delete stack %d", r.who(a), o, id), r.model.deleteStack(a, o, id), func(s *side) reply {
			return reply{err: r.admin(s, a, o).DeleteStack(world.Ctx(), r.stacks.id(id))}
		})
	}
}

func (r *run) createStack(a actor, o *org, title string) {
	r.expect(fmt.Sprintf("%s in %v: create stack %q", r.who(a), o, title), r.model.createStack(a, o, title), func(s *side) reply {
		id, err := r.admin(s, a, o).CreateStack(world.Ctx(), title)
		return reply{made: string(id), err: err}
	})
}

func (r *run) drawRole(o *org) {
	a := r.actor(o)
	id := r.drawRoleID(o)
	if id < 0 && !r.chance("built-in", 20) {
		id = 0
	}
	title := pick(r, "title", "Editor", "Author", "editor", " Critic", "")
	var perms []string
	for range pick(r, "permissions", 1, 2, 2, 3) {
		perms = append(perms, pick(r, "permission", permissions()...))
	}
	o = r.seldomNone(o)
	switch n := r.number("role", 10); {
	case n < 4, id == 0 && n < 9:
		r.saveRole(a, o, 0, title, perms)
	case n < 7:
		r.saveRole(a, o, id, title, perms)
	default:
		r.expect(fmt.Sprintf("%s in %v: delete role %d", r.who(a), o, id), r.model.deleteRole(a, o, id), func(s *side) reply {
			return reply{err: r.admin(s, a, o).DeleteRole(world.Ctx(), r.roles.id(id))}
		})
	}
}

// saveRole makes a role (id 0) or updates one.
func (r *run) saveRole(a actor, o *org, id int, title string, perms []string) {
	var granted []orgusers.Permission
	for _, p := range perms {
		granted = append(granted, orgusers.Permission(p))
	}
	r.expect(fmt.Sprintf("%s in %v: save role %d as %q %v", r.who(a), o, id, title, perms), r.model.saveRole(a, o, id, title, perms), func(s *side) reply {
		if id != 0 {
			return reply{err: r.admin(s, a, o).UpdateRole(world.Ctx(), r.roles.id(id), title, granted...)}
		}
		made, err := r.admin(s, a, o).CreateRole(world.Ctx(), title, granted...)
		return reply{made: string(made), err: err}
	})
}

func (r *run) drawSettings(o *org) {
	a := r.actor(o)
	o = r.seldomNone(o)
	if r.chance("SSO", 50) {
		r.setSSO(a, o, pick(r, "SSO", sso{}, sso{}, sso{On: true}, sso{On: true, Strict: true}, sso{On: true, Mapping: true}, sso{true, true, true}, sso{Strict: true}))
		return
	}
	domains := pick(r, "domains", nil, nil, []string{"ACME.example"}, []string{"other.example", "acme.example"}, []string{"acme.example", "acme.example"}, []string{"nodot"})
	r.expect(fmt.Sprintf("%s in %v: domains %v", r.who(a), o, domains), r.model.setDomains(a, o, domains), func(s *side) reply {
		return reply{err: r.admin(s, a, o).SetAllowedDomains(world.Ctx(), domains...)}
	})
}

func (r *run) drawOperator(o *org) {
	a := actor{}
	if r.chance("request", 15) {
		a.request = pick(r, "request id", "r1", "r2", "r3", "r4")
	}
	target := r.drawRow(o, a)
	o = r.seldomNone(o)
	id := r.org(o)
	ask := func(what string, want result, do func(orgusers.Operator) error) {
		r.expect(fmt.Sprintf("support %q in %v: %s", a.request, o, what), want, func(s *side) reply {
			door := s.world.Svc.Operator(orgusers.Actor{User: "support-1", Request: a.request})
			return reply{err: do(door)}
		})
	}
	switch n := r.number("support", 20); {
	case n < 5:
		off := r.chance("disable", 30)
		ask(fmt.Sprint("disable ", off), r.model.setDisabled(a, o, off), func(d orgusers.Operator) error {
			if off {
				return d.DisableOrganization(world.Ctx(), id)
			}
			return d.EnableOrganization(world.Ctx(), id)
		})
	case n < 11:
		users, places, over := pick(r, "users", 6, 5, 7, 8, 4, 3, -1, -1), pick(r, "stacks", 3, 2, 4, 1, -1), r.chance("over-usage", 15)
		plan := orgusers.Plan{OverUsage: over}
		if users >= 0 {
			plan.Limits = append(plan.Limits, orgusers.Limit{Resource: orgusers.ResourceUsers, Max: int64(users)})
		}
		if places >= 0 {
			plan.Limits = append(plan.Limits, orgusers.Limit{Resource: orgusers.ResourceStacks, Max: int64(places)})
		}
		ask(fmt.Sprintf("plan %+v", plan), r.model.setPlan(a, o, users, places, over), func(d orgusers.Operator) error { return d.SetPlan(world.Ctx(), id, plan) })
	case n < 14:
		var closed []string
		var actions []orgusers.Action
		for range pick(r, "gates", 0, 0, 1, 2, 5) {
			k := pick(r, "gate", append(kinds(), "invite")...)
			closed, actions = append(closed, k), append(actions, action(k))
		}
		ask(fmt.Sprint("gates ", closed), r.model.setGates(a, o, closed), func(d orgusers.Operator) error { return d.SetGates(world.Ctx(), id, actions...) })
	case n < 17:
		title := pick(r, "title", "Acme", "Beta", " Delta", "")
		ask(fmt.Sprintf("rename to %q", title), r.model.renameOrganization(a, o, title), func(d orgusers.Operator) error {
			return d.RenameOrganization(world.Ctx(), id, title)
		})
	default:
		ask(fmt.Sprint("make owner ", target), r.model.restoreOwner(a, o, target), func(d orgusers.Operator) error {
			return d.RestoreOwner(world.Ctx(), id, r.rows.id(target))
		})
	}
}
