package modeltest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// What administrators do to people.

func (r *run) drawApply(o *org) {
	a := r.actor(o)
	p := operation{kind: pick(r, "operation", kinds()...)}
	p.allow = p.is("set_without_sso") && r.chance("allow", 50)
	switch p.kind {
	case "set_role":
		p.role = pick(r, "role", "member", "admin", "member", "admin", "member", "admin", "owner")
	case "set_stacks":
		p.access = r.drawAccess(o)
	case "rename":
		p.name = r.drawName()
	}
	n := pick(r, "selected", 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 4, 5, 6, 8, 10, 11, 12, 0)
	ids := make([]int, n)
	for i := range ids {
		ids[i] = r.drawRow(o, a)
		if fit := o.find(func(w *row) bool { return r.fits(o, a, p, w) }); len(fit) > 0 && r.chance("fit", 50) {
			ids[i] = pick(r, "fit row", fit...).id
		}
		if n > 10 && slices.Contains(ids[:i], ids[i]) {
			ids[i] = -1 - i // more than ten different ones
		}
	}
	r.apply(a, r.seldomNone(o), p, ids, r.chance("preview", 20))
}

// fits reports whether the operation would change something.
func (r *run) fits(o *org, a actor, p operation, w *row) bool {
	me := o.joined(a.user)
	return me != nil && r.model.judge(me, o, p, w, false) == "applied"
}

// drawRow draws a person: mostly one of the organization, else one of another, one who is gone, or
// nobody.
func (r *run) drawRow(o *org, a actor) int {
	all := slices.Sorted(maps.Keys(r.rows.ids))
	here := o.find(func(*row) bool { return true })
	switch n := r.number("person", 20); {
	case n < 17 && len(here) > 0:
		return pick(r, "row", here...).id
	case n < 18 && o.joined(a.user) != nil:
		return o.joined(a.user).id
	case n < 19:
		return pick(r, "any row", all...)
	}
	return -1 - r.number("nobody", 12)
}

func (r *run) apply(a actor, o *org, p operation, ids []int, preview bool) {
	var op orgusers.Operation
	switch p.kind {
	case "remove":
		op = orgusers.Remove{}
	case "set_role":
		op = orgusers.SetRole{Role: orgusers.Role(p.role)}
	case "set_stacks":
		op = orgusers.SetStacks{Stacks: r.realAccess(p.access)}
	case "deactivate":
		op = orgusers.Deactivate{}
	case "reactivate":
		op = orgusers.Reactivate{}
	case "delete":
		op = orgusers.Delete{}
	case "rename":
		op = orgusers.Rename{Name: orgusers.Name{First: " " + p.name.First + " ", Last: p.name.Last}}
	case "force_password_reset":
		op = orgusers.ForcePasswordReset{}
	case "reset_mfa":
		op = orgusers.ResetMFA{}
	case "end_sessions":
		op = orgusers.EndSessions{}
	case "resend":
		op = orgusers.ResendInvitation{}
	case "unlock":
		op = orgusers.Unlock{}
	case "set_without_sso":
		op = orgusers.SetWithoutSSO{Allow: p.allow}
	case "unlink_sso":
		op = orgusers.UnlinkSSO{}
	}
	members := make([]orgusers.MemberID, len(ids))
	for i, id := range ids {
		members[i] = r.rows.id(id)
	}
	r.withPreview(fmt.Sprintf("%s in %v: %+v to %v", r.who(a), o, p, ids), preview && a.request == "", o,
		func() result { return r.model.apply(a, o, p, ids) },
		func(s *side) (orgusers.Report, error) {
			return r.admin(s, a, o).Preview(world.Ctx(), op, members...)
		},
		func(s *side) (orgusers.Report, error) {
			return r.admin(s, a, o).Apply(world.Ctx(), op, members...)
		})
}

// withPreview looks at a preview first, which must change nothing and tell what then happens. It
// knows nothing of request ids.
func (r *run) withPreview(what string, preview bool, o *org, decide func() result, look, do func(*side) (orgusers.Report, error)) {
	var told []reply
	if preview {
		for _, s := range r.sides {
			rep, err := look(s)
			told = append(told, reply{rep: &rep, err: err})
			now := s.look(r.tb, r)
			now.Access = s.seen.Access
			r.same(what+": preview changed the state", s, s.seen, now)
		}
	}
	beside := 0
	if o != nil {
		beside = o.beside
	}
	want := decide()
	if preview {
		if want.err != "" && o != nil {
			o.beside += o.beside - beside // the preview was refused too
		}
		r.expect(what+" (preview)", want, func(s *side) reply { return told[slices.Index(r.sides, s)] })
	}
	r.expect(what, want, func(s *side) reply {
		rep, err := do(s)
		return reply{rep: &rep, err: err}
	})
}

func (r *run) drawName() name {
	return pick(r, "name", name{"Ann", ""}, name{"Bo", "Lee"}, name{"Zoë", "O'Hara"}, name{"", "Nobody"})
}

func (r *run) drawAccess(o *org) []access {
	var out []access
	for range pick(r, "stacks", 1, 1, 1, 2, 2, 3, 0) {
		a := access{stack: r.drawStackID(o)}
		if slices.ContainsFunc(out, func(b access) bool { return b.stack == a.stack }) && !r.chance("twice", 20) {
			continue
		}
		for range pick(r, "roles", 1, 1, 2, 3, 0) {
			a.roles = append(a.roles, r.drawRoleID(o))
		}
		out = append(out, a)
	}
	return out
}

func (r *run) drawStackID(o *org) int {
	if len(o.stacks) > 0 && !r.chance("stack of elsewhere", 8) {
		return pick(r, "stack", o.stacks...).id
	}
	return pick(r, "any stack", append(slices.Sorted(maps.Keys(r.stacks.ids)), 0)...)
}

func (r *run) drawRoleID(o *org) int {
	ids := []int{developer, contentManager}
	for _, w := range o.roles {
		ids = append(ids, w.id, w.id)
	}
	if r.chance("role of elsewhere", 5) {
		ids = append(slices.Sorted(maps.Keys(r.roles.ids)), 0)
	}
	return pick(r, "role", ids...)
}

func (r *run) realAccess(in []access) []orgusers.StackAccess {
	var out []orgusers.StackAccess
	for _, a := range in {
		sa := orgusers.StackAccess{Stack: r.stacks.id(a.stack)}
		for _, w := range a.roles {
			sa.Roles = append(sa.Roles, r.roles.id(w))
		}
		out = append(out, sa)
	}
	return out
}

func (r *run) drawAllowed(o *org) {
	a := r.actor(o)
	want, err := r.model.allowed(a, o)
	var ids []orgusers.MemberID
	keys := map[orgusers.MemberID]string{}
	for _, w := range o.rows {
		ids = append(ids, r.rows.id(w.id))
		keys[r.rows.id(w.id)] = w.key
	}
	slices.Sort(ids)
	what := fmt.Sprintf("%s in %v: allowed", r.who(a), o)
	for _, s := range r.sides {
		decisions, got := r.admin(s, a, o).Allowed(world.Ctx(), append(ids, "nobody")...)
		require.Equal(r.tb, err, class(got), what)
		n := 0
		for id, row := range decisions {
			for act, d := range row {
				n++
				v := want[keys[id]+" "+kind(act)]
				ok := strings.HasPrefix(v, "applied")
				_, reason, _ := strings.Cut(v, " ")
				if v == "switched_off" {
					reason = v
				}
				if d.Allowed != ok || string(d.Reason) != reason {
					r.rt.Fatalf("%s: %s says %+v of %s to %s, the rules say %q", what, s.name, d, act, keys[id], v)
				}
			}
		}
		require.Len(r.tb, want, n, what)
	}
}
