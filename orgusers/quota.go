package orgusers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// admit counts the mails of an invitation against the quotas (S-026), in addresses and not in calls
// (S-155), after the rules have let it pass and before anything is written. A mailbox whose quota is
// used up is left out and the rest is decided again; an actor or organization over its quota is
// refused whole.
func (c *Invite) admit(ctx context.Context, s *Service, d *draft) (again bool, err error) {
	mailboxes := c.mailboxes(d)
	if len(mailboxes) == 0 {
		return false, nil
	}
	n := int64(len(mailboxes))
	hour, today := d.env.Now.Truncate(time.Hour), d.env.Now.Truncate(day)
	whole := []struct {
		limit int
		Counter
	}{
		{s.policy.InvitesPerActorHour, Counter{Key: fmt.Sprintf("invite/actor/%s/%s/%d", c.Org, d.actor.User, hour.Unix()), Add: n, ExpiresAt: hour.Add(time.Hour)}},
		{s.policy.InvitesPerOrgDay, Counter{Key: fmt.Sprintf("invite/org/%s/%d", c.Org, today.Unix()), Add: n, ExpiresAt: today.Add(day)}},
	}
	counters := []Counter{whole[0].Counter, whole[1].Counter}
	for _, m := range mailboxes {
		sum := sha256.Sum256([]byte(m)) // counters are nobody's address book
		counters = append(counters, Counter{Key: fmt.Sprintf("invite/mailbox/%s/%d", hex.EncodeToString(sum[:16]), today.Unix()), Add: 1, ExpiresAt: today.Add(day)})
	}
	counts, err := s.store.Bump(ctx, counters)
	if err != nil {
		return false, stored(err)
	}
	for i, w := range whole {
		if w.limit >= 0 && counts[i] > int64(w.limit) {
			return false, &Error{Kind: ErrLimit, Limit: &LimitError{Resource: ResourceInvitations, Used: counts[i] - n, Asked: n, Allowed: int64(w.limit)}}
		}
	}
	c.blocked = make(map[AddressKey]bool)
	for i, m := range mailboxes {
		if most := s.policy.InvitesPerMailboxDay; most >= 0 && counts[len(whole)+i] > int64(most) {
			c.blocked[m] = true
		}
	}
	return len(c.blocked) > 0, nil
}

// mailboxes are those that the draft wants to mail, each once.
func (c *Invite) mailboxes(d *draft) []AddressKey {
	seen := make(map[AddressKey]bool, len(c.to))
	var out []AddressKey
	for i := range d.report.Outcomes {
		if d.report.Outcomes[i].Result != Applied {
			continue
		}
		if m := c.to[i].Address.Mailbox(); !seen[m] {
			seen[m] = true
			out = append(out, m)
		}
	}
	return out
}
