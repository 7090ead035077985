// Package indextest is what every [scssession.Index] must pass.
package indextest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/session/scssession"
)

// at is n microseconds after some moment.
func at(n int64) time.Time { return time.UnixMicro(1_800_000_000_123_456 + n).UTC() }

var never = at(-1 << 40)

// Run tests an index. open returns an empty one.
func Run(t *testing.T, open func(t *testing.T) scssession.Index) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*testing.T, scssession.Index)
	}{
		{"sessions are found by their user and by nobody else's", finds},
		{"an end takes what began up to its time and keeps what is younger", ends},
		{"an end is remembered, is never taken back, and goes in the end", remembers},
		{"what expired is forgotten with the next session, all of it in the end", forgets},
		{"many at once", many},
		{"an entry and an end at the same time: one sees the other", races},
		{"the same key by many at once", sameKey},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, open(t))
		})
	}
}

func add(t *testing.T, x scssession.Index, e scssession.Entry) bool {
	t.Helper()
	ended, err := x.Add(context.WithoutCancel(t.Context()), e, never)
	require.NoError(t, err)
	return ended
}

func list(t *testing.T, x scssession.Index, users ...orgusers.UserID) []scssession.Entry {
	t.Helper()
	out, err := x.List(t.Context(), users)
	require.NoError(t, err)
	return out
}

func entry(key string, user orgusers.UserID, began, deadline int64) scssession.Entry {
	return scssession.Entry{Key: key, User: user, Began: at(began), Deadline: at(deadline)}
}

func finds(t *testing.T, x scssession.Index) {
	a1, a2, b := entry("a1", "ann", 1, 100), entry("A1", "ann", 2, 200), entry("b", "Ann", 3, 300)
	for _, e := range []scssession.Entry{a1, a2, b, a1} {
		require.False(t, add(t, x, e))
	}
	require.ElementsMatch(t, []scssession.Entry{a1, a2}, list(t, x, "ann"), "letters are not folded")
	require.ElementsMatch(t, []scssession.Entry{a1, a2, b}, list(t, x, "ann", "Ann", "nobody"))
	require.Empty(t, list(t, x))
	require.Empty(t, list(t, x, "an", "ann "))

	a1.User, a1.Began, a1.Deadline = "bob", at(5), at(500)
	require.False(t, add(t, x, a1))
	require.Equal(t, []scssession.Entry{a2}, list(t, x, "ann"))
	require.Equal(t, []scssession.Entry{a1}, list(t, x, "bob"))

	require.NoError(t, x.Remove(t.Context(), "A1", "none"))
	require.NoError(t, x.Remove(t.Context(), "A1"))
	require.NoError(t, x.Remove(t.Context()))
	require.Empty(t, list(t, x, "ann"))
	require.Len(t, list(t, x, "bob", "Ann"), 2)
}

func ends(t *testing.T, x scssession.Index) {
	old, same, young, other := entry("1", "ann", 9, 99), entry("2", "ann", 10, 99), entry("3", "ann", 11, 99), entry("4", "bob", 1, 99)
	for _, e := range []scssession.Entry{old, same, young, other} {
		add(t, x, e)
	}
	for range 2 { // until they are removed, as an end may be carried out again
		over, err := x.End(t.Context(), "ann", at(10), at(50))
		require.NoError(t, err)
		require.ElementsMatch(t, []scssession.Entry{old, same}, over)
	}
	require.Len(t, list(t, x, "ann"), 3, "an end forgets nothing")
	require.NoError(t, x.Remove(t.Context(), "1", "2"))
	over, err := x.End(t.Context(), "ann", at(10), at(50))
	require.NoError(t, err)
	require.Empty(t, over)
	require.Len(t, list(t, x, "ann", "bob"), 2)
	require.True(t, add(t, x, old))
	require.True(t, add(t, x, same))
	require.False(t, add(t, x, young))
	require.False(t, add(t, x, other))
}

func remembers(t *testing.T, x scssession.Index) {
	end := func(before, until int64) {
		_, err := x.End(t.Context(), "ann", at(before), at(until))
		require.NoError(t, err)
	}
	end(10, 50)
	end(5, 60)
	require.True(t, add(t, x, entry("1", "ann", 10, 99)), "an earlier end takes nothing back")
	end(20, 40)
	require.True(t, add(t, x, entry("2", "ann", 20, 99)))
	require.False(t, add(t, x, entry("3", "ann", 21, 99)))
	require.Empty(t, list(t, x, "!ann"))

	_, err := x.Add(t.Context(), entry("4", "bob", 1, 99), at(60))
	require.NoError(t, err)
	require.True(t, add(t, x, entry("5", "ann", 20, 99)), "kept until the later time")
	_, err = x.Add(t.Context(), entry("6", "bob", 1, 99), at(61))
	require.NoError(t, err)
	require.False(t, add(t, x, entry("7", "ann", 20, 99)))
}

func forgets(t *testing.T, x scssession.Index) {
	for i := range int64(50) {
		add(t, x, entry(fmt.Sprint("old", i), "ann", i, 100+i%10))
	}
	add(t, x, entry("moved", "ann", 1, 100))
	add(t, x, entry("moved", "ann", 1, 900))
	add(t, x, entry("edge", "ann", 1, 110))
	for i := range 5 {
		_, err := x.Add(t.Context(), entry(fmt.Sprint("new", i), "bob", 200, 900), at(110))
		require.NoError(t, err)
	}
	require.ElementsMatch(t, []scssession.Entry{entry("moved", "ann", 1, 900), entry("edge", "ann", 1, 110)}, list(t, x, "ann"))
	require.Len(t, list(t, x, "bob"), 5)
}

func many(t *testing.T, x scssession.Index) {
	keys, users := make([]string, 1100), make([]orgusers.UserID, 1100)
	for i := range keys {
		keys[i], users[i] = fmt.Sprint("key", i), orgusers.UserID(fmt.Sprint("user", i))
		add(t, x, entry(keys[i], users[i], 1, 99))
	}
	require.Len(t, list(t, x, users...), 1100)
	require.NoError(t, x.Remove(t.Context(), keys...))
	require.Empty(t, list(t, x, users...))
}

func races(t *testing.T, x scssession.Index) {
	for i := range 40 {
		user := orgusers.UserID(fmt.Sprint("user", i))
		e := entry(fmt.Sprint("key", i), user, 1, 99)
		var ended bool
		var over []scssession.Entry
		together(t, func() (err error) {
			ended, err = x.Add(t.Context(), e, never)
			return err
		}, func() (err error) {
			over, err = x.End(t.Context(), user, at(1), at(50))
			return err
		})
		require.True(t, ended || len(over) == 1, "round %d: the session stays, and nobody knows", i)
	}
}

func sameKey(t *testing.T, x scssession.Index) {
	for i := range 10 {
		user := orgusers.UserID(fmt.Sprint("user", i))
		e := entry(fmt.Sprint("key", i), user, 1, 99)
		one := func() error {
			_, err := x.Add(t.Context(), e, never)
			return err
		}
		cut := func() error {
			_, err := x.End(t.Context(), user, at(0), at(50))
			return err
		}
		together(t, one, one, one, cut, cut, cut)
		require.Equal(t, []scssession.Entry{e}, list(t, x, user))
	}
}

// together starts all at the same moment and wants all to succeed.
func together(t *testing.T, calls ...func() error) {
	t.Helper()
	var ready, done sync.WaitGroup
	ready.Add(1)
	errs := make([]error, len(calls))
	for i, call := range calls {
		done.Go(func() {
			ready.Wait()
			errs[i] = call()
		})
	}
	ready.Done()
	done.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
}
