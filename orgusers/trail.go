package orgusers

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"
)

// AuditFilter narrows the trail. Conditions add up.
type AuditFilter struct {
	Action Action
	Actor  UserID
	Member MemberID
	From   time.Time // at or after
	To     time.Time // before; zero: no end
}

// AuditList says which page of the trail to read, newest first (R10.1).
type AuditList struct {
	AuditFilter
	OldestFirst bool
	Cursor      string // AuditPage.Next of the page before; empty: the first page
	Limit       int    // 1 to 200; 0: 25 (R10.2)
}

// AuditPage is one page of the trail.
type AuditPage struct {
	Entries []AuditEntry
	Next    string // the cursor of the next page; empty: this is the last
}

// Audit returns one page of the organization's audit trail, in the order of the chain, not of any
// clock (S-215).
func (a Admin) Audit(ctx context.Context, l AuditList) (AuditPage, error) {
	const op = "Admin.Audit"
	if _, err := a.enter(ctx, ActionReadAudit, ViewQuery{}, (*draft).byAdministrator); err != nil {
		return AuditPage{}, named(op, err)
	}
	page, err := a.s.auditPage(ctx, a.org, l)
	return page, named(op, err)
}

// auditQuery checks a listing and returns the store's query, and what its cursors are bound to.
func (s *Service) auditQuery(org OrgID, l AuditList) (AuditQuery, string, error) {
	if bad := slices.Concat(idField("action", l.Action), idField("actor", l.Actor), idField("member", l.Member)); bad != nil {
		return AuditQuery{}, "", invalid(bad...)
	}
	q := AuditQuery{
		Org: org, Action: l.Action, Actor: l.Actor, Member: l.Member, From: micro(l.From), To: micro(l.To),
		Descending: !l.OldestFirst, Limit: clamp(l.Limit, 25, 200),
	}
	bind := fmt.Sprintf("audit|%s|%s|%s|%s|%d|%d|%t", org, q.Action, q.Actor, q.Member, q.From.UnixMicro(), q.To.UnixMicro(), q.Descending)
	if l.Cursor != "" {
		payload, ok := s.keys.openCursor(bind, l.Cursor)
		q.After = new(AuditKey)
		if !ok || json.Unmarshal(payload, q.After) != nil {
			return AuditQuery{}, "", invalid(FieldError{Field: "cursor", Reason: ReasonSyntax, Message: "is not a cursor of this list"})
		}
	}
	return q, bind, nil
}

func (s *Service) auditPage(ctx context.Context, org OrgID, l AuditList) (AuditPage, error) {
	q, bind, err := s.auditQuery(org, l)
	if err != nil {
		return AuditPage{}, err
	}
	limit := q.Limit
	q.Limit++
	entries, err := s.store.Audit(ctx, q)
	if err != nil {
		return AuditPage{}, stored(err)
	}
	page := AuditPage{Entries: entries}
	if len(entries) > limit {
		page.Entries = entries[:limit]
		last := &entries[limit-1]
		key, err := json.Marshal(AuditKey{Seq: last.Seq, ID: last.ID})
		if err != nil {
			return AuditPage{}, err
		}
		page.Next = s.keys.sealCursor(bind, key)
	}
	return page, nil
}

// AuditTrail walks the trail in the order and filter of the list, from its Cursor on (empty: all of it), in
// constant memory, Limit entries a read (0: 200). It ends with the first error.
func (a Admin) AuditTrail(ctx context.Context, l AuditList) iter.Seq2[AuditEntry, error] {
	return func(yield func(AuditEntry, error) bool) {
		if l.Limit == 0 {
			l.Limit = 200
		}
		for {
			page, err := a.Audit(ctx, l)
			if err != nil {
				yield(AuditEntry{}, err)
				return
			}
			for i := range page.Entries {
				if !yield(page.Entries[i], nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			l.Cursor = page.Next
		}
	}
}

// auditPart is after how many bytes an export of the trail hands on what it has.
const auditPart = 32 << 10

// ExportAudit writes the trail, as [Admin.AuditTrail] walks it, as CSV: UTF-8, CRLF, formula-safe in every
// column. The trail gets an entry before the first byte leaves, with the length of the chain then. Errors are
// as for [Admin.ExportCSV].
func (a Admin) ExportAudit(ctx context.Context, w io.Writer, l AuditList) error {
	const op = "Admin.ExportAudit"
	out := newCSVWriter(w)
	if out.err != nil {
		return named(op, out.err)
	}
	d, err := a.enter(ctx, ActionExportAudit, ViewQuery{}, (*draft).byAdministrator)
	if err != nil {
		return named(op, err)
	}
	if _, _, err := a.s.auditQuery(a.org, l); err != nil {
		return named(op, err)
	}
	d.record(note{object: fmt.Sprintf("entries=%d", d.seq())})
	if err := stored(a.s.beside(ctx, d, nil)); err != nil {
		return named(op, err)
	}
	out.row("Seq", "At", "Actor", "Actor Role", "Action", "Result", "Reason", "Email", "Object", "Before", "After", "IP", "Agent", "Session", "Request", "Operation", "Entry", "Seal")
	for e, err := range a.AuditTrail(ctx, l) {
		if err != nil {
			return named(op, err)
		}
		ip := ""
		if e.IP.IsValid() {
			ip = e.IP.String()
		}
		seq := ""
		if e.Chained {
			seq = fmt.Sprint(e.Seq)
		}
		actor := e.ActorEmail
		if actor == "" {
			actor = string(e.Actor)
		}
		out.cell(seq)
		out.time(e.At)
		out.row(actor, e.ActorRole, string(e.Action), string(e.Result), string(e.Reason), e.Email, e.Object,
			e.Before, e.After, ip, e.Agent, e.Session, e.Request, string(e.Operation), string(e.ID), e.Seal)
		if len(out.page) < auditPart {
			continue
		}
		if err := out.flush(); err != nil {
			return named(op, err)
		}
	}
	return named(op, out.flush())
}

// Verification is what checking an audit trail found.
type Verification struct {
	Entries int64  // in the chain, checked
	Beside  int64  // beside the chain, checked
	Head    string // the seal of the last entry: keep it elsewhere to prove later that nothing was rolled back
	// Broken describes the first thing found wrong; empty: the trail is whole.
	Broken string
	At     *AuditEntry // the entry at which it broke, if there is one
}

// OK reports whether the trail is whole.
func (v *Verification) OK() bool { return v.Broken == "" }

// Verify reads the whole trail and checks every seal: it finds edited, deleted, inserted and
// reordered entries of the chain, and a tail that was cut. Beside the chain it finds what was edited
// or made up. It runs beside writers: what they append meanwhile may or may not be counted.
func (a Admin) Verify(ctx context.Context) (Verification, error) {
	const op = "Admin.Verify"
	if _, err := a.enter(ctx, ActionReadAudit, ViewQuery{}, (*draft).byAdministrator); err != nil {
		return Verification{}, named(op, err)
	}
	v, err := a.s.verify(ctx, a.org)
	return v, named(op, err)
}

func (s *Service) verify(ctx context.Context, org OrgID) (Verification, error) {
	view, err := s.view(ctx, ViewQuery{Org: org})
	if err != nil {
		return Verification{}, stored(err)
	}
	length, head := view.Org.AuditSeq, view.Org.AuditHead
	var v Verification
	sealed := "" // the seal of the entry that the organization says is its last
	q := AuditQuery{Org: org, Limit: 1000}
	for {
		entries, err := s.store.Audit(ctx, q)
		if err != nil {
			return v, stored(err)
		}
		for i := range entries {
			e := &entries[i]
			broken := s.checkEntry(&v, e)
			if e.Org != org {
				broken = "an entry of another organization"
			}
			if broken != "" {
				v.Broken, v.At = broken, e
				return v, nil
			}
			if v.Entries == length {
				sealed = v.Head
			}
		}
		if len(entries) < q.Limit {
			break
		}
		last := &entries[len(entries)-1]
		q.After = &AuditKey{Seq: last.Seq, ID: last.ID}
	}
	switch {
	case v.Entries < length:
		v.Broken = fmt.Sprintf("the chain ends at %d, the organization counts %d", v.Entries, length)
	case sealed != head:
		v.Broken = "the last seal is not the one the organization keeps"
	case v.Entries > length: // appended meanwhile, so by now the organization counts them too
		if view, err = s.view(ctx, ViewQuery{Org: org}); err != nil {
			return v, stored(err)
		}
		if view.Org.AuditSeq < v.Entries {
			v.Broken = fmt.Sprintf("the chain goes on to %d, the organization counts %d", v.Entries, view.Org.AuditSeq)
		}
	}
	return v, nil
}

// checkEntry checks the next entry against what came before; v.Entries and v.Head are the state.
func (s *Service) checkEntry(v *Verification, e *AuditEntry) string {
	if !e.Chained {
		v.Beside++
		if !s.keys.sealedRight(e, "") {
			return "an entry beside the chain was edited"
		}
		return ""
	}
	if e.Seq != v.Entries+1 {
		return fmt.Sprintf("entry %d stands where %d should", e.Seq, v.Entries+1)
	}
	if !s.keys.sealedRight(e, v.Head) {
		return fmt.Sprintf("the seal of entry %d does not fit it and the one before", e.Seq)
	}
	v.Entries, v.Head = e.Seq, e.Seal
	return ""
}
