package main

import (
	"context"
	"fmt"

	"github.com/orgusers/go-orgusers/orgusers"
)

// op is one operation to measure. Both hands do the same to their own organizations.
type op struct {
	name   string
	bar    float64 // the most that performance.md lets the ratio to raw be
	which  string  // of the bars
	flat   bool    // P4 wants it to cost the same in any organization
	people int     // of the few, in each call
	rounds int
	skip   func(*scale) bool
	before func(ctx context.Context, b *bench, h hand, o *org, turn int) error // not measured
	do     func(ctx context.Context, b *bench, h hand, o *org, turn int) error // turn counts the calls in this organization
	setup  func(ctx context.Context, b *bench, s *scale, which int, calls int) error
}

func (b *bench) ops() []op {
	n := b.rounds
	list := []op{{
		name: "access", bar: 1.3, which: "P7", people: 1, rounds: 2 * n,
		do: func(ctx context.Context, _ *bench, h hand, o *org, turn int) error {
			return h.access(ctx, o, spread(turn, 0, o.n))
		},
	}}
	for _, sort := range sorts {
		list = append(list, pages(sort, n)...)
	}
	return append(list,
		invite(1, n), invite(10, n), invite(1000, max(1, n/10)),
		setRole(1, n, func(o *org) (int, int) { return 2 * heirs, o.n / 2 }),
		setRole(10, n, func(o *org) (int, int) { return o.n / 2, o.n }),
		op{
			name: "reset MFA of 10", bar: 1.5, which: "P1", people: 10, rounds: n,
			do: func(ctx context.Context, _ *bench, h hand, o *org, turn int) error {
				ids, _ := o.members(turn, 10, 0, o.n)
				return h.resetMFA(ctx, o, ids)
			},
		},
		accept(n), offer(n), transfer(n), signIn(n/2), remove(n),
	)
}

func pages(sort orgusers.MemberSort, n int) (list []op) {
	page := func(where string, skip func(*scale) bool, at func(o *org, turn int) int) {
		list = append(list, op{
			name: fmt.Sprintf("page by %s, %s", map[orgusers.MemberSort]string{orgusers.SortEmail: "e-mail", orgusers.SortLastLogin: "last login"}[sort], where),
			bar:  1.3, which: "P5", flat: true, rounds: 2 * n, skip: skip,
			do: func(ctx context.Context, _ *bench, h hand, o *org, turn int) error {
				return h.page(ctx, o, place{sort, at(o, turn)})
			},
		})
	}
	small := func(s *scale) bool { return s.n < 1000 }
	page("first", nil, func(*org, int) int { return 0 })
	page("middle", small, func(o *org, turn int) int {
		places := middles(o.n + 1)
		return places[turn%len(places)]
	})
	page("end", small, func(o *org, _ int) int { return end(o.n + 1) })
	return list
}

func invite(people, n int) op {
	which := "P1"
	if people == 1000 {
		which = "P2"
	}
	return op{
		name: "invite " + group(people), bar: 1.5, which: which, rounds: n,
		do: func(ctx context.Context, b *bench, h hand, o *org, _ int) error {
			return h.invite(ctx, o, b.fresh(o, people))
		},
	}
}

// fresh are addresses that nobody has.
func (b *bench) fresh(o *org, n int) []string {
	next := int(b.next.Add(1))
	emails := make([]string, n)
	for i := range emails {
		emails[i] = fmt.Sprintf("new%07d.%d@%s", next*7919%9_999_991, i, o.domain)
	}
	return emails
}

// setRole goes through its part of the roster in turn, so that every call changes everybody it names.
func setRole(people, n int, part func(*org) (int, int)) op {
	return op{
		name: fmt.Sprintf("role of %d", people), bar: 1.5, which: "P1", flat: true, people: people, rounds: n,
		do: func(ctx context.Context, _ *bench, h hand, o *org, turn int) error {
			from, to := part(o)
			ids, round := o.members(turn, people, from, to)
			return h.setRole(ctx, o, role(round), ids)
		},
	}
}

func role(round int) orgusers.Role {
	if round%2 == 0 {
		return orgusers.RoleAdmin
	}
	return orgusers.RoleMember
}

// accept joins spare accounts, which need no password.
func accept(n int) op {
	return op{
		name: "accept", bar: 1.5, which: "P1", flat: true, rounds: n,
		setup: func(ctx context.Context, b *bench, s *scale, which, calls int) error {
			if err := b.clear(ctx); err != nil {
				return err
			}
			for call := range calls {
				o, _ := s.pick(which, call)
				if err := b.hands[which].invite(ctx, o, []string{s.spare(which, call)}); err != nil {
					return err
				}
			}
			if which == theirs {
				return b.clear(ctx)
			}
			return b.lib.deliver(ctx)
		},
		do: func(ctx context.Context, b *bench, h hand, o *org, _ int) error {
			return h.accept(ctx, o, b.now.scale.spare(b.now.which, b.now.call))
		},
	}
}

// spare is the account for a call, which the first organization of a hand lends to the others.
func (s *scale) spare(which, call int) string { return s.orgs[which][0].spare(call) }

// heirs are how many take turns at being offered the organization, and how many others at getting it,
// so that nobody is the owner of the time, nor was offered it just before.
const heirs = 4

func offer(n int) op {
	return op{
		name: "offer ownership", bar: 1.5, which: "P1", rounds: n,
		do: func(ctx context.Context, _ *bench, h hand, o *org, turn int) error {
			return h.offer(ctx, o, o.email(o.at(turn%heirs)))
		},
	}
}

func transfer(n int) op {
	return op{
		name: "transfer", bar: 1.5, which: "P1", rounds: n / 2,
		before: func(ctx context.Context, b *bench, h hand, o *org, turn int) error {
			if err := b.clear(ctx); err != nil {
				return err
			}
			if err := h.offer(ctx, o, o.email(o.at(heirs+turn%heirs))); err != nil || b.now.which == theirs {
				return err
			}
			return b.lib.deliver(ctx)
		},
		do: func(ctx context.Context, _ *bench, h hand, o *org, turn int) error {
			i := heirs + turn%heirs
			if err := h.takeOver(ctx, o, o.email(o.at(i))); err != nil {
				return err
			}
			o.owner = o.user(i)
			return nil
		},
	}
}

// signIn signs people in with their passwords. What the hash takes is no part of it (P8): it is the same for
// both hands, and a hundred times as much.
func signIn(n int) op {
	people := func(o *org) (from, to int) { return o.n * 3 / 5, o.n } // whose second factor nothing else asks for
	return op{
		name: "sign-in less the hash", bar: 1.5, which: "P8", rounds: n,
		skip: func(s *scale) bool { return s.n < 1000 },
		setup: func(ctx context.Context, b *bench, s *scale, which, _ int) error {
			o := s.orgs[which][0]
			from, to := people(o)
			for turn := range few {
				if err := b.givePassword(ctx, o, spread(turn, from, to)); err != nil {
					return err
				}
			}
			return nil
		},
		do: func(ctx context.Context, _ *bench, h hand, o *org, turn int) error {
			from, to := people(o)
			return h.signIn(ctx, o, spread(turn, from, to))
		},
	}
}

// remove takes people off the end of the roster, ten at a time, each once.
func remove(n int) op {
	return op{
		name: "remove 10", bar: 1.5, which: "P1", rounds: min(n, 40),
		do: func(ctx context.Context, _ *bench, h hand, o *org, turn int) error {
			ids := make([]orgusers.MemberID, 10)
			for k := range ids {
				ids[k] = o.member(o.n - 1 - turn*10 - k)
			}
			return h.remove(ctx, o, ids)
		},
	}
}

// sorts are the orders of the pages that are measured.
var sorts = []orgusers.MemberSort{orgusers.SortEmail, orgusers.SortLastLogin}
