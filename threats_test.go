package goorgusers_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestThreats: each row of docs/threats.md names tests that are there and carry the case's number, or says
// why there is none.
func TestThreats(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("docs/threats.md")
	require.NoError(t, err)
	var tests strings.Builder
	require.NoError(t, filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") {
			return err
		}
		text, err := os.ReadFile(name)
		tests.Write(text)
		return err
	}))
	cases := map[string]bool{}
	for line := range strings.Lines(string(page)) {
		if !strings.HasPrefix(line, "| S-") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|\n "), " | ")
		require.Len(t, cells, 3, line)
		number, named := cells[0], cells[2]
		require.False(t, cases[number], "%s is there twice", number)
		cases[number] = true
		if reason, none := strings.CutPrefix(named, "none here: "); none {
			require.NotEmpty(t, reason, number)
			continue
		}
		for name := range strings.SplitSeq(named, ", `") {
			name = strings.Trim(name, "`")
			require.Contains(t, strings.ReplaceAll(name, "S-", "S"), strings.ReplaceAll(number, "-", ""), "a name carries its number")
			require.True(t, strings.Contains(tests.String(), "func "+name+"(") || strings.Contains(tests.String(), `"`+name+`"`), "%s: no test is called %s", number, name)
		}
	}
	require.Len(t, cases, 157, "the cases of the catalogue")
}
