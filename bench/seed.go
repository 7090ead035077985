package main

import (
	"context"
	"fmt"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

// The two organizations of a size hold the same people but for the domain of their addresses: one is
// worked on by the library, the other by the raw SQL.

// seeded is an organization to measure on.
type seeded struct {
	org     orgusers.OrgID
	owner   orgusers.Actor
	members []orgusers.MemberID // joined, beside the owner
	users   []orgusers.UserID   // beside members
	domain  string
	spare   []string // addresses of proved accounts that are in no organization
}

const chunk = 2000

// seed makes an organization of n joined members and 1,000 spare accounts, through the store, because
// a hundred thousand password hashes would take an hour.
func seed(ctx context.Context, svc *orgusers.Service, store orgusers.Store, n int, domain string) (seeded, error) {
	s := seeded{domain: domain}
	var err error
	if s.org, err = svc.Operator(orgusers.Actor{User: "bench"}).CreateOrganization(ctx, orgusers.NewOrganization{Name: "Bench", Owner: "owner@" + domain}); err != nil {
		return s, err
	}
	stamp := time.Now().UTC().Truncate(time.Microsecond)
	id := func(kind, i int) string {
		return fmt.Sprintf("%08x-%04x-7000-8000-%012x", hash(domain), kind, i)
	}
	for from := 0; from < n; from += chunk {
		v, err := store.View(ctx, orgusers.ViewQuery{Org: s.org})
		if err != nil {
			return s, err
		}
		c := orgusers.Changes{Org: &v.Org}
		for i := from; i < min(from+chunk, n); i++ {
			addr, err := orgusers.ParseAddress(fmt.Sprintf("p%07d@%s", i*7919%n, domain)) // not in the order of the ids
			if err != nil {
				return s, err
			}
			u := orgusers.User{
				ID: orgusers.UserID(id(1, i)), Address: addr, Name: orgusers.Name{First: fmt.Sprintf("Name%d", i%977), Last: fmt.Sprint("Last", i)},
				Verified: true, Orgs: 1, CreatedAt: stamp, Version: 1, LastLogin: stamp.Add(-time.Duration(i*37%n) * time.Second),
				MFA: orgusers.MFA{Secret: "sealed", EnrolledAt: stamp},
			}
			m := orgusers.Member{
				ID: orgusers.MemberID(id(2, i)), Org: s.org, User: u.ID, Address: addr, Role: orgusers.RoleMember, Status: orgusers.StatusActive,
				InvitedByEmail: "owner@" + domain, InvitedAt: stamp.Add(-time.Duration(i) * time.Second), JoinedAt: stamp, Name: u.Name, MFA: true, LastLogin: u.LastLogin,
			}
			c.NewUsers, c.NewMembers = append(c.NewUsers, u), append(c.NewMembers, m)
			s.members, s.users = append(s.members, m.ID), append(s.users, u.ID)
		}
		v.Org.Tally.Members += int64(len(c.NewMembers))
		if err := store.Commit(ctx, c); err != nil {
			return s, err
		}
	}
	var c orgusers.Changes
	for i := range 1000 {
		email := fmt.Sprintf("spare%04d@%s", i, domain)
		addr, err := orgusers.ParseAddress(email)
		if err != nil {
			return s, err
		}
		c.NewUsers = append(c.NewUsers, orgusers.User{ID: orgusers.UserID(id(3, i)), Address: addr, Name: orgusers.Name{First: "Spare"}, Verified: true, CreatedAt: stamp, Version: 1})
		s.spare = append(s.spare, email)
	}
	if err := store.Commit(ctx, c); err != nil {
		return s, err
	}
	v, err := store.View(ctx, orgusers.ViewQuery{Org: s.org})
	if err != nil {
		return s, err
	}
	s.owner = orgusers.Actor{User: v.Org.OwnerID, SignedInAt: time.Now()}
	return s, nil
}

func hash(s string) uint32 {
	h := uint32(2166136261)
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return h
}
