package suite

import (
	"context"
	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

// ending is an operation after which a person administers no more.
type ending struct {
	name string
	op   orgusers.Operation
}

func endings() []ending {
	return []ending{
		{"demote", orgusers.SetRole{Role: orgusers.RoleMember}},
		{"remove", orgusers.Remove{}},
		{"deactivate", orgusers.Deactivate{}},
		{"delete", orgusers.Delete{}},
	}
}

// coop is an organization with administrators a, b and so on; owner-less, or with an owner too.
func (r *round) coop(owner bool, admins int) (team, []orgusers.Member) {
	x := team{t: r.t, w: r.a, domain: r.name("coop") + ".example"}
	var people []Person
	for i := range admins {
		people = append(people, Person{Email: x.email(string(rune('a' + i))), Role: orgusers.RoleAdmin})
	}
	address := ""
	if owner {
		address = x.email("owner")
	}
	x.Org = NewOrg(r.t, r.a, "Coop", address, people...)
	rows := make([]orgusers.Member, admins)
	for i := range rows {
		rows[i] = x.row(string(rune('a' + i)))
	}
	return x, rows
}

// leave is a call by which somebody leaves.
func (r *round) leave(i int, x team, m orgusers.Member) func(context.Context) error {
	w := r.on(i)
	mine := w.Svc.Account(w.Actor(m.User))
	return func(ctx context.Context) error { return mine.Leave(ctx, x.ID) }
}

// powerless demands that a loser was told that there is no right, or no longer a place.
func (r *round) powerless(err error) {
	r.t.Helper()
	e := kindOf(r.t, err)
	switch e.Reason {
	case "":
		require.ErrorIs(r.t, err, orgusers.ErrNotFound)
	case orgusers.ReasonNotAdministrator, orgusers.ReasonNotJoined, orgusers.ReasonSessionEnded, orgusers.ReasonLastAdmin:
		require.ErrorIs(r.t, err, orgusers.ErrDenied)
	default:
		require.Fail(r.t, "another reason", "%v", err)
	}
}

// raceDemotion: the two administrators of an owner-less organization demote each other.
func raceDemotion(r *round) {
	demote := orgusers.SetRole{Role: orgusers.RoleMember}
	x, m := r.coop(false, 2)
	_, losers := r.one(r.run(r.do(0, x, m[0], demote, m[1]), r.do(1, x, m[1], demote, m[0])))
	r.powerless(losers[0])
	CheckOrg(r.t, r.a, x.ID)
}

// administratorRaces are those by which an organization could lose everybody who administers it.
func administratorRaces(c *track) {
	c.t.Helper()
	for _, owner := range []bool{false, true} {
		form := map[bool]string{false: "owner-less", true: "with owner"}[owner]
		all := endings()
		for i, first := range all {
			for _, second := range all[i:] {
				c.race(fmt.Sprintf("S-041 %s x %s each other, %s", first.name, second.name, form), func(r *round) {
					x, m := r.coop(owner, 2)
					_, losers := r.one(r.run(r.do(0, x, m[0], first.op, m[1]), r.do(1, x, m[1], second.op, m[0])))
					r.powerless(losers[0])
					CheckOrg(r.t, r.a, x.ID)
				})
			}
		}
	}
	for _, end := range endings() {
		c.race(fmt.Sprintf("S-041 leave x %s the other", end.name), func(r *round) {
			x, m := r.coop(false, 2)
			_, losers := r.one(r.run(r.leave(0, x, m[0]), r.do(1, x, m[0], end.op, m[1])))
			r.powerless(losers[0])
			CheckOrg(r.t, r.a, x.ID)
		})
		c.race(fmt.Sprintf("S-041 %s who leaves", end.name), func(r *round) {
			x, m := r.coop(false, 2)
			for _, err := range r.run(r.leave(0, x, m[0]), r.do(1, x, m[1], end.op, m[0])) {
				if err != nil {
					r.powerless(err)
				}
			}
			require.Equal(r.t, int64(1), x.Record().Tally.Admins)
			CheckOrg(r.t, r.a, x.ID)
		})
		c.race(fmt.Sprintf("S-041 %s in a ring", end.name), func(r *round) {
			x, m := r.coop(false, 3)
			errs := r.run(r.do(0, x, m[0], end.op, m[1]), r.do(1, x, m[1], end.op, m[2]), r.do(2, x, m[2], end.op, m[0]))
			won := 0
			for _, err := range errs {
				if err == nil {
					won++
				} else {
					r.powerless(err)
				}
			}
			require.Contains(r.t, []int{1, 2}, won)
			CheckOrg(r.t, r.a, x.ID)
		})
		c.race(fmt.Sprintf("S-041 %s by two", end.name), func(r *round) {
			x, m := r.coop(false, 3)
			won := 0
			for _, err := range r.run(r.do(0, x, m[0], end.op, m[2]), r.do(1, x, m[1], end.op, m[2])) {
				if err == nil {
					won++
				} else {
					fails(r.t, err, orgusers.ErrNotFound, "")
				}
			}
			require.Positive(r.t, won)
			require.Equal(r.t, int64(2), x.Record().Tally.Admins)
			require.Len(r.t, trail(r.t, r.a, orgusers.AuditQuery{Org: x.ID, Chained: true}), 1, "it happened once")
			CheckOrg(r.t, r.a, x.ID)
		})
	}
	c.race("S-041 leave x leave", func(r *round) {
		x, m := r.coop(false, 2)
		_, losers := r.one(r.run(r.leave(0, x, m[0]), r.leave(1, x, m[1])))
		fails(r.t, losers[0], orgusers.ErrDenied, orgusers.ReasonLastAdmin)
		CheckOrg(r.t, r.a, x.ID)
	})
	c.race("S-041 step down x step down", func(r *round) {
		x, m := r.coop(false, 2)
		down := orgusers.SetRole{Role: orgusers.RoleMember}
		_, losers := r.one(r.run(r.do(0, x, m[0], down, m[0]), r.do(1, x, m[1], down, m[1])))
		fails(r.t, losers[0], orgusers.ErrDenied, orgusers.ReasonLastAdmin)
		CheckOrg(r.t, r.a, x.ID)
	})
	c.race("S-041 bulk x bulk", func(r *round) {
		x, m := r.coop(false, 4)
		bulk := func(i int, by orgusers.Member, op orgusers.Operation) func(context.Context) error {
			door := r.by(i, x.ID, by.User)
			return func(ctx context.Context) error {
				_, err := door.Apply(ctx, op, m[3].ID, m[2].ID, m[1].ID, m[0].ID)
				return err
			}
		}
		_, losers := r.one(r.run(bulk(0, m[0], orgusers.Remove{}), bulk(1, m[1], orgusers.Deactivate{})))
		r.powerless(losers[0])
		require.Equal(r.t, int64(1), x.Record().Tally.Admins)
		CheckOrg(r.t, r.a, x.ID)
	})
}
