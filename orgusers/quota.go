package orgusers

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"time"
)

// quota bounds what one counter counts in its window of time.
type quota struct {
	key   string
	until time.Time
	most  int // -1: no bound
}

// room reports whether n more stay in a quota, with what the command has counted already.
func (d *draft) room(q quota, n int64) bool {
	return q.most < 0 || d.counters[q.key]+d.counted.added(q.key)+n <= int64(q.most)
}

// spend counts n against a quota. A command that did not ask [draft.room] fails at the bound, and so does one
// whose counter was not read, so nothing is mailed past it.
func (d *draft) spend(q quota, n int64) {
	d.count(Counter{Key: q.key, Add: n, ExpiresAt: q.until, Most: max(int64(q.most), 0)})
}

// count adds to a counter with the commit.
func (d *draft) count(c Counter) { d.counted.add(c) }

// counts are what is added to counters.
type counts struct {
	all   []Counter
	place lookup[string, int] // in all, from 1
}

// added is what is added to one counter.
func (s *counts) added(key string) int64 {
	if at := s.place.get(key); at > 0 {
		return s.all[at-1].Add
	}
	return 0
}

// add adds to a counter; what was added before counts too.
func (s *counts) add(c Counter) {
	if at := s.place.get(c.Key); at > 0 {
		c.Add += s.all[at-1].Add
		s.all[at-1] = c
		return
	}
	s.all = append(s.all, c)
	s.place.put(c.Key, len(s.all))
}

// sorted are the counters in the order of their keys.
func (s *counts) sorted() []Counter {
	all := slices.Clone(s.all)
	slices.SortFunc(all, func(a, b Counter) int { return cmp.Compare(a.Key, b.Key) })
	return all
}

// Invitations, and offers of an ownership, are kept within bounds (S-026): by mailbox over all organizations,
// and invitations by actor and organization too. They count addresses, not calls (S-155), and only those that
// are mailed, for the first time or again: the counters are read before it is decided, and raised with the commit.

// mailboxQuota is that of an address. Its key is a hash: the counters are nobody's address book.
func (p *Policy) mailboxQuota(a Address, now time.Time) quota {
	sum := sha256.Sum256([]byte(a.Mailbox()))
	today := now.Truncate(day)
	return quota{"invite/mailbox/" + hex.EncodeToString(sum[:16]) + "/" + unix(today), today.Add(day), p.InvitesPerMailboxDay}
}

// senderQuotas are those of who invites, and of the organization.
func (p *Policy) senderQuotas(org OrgID, actor UserID, now time.Time) [2]quota {
	hour, today := now.Truncate(time.Hour), now.Truncate(day)
	return [2]quota{
		{"invite/actor/" + string(org) + "/" + string(actor) + "/" + unix(hour), hour.Add(time.Hour), p.InvitesPerActorHour},
		{"invite/org/" + string(org) + "/" + unix(today), today.Add(day), p.InvitesPerOrgDay},
	}
}

// senderQuotas are those of the actor in the organization.
func (d *draft) senderQuotas() [2]quota {
	if d.sender[0].key == "" {
		d.sender = d.policy.senderQuotas(d.org.now.ID, d.actor.User, d.env.Now)
	}
	return d.sender
}

func unix(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// inviteCounters are the counters that mailing these addresses looks at.
func inviteCounters(org OrgID, actor UserID, now time.Time, to []Address) []string {
	keys := make([]string, 0, len(to)+2)
	for _, q := range new(Policy).senderQuotas(org, actor, now) {
		keys = append(keys, q.key)
	}
	for _, a := range to {
		keys = append(keys, new(Policy).mailboxQuota(a, now).key)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// remailer is a command that mails again to addresses that only the rows tell. Their counters are read once the
// rows are there, for those who may give the command.
type remailer interface {
	remails(d *draft) []Address
}

// readQuotas adds what the quotas of mails to these addresses stand at. It is read after the organization, so
// that it is never older than the version that the commit holds on to.
func (s *Service) readQuotas(ctx context.Context, d *draft, to []Address) error {
	if len(to) == 0 {
		return nil
	}
	v, err := s.view(ctx, ViewQuery{Counters: inviteCounters(d.org.was.ID, d.actor.User, d.env.Now, to)})
	if err != nil {
		return err
	}
	if d.counters == nil {
		d.counters = make(map[string]int64, len(v.Counters))
	}
	maps.Copy(d.counters, v.Counters)
	return nil
}

// mailBudgets are the quotas of a kind of mail that administrators cause, by account, whose id ends the key;
// nil: it has none. A reset mail has its own, apart from invitations and from the other kind of reset, so that
// neither can keep the other from those who need it (S-026).
func (p *Policy) mailBudgets(kind MailKind, u UserID, now time.Time) []quota {
	if kind != MailPasswordReset && kind != MailMFAReset {
		return nil
	}
	hour, today := now.Truncate(time.Hour), now.Truncate(day)
	return []quota{
		{"mail/" + string(kind) + "/hour/" + unix(hour) + "/" + string(u), hour.Add(time.Hour), p.ResetMailsPerHour},
		{"mail/" + string(kind) + "/day/" + unix(today) + "/" + string(u), today.Add(day), p.ResetMailsPerDay},
	}
}

// at asks for the quotas, the mail budgets and the live sessions of this time.
func (q ViewQuery) at(now time.Time) ViewQuery {
	if q.sessions {
		q.Live, q.sessions = now, false
	}
	q.PerUser = slices.Clip(q.PerUser)
	for _, kind := range q.mails {
		for _, b := range new(Policy).mailBudgets(kind, "", now) {
			q.PerUser = append(q.PerUser, b.key)
		}
	}
	q.mails = nil
	if len(q.mailboxes) > 0 {
		q.Counters = append(slices.Clip(q.Counters), inviteCounters(q.Org, q.sender, now, q.mailboxes)...)
		q.mailboxes = nil
	}
	return q
}

// mayMail judges one more mail of a kind to an account (C5). link is the one mailed before, if it is
// still good, and sentAt when that was.
func (d *draft) mayMail(kind MailKind, u *User, link OperationID, sentAt time.Time) verdict {
	if link != "" && !d.env.Now.Before(sentAt) && d.env.Now.Before(sentAt.Add(d.policy.ResendCooldown)) {
		return skip(ReasonCooldown, "C5")
	}
	for _, b := range d.policy.mailBudgets(kind, u.ID, d.env.Now) {
		if !d.room(b, 1) {
			return skip(ReasonResendLimit, "C5")
		}
	}
	return allow()
}
