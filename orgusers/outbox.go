package orgusers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrPermanent is for a [Mailer], or another port that [Service.Dispatch] calls, to wrap when trying again
// is of no use: the effect is given up at once and shows among the dead letters.
var ErrPermanent = errors.New("permanent failure")

const (
	effectLease  = 2 * time.Minute // how long a worker has what it claimed
	mailTries    = 12              // then a mail is given up
	firstBackoff = time.Minute
	maxBackoff   = 6 * time.Hour

	disabledPause = time.Hour // how long mails of a disabled organization wait
)

// laterError is for what is neither done nor failed, and when to come back to it.
type laterError struct{ at time.Time }

func (laterError) Error() string { return "it is not time yet" }

// Dispatch carries out up to n (1 to 500) effects of the outbox that are due, one after another, and
// returns how many are settled: delivered, or void by now. Several calls may run at once, in this
// and other processes; none gets what another has.
//
// Every committed effect is carried out at least once; twice only if a process dies between delivery and
// noting it, with the same [Mail.ID]. A mail that fails 12 times, over about a day, is given up and shows
// among the dead letters; what ends sessions or tells the firewall is never given up, but tried again every
// 6 hours in the end, and shows in [Operator.Backlog] with its tries and last error (Q25). [ErrPermanent] ends
// either. A mail whose link is void by then is dropped. Whether a forgotten password is somebody's is found
// out here, so that its mail goes with the call after. The error is the store's; a port's errors are kept
// with the effect and logged.
func (s *Service) Dispatch(ctx context.Context, n int) (int, error) {
	now := s.now()
	lease := s.newID()
	var effects []Effect
	if err := s.insist(ctx, func() (err error) {
		effects, err = s.store.Claim(ctx, ClaimQuery{Now: now, Until: now.Add(effectLease), Lease: lease, Limit: clamp(n, 50, 500)})
		return err
	}); err != nil {
		return 0, named("Dispatch", stored(err))
	}
	settled := 0
	for i := range effects {
		e := &effects[i]
		// What cannot end before the lease does is left to whoever claims it next.
		if ctx.Err() != nil || !s.now().Add(s.timeout).Before(now.Add(effectLease)) {
			if err := s.release(ctx, effects[i:], lease); err != nil {
				return settled, named("Dispatch", stored(err))
			}
			return settled, ctx.Err()
		}
		st := s.carry(ctx, e)
		st.ID, st.Lease = e.ID, lease
		if err := s.settle(ctx, []Settlement{st}); err != nil {
			return settled, named("Dispatch", stored(err))
		}
		if st.Done {
			settled++
		}
	}
	return settled, nil
}

func (s *Service) release(ctx context.Context, effects []Effect, lease string) error {
	back := make([]Settlement, len(effects))
	for i := range effects {
		back[i] = Settlement{ID: effects[i].ID, Lease: lease, DueAt: effects[i].DueAt, LastError: effects[i].LastError, Untried: true}
	}
	return s.settle(ctx, back)
}

// settle notes what became of effects, even if the caller has gone.
func (s *Service) settle(ctx context.Context, settled []Settlement) error {
	ctx = context.WithoutCancel(ctx)
	return s.insist(ctx, func() error { return s.store.Settle(ctx, settled) })
}

// insist repeats what gave way to another process. A worker that was only in another's way (on a
// cluster, two that claim at once on two nodes) has not failed; and what was delivered but could not
// be noted would be delivered twice (S-223).
func (s *Service) insist(ctx context.Context, call func() error) error {
	for try := 0; ; try++ {
		err := call()
		if !isConflict(err) || try >= s.tries {
			return err
		}
		if err := s.pause(ctx, try); err != nil {
			return err
		}
	}
}

// Run dispatches until the context ends, looking every interval (1 s or more; 0: 5 s) when there is
// nothing to do. It returns the context's error. A failing store is logged and tried again.
func (s *Service) Run(ctx context.Context, interval time.Duration) error {
	if interval == 0 {
		interval = 5 * time.Second
	}
	interval = max(interval, time.Second)
	for {
		n, err := s.Dispatch(ctx, 50)
		if err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "dispatch", "err", cause(err))
		}
		if n > 0 && err == nil {
			continue
		}
		t := time.NewTimer(interval)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
	}
}

// carry does one effect and says how to settle it.
func (s *Service) carry(ctx context.Context, e *Effect) Settlement {
	err := s.port(ctx, func(ctx context.Context) error { return s.deliver(ctx, e) })
	var later laterError
	switch {
	case err == nil:
		return Settlement{Done: true}
	case errors.As(err, &later):
		return Settlement{Untried: true, DueAt: later.at} // whatever failed before does no longer
	case ctx.Err() != nil: // the host is stopping: not the mailer's fault
		return Settlement{Untried: true, DueAt: e.DueAt, LastError: e.LastError}
	}
	s.log.WarnContext(ctx, "effect not carried out", "effect", string(e.ID), "kind", string(e.Kind), "mail", string(e.Mail.Kind), "attempt", e.Attempts, "err", err)
	st := Settlement{LastError: cutText(err.Error(), 512), DueAt: s.now().Add(backoff(e.Attempts))}
	st.Dead = errors.Is(err, ErrPermanent) || (e.Kind == EffectMail || e.Kind == EffectForgotten) && e.Attempts >= mailTries
	return st
}

// backoff doubles from a minute to six hours. attempts counts from 1.
func backoff(attempts int) time.Duration {
	d := firstBackoff
	for range min(attempts-1, 10) {
		d *= 2
	}
	return min(d, maxBackoff)
}

// port calls something of the host's, for [Config.SendTimeout] at most. A port that panics has
// failed (S-229).
func (s *Service) port(ctx context.Context, call func(ctx context.Context) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return call(ctx)
}

// deliver hands an effect to its port.
func (s *Service) deliver(ctx context.Context, e *Effect) error {
	switch e.Kind {
	case EffectForgotten:
		_, err := s.do(ctx, "Dispatch", Actor{IP: e.Mail.IP, Agent: e.Mail.Agent}, MailForgotten{AddressKey(e.Mail.To), e.Operation})
		return err
	case EffectEndSessions:
		if s.sessions == nil {
			return nil // the epoch has cut them already
		}
		return s.sessions.End(ctx, []UserID{e.User}, e.Before)
	case EffectFirewall:
		if !e.Before.IsZero() {
			return s.watch(ctx, e)
		}
		return s.tellFirewall(ctx, e)
	case EffectMail:
		m := Mail{ID: e.ID, Org: e.Org, MailData: e.Mail}
		p := e.Mail.Kind.purpose()
		if p == 0 {
			return s.mailer.Send(ctx, m)
		}
		live, err := s.live(ctx, e, p)
		if err != nil || !live {
			return err
		}
		token, err := s.keys.linkToken(e.link(p))
		if err != nil {
			return err
		}
		m.Link = s.links.url(p, token)
		// In a port of its own, so that what a mailer panics with is an error here already.
		if err := s.port(ctx, func(ctx context.Context) error { return s.mailer.Send(ctx, m) }); err != nil {
			return &redactedError{err: err, secret: token}
		}
		return nil
	}
	return fmt.Errorf("%w: unknown effect %q", ErrPermanent, e.Kind)
}

// link is what the mailed secret is derived from.
func (e *Effect) link(p LinkPurpose) link {
	l := link{Purpose: p, Org: e.Org, Operation: e.Operation}
	switch p {
	case LinkInvitation:
		l.Subject = string(e.Member)
	case LinkOwnership: // offered to somebody on the roster, or to an address
		l.Subject = cmp.Or(string(e.Member), string(e.Org))
	default:
		l.Org, l.Subject = "", string(e.User)
	}
	return l
}

// live reports whether a link would still open something: nothing is mailed that is already void.
func (s *Service) live(ctx context.Context, e *Effect, p LinkPurpose) (bool, error) {
	q := ViewQuery{Org: e.Org}
	switch p {
	case LinkInvitation:
		q.Members, q.Inviters = []MemberID{e.Member}, true
	case LinkOwnership:
		q.Owner = true
	default:
		q.Person = PersonQuery{User: e.User} // with the organization that sends it, if one does
	}
	v, err := s.view(ctx, q)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	d := newDraft(&v, Actor{}, "", &s.policy, s.env())
	var void *Error
	switch p {
	case LinkInvitation:
		_, void = d.invitation(e.link(p))
	case LinkOwnership:
		void = (&answerOwnership{link: e.link(p), recipient: v.Org.Transfer.To.Key}).offer(d)
	case LinkPasswordReset:
		_, void = d.resetLink(e.link(p))
	case LinkMFAReset:
		_, void = d.mfaLink(e.link(p))
	}
	if void == nil && v.Org.Disabled {
		return false, laterError{s.now().Add(disabledPause)} // the link works again when the organization does (S-030)
	}
	return void == nil, nil
}

// redactedError is a mailer's error without the link's secret, in case the mailer put it there: the
// text goes into logs and dead letters (S-094).
type redactedError struct {
	err    error
	secret string
}

func (e *redactedError) Error() string { return strings.ReplaceAll(e.err.Error(), e.secret, redacted) }

func (e *redactedError) Is(target error) bool { return errors.Is(e.err, target) }
