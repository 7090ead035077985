package orgusers

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
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
	return Counter{Key: fmt.Sprintf("invite/actor/%s/%s/%d", q.org, user, q.hour.Unix()), ExpiresAt: q.hour.Add(time.Hour)}
}

func (q quotas) organization() Counter {
	return Counter{Key: fmt.Sprintf("invite/org/%s/%d", q.org, q.today.Unix()), ExpiresAt: q.today.Add(day)}
}

// mailbox is the key of an address's counter. It hashes: the counters are nobody's address book.
func (q quotas) mailbox(a Address) string {
	sum := sha256.Sum256([]byte(a.Mailbox()))
	return fmt.Sprintf("invite/mailbox/%s/%d", hex.EncodeToString(sum[:16]), q.today.Unix())
}

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
