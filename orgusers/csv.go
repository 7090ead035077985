package orgusers

import (
	"io"
	"strings"
	"time"
	"unicode"
)

// csvWriter writes RFC 4180 with every cell quoted, so that no cell can break out of its place, and
// none that a spreadsheet program would run (S-203). encoding/csv does neither: it writes "=1+1" as
// it is. What is written stays in memory until flush, since who takes it may be slow. The first error stays in err
// and ends all writing.
type csvWriter struct {
	w    io.Writer
	page []byte // since the last flush
	err  error
}

func newCSVWriter(w io.Writer) *csvWriter {
	c := &csvWriter{w: w}
	if missing(w) {
		c.err = invalid(FieldError{Field: "writer", Reason: ReasonRequired, Message: "is required"})
	}
	return c
}

func (c *csvWriter) raw(s string) { c.page = append(c.page, s...) }

func (c *csvWriter) row(cells ...string) {
	for _, cell := range cells {
		c.cell(cell)
	}
	c.end()
}

// cell adds one cell to the row under way, which end ends.
func (c *csvWriter) cell(s string) {
	c.page = append(c.page, '"')
	if formula(s) {
		c.page = append(c.page, '\'')
	}
	for {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			break
		}
		c.page = append(append(c.page, s[:i+1]...), '"')
		s = s[i+1:]
	}
	c.page = append(append(c.page, s...), `",`...)
}

// time adds a time, in RFC 3339 in UTC, to the second; empty for never.
func (c *csvWriter) time(t time.Time) { c.timeAs(time.RFC3339, t) }

// date adds a time's day in UTC, MM/DD/YYYY; empty for never.
func (c *csvWriter) date(t time.Time) { c.timeAs("01/02/2006", t) }

func (c *csvWriter) timeAs(layout string, t time.Time) {
	c.page = append(c.page, '"')
	if !t.IsZero() {
		c.page = t.UTC().AppendFormat(c.page, layout)
	}
	c.page = append(c.page, `",`...)
}

// end ends the row under way.
func (c *csvWriter) end() { c.page = append(c.page[:len(c.page)-1], "\r\n"...) }

// flush hands on what was written, if anything.
func (c *csvWriter) flush() error {
	if c.err == nil && len(c.page) > 0 {
		n, err := c.w.Write(c.page)
		if err == nil && n < len(c.page) {
			err = io.ErrShortWrite
		}
		if err != nil {
			c.err = &Error{Kind: ErrWriter, Err: err}
		}
	}
	c.page = c.page[:0]
	return c.err
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
