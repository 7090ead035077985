package orgusers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Config is what the host brings. Store, Mailer, Keys and Links are required; the rest works at
// zero.
type Config struct {
	Store  Store
	Mailer Mailer
	// Keys are secrets of at least 32 random bytes, kept outside the database. The first one signs
	// links, cursors and audit seals, all are accepted, so that keys rotate by putting a new one
	// first. A key may be dropped when the links of its time have expired; the audit chain of its
	// time can then no longer be verified.
	Keys  []Key
	Links Links

	Policy   Policy
	Sessions Sessions // the host's own sessions, if it keeps them
	Meter    Meter    // the host's usage figures, for [Admin.Usage]
	Breached Breached // a breach corpus that new passwords are looked up in
	Firewall Firewall // is told of IP rules; without it the host asks [Service.Allowed]

	// PasswordMemory bounds the memory of parallel password hashing, in bytes: 224 MiB. A hash takes 19, and
	// whenever as much as this is used or waits to be collected, a collection is forced: with a heap of
	// gigabytes, give more, so that it is rarer.
	PasswordMemory int64
	// SendTimeout bounds one call of a port ([Mailer], [Sessions], [Meter], [Firewall]): 30 s, at most a minute.
	SendTimeout time.Duration
	Logger      *slog.Logger     // nil: silent
	Now         func() time.Time // nil: the system clock
	NewID       func() string    // nil: UUID version 7
	Rand        io.Reader        // nil: crypto/rand
}

// Service carries out commands. It is safe for concurrent use, starts no goroutine, and keeps
// nothing about organizations or people between calls; several processes may work on one store.
type Service struct {
	store    Store
	mailer   Mailer
	sessions Sessions
	meter    Meter
	breached Breached
	firewall Firewall
	policy   Policy
	links    Links
	keys     *keyring
	hasher   *hasher
	log      *slog.Logger
	clock    func() time.Time
	newID    func() string
	random   io.Reader
	timeout  time.Duration
	locks    *keyedLock // nil inside a host's transaction
	tries    int        // after the first
}

// New checks the configuration and returns a service. It reads and writes nothing. A bad
// configuration is ErrInvalid with every field named (S-232).
func New(c Config) (*Service, error) {
	var bad []FieldError
	require := func(field string, missing bool) {
		if missing {
			bad = append(bad, FieldError{Field: field, Reason: ReasonRequired, Message: "is required"})
		}
	}
	require("store", c.Store == nil)
	require("mailer", c.Mailer == nil)
	if c.Store != nil && c.Store.Level() != StoreLevel {
		bad = append(bad, FieldError{Field: "store", Reason: ReasonRange, Message: "was written for another level of the store contract"})
	}
	keys, fe := newKeyring(c.Keys)
	bad = append(bad, fe...)
	bad = append(bad, c.Links.validate()...)
	bad = append(bad, c.Policy.fill()...)
	if c.SendTimeout == 0 {
		c.SendTimeout = 30 * time.Second
	}
	if c.SendTimeout < 0 || c.SendTimeout > time.Minute {
		bad = append(bad, FieldError{Field: "send_timeout", Reason: ReasonRange, Message: "must be up to a minute"})
	}
	if c.PasswordMemory < 0 {
		bad = append(bad, FieldError{Field: "password_memory", Reason: ReasonRange, Message: "must not be negative"})
	}
	if bad != nil {
		e := invalid(bad...)
		e.Op = "New"
		return nil, e
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	now, newID, rand := systemEnv()
	if c.Now != nil {
		now = c.Now
	}
	if c.NewID != nil {
		newID = c.NewID
	}
	if c.Rand != nil {
		rand = c.Rand
	}
	return &Service{
		store: c.Store, mailer: c.Mailer, sessions: c.Sessions, meter: c.Meter, breached: c.Breached, firewall: c.Firewall, policy: c.Policy, links: c.Links,
		keys: keys, hasher: newHasher(c.PasswordMemory, rand), log: c.Logger, clock: now, newID: newID, random: rand,
		timeout: c.SendTimeout, locks: newKeyedLock(), tries: maxTries,
	}, nil
}

// Format prints only what it is, whatever the verb: %s would reach the keys (S-233).
func (Service) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "orgusers.Service") }

func (s *Service) now() time.Time { return micro(s.clock()) }

func (s *Service) env() Env { return Env{Now: s.now(), NewID: s.newID, Firewall: s.firewall != nil} }

// Within returns the same service on a store that lives in the host's own transaction
// (sqlstore's WithTx), so that a change commits or rolls back with the host's rows. It takes no lock
// and does not try again: on [ErrConflict] the host rolls back and starts over. What is refused is
// recorded in that transaction too, and goes with it. Mails leave after the host's commit.
//
// Whatever proves a password or a code, or counts against a quota of tries, is ErrInvalid with
// [ReasonHostTransaction] there: the count would roll back with the host, and guesses be free (C5). Sign in,
// prove and reset by the service itself, before or after.
func (s *Service) Within(store Store) *Service {
	in := *s
	in.store, in.locks, in.tries = store, nil, 0
	return &in
}

// alone refuses what must count whatever becomes of a host's transaction (C5).
func (s *Service) alone() error {
	if s.locks != nil {
		return nil
	}
	return invalid(FieldError{Field: "service", Reason: ReasonHostTransaction, Message: ReasonHostTransaction.Text()})
}

// maxTries bounds how often a command is decided again after a conflict with another process.
// Writers of one process queue, so one try is the rule.
const maxTries = 60

// do is the shell around every command, the one loop there is: view, decide, check, commit; after a
// conflict again, on a fresh view. Nothing is kept from a try that lost.
func (s *Service) do(ctx context.Context, op string, a Actor, c Command) (Report, error) {
	rep, err := s.carryOut(ctx, a, c, false)
	return rep, named(op, err)
}

// preview decides a command and throws the changes away.
func (s *Service) preview(ctx context.Context, op string, a Actor, c Command) (Report, error) {
	a.Request = "" // asks what would be, not what was
	rep, err := s.carryOut(ctx, a, c, true)
	rep.Operation = ""
	return rep, named(op, err)
}

func (s *Service) carryOut(ctx context.Context, a Actor, c Command, dry bool) (Report, error) {
	a, err := a.clean()
	if err != nil {
		return Report{}, err
	}
	if bad := c.validate(&s.policy); bad != nil {
		return Report{}, invalid(bad...)
	}
	q := c.query(a)
	q.Request = a.Request
	request, err := newRequest(q.Org, a, c)
	if err != nil {
		return Report{}, err
	}
	unlock, err := s.locks.lock(ctx, q.Org)
	if err != nil {
		return Report{}, err
	}
	defer unlock()
	for try := 0; ; try++ {
		d, err := s.try(ctx, a, c, q, request, dry)
		if err != nil {
			if isConflict(err) && try < s.tries {
				if err = s.pause(ctx, try); err == nil {
					continue
				}
			}
			return Report{}, err
		}
		if d.report.Replayed {
			return d.report, nil
		}
		if dry {
			err = s.held(ctx, d)
		} else {
			err = s.commit(ctx, d, request)
		}
		switch {
		case err == nil:
			return d.report, nil
		case !isConflict(err) || try >= s.tries:
			return Report{}, stored(err)
		}
		if err := s.pause(ctx, try); err != nil {
			return Report{}, err
		}
	}
}

// try views and decides once. A refusal is recorded here.
func (s *Service) try(ctx context.Context, a Actor, c Command, q ViewQuery, request *Request, dry bool) (*draft, error) {
	v, err := s.view(ctx, q)
	if err != nil {
		return nil, stored(err)
	}
	d := newDraft(&v, a, c.Action(), &s.policy, s.env())
	d.dry = dry
	replays := v.Request != nil && request != nil
	if replays && d.action == ActionLeave && v.Request.Digest == request.Digest {
		return d, d.replay(v.Request, request) // leaving ends the right to leave; the digest names who asked
	}
	// Neither an old answer nor the host's sessions are for strangers (S-156), and no password is looked at
	// whose giver is refused anyhow: it would not be counted (S-112).
	if err := c.authorize(d); err != nil {
		return nil, s.deny(ctx, d, err)
	}
	if replays {
		return d, d.replay(v.Request, request)
	}
	if err := d.steppedUp(); err != nil {
		return nil, s.deny(ctx, d, err)
	}
	if p, ok := c.(prover); ok {
		if err := p.prove(ctx, s, d); err != nil {
			return nil, err
		}
	}
	if b, ok := c.(Bulk); ok && b.Action() == ActionEndSessions && s.sessions != nil {
		if d.sessions, err = s.activeSessions(ctx, v.Users); err != nil {
			return nil, err
		}
	}
	if c, ok := c.(remailer); ok {
		if err := s.readQuotas(ctx, d, c.remails(d)); err != nil {
			return nil, stored(err)
		}
	}
	if err := d.conclude(c); err != nil {
		return nil, s.deny(ctx, d, err)
	}
	return d, nil
}

// deny records a refusal and returns it, or ErrConflict if it was not of one moment.
func (s *Service) deny(ctx context.Context, d *draft, err error) error {
	if torn := s.held(ctx, d); torn != nil {
		return torn
	}
	return s.refused(ctx, d, err)
}

func (s *Service) activeSessions(ctx context.Context, users []User) (map[UserID]int, error) {
	ids := make([]UserID, len(users))
	for i := range users {
		ids[i] = users[i].ID
	}
	var n map[UserID]int
	err := s.port(ctx, func(ctx context.Context) (err error) {
		n, err = s.sessions.Active(ctx, ids)
		return err
	})
	if err != nil {
		return nil, &Error{Kind: ErrStore, Err: err}
	}
	if n == nil {
		n = map[UserID]int{}
	}
	return n, nil
}

// commit writes what a draft changed. If it changed nothing, only its entries are recorded, beside
// the chain, so that the organization's version is left alone.
func (s *Service) commit(ctx context.Context, d *draft, request *Request) error {
	changes, wrote := d.changes()
	if request != nil {
		var err error
		if request.Report, err = json.Marshal(d.report); err != nil {
			return err
		}
		request.At = d.env.Now
	}
	if !wrote {
		if err := s.held(ctx, d); err != nil {
			return err
		}
		return s.beside(ctx, d, request)
	}
	if changes.Org != nil {
		s.keys.chain(changes.Org, changes.Audit)
	} else {
		s.keys.note(changes.Audit)
	}
	changes.Request = request
	return s.store.Commit(ctx, changes)
}

// beside records a draft's entries beside the chain, and the answer to a request id.
func (s *Service) beside(ctx context.Context, d *draft, request *Request) error {
	if len(d.audit) == 0 && request == nil {
		return nil
	}
	s.keys.note(d.audit)
	return s.store.Record(ctx, d.audit, request)
}

// seq is the length of the chain that entries stand beside.
func (d *draft) seq() int64 {
	if d.org.was == nil {
		return 0
	}
	return d.org.was.AuditSeq
}

// refused records a denied attempt beside the audit chain, unless the actor has no row in the
// organization: a stranger leaves no trace in somebody else's trail (S-156). What was asked of one's
// own account goes to no organization's (R10.6). It returns the error.
func (s *Service) refused(ctx context.Context, d *draft, err error) error {
	var e *Error
	if !errors.As(err, &e) || errors.Is(e.Kind, ErrInvalid) || errors.Is(e.Kind, ErrNotFound) {
		return err
	}
	n := note{result: Refused, reason: e.Reason, object: e.Kind.Error(), email: d.named}
	if d.org.was == nil {
		own := d.userByID.get(d.actor.User)
		if own == nil || own.was == nil || !errors.Is(e.Kind, ErrDenied) {
			return err
		}
		n.user, n.email = own.was.ID, own.was.Address.Email
	} else if d.self == nil && d.role != actsAsLink && d.role != actsAsOperator && d.role != actsAsProvider {
		return err
	}
	if d.dry && d.role == actsAsLink {
		return err // a mail scanner that opens an old link a hundred times (S-033)
	}
	d.audit = nil
	d.record(n)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if rerr := s.beside(ctx, d, nil); rerr != nil {
		s.log.ErrorContext(ctx, "a refusal could not be recorded", "action", string(d.action), "org", string(d.audit[0].Org), "err", rerr)
		e.Err = errors.Join(e.Err, rerr)
	}
	return e
}

// newRequest names what was asked, so that a repeated request id can be told from a reused one
// (S-225). nil: the call has no request id.
func newRequest(org OrgID, a Actor, c Command) (*Request, error) {
	if a.Request == "" {
		return nil, nil
	}
	input, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	for _, part := range [][]byte{[]byte(a.User), []byte(c.Action()), input} {
		h.Write([]byte{byte(len(part) >> 24), byte(len(part) >> 16), byte(len(part) >> 8), byte(len(part))})
		h.Write(part)
	}
	return &Request{Org: org, ID: a.Request, Digest: hex.EncodeToString(h.Sum(nil))}, nil
}

// replay answers a repeated request with the first report.
func (d *draft) replay(first, now *Request) error {
	if first.Digest != now.Digest {
		return &Error{Kind: ErrRequestReused}
	}
	if err := json.Unmarshal(first.Report, &d.report); err != nil {
		return &Error{Kind: ErrStore, Err: err}
	}
	d.report.Replayed = true
	return nil
}

// pause waits before another try: longer each time, never as long as the other process, up to
// 50 ms.
func (s *Service) pause(ctx context.Context, try int) error {
	spread := uint32(0) // ids are random at their ends
	for _, c := range []byte(s.newID()) {
		spread = spread*31 + uint32(c)
	}
	jitter := time.Duration(spread%4096) * time.Microsecond
	t := time.NewTimer(min(time.Duration(try+1)*time.Millisecond, 50*time.Millisecond) + jitter)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func isConflict(err error) bool { return errors.Is(err, ErrConflict) }
func isNotFound(err error) bool { return errors.Is(err, ErrNotFound) }
func isLimit(err error) bool    { return errors.Is(err, ErrLimit) }

// stored turns a store's error into one a caller may see: its text names no statement and no host
// (S-234).
func stored(err error) error {
	var e *Error
	switch {
	case err == nil, errors.As(err, &e):
		return err
	case errors.Is(err, ErrNotFound):
		return notFound()
	}
	for _, kind := range []error{ErrConflict, ErrUnknownOutcome} {
		if errors.Is(err, kind) {
			return &Error{Kind: kind, Err: err}
		}
	}
	for _, kind := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, kind) {
			return &endedError{kind, err}
		}
	}
	return &Error{Kind: ErrStore, Err: err}
}

// endedError is the error of a context that ended. Its text is the context's alone, because drivers
// put the address they were dialling in front.
type endedError struct{ kind, err error }

func (e *endedError) Error() string { return e.kind.Error() }

func (e *endedError) Unwrap() []error { return []error{e.kind, e.err} }

// cause is what lies behind an error, for the host's log: the text for callers leaves it out.
func cause(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Err != nil {
		return e.Err
	}
	return err
}

// named fills in which call failed.
func named(op string, err error) error {
	var e *Error
	if errors.As(err, &e) && e.Op == "" {
		e.Op = op
	}
	return err
}
