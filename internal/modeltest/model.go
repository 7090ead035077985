package modeltest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// model is what the rule book says, as maps and straight code. It counts rows where the library keeps
// tallies, and knows nothing of stores, versions, patches or ids: accounts, rows, stacks, roles and
// links have numbers. It uses no code of the library and speaks in its stable strings: "skipped
// owner", "denied not_joined".
type model struct {
	policy   policy
	now      time.Time
	last, op int // the last number given out, and that of the call under way
	orgs     []*org
	accounts map[string]*account // by address
	outbox   []effect
	quota    map[string]int    // mails, by whose and when
	answers  map[string]answer // by organization and request id
	sessions map[int]time.Time // when the account's session in the host's own store began
	registry map[int]time.Time // when the newest one by an identity provider began
}

// policy is what a host may choose.
type policy struct {
	ImmediateMFA, PeersProtected, EndOnReset, UnlockSkips, NeverExpire, HostSessions bool

	PerHour    int // invitations by one actor
	PerMailbox int // invitations to one mailbox in a day
	MaxSends   int // mails of one invitation or offer
	Resets     int // mails of one kind of reset to one account in an hour; a day has one more
}

type (
	name  struct{ First, Last string }
	grant struct{ stack, role int }
	sso   struct{ On, Strict, Mapping bool }
	actor struct {
		user     int
		signedIn time.Time
		request  string
	}
	account struct {
		id                                 int
		email                              string
		name                               name
		verified, password, mfa, mustReset bool
		epoch, lastLogin, lockedUntil      time.Time
		reset, mfaReset                    ticket
	}
	ticket struct { // a mailed link as far as an account remembers it
		op          int // 0: none
		sent, until time.Time
	}
	row struct {
		id, user                               int // user 0: pending
		key, email                             string
		admin, inactive, withoutSSO            bool
		grants                                 map[grant]bool
		name                                   name   // as the inviter gave it
		subject                                string // at the identity provider
		by                                     int
		byEmail                                string
		invitedAt, expiresAt, sentAt, joinedAt time.Time
		link, sends                            int
		validFrom                              time.Time // sessions from then on are good here
	}
	stack struct {
		id, owner int
		name      string
	}
	role struct {
		id          int
		name, perms string
	}
	offer struct {
		key, email            string
		by, link, sends       int
		at, sentAt, expiresAt time.Time
	}
	org struct {
		id, owner       int // owner 0: owner-less
		name            string
		disabled, over  bool
		rows            map[string]*row
		stacks          []*stack
		roles           []*role
		domains, closed []string
		sso             sso
		ssoOff          time.Time        // when it was last switched off
		keeper          int              // gets in without single sign-on; 0: nobody is named
		groups          map[string]group // of the identity provider
		users, places   int              // limits; -1: none
		offer           *offer
		left            time.Time // who joins brings no session from before
		chain, beside   int       // audit entries
	}
	link struct {
		purpose          string
		org, subject, op int
	}
	effect struct {
		kind, to string
		from     *org      // that sends the mail; nil: none does
		user     int       // whose sessions are to end
		until    time.Time // those that began by then
		tries    int
		due      time.Time
		link     link
	}
	answer struct {
		input  string
		result result
	}
	result struct {
		err      string   // "": done
		people   []string // how it ended for each
		made     int      // the number of a stack or role
		replayed bool
		entries  int  // in the audit trail
		wrote    bool // so they are in the chain
	}
)

const (
	developer, contentManager = -1, -2 // numbers of the built-in roles

	notFound  = "not_found"
	replaced  = "expired link_replaced"
	malformed = "expired link_malformed"
)

func (m *model) number() int { m.last++; return m.last }

func (m *model) account(id int) *account {
	for _, a := range m.accounts {
		if a.id == id {
			return a
		}
	}
	return nil
}

// several reports whether the account belongs to more than one organization.
func (m *model) several(user int) bool {
	n := 0
	for _, o := range m.orgs {
		if o.joined(user) != nil {
			n++
		}
	}
	return n > 1
}

// active reports whether the person is an active member anywhere (R2.13).
func (m *model) active(user int) bool {
	for _, o := range m.orgs {
		if r := o.joined(user); r != nil && !r.inactive {
			return true
		}
	}
	return false
}

func (o *org) find(match func(*row) bool) (found []*row) {
	for _, key := range slices.Sorted(maps.Keys(o.rows)) {
		if match(o.rows[key]) {
			found = append(found, o.rows[key])
		}
	}
	return found
}

func first(rows []*row) *row { return append(rows, nil)[0] }

func (o *org) joined(user int) *row {
	return first(o.find(func(r *row) bool { return user != 0 && r.user == user }))
}
func (o *org) row(id int) *row   { return first(o.find(func(r *row) bool { return r.id == id })) }
func (o *org) admins() []*row    { return o.find((*row).administers) }
func (o *org) members() int      { return len(o.find(func(r *row) bool { return r.user != 0 })) }
func (r *row) administers() bool { return r.user != 0 && !r.inactive && r.admin }

func (o *org) isOwner(r *row) bool { return o.owner != 0 && r.user == o.owner }

// stays says why an administrator cannot go: R12.5, and R2.23 where there is no owner.
func (o *org) stays(r *row) string {
	switch {
	case o.owner != 0 || !r.administers():
		return ""
	case len(o.admins()) == 1:
		return "last_administrator"
	case r.user == o.keeper:
		return "sso_keeper"
	}
	return ""
}

// ssoOnly is R2.21 to R2.24.
func (o *org) ssoOnly(r *row) bool {
	kept := o.isOwner(r) || o.keeper != 0 && r.user == o.keeper
	return o.sso.On && !kept && (o.sso.Strict || !r.withoutSSO)
}

// idp is R2.28.
func (o *org) idp(r *row) bool { return o.sso.Mapping && r.user != 0 && o.ssoOnly(r) }

// allows is R2.11.
func (o *org) allows(key string) bool {
	return len(o.domains) == 0 || slices.Contains(o.domains, key[strings.IndexByte(key, '@')+1:])
}

// room is R9.3: an error of this kind if there is none for so many more.
func (o *org) room(kind, resource string, used, asked, limit int) string {
	if limit < 0 || o.over || asked == 0 || used+asked <= limit {
		return ""
	}
	return fmt.Sprintf("%s %s %d+%d>%d", kind, resource, used, asked, limit)
}

// unknown lists the stacks and roles that there are not, or that are another organization's (S-018).
func (o *org) unknown(access []access) (bad []string) {
	for _, a := range access {
		if !slices.ContainsFunc(o.stacks, func(s *stack) bool { return s.id == a.stack }) {
			bad = append(bad, "unknown")
		}
		for _, id := range a.roles {
			if id > 0 && !slices.ContainsFunc(o.roles, func(r *role) bool { return r.id == id }) || id == 0 {
				bad = append(bad, "unknown")
			}
		}
	}
	return bad
}

// access is what someone shall have on one stack, replacing what is there (R3.3, R6.4).
type access struct {
	stack int
	roles []int
}

func replaceGrants(have map[grant]bool, access []access) map[grant]bool {
	out := maps.Clone(have)
	if out == nil {
		out = map[grant]bool{}
	}
	for _, a := range access {
		maps.DeleteFunc(out, func(g grant, _ bool) bool { return g.stack == a.stack })
		for _, r := range a.roles {
			out[grant{a.stack, r}] = true
		}
	}
	return out
}

func repeated(access []access) (bad []string) {
	seen := map[int]bool{}
	for _, a := range access {
		if seen[a.stack] {
			bad = append(bad, "duplicate")
		}
		seen[a.stack] = true
	}
	return bad
}

func invalidInput(reasons ...string) result {
	return result{err: "invalid " + strings.Join(reasons, " ")}
}

// call is the frame around every command in an organization: an answered request is answered again
// (S-225), refusals are recorded (Q32), and what changed something goes into the audit chain.
func (m *model) call(a actor, o *org, input string, may func(actor, *org) string, decide func(*result) string) result {
	if o == nil {
		return result{err: notFound}
	}
	m.op = m.number()
	key, input := fmt.Sprint(o.id, " ", a.request), fmt.Sprint(a.user, " ", input)
	earlier, again := m.answers[key]
	var res result
	res.err = may(a, o)
	gone := strings.HasSuffix(input, " leave") && earlier.input == input // who left may hear it again
	if again && (res.err == "" || gone) {
		if earlier.input != input {
			return result{err: "request_reused"}
		}
		earlier.result.replayed = true
		return earlier.result
	}
	if res.err == "" {
		res.err = decide(&res)
	}
	if res.err != "" {
		if res.err != notFound && !strings.HasPrefix(res.err, "invalid") {
			o.beside++
		}
		return result{err: res.err}
	}
	if a.request != "" {
		m.answers[key] = answer{input, res}
	}
	if res.wrote {
		o.chain += res.entries
	} else {
		o.beside += res.entries
	}
	return res
}

// changed is how a command ends that did something and left n audit entries.
func (r *result) changed(n int) string { r.entries, r.wrote = n, true; return "" }

// member, admin and owner are the kinds of authority (R1.4 to R1.7); whoever is not in the
// organization learns nothing of it.
func (m *model) member(a actor, o *org) string {
	r := o.joined(a.user)
	switch {
	case r == nil:
		return notFound
	case !a.signedIn.After(m.account(a.user).epoch):
		return "denied session_ended"
	case o.disabled:
		return "denied organization_disabled"
	case r.inactive:
		return "denied not_joined"
	case !a.signedIn.After(r.validFrom): // S-069
		return "denied session_ended"
	}
	return ""
}

// inside is a member at an administrator's door: all but the owner come there by single sign-on, while it is on.
func (m *model) inside(a actor, o *org) string {
	err := m.member(a, o)
	if err == "" && o.sso.On && a.user != o.owner && !a.signedIn.After(o.ssoOff) {
		return "denied session_ended" // that was another provider's
	}
	return err
}

func (m *model) admin(a actor, o *org) string {
	if err := m.inside(a, o); err != "" || o.joined(a.user).admin {
		return err
	}
	return "denied not_administrator"
}

func (m *model) owner(a actor, o *org) string {
	if err := m.inside(a, o); err != "" || o.isOwner(o.joined(a.user)) {
		return err
	}
	return "denied not_owner"
}

// open is for whoever holds a link (S-030), anybody for support.
func (m *model) open(_ actor, o *org) string {
	if o.disabled {
		return "denied organization_disabled"
	}
	return ""
}

func anybody(actor, *org) string { return "" }
