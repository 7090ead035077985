package orgusers

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"
)

// ExportOptions changes the form of an export.
type ExportOptions struct {
	BOM     bool    // begin with a byte order mark, which some spreadsheet programs need to see UTF-8
	Columns Columns // empty: ColumnsList
}

// Columns is a set of columns for an export (Q31). Each keeps its order; new columns would come last.
type Columns string

const (
	// ColumnsList is what the list of people shows: Email, First Name, Last Name, Organization Role, Status, 2FA,
	// Invited By, Invited At, Last Login At; times in RFC 3339 UTC, empty for never (Q30).
	ColumnsList Columns = "list"

	// ColumnsCLI is what files of the command line plugin have, for programs that read those (R8.7): Email, User UID,
	// Organization Role, Status, Invited By, Created Time, Updated Time. Its times are those files' dates,
	// MM/DD/YYYY, of the day in UTC. Created is when the person was invited; updated, when invited, mailed or
	// joined last, whichever came last: what was changed since is in the audit trail. The UID of somebody who
	// is still invited is empty, as an invitation does not tell whether an account exists.
	ColumnsCLI Columns = "cli"
)

// Valid reports whether c is one of the sets.
func (c Columns) Valid() bool { return c == ColumnsList || c == ColumnsCLI }

// exportPage is how many rows an export reads at a time: about a megabyte of CSV, and so many that waiting for the
// first of them is little beside the rest.
const exportPage = 8000

// ExportCSV writes everybody on the roster, sorted by address (R8.6), as CSV: UTF-8, CRLF, RFC 4180,
// every cell safe from being read as a formula (S-203). A set of columns that does not exist is
// ErrInvalid.
//
// It streams in pages, in constant memory, and reads each page as it is then, so people who come or
// go meanwhile may or may not be there; whoever may no longer export gets no further page. A page is written
// when it has been read, so that a slow writer holds up no database. The audit trail gets an entry before the
// first byte leaves.
//
// On an error what was written is incomplete; one of w's is [ErrWriter] and wraps it. Nothing is written before
// the first page has been read: until then an HTTP handler can still answer with the error. After that it has
// to break the connection off, or half a file looks whole.
func (a Admin) ExportCSV(ctx context.Context, w io.Writer, o ExportOptions) error {
	return named("Admin.ExportCSV", a.exportCSV(ctx, w, o))
}

func (a Admin) exportCSV(ctx context.Context, w io.Writer, o ExportOptions) error {
	out := newCSVWriter(w)
	if out.err != nil {
		return out.err
	}
	d, err := a.enter(ctx, ActionExport, ViewQuery{}, (*draft).byAdministrator)
	if err != nil {
		return err
	}
	if o.Columns == "" {
		o.Columns = ColumnsList
	}
	if !o.Columns.Valid() {
		return invalid(FieldError{Field: "columns", Reason: ReasonUnknown, Message: "has no such value"})
	}
	org := d.org.was
	d.record(note{object: fmt.Sprintf("members=%d", org.Tally.Seats())})
	if err := stored(a.s.beside(ctx, d, nil)); err != nil {
		return err
	}
	if o.BOM {
		out.raw("\ufeff")
	}
	q := MemberQuery{Org: a.org, Sort: SortEmail, Sheet: o.Columns == ColumnsList, Limit: int(min(max(org.Tally.Seats(), 0)+1, exportPage))}
	write := out.listed
	if o.Columns == ColumnsCLI {
		out.row("Email", "User UID", "Organization Role", "Status", "Invited By", "Created Time", "Updated Time")
		write = out.shared
	} else {
		out.row("Email", "First Name", "Last Name", "Organization Role", "Status", "2FA", "Invited By", "Invited At", "Last Login At")
	}
	rows := 0
	var last MemberKey
	q.Each = func(m *Member) {
		write(org, m)
		if rows++; rows == q.Limit {
			last = q.Sort.Key(m)
		}
	}
	for {
		if q.After != nil { // the right to the next page is asked for anew
			if _, err := a.enter(ctx, ActionExport, ViewQuery{}, (*draft).byAdministrator); err != nil {
				return err
			}
		}
		rows = 0
		members, err := a.s.store.Members(ctx, q)
		if err != nil {
			return stored(err)
		}
		for i := range members {
			q.Each(&members[i])
		}
		if err := out.flush(); err != nil || rows < q.Limit {
			return err
		}
		at := last
		q.After = &at
	}
}

// listed adds a row of ColumnsList.
func (c *csvWriter) listed(org *Organization, m *Member) {
	mfa := "Disabled"
	if m.MFA {
		mfa = "Enabled"
	}
	for _, cell := range [...]string{m.Address.Email, m.Name.First, m.Name.Last, roleShown(org, m), string(m.Status), mfa, inviterShown(m)} {
		c.cell(cell)
	}
	c.time(m.InvitedAt)
	c.time(m.LastLogin)
	c.end()
}

// shared adds a row of ColumnsCLI, which calls it a share.
func (c *csvWriter) shared(org *Organization, m *Member) {
	for _, cell := range [...]string{m.Address.Email, string(m.User), roleShown(org, m), string(m.Status), inviterShown(m)} {
		c.cell(cell)
	}
	updated := m.InvitedAt
	for _, t := range [...]time.Time{m.SentAt, m.JoinedAt} {
		if t.After(updated) {
			updated = t
		}
	}
	c.date(m.InvitedAt)
	c.date(updated)
	c.end()
}

// roleShown is the role as lists name it: the owner's is Owner, whatever the row has (R8.1).
func roleShown(org *Organization, m *Member) string {
	switch {
	case org.isOwner(m):
		return "Owner"
	case m.Role == RoleAdmin:
		return "Admin"
	case m.Role == RoleMember:
		return "Member"
	}
	return "No Role" // R8.7
}

// inviterShown is who invited; nobody, or nobody known, is the system (R8.1, R8.7).
func inviterShown(m *Member) string { return cmp.Or(m.InvitedByEmail, "System") }
