package modeltest

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// side is the service on one store. Ids, clock, salts and keys are the same on every side, so that
// whatever two sides keep can be compared as it is.
type side struct {
	name     string
	world    *world.World
	mails    int // read from the inbox so far
	sessions hostSessions
	before   snapshot // what was seen last but one
	seen     snapshot
}

func newSide(t testing.TB, name string, store orgusers.Store, p policy) *side {
	t.Helper()
	s := &side{name: name, sessions: hostSessions{}}
	s.world = world.New(t, store, func(c *orgusers.Config) {
		n := 0
		c.NewID = func() string {
			n++
			return fmt.Sprintf("00000000-0000-7000-8000-%012x", n)
		}
		var seed [32]byte
		binary.LittleEndian.PutUint64(seed[:], 1)
		c.Rand = rand.NewChaCha8(seed)
		c.Policy = orgusers.Policy{
			StepUp:            []orgusers.Action{},
			ImmediateMFAReset: p.ImmediateMFA, PeersProtected: p.PeersProtected, EndSessionsOnForcedReset: p.EndOnReset,
			UnlockSkips: p.UnlockSkips, InvitationsNeverExpire: p.NeverExpire, InvitesPerActorHour: p.PerHour,
			InvitesPerMailboxDay: p.PerMailbox, MaxSends: p.MaxSends,
			ResetMailsPerHour: p.Resets, ResetMailsPerDay: p.Resets + 1,
		}
		if p.HostSessions {
			c.Sessions = s.sessions
		}
	})
	return s
}

// hostSessions is a host that keeps one session for each account: when it began.
type hostSessions map[orgusers.UserID]time.Time

func (h hostSessions) Active(_ context.Context, users []orgusers.UserID) (map[orgusers.UserID]int, error) {
	n := map[orgusers.UserID]int{}
	for _, u := range users {
		if _, some := h[u]; some {
			n[u] = 1
		}
	}
	return n, nil
}

func (h hostSessions) End(_ context.Context, users []orgusers.UserID, before time.Time) error {
	for _, u := range users {
		if began, some := h[u]; some && !began.After(before) {
			delete(h, u)
		}
	}
	return nil
}

// snapshot is all that a store keeps and can be seen, detached from it.
type snapshot struct {
	Users   []orgusers.User
	Effects []orgusers.Effect
	Orgs    []orgSnapshot
	Access  []map[int]string // of each organization, by the number of the account
}

type orgSnapshot struct {
	Org     orgusers.Organization
	Members []orgusers.Member
	Stacks  []orgusers.Stack
	Roles   []orgusers.StackRole
}

// look reads everything anew, save what people may do, for which the ids must have been learned first. Queries have no order where the contract promises none, and an empty
// list may be nil or not.
func (s *side) look(t testing.TB, r *run) snapshot {
	t.Helper()
	ctx, store := world.Ctx(), s.world.Store
	v, err := store.View(ctx, orgusers.ViewQuery{UserKeys: r.keys})
	require.NoError(t, err, s.name)
	out := snapshot{Users: byID(v.Users, func(u *orgusers.User) string { return string(u.ID) })}
	out.Effects, err = store.Effects(ctx, orgusers.EffectQuery{Limit: 1000})
	require.NoError(t, err, s.name)
	out.Effects = byID(out.Effects, func(e *orgusers.Effect) string { return string(e.ID) })
	for _, id := range r.orgs {
		v, err := store.View(ctx, orgusers.ViewQuery{Org: id, AllStack: true, Roles: true})
		require.NoError(t, err, s.name)
		o := orgSnapshot{Org: v.Org}
		o.Stacks = byID(v.Stacks, func(s *orgusers.Stack) string { return string(s.ID) })
		o.Roles = byID(v.Roles, func(r *orgusers.StackRole) string { return string(r.ID) })
		o.Members, err = store.Members(ctx, orgusers.MemberQuery{Org: id, Sort: orgusers.SortEmail, Limit: 100, Grants: true})
		require.NoError(t, err, s.name)
		for i := range o.Members {
			o.Members[i].Grants = append([]orgusers.Grant{}, o.Members[i].Grants...)
		}
		for i := range o.Roles {
			o.Roles[i].Permissions = append([]orgusers.Permission{}, o.Roles[i].Permissions...)
		}
		o.Org.Settings.AllowedDomains = append([]string{}, o.Org.Settings.AllowedDomains...)
		o.Org.Settings.Groups = append([]orgusers.GroupRole{}, o.Org.Settings.Groups...)
		for i := range o.Org.Settings.Groups {
			o.Org.Settings.Groups[i].Grants = append([]orgusers.Grant{}, o.Org.Settings.Groups[i].Grants...)
		}
		o.Org.Settings.Closed = append([]orgusers.Action{}, o.Org.Settings.Closed...)
		o.Org.Plan.Limits = append([]orgusers.Limit{}, o.Org.Plan.Limits...)
		out.Orgs = append(out.Orgs, o)
	}
	return out
}

func byID[T any](rows []T, id func(*T) string) []T {
	slices.SortFunc(rows, func(a, b T) int { return strings.Compare(id(&a), id(&b)) })
	return slices.Clip(append([]T{}, rows...))
}

// ask adds what people may do to what was seen. They may what they might before if accounts and
// organizations are as they were, sign-ins among them: half the steps change neither.
func (s *side) ask(r *run) {
	if reflect.DeepEqual(s.before.Users, s.seen.Users) && reflect.DeepEqual(s.before.Orgs, s.seen.Orgs) {
		s.seen.Access = s.before.Access
		return
	}
	for _, org := range r.orgs {
		may := map[int]string{}
		for _, user := range r.known {
			may[user] = s.access(r, user, org)
		}
		s.seen.Access = append(s.seen.Access, may)
	}
}

// access is what the host's middleware is told of one person's own session, in the model's words.
func (s *side) access(r *run, user int, org orgusers.OrgID) string {
	actor := orgusers.Actor{User: r.users.id(user), SignedInAt: r.session[user]}
	for _, o := range r.model.orgs {
		if r.orgs[o.id] == org {
			actor.SSO = r.sso(user, o)
		}
	}
	a, err := s.world.Svc.Access(world.Ctx(), actor, org)
	if err != nil {
		return class(err)
	}
	out := string(a.Role)
	switch {
	case a.Owner:
		out = "owner"
	case a.Administers() != (out == "admin"):
		out += "?"
	}
	for n := range r.model.last + 1 {
		id, known := r.stacks.ids[n]
		if !known || !a.Stack(id) {
			continue
		}
		var perms []string
		for _, p := range permissions() {
			if a.Can(id, orgusers.Permission(p)) {
				perms = append(perms, p)
			}
		}
		if a.Can(id, "no:such") {
			perms = []string{"all"}
		}
		out += fmt.Sprintf(" %d:%s", n, strings.Join(perms, ","))
	}
	return out
}

// permissions are all there are here, sorted.
func permissions() []string {
	return []string{"a:b", "c:d", "content:publish", "content:read", "content:write", "schema:write", "settings:write"}
}

// newMails is what was mailed since last asked, in the order of the outbox.
func (s *side) newMails() []orgusers.Mail {
	all := s.world.Inbox.All()
	fresh := all[s.mails:]
	s.mails = len(all)
	return byID(fresh, func(m *orgusers.Mail) string { return string(m.ID) })
}

// scope is what is given to code that wants a testing.TB: what it opens is closed when the run ends,
// not when the test does, and when it fails the run has failed, which can then be made shorter. An
// error ends the run at once, so that its text and not the FailNow behind it is what is reported.
type scope struct {
	testing.TB
	rt *rapid.T
}

func (s scope) Cleanup(f func())                  { s.rt.Cleanup(f) }
func (s scope) Errorf(format string, args ...any) { s.rt.Fatalf(format, args...) }
func (s scope) Error(args ...any)                 { s.rt.Fatal(args...) }
func (s scope) Fatalf(format string, args ...any) { s.rt.Fatalf(format, args...) }
func (s scope) Fatal(args ...any)                 { s.rt.Fatal(args...) }
func (s scope) Fail()                             { s.rt.Fail() }
func (s scope) FailNow()                          { s.rt.FailNow() }
func (s scope) Failed() bool                      { return s.rt.Failed() }
func (s scope) Log(args ...any)                   { s.rt.Log(args...) }
func (s scope) Logf(format string, args ...any)   { s.rt.Logf(format, args...) }

func (s scope) TempDir() string {
	dir, err := os.MkdirTemp("", "modeltest")
	if err != nil {
		s.rt.Fatalf("%v", err)
	}
	s.rt.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
