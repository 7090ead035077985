package orgusers

import (
	"bufio"
	"io"
	"strings"
	"time"
	"unicode"
)

// csvWriter writes RFC 4180 with every cell quoted, so that no cell can break out of its place, and
// none that a spreadsheet program would run (S-203). encoding/csv does neither: it writes "=1+1" as
// it is. The first error stays in err and ends all writing.
type csvWriter struct {
	w    *bufio.Writer
	line []byte // the row under way
	err  error
}

func newCSVWriter(w io.Writer) *csvWriter {
	c := &csvWriter{w: bufio.NewWriterSize(w, 32<<10)}
	if missing(w) {
		c.err = invalid(FieldError{Field: "writer", Reason: ReasonRequired, Message: "is required"})
	}
	return c
}

func (c *csvWriter) raw(s string) {
	if c.err == nil {
		_, err := c.w.WriteString(s)
		c.failed(err)
	}
}

func (c *csvWriter) row(cells ...string) {
	for _, cell := range cells {
		c.cell(cell)
	}
	c.end()
}

// cell adds one cell to the row under way, which end writes.
func (c *csvWriter) cell(s string) {
	c.line = append(c.line, '"')
	if formula(s) {
		c.line = append(c.line, '\'')
	}
	for {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			break
		}
		c.line = append(append(c.line, s[:i+1]...), '"')
		s = s[i+1:]
	}
	c.line = append(append(c.line, s...), `",`...)
}

// time adds a time, in RFC 3339 in UTC, to the second; empty for never.
func (c *csvWriter) time(t time.Time) { c.timeAs(time.RFC3339, t) }

// date adds a time's day in UTC, MM/DD/YYYY; empty for never.
func (c *csvWriter) date(t time.Time) { c.timeAs("01/02/2006", t) }

func (c *csvWriter) timeAs(layout string, t time.Time) {
	c.line = append(c.line, '"')
	if !t.IsZero() {
		c.line = t.UTC().AppendFormat(c.line, layout)
	}
	c.line = append(c.line, `",`...)
}

func (c *csvWriter) end() {
	if c.err == nil {
		_, err := c.w.Write(append(c.line[:len(c.line)-1], "\r\n"...))
		c.failed(err)
	}
	c.line = c.line[:0]
}

func (c *csvWriter) flush() error {
	if c.err == nil {
		c.failed(c.w.Flush())
	}
	return c.err
}

func (c *csvWriter) failed(err error) {
	if err != nil {
		c.err = &Error{Kind: ErrWriter, Err: err}
	}
}

// formula reports whether a spreadsheet program might run the cell: its first character that shows
// is = + - @ or a full-width twin, or it begins with a control character (C11).
func formula(s string) bool {
	for _, r := range s {
		switch r {
		case '=', '+', '-', '@', '＝', '＋', '－', '＠', '−', '﹢', '﹦', '﹣', '﹫':
			return true
		}
		if unicode.IsControl(r) {
			return true
		}
		if !unicode.IsSpace(r) && !unicode.Is(unicode.Cf, r) {
			return false
		}
	}
	return false
}
