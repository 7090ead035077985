package sqlstore

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNumbered(t *testing.T) {
	t.Parallel()
	require.Equal(t, "a = $1 AND b IN ($2,$3) AND c = $4", numbered("a = ? AND b IN (?,?) AND c = ?"))
}

// Long lists are arrays on PostgreSQL, short ones stay as they are, and every parameter keeps its place.
func TestArrays(t *testing.T) {
	t.Parallel()
	ids := strings.Split("abcdefghijk", "")
	var q text
	q.add("a = ? AND b IN ", "first")
	list(&q, ids)
	q.add(" AND c IN ")
	list(&q, ids[:listed])
	q.add(" AND d IN ")
	list(&q, ids)
	q.add(" AND e = ?", "last")
	got := q.arrays()
	require.Equal(t, "a = ? AND b IN (SELECT unnest(?::text[])) AND c IN (?,?,?,?,?,?,?,?,?,?) AND d IN (SELECT unnest(?::text[])) AND e = ?", got.sql.String())
	all := `{"a","b","c","d","e","f","g","h","i","j","k"}`
	require.Equal(t, append(append([]any{"first", all}, q.args[12:22]...), all, "last"), got.args)

	q = text{}
	q.add("INSERT INTO t (a, b)")
	q.rows(listed+1, 2)
	for i := range listed + 1 {
		q.args = append(q.args, `"\{},`, int64(i))
	}
	q.add(" ON CONFLICT DO NOTHING")
	got = q.arrays()
	require.Equal(t, "INSERT INTO t (a, b) SELECT * FROM unnest(?::text[],?::bigint[]) ON CONFLICT DO NOTHING", got.sql.String())
	require.Equal(t, []any{"{" + strings.Repeat(`"\"\\{},",`, listed) + `"\"\\{},"}`, "{0,1,2,3,4,5,6,7,8,9,10}"}, got.args)
}
