package sqlstore

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Long lists are VALUES on PostgreSQL, short ones and rows stay as they are, and every parameter keeps
// its place.
func TestNumbered(t *testing.T) {
	t.Parallel()
	marks := func(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }
	require.Equal(t, "a = $1 AND b IN ($2,$3) AND c = $4", numbered("a = ? AND b IN (?,?) AND c = ?"))
	require.Equal(t, "b IN ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)", numbered("b IN ("+marks(10)+")"))
	require.Equal(t, "a = $1 AND b IN (VALUES ($2),($3),($4),($5),($6),($7),($8),($9),($10),($11),($12)) AND c IN ($13)",
		numbered("a = ? AND b IN ("+marks(11)+") AND c IN (?)"))
	require.Equal(t, " VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)", numbered(" VALUES ("+marks(11)+")"))
}
