package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/orgusers/go-orgusers/orgusers"
)

// raw is what a careful engineer would write by hand for one operation at a time: a transaction, a
// guard on the organization's version, the check of the actor's role, the write, the tally, the audit
// chain, the quotas and the outbox, in as few statements as the database allows. It writes the same
// rows as the library, in the same tables, and keeps its statements prepared where that is quicker.
type raw struct {
	*engine
	db    *sql.DB
	mu    sync.RWMutex
	kept  map[string]*sql.Stmt
	queue sync.Map // per organization a mutex: writers of one process wait their turn
	hash  time.Duration
}

func newRaw(e *engine, db *sql.DB) *raw {
	return &raw{engine: e, db: db, kept: make(map[string]*sql.Stmt)}
}

func (r *raw) bind(q string) string {
	if r.name == "sqlite" && !strings.HasPrefix(q, "INSERT") {
		return strings.ReplaceAll(q, "?", "+?") // as the library does, since nobody else would know
	}
	if !r.dollar {
		return q
	}
	var b strings.Builder
	n := 0
	for i := range len(q) {
		if q[i] == '?' {
			n++
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(n))
			continue
		}
		b.WriteByte(q[i])
	}
	return b.String()
}

// prepared returns a statement that is kept, or nil if it is better run as text.
func (r *raw) prepared(ctx context.Context, q string, args int) (*sql.Stmt, error) {
	if !r.prepares || args > 250 {
		return nil, nil
	}
	r.mu.RLock()
	s := r.kept[q]
	r.mu.RUnlock()
	if s != nil {
		return s, nil
	}
	s, err := r.db.PrepareContext(ctx, q)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept[q] = s
	return s, nil
}

// query runs a statement outside a transaction, or in tx.
func (r *raw) query(ctx context.Context, tx *sql.Tx, q string, args ...any) (*sql.Rows, error) {
	q = r.bind(q)
	s, err := r.prepared(ctx, q, len(args))
	switch {
	case err != nil:
		return nil, err
	case s != nil && tx != nil:
		return tx.StmtContext(ctx, s).QueryContext(ctx, args...)
	case s != nil:
		return s.QueryContext(ctx, args...)
	case tx != nil:
		return tx.QueryContext(ctx, q, args...)
	}
	return r.db.QueryContext(ctx, q, args...)
}

// one scans the only row of a query outside a transaction.
func (r *raw) one(ctx context.Context, q string, args []any, dest ...any) error {
	rows, err := r.query(ctx, nil, q, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	if !rows.Next() {
		return fmt.Errorf("raw: not found (%w)", rows.Err())
	}
	if err := rows.Scan(dest...); err != nil {
		return err
	}
	return rows.Close()
}

// exec runs a statement in tx that has to find n rows; -1: any number.
func (r *raw) exec(ctx context.Context, tx *sql.Tx, n int, q string, args ...any) error {
	q = r.bind(q)
	s, err := r.prepared(ctx, q, len(args))
	if err != nil {
		return err
	}
	var res sql.Result
	if s != nil {
		res, err = tx.StmtContext(ctx, s).ExecContext(ctx, args...)
	} else {
		res, err = tx.ExecContext(ctx, q, args...)
	}
	if err != nil {
		return err
	}
	if found, err := res.RowsAffected(); err != nil || n >= 0 && found != int64(n) {
		return fmt.Errorf("raw: conflict (%d of %d rows, %v)", found, n, err)
	}
	return nil
}

// head is the organization as the guard needs it.
type head struct {
	version, members, pending, admins, seq int64
	seal                                   string
	actorID, actorEmail                    string
	now                                    int64
	op                                     string
	offer                                  string // of the ownership, JSON
	owner                                  string
}

// begin reads the organization and the actor's role in one statement.
func (r *raw) begin(ctx context.Context, o *org) (head, error) {
	h := head{now: time.Now().UnixMicro(), op: id()}
	var role, status string
	var disabled int64
	err := r.one(ctx, `SELECT o.version, o.tally_members, o.tally_pending, o.tally_admins, o.audit_seq, o.audit_head, o.disabled, o.owner_id, o.transfer, m.id, m.address, m.role, m.status
 FROM orgusers_organizations AS o JOIN orgusers_members AS m ON m.org_id = o.id AND m.user_id = ? WHERE o.id = ?`, []any{string(o.owner), string(o.id)},
		&h.version, &h.members, &h.pending, &h.admins, &h.seq, &h.seal, &disabled, &h.owner, &h.offer, &h.actorID, &h.actorEmail, &role, &status)
	if err == nil && (role != "admin" || status != "active" || disabled != 0) {
		err = fmt.Errorf("raw: denied")
	}
	return h, err
}

func id() string { return uuid.Must(uuid.NewV7()).String() }

// lock has the writers of one organization wait for each other, as the library does, so that the guard
// only ever fails between processes.
func (r *raw) lock(o *org) func() {
	m, ok := r.queue.Load(o.id)
	if !ok {
		m, _ = r.queue.LoadOrStore(o.id, new(sync.Mutex))
	}
	m.(*sync.Mutex).Lock()
	return m.(*sync.Mutex).Unlock
}

// change is what an operation writes beside its own rows.
type change struct {
	audit   []audit
	effects []effect
	mails   []string // addresses whose quota is used
	quotas  bool     // of the actor and the organization too
	resets  []string // users whose budgets of reset mails are used
}

// audit is one row of the trail, effect one of the outbox.
type audit struct{ action, member, user, email, was, became string }

type effect struct {
	kind, member, user string
	mail               orgusers.MailData
}

// write does the operation under the guard.
func (r *raw) write(ctx context.Context, o *org, h head, c change, do func(tx *sql.Tx) error) error {
	tx, err := r.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	args := make([]any, 0, 23*len(c.audit))
	for _, e := range c.audit {
		h.seq++
		sum := sha256.Sum256([]byte(h.seal + e.action + e.member + e.email + e.was + e.became))
		h.seal = hex.EncodeToString(sum[:])
		args = append(args, entry(o, h, e, 1)...)
	}
	if err := r.exec(ctx, tx, 1, `UPDATE orgusers_organizations SET version = version + 1, tally_members = ?, tally_pending = ?, tally_admins = ?, audit_seq = ?, audit_head = ?,
 owner_id = ?, transfer = ? WHERE id = ? AND version = ?`, h.members, h.pending, h.admins, h.seq, h.seal, h.owner, h.offer, string(o.id), h.version); err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return err
	}
	if err := r.insert(ctx, tx, insertAudit, 23, args); err != nil {
		return err
	}
	if err := r.outbox(ctx, tx, o, h, c.effects); err != nil {
		return err
	}
	if err := r.count(ctx, tx, o, c); err != nil {
		return err
	}
	return tx.Commit()
}

const insertAudit = `INSERT INTO orgusers_audit (org_id, seq, id, chained, made_at, operation_id, action, result, reason, actor_id, actor_email, actor_role,
 session_name, ip, agent, request_id, member_id, user_id, email, subject, was, became, seal)`

// entry are the columns of insertAudit.
func entry(o *org, h head, e audit, chained int) []any {
	return []any{
		string(o.id), h.seq, id(), chained, h.now, h.op, e.action, "applied", "", string(o.owner), h.actorEmail, "owner",
		"", "", "", "", e.member, e.user, e.email, "", e.was, e.became, h.seal,
	}
}

// beside writes an entry beside the chain.
func (r *raw) beside(ctx context.Context, o *org, h head, e audit) error {
	sum := sha256.Sum256([]byte(e.action))
	h.seal = hex.EncodeToString(sum[:])
	tx, err := r.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := r.insert(ctx, tx, insertAudit, 23, entry(o, h, e, 0)); err != nil {
		return err
	}
	return tx.Commit()
}

func (r *raw) outbox(ctx context.Context, tx *sql.Tx, o *org, h head, effects []effect) error {
	args := make([]any, 0, 15*len(effects))
	for _, e := range effects {
		mail, err := json.Marshal(e.mail)
		if err != nil {
			return err
		}
		args = append(args, id(), string(o.id), h.op, e.kind, e.member, e.user, string(mail), 0, h.now, h.now, 0, 0, "", "", 0)
	}
	return r.insert(ctx, tx, `INSERT INTO orgusers_outbox (id, org_id, operation_id, kind, member_id, user_id, mail, ends_before, created_at, due_at, attempts,
 lease_until, lease, last_error, dead)`, 15, args)
}

// count raises the quotas and looks at what they come to, in one statement.
func (r *raw) count(ctx context.Context, tx *sql.Tx, o *org, c change) error {
	if len(c.mails)+len(c.resets) == 0 {
		return nil
	}
	now := time.Now()
	day := now.Truncate(24 * time.Hour)
	var args []any
	add := func(key string, n int, until time.Time) { args = append(args, key, n, until.UnixMicro()) }
	for _, to := range c.mails {
		sum := sha256.Sum256([]byte(to))
		add(fmt.Sprintf("raw/mailbox/%s/%d", hex.EncodeToString(sum[:16]), day.Unix()), 1, day.Add(24*time.Hour))
	}
	for _, user := range c.resets {
		add(fmt.Sprintf("raw/reset/1h/%d/%s", now.Truncate(time.Hour).Unix(), user), 1, now.Add(time.Hour))
		add(fmt.Sprintf("raw/reset/24h/%d/%s", day.Unix(), user), 1, day.Add(24*time.Hour))
	}
	if c.quotas {
		add(fmt.Sprintf("raw/actor/%s/%s/%d", o.id, o.owner, now.Truncate(time.Hour).Unix()), len(c.mails), now.Add(time.Hour))
		add(fmt.Sprintf("raw/org/%s/%d", o.id, day.Unix()), len(c.mails), day.Add(24*time.Hour))
	}
	clause := ` ON CONFLICT (name) DO UPDATE SET total = orgusers_counters.total + excluded.total RETURNING total`
	if r.name == "mariadb" {
		clause = ` ON DUPLICATE KEY UPDATE total = total + VALUES(total) RETURNING total`
	}
	for len(args) > 0 {
		n := min(3*rowsAtOnce, len(args))
		rows, err := r.query(ctx, tx, `INSERT INTO orgusers_counters (name, total, expires_at)`+values(3, n/3)+clause, args[:n]...)
		if err != nil {
			return err
		}
		for rows.Next() {
			var total int64
			if err := rows.Scan(&total); err != nil || total > 1<<30 {
				rows.Close()
				return fmt.Errorf("raw: quota (%v)", err)
			}
		}
		if err := rows.Close(); err != nil {
			return err
		}
		args = args[n:]
	}
	return nil
}

// rowsAtOnce stay under the parameters that SQLite takes, the fewest of all.
const rowsAtOnce = 1024

// insert writes rows of width columns.
func (r *raw) insert(ctx context.Context, tx *sql.Tx, head string, width int, args []any) error {
	for len(args) > 0 {
		n := min(rowsAtOnce*width, len(args))
		if err := r.exec(ctx, tx, n/width, head+values(width, n/width), args[:n]...); err != nil {
			return err
		}
		args = args[n:]
	}
	return nil
}

func values(width, n int) string {
	row := "(?" + strings.Repeat(",?", width-1) + ")"
	return " VALUES " + row + strings.Repeat(","+row, n-1)
}

func in[T ~string](ids []T) (string, []any) {
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = string(id)
	}
	return "(?" + strings.Repeat(",?", len(ids)-1) + ")", args
}
