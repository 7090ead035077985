package memstore

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSetRemembersFewAndMany(t *testing.T) {
	t.Parallel()
	var s set[int]
	for i := range 3 * few {
		require.False(t, s.has(i))
		require.True(t, s.add(i))
		for j := range i + 1 {
			require.True(t, s.has(j))
			require.False(t, s.add(j))
		}
	}
}
