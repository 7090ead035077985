package main

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write testdata/transcript.txt anew")

// What the program says, word for word, save the times: every refusal in it is a rule, and one that no
// longer refuses is another text. It runs in a folder of its own, so that it can neither litter the
// checkout nor rely on a file beside it.
func TestTranscript(t *testing.T) {
	golden, err := filepath.Abs(filepath.Join("testdata", "transcript.txt"))
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	said, err := os.Create("said.txt")
	require.NoError(t, err)
	stdout := os.Stdout
	os.Stdout = said
	err = run(t.Context())
	os.Stdout = stdout
	require.NoError(t, err)
	require.NoError(t, said.Close())

	text, err := os.ReadFile("said.txt")
	require.NoError(t, err)
	text = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`).ReplaceAll(text, []byte("YYYY-MM-DD HH:MM:SS"))
	if *update {
		require.NoError(t, os.WriteFile(golden, text, 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), string(text), "if this is as it should be: go test ./quickstart -update, in examples")
	for _, file := range []string{"users.csv", "audit.csv", "roster.db", "mail"} {
		_, err := os.Stat(filepath.Join(out, file))
		require.NoError(t, err)
	}
}
