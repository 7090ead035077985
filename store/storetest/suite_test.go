package storetest

import (
	"context"
	"fmt"
	"path"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/memstore"
)

// recorder is a tester whose failures are looked at instead of reported.
type recorder struct {
	ctx context.Context
	mu  sync.Mutex
	log []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = append(r.log, fmt.Sprintf(format, args...))
}

func (r *recorder) FailNow()                 { runtime.Goexit() }
func (r *recorder) Helper()                  {}
func (r *recorder) Context() context.Context { return r.ctx }

// verdict runs one check, with few rounds, and returns why it failed, "" if it passed.
func verdict(ctx context.Context, c check, s orgusers.Store) string {
	r := &recorder{ctx: ctx}
	done := make(chan struct{})
	go func() { // of its own, because FailNow ends it
		defer close(done)
		w := newWorld(r, s)
		w.share = 20
		c.run(w)
	}()
	<-done
	return strings.Join(r.log, "\n")
}

// TestSuiteCatchesBrokenStores runs the suite on stores that each break the contract in one way. It
// requires that the checks meant for it fail, and that every check of the suite has been seen
// failing: one that cannot fail proves nothing.
func TestSuiteCatchesBrokenStores(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	ran, caught := 0, make(map[string]bool)
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		for _, b := range brokenStores() {
			t.Run(b.name, func(t *testing.T) {
				t.Parallel()
				mu.Lock()
				ran++
				mu.Unlock()
				for _, pattern := range b.by {
					n := 0
					for _, c := range checks() {
						if ok, err := path.Match(pattern, c.name); err != nil || !ok {
							continue
						}
						n++
						require.NotEmpty(t, verdict(t.Context(), c, b.of(memstore.New())), "%s did not notice", c.name)
						mu.Lock()
						caught[c.name] = true
						mu.Unlock()
					}
					require.Positive(t, n, "no check is called %s", pattern)
				}
			})
		}
	})
	t.Cleanup(func() { // after the stores, which run side by side
		if ran < len(brokenStores()) {
			return // some were not asked for
		}
		for _, c := range checks() {
			if !caught[c.name] {
				t.Errorf("no broken store shows that %s can fail", c.name)
			}
		}
	})
}

func TestSuitePassesOnAWrappedStore(t *testing.T) {
	t.Parallel()
	for _, c := range checks() {
		require.Empty(t, verdict(t.Context(), c, &spy{Store: memstore.New()}), c.name)
	}
}

func TestNamesOfChecksAreUnique(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, c := range checks() {
		require.False(t, seen[c.name], c.name)
		seen[c.name] = true
	}
}

func TestDifferenceNamesTheField(t *testing.T) {
	t.Parallel()
	a := dump{Members: []orgusers.Member{{ID: "1"}, {ID: "2", Name: name("ann"), InvitedAt: moment(1)}}}
	between := func(b dump) string {
		field, _, _ := difference(reflect.ValueOf(tidy(a)), reflect.ValueOf(tidy(b)))
		return field
	}
	require.Empty(t, between(a))
	for field, change := range map[string]func(d *dump){
		"":                      func(d *dump) { d.Members[0].Grants = []orgusers.Grant{} }, // empty is none
		".Members[1].Name.Last": func(d *dump) { d.Members[1].Name.Last = "x" },
		".Members[1].InvitedAt": func(d *dump) { d.Members[1].InvitedAt = moment(1).In(time.FixedZone("", 0)) },
		".Members[2]":           func(d *dump) { d.Members = append(d.Members, orgusers.Member{}) },
		".Members[0].Grants[0]": func(d *dump) { d.Members[0].Grants = []orgusers.Grant{{}} },
		".Users[0]":             func(d *dump) { d.Users = []orgusers.User{{Password: "b"}} },
	} {
		b := tidy(a)
		change(&b)
		require.Equal(t, field, between(b))
	}
	field, want, got := difference(reflect.ValueOf(orgusers.User{Password: "a"}), reflect.ValueOf(orgusers.User{Password: "b"}))
	require.Equal(t, []string{".Password", `"a"`, `"b"`}, []string{field, want, got}, "hashes made up by a test are shown")
}
