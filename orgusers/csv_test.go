package orgusers

import (
	"encoding/csv"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"
)

// spreadsheetRuns is an independent statement of what may run as a formula: what shows first is an
// operator, or the text begins with something that does not show and that programs may drop.
func spreadsheetRuns(cell string) bool {
	first := strings.TrimLeftFunc(cell, func(r rune) bool {
		return unicode.IsSpace(r) && !unicode.IsControl(r) || unicode.In(r, unicode.Cf)
	})
	for _, r := range first {
		return unicode.IsControl(r) || strings.ContainsRune("=+-@＝＋－＠−﹢﹦﹣﹫", r)
	}
	return false
}

// readBack writes one row and reads it with encoding/csv.
func readBack(tb testing.TB, cells ...string) []string {
	tb.Helper()
	var out strings.Builder
	w := newCSVWriter(&out)
	w.row(cells...)
	require.NoError(tb, w.flush())
	require.True(tb, strings.HasSuffix(out.String(), "\"\r\n"), "%q", out.String())
	r := csv.NewReader(strings.NewReader(out.String()))
	r.FieldsPerRecord = len(cells)
	records, err := r.ReadAll()
	require.NoError(tb, err, "%q", out.String())
	require.Len(tb, records, 1)
	return records[0]
}

// checkCell demands that a cell comes back as it was, or with one quote in front if it might run, and
// never as a formula.
func checkCell(tb testing.TB, cell, got string) {
	tb.Helper()
	want := strings.ReplaceAll(cell, "\r\n", "\n") // which encoding/csv does on reading
	if spreadsheetRuns(cell) {
		want = "'" + want
	}
	require.Equal(tb, want, got)
	require.False(tb, spreadsheetRuns(got), "%q", got)
}

func TestS203_Cells(t *testing.T) {
	t.Parallel()
	for cell, want := range map[string]string{
		"": "", "a": "a", "a=1": "a=1", "'": "'", "'=1": "'=1", `"`: `"`, `a"b`: `a"b`, ",": ",", "a\nb": "a\nb",
		"=1": "'=1", "+1": "'+1", "-1": "'-1", "@x": "'@x", "\tx": "'\tx", "\rx": "'\rx", "\nx": "'\nx", "\x00x": "'\x00x",
		"\x1bx": "'\x1bx", "\u0085x": "'\u0085x", "\vx": "'\vx", "＝1": "'＝1", "−1": "'−1", " =1": "' =1", "  \u200b\ufeff-1": "'  \u200b\ufeff-1",
		" a=1": " a=1", "\u200ba": "\u200ba", "1-1": "1-1", "a@x.example": "a@x.example", "\xff=1": "\xff=1", "|x": "|x", "%x": "%x",
	} {
		got := readBack(t, "first", cell, "last")
		require.Equal(t, []string{"first", want, "last"}, got, "%q", cell)
		checkCell(t, cell, got[1])
	}
	require.Len(t, readBack(t, strings.Repeat(`"`, 1<<16))[0], 1<<16)
}

func FuzzCSVCell(f *testing.F) {
	for _, cell := range []string{"", "=1+1", "a\r\nb", `"`, `""",`, "'=1", " \u200b=", "\x00", "\xff", "＝", "a,b", "\r", "\n\r\n", "\u00ad-1"} {
		f.Add(cell, "b")
		f.Add("a", cell)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		got := readBack(t, a, b, a+b)
		checkCell(t, a, got[0])
		checkCell(t, b, got[1])
		checkCell(t, a+b, got[2])
	})
}

func TestCSVTime(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	w := newCSVWriter(&out)
	w.time(time.Time{})
	w.time(time.Date(2026, 3, 1, 1, 2, 3, 999_999_999, time.FixedZone("", 3600)))
	w.end()
	require.NoError(t, w.flush())
	require.Equal(t, "\"\",\"2026-03-01T00:02:03Z\"\r\n", out.String(), "the first is never (Q30)")
}

// failing takes n bytes and fails then.
type failing struct{ n, calls int }

var errFull = errors.New("disk full")

func (w *failing) Write(p []byte) (int, error) {
	w.calls++
	if w.n -= len(p); w.n < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestCSVWriterKeepsTheFirstError(t *testing.T) {
	t.Parallel()
	out := &failing{n: 40 << 10}
	w := newCSVWriter(out)
	for range 5 {
		w.row(strings.Repeat("x", 4096))
	}
	require.Zero(t, out.calls, "a row waits for the flush")
	require.NoError(t, w.flush())
	for range 3 {
		w.row(strings.Repeat("x", 8192))
		w.raw("more")
		_ = w.flush()
	}
	require.ErrorIs(t, w.flush(), errFull)
	require.Equal(t, 4, out.calls, "nothing is written after a failure")

	never := &failing{}
	require.NoError(t, newCSVWriter(never).flush())
	require.Zero(t, never.calls, "nothing to write is not written")
}
