package main

import (
	"context"
	"fmt"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

// org is an organization to work on. The library's and the raw hand's hold the same people but for
// the domain of their addresses. Ids follow from numbers, so that a million of them take no memory.
type org struct {
	id     orgusers.OrgID
	owner  orgusers.UserID
	number int
	n      int // joined members beside the owner, as seeded
	domain string
}

func (o *org) uuid(kind, i int) string {
	return fmt.Sprintf("%08x-%04x-7000-8000-%012x", o.number, kind, i)
}

func (o *org) user(i int) orgusers.UserID     { return orgusers.UserID(o.uuid(1, i)) }
func (o *org) member(i int) orgusers.MemberID { return orgusers.MemberID(o.uuid(2, i)) }

// email is the address at a place of the roster, from 0; at is the place of a member.
func (o *org) email(place int) string { return fmt.Sprintf("p%07d@%s", place, o.domain) }
func (o *org) at(i int) int           { return i * 7919 % o.n }

// login is when the member at a place, in the order of last login, was seen.
func (o *org) login(place int) time.Time { return epoch.Add(time.Duration(place) * time.Second) }

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// signedIn is after every session that was ended, by a clock that runs ahead.
func signedIn() time.Time { return time.Now().AddDate(1, 0, 0) }

func (o *org) actor() orgusers.Actor {
	return orgusers.Actor{User: o.owner, SignedInAt: signedIn()}
}

// few is how many people the calls go round.
const few = 100

// members are n of the people numbered from to to; round says how often all have had their turn. They are
// as many in an organization of any size, and spread over all of it, so that a large one shows the way to
// a row and not whether its page was ever read before.
func (o *org) members(call, n, from, to int) (ids []orgusers.MemberID, round int) {
	ids = make([]orgusers.MemberID, n)
	for k := range ids {
		ids[k] = o.member(spread(call*n+k, from, to))
	}
	return ids, call * n / min(few, to-from)
}

// spread is the number of the person whose turn it is.
func spread(turn, from, to int) int {
	n := min(few, to-from)
	return from + turn%n*((to-from)/n)
}

func (o *org) one(i int) []orgusers.MemberID { return []orgusers.MemberID{o.member(i)} }

// scale is one size of organization to measure at: one for each hand, or many.
type scale struct {
	name string
	n    int
	orgs [2][]*org // the library's, the raw hand's
}

// pick is the organization for a call, and how many calls it has had.
func (s *scale) pick(hand, call int) (*org, int) {
	all := s.orgs[hand]
	return all[call%len(all)], call / len(all)
}

const (
	manyOf = 20   // members of each of the many organizations
	spares = 1000 // accounts beside, in no organization yet
)

// seeder makes organizations, which [engine.fill] fills.
type seeder struct {
	svc    *orgusers.Service
	store  orgusers.Store
	number int
}

// scale makes a pair of organizations of n members, or, if many is not 0, so many of n; with nobody
// but the owner yet.
func (s *seeder) scale(ctx context.Context, n, many int) (*scale, error) {
	sc := &scale{name: group(n), n: n}
	if many > 0 {
		sc.name = fmt.Sprintf("%s organizations of %d", group(many), n)
	}
	for i := range max(many, 2) {
		s.number++
		o := &org{number: s.number, n: n, domain: fmt.Sprintf("o%d.example", s.number)}
		var err error
		if o.id, err = s.svc.Operator(orgusers.Actor{User: "bench"}).CreateOrganization(ctx, orgusers.NewOrganization{Name: "Bench", Owner: "owner@" + o.domain}); err != nil {
			return nil, err
		}
		v, err := s.store.View(ctx, orgusers.ViewQuery{Org: o.id})
		if err != nil {
			return nil, err
		}
		o.owner = v.Org.OwnerID
		sc.orgs[i%2] = append(sc.orgs[i%2], o)
	}
	for _, orgs := range sc.orgs {
		if err := s.spares(ctx, orgs[0]); err != nil {
			return nil, err
		}
	}
	return sc, nil
}

func (o *org) spare(i int) string { return fmt.Sprintf("spare%04d@%s", i, o.domain) }

func (s *seeder) spares(ctx context.Context, o *org) error {
	var c orgusers.Changes
	for i := range spares {
		addr, err := orgusers.ParseAddress(o.spare(i))
		if err != nil {
			return err
		}
		c.NewUsers = append(c.NewUsers, orgusers.User{ID: orgusers.UserID(o.uuid(3, i)), Address: addr, Name: orgusers.Name{First: "Spare"}, Verified: true, CreatedAt: epoch, Version: 1})
	}
	return s.store.Commit(ctx, c)
}

// group writes a number with its thousands apart.
func group(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", group(n/1000), n%1000)
}
