package sqlstore

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

func TestNew(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"A", "1a", "_a", "a;b", "a-b", "é", "a b", strings.Repeat("a", 33)} {
		_, err := New(new(sql.DB), SQLite(), Options{Prefix: bad})
		require.Error(t, err, bad)
	}
	for _, good := range []string{"", "a", "a_1_", strings.Repeat("a", 32)} {
		s, err := New(new(sql.DB), SQLite(), Options{Prefix: good})
		require.NoError(t, err, good)
		require.Equal(t, 2, s.Level())
	}
	_, err := New(nil, SQLite())
	require.Error(t, err)
	_, err = New(new(sql.DB), Dialect{})
	require.Error(t, err)
	_, err = New(new(sql.DB), SQLite(), Options{}, Options{})
	require.Error(t, err)
}

func TestRender(t *testing.T) {
	t.Parallel()
	const text = `SELECT a FROM orgusers_users WHERE b = ? AND c IN (?,?)`
	for _, c := range []struct {
		d      Dialect
		prefix string
		want   string
	}{
		{SQLite(), "", `SELECT a FROM orgusers_users WHERE b = +? AND c IN (+?,+?)`},
		{MySQL(), "x_", `SELECT a FROM x_users WHERE b = ? AND c IN (?,?)`},
		{PostgreSQL(), "", `SELECT a FROM orgusers_users WHERE b = $1 AND c IN ($2,$3)`},
		{PostgreSQL(), "x_", `SELECT a FROM x_users WHERE b = $1 AND c IN ($2,$3)`},
	} {
		s, err := New(new(sql.DB), c.d, Options{Prefix: c.prefix})
		require.NoError(t, err)
		require.Equal(t, c.want, s.named(text))
	}
}

// S-171: each character of a search stands for itself.
func TestS171_Escaped(t *testing.T) {
	t.Parallel()
	require.Equal(t, `%a!%b!_c!!d\e%`, escaped(`a%b_c!d\e`))
}

// Rows that share a value share a term, and a value that all have needs none.
func TestAssignments(t *testing.T) {
	t.Parallel()
	var set assignments
	set.text("same", "1", "x")
	set.text("same", "2", "x")
	set.int("some", "2", 5)
	set.int("each", "1", 1)
	set.int("each", "2", 2)
	var q text
	set.write(&q, 2)
	require.Equal(t, `, same = ?, some = CASE WHEN id IN (?) THEN ? ELSE some END, each = CASE WHEN id IN (?) THEN ? WHEN id IN (?) THEN ? ELSE each END`, q.sql.String())
	require.Equal(t, []any{"x", "2", int64(5), "1", int64(1), "2", int64(2)}, q.args)
}

// Many values are found by halves: no row tries more than a few terms.
func TestAssignmentsOfMany(t *testing.T) {
	t.Parallel()
	var set assignments
	for i := range 2 * few {
		set.int("n", string(rune('a'+(i*7)%(2*few))), int64(i))
	}
	var q text
	set.write(&q, 2*few)
	half := strings.Repeat(` WHEN ? THEN ?`, few)
	require.Equal(t, `, n = CASE WHEN id < ? THEN CASE id`+half+` ELSE n END ELSE CASE id`+half+` ELSE n END END`, q.sql.String())
	require.Equal(t, string(rune('a'+few)), q.args[0])
	require.Equal(t, []any{"a", int64(0)}, q.args[1:3])
	require.Len(t, q.args, 1+2*2*few)
}

// Accounts of one version are one condition; others share a term with those of their version.
func TestGuarded(t *testing.T) {
	t.Parallel()
	var q text
	guarded(&q, []orgusers.UserUpdate{{ID: "a", Version: 1}, {ID: "b", Version: 1}})
	require.Equal(t, `id IN (?,?) AND version = ?`, q.sql.String())
	q = text{}
	guarded(&q, []orgusers.UserUpdate{{ID: "a", Version: 1}, {ID: "b", Version: 2}, {ID: "c", Version: 1}})
	require.Equal(t, `id IN (?,?,?) AND (((version = ? AND id IN (?,?)) OR (version = ? AND id IN (?))))`, q.sql.String())
	require.Equal(t, []any{"a", "b", "c", int64(1), "a", "c", int64(2), "b"}, q.args)
}

// An empty id would find every pending row, so it finds nothing.
func TestDistinct(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"a", "b"}, distinct([]string{"", "a", "b"}, []string{"a", ""}))
	require.Empty(t, distinct([]string{""}))
	require.Equal(t, 0, parts(0, 0))
	require.Equal(t, 1, parts(1, chunk))
	require.Equal(t, 2, parts(1, chunk+1))
	require.Empty(t, part([]int{1, 2}, 1))
}
