package itest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

// S-155: what counters came to is told by the statement that adds, and on MySQL, which cannot, by one that
// reads after it: there the words for MariaDB are a comment.
func TestS155_Totals(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		s, control, _ := counted(t, d)
		add := func(statements int) {
			t.Helper()
			control.Reset()
			if statements > 1 {
				control.Rewrite(func(q string) string { return strings.ReplaceAll(q, " /*M! RETURNING name, total */", "") })
			}
			totals, err := s.Bump(t.Context(), []orgusers.Counter{{Key: "b", Add: 2, ExpiresAt: at(1)}, {Key: "a", Add: 3, ExpiresAt: at(1)}})
			require.NoError(t, err)
			require.Equal(t, []int64{2, 3}, totals)
			require.Len(t, control.Statements(), statements)

			commit := func(most int64) error {
				return s.Commit(t.Context(), orgusers.Changes{Counters: []orgusers.Counter{{Key: "a", Add: 1, Most: most, ExpiresAt: at(1)}, {Key: "b", Add: -2, ExpiresAt: at(1)}}})
			}
			require.ErrorIs(t, commit(3), orgusers.ErrConflict)
			require.NoError(t, commit(4))
			require.NoError(t, s.Commit(t.Context(), orgusers.Changes{Counters: []orgusers.Counter{{Key: "a", Add: -4, ExpiresAt: at(1)}}}))
		}
		if !d.mysql {
			add(1)
		}
		if d.is("mysql") {
			add(2)
		}
	})
}
