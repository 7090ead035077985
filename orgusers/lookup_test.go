package orgusers

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLookup(t *testing.T) {
	t.Parallel()
	var l lookup[int, int]
	const most = 3 * few
	for k := range most {
		require.Zero(t, l.get(k))
		l.put(k, -k-1)
		require.Equal(t, -k-1, l.get(k))
		l.put(k, k+1)
	}
	for k := range most {
		require.Equal(t, k+1, l.get(k))
	}
	require.Zero(t, l.get(most))
}
