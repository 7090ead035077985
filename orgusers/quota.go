package orgusers

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// quotas keep invitation mails within bounds (S-026): by actor and organization, and by mailbox over
// all organizations. They count addresses, not calls (S-155), and only those that are mailed: the
// counters are read with the view and raised with the commit.
type quotas struct {
	org         OrgID
	hour, today time.Time
}

func newQuotas(org OrgID, now time.Time) quotas {
	return quotas{org: org, hour: now.Truncate(time.Hour), today: now.Truncate(day)}
}

func (q quotas) actor(user UserID) Counter {
	return Counter{Key: "invite/actor/" + string(q.org) + "/" + string(user) + "/" + unix(q.hour), ExpiresAt: q.hour.Add(time.Hour)}
}

func (q quotas) organization() Counter {
	return Counter{Key: "invite/org/" + string(q.org) + "/" + unix(q.today), ExpiresAt: q.today.Add(day)}
}

// mailbox is the key of an address's counter. It hashes: the counters are nobody's address book.
func (q quotas) mailbox(a Address) string {
	sum := sha256.Sum256([]byte(a.Mailbox()))
	return "invite/mailbox/" + hex.EncodeToString(sum[:16]) + "/" + unix(q.today)
}

func unix(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// keys are the counters that an invitation of these people looks at.
func (q quotas) keys(actor UserID, to []Recipient) []string {
	keys := make([]string, 0, len(to)+2)
	keys = append(keys, q.actor(actor).Key, q.organization().Key)
	for i := range to {
		if to[i].Reason == "" {
			keys = append(keys, q.mailbox(to[i].Address))
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// within reports whether n more stay in a quota; -1 is none.
func within(used, n int64, most int) bool { return most < 0 || used+n <= int64(most) }

// countMail counts a mail with a link to an address whose counter may not have been read: what is
// mailed again, or offered, uses up the mailbox's day too. most bounds it; 0: only counts.
func (d *draft) countMail(a Address, most int64) {
	q := newQuotas(d.org.now.ID, d.env.Now)
	d.counted = append(d.counted, Counter{Key: q.mailbox(a), Add: 1, ExpiresAt: q.today.Add(day), Most: most})
}

// mailBudget bounds one kind of mail to one account in one window of time.
type mailBudget struct {
	prefix string // of the counter's key, which ends with the account's id
	until  time.Time
	most   int
}

// mailBudgets are the budgets of a kind of mail that administrators cause; nil: it has none. A reset
// mail has its own, apart from invitations and from the other kind of reset, so that neither can keep
// the other from those who need it (S-026).
func (p *Policy) mailBudgets(kind MailKind, now time.Time) []mailBudget {
	if kind != MailPasswordReset && kind != MailMFAReset {
		return nil
	}
	in := func(window time.Duration, most int) mailBudget {
		begin := now.Truncate(window)
		return mailBudget{fmt.Sprintf("mail/%s/%s/%d/", kind, window, begin.Unix()), begin.Add(window), most}
	}
	return []mailBudget{in(time.Hour, p.ResetMailsPerHour), in(day, p.ResetMailsPerDay)}
}

// at asks for the mail budgets and the live sessions of this time.
func (q ViewQuery) at(now time.Time) ViewQuery {
	if q.sessions {
		q.Live, q.sessions = now, false
	}
	q.PerUser = slices.Clip(q.PerUser)
	for _, kind := range q.mails {
		for _, b := range new(Policy).mailBudgets(kind, now) {
			q.PerUser = append(q.PerUser, b.prefix)
		}
	}
	q.mails = nil
	return q
}

// mayMail judges one more mail of a kind to an account (C5). link is the one mailed before, if it is
// still good, and sentAt when that was.
func (d *draft) mayMail(kind MailKind, u *User, link OperationID, sentAt time.Time) verdict {
	if link != "" && !d.env.Now.Before(sentAt) && d.env.Now.Before(sentAt.Add(d.policy.ResendCooldown)) {
		return skip(ReasonCooldown, "C5")
	}
	for _, b := range d.policy.mailBudgets(kind, d.env.Now) {
		if !within(d.counters[b.prefix+string(u.ID)], 1, b.most) {
			return skip(ReasonResendLimit, "C5")
		}
	}
	return allow()
}

// spendMail counts a mail against its budgets, if it has any. A command that did not ask mayMail fails
// at the bound, so nothing is mailed past it.
func (d *draft) spendMail(kind MailKind, u UserID) {
	for _, b := range d.policy.mailBudgets(kind, d.env.Now) {
		d.counted = append(d.counted, Counter{Key: b.prefix + string(u), Add: 1, ExpiresAt: b.until, Most: max(int64(b.most), 0)})
	}
}

// sumCounters sorts by key and adds up what is for the same counter.
func sumCounters(c []Counter) []Counter {
	slices.SortFunc(c, func(a, b Counter) int { return cmp.Compare(a.Key, b.Key) })
	var out []Counter
	for _, add := range c {
		if n := len(out); n > 0 && out[n-1].Key == add.Key {
			out[n-1].Add += add.Add
			continue
		}
		out = append(out, add)
	}
	return out
}
