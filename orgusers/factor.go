package orgusers

import (
	"encoding/json"
	"fmt"
	"time"
)

// enrolmentLife is how long setting up a second factor may take (C6).
const enrolmentLife = 10 * time.Minute

// pendingFactor is what an enrolment's token says.
type pendingFactor struct {
	Secret  []byte    `json:"secret"`
	Expires time.Time `json:"expires"`
}

// offer draws a second factor for a person in a session. Nothing of it is stored.
func (s *Service) offer(u *User, session string, now time.Time) (Enrolment, error) {
	secret, err := newTOTPSecret(s.random)
	if err != nil {
		return Enrolment{}, err
	}
	e, err := newEnrolment(secret, s.policy.Product, u.Address.Email)
	if err != nil {
		return Enrolment{}, err
	}
	e.expires = now.Add(enrolmentLife)
	text, err := json.Marshal(pendingFactor{secret, e.expires})
	if err != nil {
		return Enrolment{}, err
	}
	e.token, err = s.keys.sealBox(s.random, purposeTOTP, text, enrolmentContext(u, session))
	return e, err
}

// enrolmentContext binds a token to the account, its present second factor, and the session.
func enrolmentContext(u *User, session string) []byte {
	return fmt.Appendf(nil, "enrol\x00%s\x00%d\x00%s", u.ID, u.MFA.EnrolledAt.UnixMicro(), session)
}

// newFactor is a second factor to be put in force.
type newFactor struct {
	token, code string
	bad         *Error
	mfa         MFA
	codes       []RecoveryCode
}

// prepare opens the token and checks the code.
func (f *newFactor) prepare(s *Service, d *draft, u *User, session string) error {
	f.bad, f.mfa, f.codes = nil, MFA{}, nil
	var pending pendingFactor
	text, _, ok := s.keys.openBox(purposeTOTP, f.token, enrolmentContext(u, session))
	if !ok || json.Unmarshal(text, &pending) != nil || !d.env.Now.Before(pending.Expires) {
		f.bad = expired(ReasonNotEnrolling)
		return nil
	}
	step, right := verifyTOTP(pending.Secret, f.code, d.env.Now, 0)
	if !right {
		f.bad = wrongCode()
		return nil
	}
	sealed, err := s.keys.sealTOTP(s.random, u.ID, pending.Secret)
	if err != nil {
		return err
	}
	f.mfa = MFA{Secret: sealed, EnrolledAt: d.env.Now, LastStep: step}
	f.codes, f.mfa.Recovery, err = newRecoveryCodes(s.random, u.ID)
	return err
}

// enrol puts the factor in force. All sessions end (R7.9); whoever confirmed it gets a new one.
func (f *newFactor) enrol(d *draft, u *User) *Error {
	if f.bad != nil {
		return f.bad
	}
	before := fmt.Sprintf("mfa=%t", u.MFA.Enrolled())
	u.MFA, u.MFAResetLink, u.MFAResetExpire = f.mfa, "", time.Time{}
	d.endSessions("", u)
	d.closeRegistry()
	d.mail("", u.ID, MailData{Kind: MailMFAEnrolled, To: u.Address.Email, ToName: u.Name.String()})
	d.record(note{user: u.ID, email: u.Address.Email, before: before, after: "mfa=true"})
	return nil
}
