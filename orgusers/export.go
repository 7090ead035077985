package orgusers

import (
	"context"
	"fmt"
	"io"
)

// ExportOptions changes the form of an export.
type ExportOptions struct {
	BOM bool // begin with a byte order mark, which some spreadsheet programs need to see UTF-8
}

// exportPage is how many rows an export reads at a time: some megabytes, and so many that waiting for the
// first of them is little beside the rest.
const exportPage = 8000

// ExportCSV writes everybody on the roster, sorted by address (R8.6), as CSV: UTF-8, CRLF, RFC 4180,
// every cell safe from being read as a formula (S-203). Columns (Q31): Email, First Name, Last Name,
// Organization Role, Status, 2FA, Invited By, Invited At, Last Login At; times in RFC 3339 UTC,
// empty for never (Q30). They stay in this order; new ones would come last.
//
// It streams in pages, in constant memory, and reads each page as it is then, so people who come or
// go meanwhile may or may not be there. The audit trail gets an entry before the first byte leaves.
// On an error what was written is incomplete; one of w's is [ErrWriter] and wraps it.
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
	org := d.org.was
	d.record(note{object: fmt.Sprintf("members=%d", org.Tally.Seats())})
	if err := stored(a.s.beside(ctx, d, nil)); err != nil {
		return err
	}
	if o.BOM {
		out.raw("\ufeff")
	}
	out.row("Email", "First Name", "Last Name", "Organization Role", "Status", "2FA", "Invited By", "Invited At", "Last Login At")
	q := MemberQuery{Org: a.org, Sort: SortEmail, Sheet: true, Limit: int(min(max(org.Tally.Seats(), 0)+1, exportPage))}
	for out.err == nil {
		members, err := a.s.store.Members(ctx, q)
		if err != nil {
			return stored(err)
		}
		for i := range members {
			out.member(org, &members[i])
		}
		if len(members) < q.Limit {
			break
		}
		key := q.Sort.Key(&members[len(members)-1])
		q.After = &key
	}
	return out.flush()
}

func (c *csvWriter) member(org *Organization, m *Member) {
	role, mfa, by := "Member", "Disabled", m.InvitedByEmail
	switch {
	case org.isOwner(m):
		role = "Owner"
	case m.Role == RoleAdmin:
		role = "Admin"
	}
	if m.MFA {
		mfa = "Enabled"
	}
	if by == "" {
		by = "System" // R8.1
	}
	for _, cell := range [...]string{m.Address.Email, m.Name.First, m.Name.Last, role, string(m.Status), mfa, by} {
		c.cell(cell)
	}
	c.time(m.InvitedAt)
	c.time(m.LastLogin)
	c.end()
}
