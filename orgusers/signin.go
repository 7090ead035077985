package orgusers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// ticketLife is how long a sign-in may stay half-way (C3).
const ticketLife = 5 * time.Minute

// maxTickets is how many half-way sign-ins one person can have; the oldest gives way.
const maxTickets = 5

// SignIn is what a step of a sign-in came to: a session, or what is needed next.
type SignIn struct {
	Step Step
	// Token is the secret of the session; before [StepDone], of the ticket for the next step, which
	// lives five minutes, can do that step and nothing else, and is dead after it. It is shown here
	// once and stored nowhere.
	Token     string
	ExpiresAt time.Time // of the session or ticket
	User      UserID    // with StepDone
	Session   SessionID // with StepDone
	// Device is to be kept by the browser in a cookie of its own, for as long as it may, and to be shown
	// by [KnownDevice] as [Actor.Device] with whatever the person does. It signs nobody in. With StepDone, if
	// the browser had none that is good: a new password, another second factor or none, and ending all
	// sessions make all of an account's void.
	Device string
	// Organizations that let the person in by single sign-on only (StepSSO).
	Organizations []OrgID
	// RecoveryCodesLeft is how many are left, if one was used now; else -1 (S-121).
	RecoveryCodesLeft int
}

// Format leaves out the secrets, whatever the verb (S-129).
func (s SignIn) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "SignIn{%s}", s.Step)
}

// MarshalJSON leaves out what Format does: the host hands Token and Device on by name.
func (s SignIn) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, `{"step":%q}`, s.Step), nil }

// signer is what the steps of a sign-in share.
type signer struct {
	attempt
	ticket ticket // that the step is taken with; zero: the first step
	token  token  // of what comes next
	user   *User  // who is in, by own credentials; nil: nobody yet
	result SignIn
}

func (c *signer) begin(s *Service, a *Actor, now time.Time) (err error) {
	c.tries = newTries(a, now)
	c.tries.holding(c.ticket, now)
	c.token, err = newToken(s.random)
	return err
}

// wrong is the one answer to whatever does not fit: unknown, inactive, without password, locked.
func (c *signer) wrong(d *draft, u *User) {
	c.result = SignIn{RecoveryCodesLeft: -1}
	c.miss(d, u, denied(ReasonCredentials))
}

// PasswordSignIn is the command behind [Visitor.SignIn].
type PasswordSignIn struct {
	signer
	key      AddressKey // empty: no address
	password string
	checked  passwordCheck
}

// Action is [ActionSignIn].
func (*PasswordSignIn) Action() Action { return ActionSignIn }

func (*PasswordSignIn) validate(*Policy) []FieldError { return nil }

func (c *PasswordSignIn) query(Actor) ViewQuery {
	return ViewQuery{Person: PersonQuery{Key: c.key}, Counters: c.tries.keys()}
}

func (c *PasswordSignIn) prove(ctx context.Context, s *Service, d *draft) error {
	u := d.theUser()
	if err := c.admit(s, d, u); err != nil {
		return err
	}
	return c.checked.check(ctx, s, u, c.shut, c.password)
}

func (*PasswordSignIn) authorize(d *draft) *Error { return d.byCredential() }

func (c *PasswordSignIn) decide(d *draft) error {
	c.result, c.denied = SignIn{RecoveryCodesLeft: -1}, nil
	u := d.theUser()
	if u == nil || !c.checked.right {
		c.wrong(d, u)
		return nil
	}
	proved := Session{ProvedAt: d.env.Now}
	if c.checked.length < d.minPassword(u.MFA.Enrolled()) {
		proved.Step = StepPassword
	}
	err := c.proceed(d, u, proved)
	if c.denied == nil {
		u.Password = cmp.Or(c.checked.rehash, u.Password)
	}
	return err
}

// theUser is the account that was asked for; nil: nobody.
func (d *draft) theUser() *User {
	if d.person == nil {
		return nil
	}
	return d.userByID.get(d.person.User.ID).now
}

// byCredential: whoever knows a password or holds a ticket; the command checks it.
func (d *draft) byCredential() *Error {
	d.role = actsAsVisitor
	return nil
}

// proceed says what a person needs next who has given what proved says, and makes the session or the
// ticket for it. It is the one place that makes either: there is no other way to a session (S-126). In
// proved, Step is what [draft.next] cannot see any more.
func (c *signer) proceed(d *draft, u *User, proved Session) error {
	c.user = nil
	step, orgs, refusal := d.next(u, &proved)
	c.result.Step, c.result.Organizations = step, orgs
	if refusal != nil {
		switch {
		case refusal.Reason != ReasonCredentials:
			c.denied = refusal
		case proved.SSO != "": // the row here is active: it and the person were read at different moments
			return &Error{Kind: ErrConflict}
		default:
			c.wrong(d, nil) // as for a wrong password
		}
		return nil
	}
	if step == StepSSO {
		return nil
	}
	s := proved
	if s.ID == "" {
		s.ID = SessionID(d.env.NewID())
	}
	if step != StepDone {
		c.token = c.token.ticket(u)
	}
	s.User, s.Step, s.Token = u.ID, step, c.token.hash
	s.IP, s.Agent = d.actor.IP, d.actor.Agent
	d.begin(u, &s)
	d.evict(&s)
	if step == StepDone {
		c.result.User, c.result.Session = u.ID, s.ID
		if s.SSO == "" { // a provider knows nothing of one's own credentials
			d.unlocked(u)
			c.user = u
		}
		u.LastLogin = later(u.LastLogin, s.CreatedAt) // which [draft.cutoff] passes
	}
	d.registry = append(d.registry, &row[Session]{now: &s})
	c.result.Token, c.result.ExpiresAt = c.token.secret, s.ExpiresAt
	return nil
}

// next is the order of the steps: what a person has not given yet, and the organizations demand. A
// password that is too short to be all there is (C2) is owed by the step before, or by the ticket: here it
// is not at hand.
func (d *draft) next(u *User, s *Session) (Step, []OrgID, *Error) {
	joined, enabled := 0, 0
	var sso []OrgID
	enforced := false
	own := 0
	for i := range d.person.Memberships {
		m := &d.person.Memberships[i]
		o := m.organization()
		if !m.counts(s.SSO) {
			continue
		}
		joined++
		if m.Disabled {
			continue
		}
		enabled++
		if s.SSO == "" && o.ssoOnly(&m.Member) {
			sso = append(sso, o.ID)
			continue
		}
		own++
		enforced = enforced || o.Settings.Security.RequireMFA
	}
	switch {
	case joined == 0: // inactive everywhere, or in no organization (R2.13)
		return "", nil, denied(ReasonCredentials)
	case enabled == 0:
		return "", nil, denied(ReasonOrgDisabled) // R7.18
	case own == 0:
		return StepSSO, sso, nil // R2.24
	case s.SSO != "":
		return StepDone, nil, nil // the provider vouches, for the second factor too
	case u.MFA.Enrolled() && s.MFAAt.IsZero():
		return StepCode, nil, nil
	case u.ResetRequired:
		return StepPassword, nil, nil // R6.6
	case enforced && !u.MFA.Enrolled():
		return StepEnrol, nil, nil // R7.8
	case s.Step == StepPassword && !u.MFA.Enrolled():
		return StepPassword, nil, nil
	}
	return StepDone, nil, nil
}

// organization is the membership's organization, as far as it is known here.
func (m *Membership) organization() *Organization {
	return &Organization{ID: m.Member.Org, Name: m.OrgName, Disabled: m.Disabled, OwnerID: m.OwnerID, Settings: m.Settings}
}

// begin sets the times of a session or ticket: the strictest of what the policy and the person's
// organizations say (R7.16). A ticket begins right after the epoch, so that whatever raises that ends it,
// by whichever clock (S-141); of a session LastLogin tells.
func (d *draft) begin(u *User, s *Session) {
	now := d.env.Now
	s.CreatedAt, s.SeenAt = u.SessionsValidFrom.Add(time.Microsecond), now
	if s.Step == StepDone {
		s.CreatedAt = later(now, s.CreatedAt) // of this very moment, or by a clock that runs ahead, is the epoch
	}
	idle, life := d.policy.SessionIdle, d.policy.SessionMax
	tighten := func(v *time.Duration, to time.Duration) {
		if to > 0 && to < *v {
			*v = to
		}
	}
	for i := range d.person.Memberships {
		m := &d.person.Memberships[i]
		if cut := m.cut(s.SSO).Add(time.Microsecond); s.Step == StepDone && m.counts(s.SSO) { // so may this be
			s.CreatedAt = later(s.CreatedAt, cut)
			if s.SSO == "" {
				s.ProvedAt = later(s.ProvedAt, cut)
			}
		}
		if !m.takes(s.SSO) {
			continue // where the session is no good, its limits are none: a provider may have put the person there
		}
		tighten(&idle, m.Settings.Security.SessionIdle)
		tighten(&life, m.Settings.Security.SessionMax)
		if s.SSO != "" {
			tighten(&life, cmp.Or(m.Settings.SSO.SessionMax, 12*time.Hour)) // R2.26
		}
	}
	if s.Step != StepDone {
		idle, life = ticketLife, ticketLife
	}
	s.Idle, s.ExpiresAt = idle, now.Add(life)
}

// evict makes room in the registry for a session or ticket: of what would be too many the oldest goes
// (S-138). A provider's sessions give way to its own only: else it could sign the person out elsewhere.
//
// What is over gives its row to the new one, unless another does: so no more rows are left behind than
// a person can have at once, and [Store.Prune] takes those.
func (d *draft) evict(added *Session) {
	var kin []*row[Session]
	var over *row[Session]
	given := false
	epoch := d.theUser().SessionsValidFrom
	for _, r := range d.registry {
		switch {
		case r.now == nil:
			given = true
		case !r.now.Live(d.env.Now, epoch):
			over = cmp.Or(over, r)
		case (r.now.Step == StepDone) == (added.Step == StepDone) && r.now.SSO == added.SSO:
			kin = append(kin, r)
		}
	}
	most := maxTickets
	if added.Step == StepDone {
		most = d.policy.MaxSessions
	}
	slices.SortFunc(kin, func(a, b *row[Session]) int {
		return cmp.Or(a.now.CreatedAt.Compare(b.now.CreatedAt), a.now.ExpiresAt.Compare(b.now.ExpiresAt))
	})
	for ; len(kin) >= most; kin = kin[1:] {
		if s := kin[0].now; s.Step == StepDone {
			d.record(note{action: ActionEndSession, user: s.User, email: d.theUser().Address.Email, object: string(s.ID), before: "the oldest of too many"})
		}
		kin[0].now, given = nil, true
	}
	if over != nil && !given {
		over.now = nil
	}
}
