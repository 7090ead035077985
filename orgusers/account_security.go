package orgusers

import (
	"context"
	"net/netip"
	"time"
)

// run carries out a command on the person's own account and returns the session to go on with. What
// was given wrong has been counted by then.
func (a Account) run(ctx context.Context, op string, c Command, o *own) (Renewed, error) {
	actor := a.actor
	actor.Request = "" // an answer that has a secret is not kept for a repetition; the others change nothing twice
	if err := o.begin(a.s, &actor, a.s.now()); err != nil {
		return Renewed{}, named(op, err)
	}
	if _, err := a.s.do(ctx, op, actor, c); err != nil {
		return Renewed{}, err
	}
	if o.denied != nil {
		return Renewed{}, named(op, o.denied)
	}
	if a.s.keys.knows(o.tries.mac, o.account.was) { // who was known stays so
		o.renewed.Device = a.s.keys.remember(&o.tries, o.account.now)
	}
	return o.renewed, nil
}

// Prove gives a credential anew, for what asks for [ErrReauth]: a code of the second factor or a
// recovery code, if there is a second factor; else the password. What is wrong counts as for a sign-in, but
// a lock that strangers have caused does not matter: five wrong ones in a quarter of an hour do.
// The session goes on under a new token.
func (a Account) Prove(ctx context.Context, password, code string) (Renewed, error) {
	c := &Prove{password: password, code: code}
	return a.run(ctx, "Account.Prove", c, &c.own)
}

// ChangePassword sets a new password, which must differ. Who has a second factor needs a fresh proof
// ([Account.Prove]) beside the current password (C2). All other sessions end, and all mailed links are
// void (R7.3, S-099).
func (a Account) ChangePassword(ctx context.Context, current, password string) (Renewed, error) {
	c := &ChangePassword{password: current, next: newPassword{text: password}}
	return a.run(ctx, "Account.ChangePassword", c, &c.own)
}

// BeginMFA begins setting up a second factor, or another one instead of the present. It needs a fresh
// proof ([Account.Prove]), and changes nothing.
func (a Account) BeginMFA(ctx context.Context) (Enrolment, error) {
	c := &EnrolOwn{}
	_, err := a.run(ctx, "Account.BeginMFA", c, &c.own)
	if err != nil {
		return Enrolment{}, err
	}
	return c.made, nil
}

// ConfirmMFA puts a second factor in force with a code from it, in the session that began it. It
// returns ten recovery codes, which are shown here once. All other sessions end (R7.9).
func (a Account) ConfirmMFA(ctx context.Context, enrolment, code string) ([]RecoveryCode, Renewed, error) {
	c := &ConfirmOwn{factor: newFactor{token: enrolment, code: code}}
	renewed, err := a.run(ctx, "Account.ConfirmMFA", c, &c.own)
	if err != nil {
		return nil, Renewed{}, err
	}
	return c.factor.codes, renewed, nil
}

// NewRecoveryCodes replaces all recovery codes by ten new ones, which are shown here once (S-118). It
// needs a fresh proof and a session with a second factor.
func (a Account) NewRecoveryCodes(ctx context.Context) ([]RecoveryCode, error) {
	c := &RenewRecoveryCodes{}
	if _, err := a.run(ctx, "Account.NewRecoveryCodes", c, &c.own); err != nil {
		return nil, err
	}
	return c.codes, nil
}

// SignOut ends the actor's own session of the registry. ErrNotFound: it is over already, or the host's
// own.
func (a Account) SignOut(ctx context.Context) error {
	return a.EndSession(ctx, SessionID(a.actor.Session))
}

// EndSession ends one of the person's sessions. Somebody else's is ErrNotFound.
func (a Account) EndSession(ctx context.Context, id SessionID) error {
	const op = "Account.EndSession"
	if !wellFormed(id) {
		return named(op, notFound())
	}
	c := &EndOwnSessions{session: id}
	_, err := a.run(ctx, op, c, &c.own)
	return err
}

// EndOtherSessions ends all of the person's sessions but this one (R7.17), which goes on under a new
// token. By an identity provider it ends those that came from there too, and no others; a session of that
// kind that the host keeps is ErrDenied with [ReasonHostSession]: only the host can tell which those are.
// No credential is asked for, so a host that keeps its own sessions takes ProvedAt over too: by it alone a
// session from before a deactivation stays dead there (S-069).
func (a Account) EndOtherSessions(ctx context.Context) (Renewed, error) {
	c := &EndOwnSessions{}
	return a.run(ctx, "Account.EndOtherSessions", c, &c.own)
}

// Device is a session as its owner sees it.
type Device struct {
	Session   SessionID
	Current   bool // the actor's own
	IP        netip.Addr
	Agent     string
	CreatedAt time.Time
	SeenAt    time.Time
	ExpiresAt time.Time
	MFA       bool
	SSO       OrgID
}

// Sessions lists the person's sessions of the registry, oldest first.
func (a Account) Sessions(ctx context.Context) ([]Device, error) {
	const op = "Account.Sessions"
	d, err := a.look(ctx, ActionListSessions)
	if err != nil {
		return nil, named(op, err)
	}
	var list []Device
	for _, r := range d.registry {
		s := r.was
		if !d.seen(s) {
			continue
		}
		list = append(list, Device{
			Session: s.ID, Current: s.ID == SessionID(d.actor.Session), IP: s.IP, Agent: s.Agent,
			CreatedAt: s.CreatedAt, SeenAt: s.SeenAt, ExpiresAt: s.ExpiresAt, MFA: !s.MFAAt.IsZero(), SSO: s.SSO,
		})
	}
	return list, nil
}

// MFAStatus says how a person's second factor stands.
type MFAStatus struct {
	Enrolled      bool
	EnrolledAt    time.Time
	RecoveryCodes int // how many are left (S-121)
	// Required: an organization in which this session is good enforces it (R7.6); never by single sign-on, where
	// the provider vouches for it.
	Required bool
}

// MFA says how the person's second factor stands.
func (a Account) MFA(ctx context.Context) (MFAStatus, error) {
	d, err := a.look(ctx, ActionReadAccount)
	if err != nil {
		return MFAStatus{}, named("Account.MFA", err)
	}
	u := d.theUser()
	own := d.actor.SSO == ""
	st := MFAStatus{Enrolled: u.MFA.Enrolled(), EnrolledAt: u.MFA.EnrolledAt, RecoveryCodes: u.MFA.RecoveryCodes()}
	for i := range d.person.Memberships {
		m := &d.person.Memberships[i]
		st.Required = st.Required || own && m.takes("") && m.Settings.Security.RequireMFA
	}
	return st, nil
}

// look reads the person behind a live session.
func (a Account) look(ctx context.Context, action Action) (*draft, error) {
	actor, err := a.actor.clean()
	if err != nil {
		return nil, err
	}
	o := own{user: actor.User}
	v, err := a.s.view(ctx, o.query(actor))
	if err != nil {
		return nil, err
	}
	d := newDraft(&v, actor, action, &a.s.policy, a.s.env())
	if refusal := o.authorize(d); refusal != nil {
		return nil, a.s.refused(ctx, d, refusal)
	}
	return d, nil
}
