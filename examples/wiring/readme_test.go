package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// The README's wiring is this program, to the letter: so it compiles.
func TestReadmeShowsThisProgram(t *testing.T) {
	program, err := os.ReadFile("main.go")
	require.NoError(t, err)
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	require.Contains(t, string(readme), "```go\n"+string(program)+"```\n", "README.md must contain examples/wiring/main.go")
}
