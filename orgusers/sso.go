package orgusers

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Assertion is what an organization's identity provider has said of a person, after the host has
// verified all of it: signature, audience, time, and that the provider is this organization's. What
// one provider says is never taken for another organization.
type Assertion struct {
	Org OrgID
	// Subject is the person's name at the provider, which never changes and is never given to
	// somebody else: 1 to 256 bytes, compared byte by byte.
	Subject string
	// Email is the person's address. It finds the person at the first sign-in; from then on the two
	// belong together.
	Email string
	// Name is for the account, if one is made now. It may be empty.
	Name Name
	// Groups are looked at with role mapping only (R2.27). Case and spaces count (R2.29).
	Groups []string
	// AuthenticatedAt is when the person gave the provider a credential: auth_time in OpenID Connect,
	// AuthnInstant in SAML. Zero: the provider does not say, and the session is no fresh proof. For what
	// answers [ErrReauth] the host has the provider ask again (max_age, ForceAuthn), and signs in anew.
	AuthenticatedAt time.Time
}

// SSOSignIn is the command behind [Visitor.SignInSSO].
type SSOSignIn struct {
	signer
	said Assertion
	to   Address // Email, parsed
	name Name    // Name, cleaned
}

// newSSOSignIn checks an assertion.
func newSSOSignIn(a Assertion) (*SSOSignIn, error) {
	c := &SSOSignIn{said: a}
	var bad []FieldError
	to, fe := parseAddressField("email", a.Email)
	if fe != nil {
		bad = append(bad, *fe)
	}
	if fe := checkExact("subject", a.Subject); fe != nil {
		bad = append(bad, *fe)
	}
	name, fes := cleanPerson(a.Name, false)
	if bad = append(bad, fes...); bad != nil {
		return nil, invalid(bad...)
	}
	c.to, c.name = to, name
	return c, nil
}

// checkExact checks a name of the provider's, which is kept and compared as it is.
func checkExact(field, s string) *FieldError {
	bad := func(r Reason, message string) *FieldError {
		return &FieldError{Field: field, Reason: r, Message: message}
	}
	switch {
	case s == "":
		return bad(ReasonRequired, ReasonRequired.Text())
	case len(s) > 256:
		return bad(ReasonTooLong, "is longer than 256 bytes")
	case !utf8.ValidString(s), strings.ContainsFunc(s, unicode.IsControl):
		return bad(ReasonCharacter, "has a control character or is not valid UTF-8")
	}
	return nil
}

// Action is [ActionSSOSignIn].
func (*SSOSignIn) Action() Action { return ActionSSOSignIn }

func (*SSOSignIn) validate(*Policy) []FieldError { return nil }

func (c *SSOSignIn) query(Actor) ViewQuery {
	return ViewQuery{
		Org: c.said.Org, Keys: []AddressKey{c.to.Key}, Subjects: []string{c.said.Subject}, Inviters: true, Grants: true,
		Person: PersonQuery{Key: c.to.Key}, UserKeys: []AddressKey{c.to.Key}, // the account as it is beside the rows
	}
}

func (c *SSOSignIn) authorize(d *draft) *Error { return d.byProvider(c.to) }

// decide lets the person in, or says why not. What an organization's own provider says is not kept
// from it: the reasons are about this organization alone.
func (c *SSOSignIn) decide(d *draft) error {
	c.result, c.denied = SignIn{RecoveryCodesLeft: -1}, nil
	r := d.byKey.get(c.to.Key)
	if refusal := c.same(d, r); refusal != nil {
		return refusal
	}
	if r != nil && r.now.Status == StatusInactive {
		return denied(ReasonInactive)
	}
	var given *GroupRole
	if o := d.org.now; o.Settings.SSO.RoleMapping && (r == nil || o.ssoOnly(r.now)) {
		if given = o.grouped(c.said.Groups); given == nil {
			return denied(ReasonSSOGroups) // R2.29
		}
	}
	u, before := d.theUser(), ""
	switch {
	case r == nil && given == nil:
		return denied(ReasonNotJoined) // R2.27
	case r == nil || r.now.Status == StatusPending:
		if r != nil {
			before = describe(r.now)
		}
		var err error
		if r, u, err = c.join(d, r, given); err != nil {
			return err
		}
	case u == nil || !d.meets(r.was):
		return &Error{Kind: ErrConflict} // the row and the account were read at different moments
	default:
		before = describe(r.now)
	}
	r.now.Subject = c.said.Subject
	if given != nil && !d.provide(r, given) {
		d.record(note{member: r.now, result: Refused, reason: ReasonLastAdmin, before: "role=admin", after: "role=" + string(given.Role)})
	}
	if r.was != nil && diffMember(r.was, r.now) == (MemberPatch{}) && slices.Equal(r.was.Grants, r.now.Grants) {
		d.leave() // what the groups were refused stands beside the chain
	} else {
		d.record(note{member: r.now, before: before, after: describe(r.now)})
	}
	return c.proceed(d, u, Session{SSO: c.said.Org, ProvedAt: c.provedAt(d)})
}

// provedAt is when the provider saw a credential; by a clock that is ahead of ours, now (S-063).
func (c *SSOSignIn) provedAt(d *draft) time.Time {
	if at := micro(c.said.AuthenticatedAt); at.Before(d.env.Now) {
		return at
	}
	return d.env.Now
}

// meets reports whether the row is as it was when the account was read. A sign-in that leaves the
// organization alone ([draft.leave]) is guarded by the account alone: what cuts a person off, or unlinks,
// must not be overlooked because the row was read before it and the account after.
func (d *draft) meets(r *Member) bool {
	m := d.membership(r.Org)
	return m != nil && m.Member.ID == r.ID && m.Member.Status == r.Status && m.Member.Subject == r.Subject
}

// same refuses whoever is not the person that the address and the subject stood for before: addresses
// change hands, and a relation that has changed is for an administrator to look at.
func (c *SSOSignIn) same(d *draft, r *row[Member]) *Error {
	if r != nil && r.now.Subject != "" && r.now.Subject != c.said.Subject {
		return denied(ReasonSSOSubject)
	}
	for _, other := range d.members {
		if other != r && other.now.Subject == c.said.Subject {
			return denied(ReasonSSOSubject)
		}
	}
	return nil
}

// join makes a member of who is invited, or of whom the groups let in without an invitation (R2.27).
// The provider's word does for the link of the mail, in this organization. It does not for an account that
// belongs to another one, or whose mailbox is proved (S-157): it has an owner who was not asked, and whom
// this organization could then rename, reset or delete. Whoever reads the mailbox takes it along, by the
// link of an invitation.
func (c *SSOSignIn) join(d *draft, r *row[Member], given *GroupRole) (*row[Member], *User, error) {
	o := d.org.now
	if !o.allowsDomain(c.to) {
		return nil, nil, denied(ReasonDomain) // R2.11
	}
	if r == nil {
		if err := o.Plan.admit(ErrSeats, ResourceUsers, o.Tally.Seats(), 1); err != nil {
			return nil, nil, err
		}
		r = d.addMember(Member{
			ID: MemberID(d.env.NewID()), Org: o.ID, Address: c.to, Role: given.Role, Status: StatusPending, InvitedAt: d.env.Now,
		})
	} else if given == nil {
		if refusal := d.invited(r); refusal != nil {
			return nil, nil, refusal
		}
	}
	u := d.theUser()
	switch {
	case u == nil:
		u = c.account(d, r.now)
	case u.Orgs > 0 || u.Verified:
		return nil, nil, denied(ReasonInvitationNeeded)
	default:
		d.distrust(r.now.ID, u)
	}
	if err := d.admit(r, u); err != nil {
		return nil, nil, err
	}
	person := *d.person
	person.Memberships = append(slices.Clone(person.Memberships), Membership{
		Member: *r.now, OrgName: o.Name, OwnerID: o.OwnerID, Settings: o.Settings,
	})
	d.person = &person
	return r, u, nil
}

// account makes the account of a person who has none. It has no password, and nobody has proved the
// mailbox: elsewhere it is not to be trusted (S-002).
func (c *SSOSignIn) account(d *draft, m *Member) *User {
	u := &User{ID: UserID(d.env.NewID()), Address: c.to, Name: c.name, CreatedAt: d.env.Now, LastLogin: d.env.Now}
	if u.Name == (Name{}) {
		u.Name = m.Name // the inviter's
	}
	d.trackUser(&row[User]{now: u})
	d.person = &Person{User: *u}
	return u
}

// grouped is what a person in these groups gets: the highest role and all grants (R11.5); nil: none of
// the groups is known here.
func (o *Organization) grouped(groups []string) *GroupRole {
	var all *GroupRole
	for i := range o.Settings.Groups {
		g := &o.Settings.Groups[i]
		if !slices.Contains(groups, g.Group) {
			continue
		}
		if all == nil {
			all = &GroupRole{Role: RoleMember}
		}
		if g.Role == RoleAdmin {
			all.Role = RoleAdmin
		}
		all.Grants = append(all.Grants, g.Grants...)
	}
	if all != nil {
		all.Grants = SortGrants(all.Grants)
	}
	return all
}

// provide gives a member what the groups say, in place of what there was (R2.27). It returns false if the
// role was left: an administrator of an owner-less organization who may not go stays one (R12.5).
func (d *draft) provide(r *row[Member], given *GroupRole) bool {
	role := given.Role
	if role != RoleAdmin && !d.mayGo(r.now).ok() {
		role = RoleAdmin
	}
	d.set(r, func(m *Member) { m.Role, m.Grants = role, given.Grants })
	return role == given.Role
}

// leave lets go of an organization that was only looked at, so that a sign-in neither raises its
// version nor waits for it. What is decided is guarded by the account's version.
func (d *draft) leave() {
	d.org, d.members, d.self = row[Organization]{}, nil, nil
}
