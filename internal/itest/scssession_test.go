package itest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/session/scssession"
	"github.com/orgusers/go-orgusers/session/scssession/indextest"
)

// The index of the scs adapter, on every kind of database.
func TestSCSIndex(t *testing.T) {
	t.Parallel()
	onEachKind(t, func(t *testing.T, make func(testing.TB) database) {
		indextest.Run(t, func(t *testing.T) scssession.Index {
			d := make(t)
			x, err := scssession.NewSQLIndex(d.open(t, 8), d.dialect)
			require.NoError(t, err)
			require.NoError(t, x.Migrate(t.Context()))
			require.NoError(t, x.Migrate(t.Context()), "twice is no error")
			return x
		})
	})
}

// Ending and counting one user's sessions among 100,000 takes well below 10 ms.
func TestSCSIndexAmong100000(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		db := d.open(t, 1)
		x, err := scssession.NewSQLIndex(db, d.dialect)
		require.NoError(t, err)
		require.NoError(t, x.Migrate(t.Context()))
		const sessions, users = 100_000, 50_000
		for i := 0; i < sessions; {
			var b strings.Builder
			b.WriteString("INSERT INTO orgusers_scs (row_key, user_id, began, deadline) VALUES ")
			for range 1000 {
				fmt.Fprintf(&b, "('%043d', 'u%d', %d, %d), ", i, i%users, at(i).UnixMicro(), at(sessions).UnixMicro())
				i++
			}
			_, err := db.Exec(strings.TrimSuffix(b.String(), ", "))
			require.NoError(t, err)
		}
		best := time.Hour // of a few, as the machine may be busy
		for i := range 20 {
			user := orgusers.UserID(fmt.Sprint("u", i*777))
			start := time.Now()
			over, err := x.End(t.Context(), user, at(sessions), at(sessions))
			require.NoError(t, err)
			require.Len(t, over, 2)
			require.NoError(t, x.Remove(t.Context(), over[0].Key, over[1].Key))
			left, err := x.List(t.Context(), []orgusers.UserID{user})
			require.NoError(t, err)
			require.Empty(t, left)
			best = min(best, time.Since(start))
		}
		require.Less(t, best, 10*time.Millisecond)
		t.Log("ended in", best)
	})
}
