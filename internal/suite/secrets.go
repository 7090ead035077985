package suite

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// What people with a second factor have in their accounts: nothing that works, but nothing that may
// show anywhere either.
const (
	canarySecret   = "v1.c2VhbGVkLXNlY29uZC1mYWN0b3ItY2FuYXJ5"
	canaryRecovery = "cmVjb3ZlcnktaGFzaC1jYW5hcnk"
)

// canaries looks for secrets in everything that anybody may come to see.
type canaries struct {
	t       testing.TB
	w       *world.World
	log     *lockedBuffer
	secrets map[string]string // by what they are
	// personal are secrets that a person holds or was mailed and no store has, not even where nobody looks.
	personal []string
	mails    int // looked through
	checked  int
}

// watched is a world that writes its log in both forms, at the lowest level.
func watched(t testing.TB, store orgusers.Store, change ...func(*orgusers.Config)) *canaries {
	t.Helper()
	log := &lockedBuffer{}
	debug := &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}
	change = append(change, func(c *orgusers.Config) {
		c.Logger = slog.New(slog.NewMultiHandler(slog.NewTextHandler(log, debug), slog.NewJSONHandler(log, debug)))
	})
	c := &canaries{t: t, w: world.New(t, store, change...), log: log, secrets: map[string]string{
		"the password": world.Password, "the new password": newPassword, "the sealed factor": canarySecret, "the recovery codes": canaryRecovery,
	}}
	for i, k := range c.w.Conf.Keys {
		c.secrets[fmt.Sprint("key ", i)] = string(k)
		c.secrets[fmt.Sprint("key in hex ", i)] = hex.EncodeToString(k)
		c.secrets[fmt.Sprint("key in base64 ", i)] = base64.StdEncoding.EncodeToString(k)
		c.secrets[fmt.Sprint("key in decimal ", i)] = strings.Trim(fmt.Sprint([]byte(k)), "[]")
	}
	return c
}

// learn notes the links mailed so far, and the passwords of an organization's people.
func (c *canaries) learn(s state) {
	mails := c.w.Inbox.All()
	for _, m := range mails[c.mails:] {
		if m.Link != "" {
			token := world.Token(m)
			c.secrets["the token of "+string(m.ID)] = token
			c.personal = append(c.personal, token)
		}
	}
	c.mails = len(mails)
	for _, u := range s.Users {
		if u.Password != "" {
			c.secrets["the hash of "+u.Address.Email] = string(u.Password)
			c.secrets["the salt of "+u.Address.Email] = strings.Split(string(u.Password), "$")[4]
		}
	}
}

// given notes what a person was given at sign-in, and demands that it prints as nothing.
func (c *canaries) given(s *stage) {
	c.t.Helper()
	shown := append([]any{s.in, s.enrolment, s.app.Codes}, s.shown...)
	learn := func(what, secret string) {
		if secret != "" {
			c.secrets[fmt.Sprint(what, " ", len(c.personal))] = secret
			c.personal = append(c.personal, secret)
		}
	}
	for _, v := range shown {
		switch v := v.(type) {
		case orgusers.SignIn:
			learn("session token", v.Token)
			learn("device token", v.Device)
		case orgusers.Renewed:
			learn("session token", v.Token)
			learn("device token", v.Device)
		case orgusers.Enrolment:
			learn("TOTP secret", v.Text())
			learn("enrolment", v.Token())
		case []orgusers.RecoveryCode:
			for _, code := range v {
				learn("recovery code", string(code))
			}
		}
	}
	c.clean("what was given", shown...)
	device := orgusers.Actor{Device: orgusers.KnownDevice(s.in.Device), IP: s.Owner.IP}
	c.clean("who comes by it", device, &device)
}

// stored notes the hashes that a commit has: they print as nothing too.
func (c *canaries) stored(ch orgusers.Changes) {
	learn := func(what, secret string) {
		if secret != "" && secret != canarySecret {
			c.secrets[fmt.Sprint(what, " ", len(c.secrets))] = secret
		}
	}
	for _, s := range ch.NewSessions {
		learn("token hash", s.Token)
	}
	for _, u := range ch.Users {
		learn("sealed factor", u.Patch.MFA.Value.Secret)
		learn("recovery hashes", u.Patch.MFA.Value.Recovery)
		learn("password hash", string(u.Patch.Password.Value))
	}
}

// everyText is all text in a value, whatever it prints as.
func everyText(v reflect.Value, texts []string) []string {
	switch v.Kind() {
	case reflect.String:
		texts = append(texts, v.String())
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			texts = everyText(v.Index(i), texts)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			texts = everyText(v.Field(i), texts)
		}
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			texts = everyText(v.Elem(), texts)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			texts = everyText(v.MapIndex(k), everyText(k, texts))
		}
	}
	return texts
}

// spellings are the ways in which hosts print things.
func spellings(v any) []string {
	out := []string{fmt.Sprintf("%v", v), fmt.Sprintf("%+v", v), fmt.Sprintf("%#v", v), fmt.Sprintf("%s", v), fmt.Sprintf("%q", v), fmt.Sprintf("%d", v)}
	if b, err := json.Marshal(v); err == nil {
		out = append(out, string(b))
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
	return append(out, log.String())
}

// clean demands that none of the secrets is in any of the values.
func (c *canaries) clean(what string, values ...any) {
	c.t.Helper()
	c.learn(state{})
	for _, v := range values {
		for _, text := range spellings(v) {
			c.checked++
			for name, secret := range c.secrets {
				require.False(c.t, strings.Contains(text, secret), "%s shows %s", what, name) //nolint:testifylint // Contains would print the secret
			}
		}
	}
}

// everywhere looks through the log, the outbox and everything that one organization's people,
// support and the store's own listings show.
func (c *canaries) everywhere(x team) {
	c.t.Helper()
	ctx, vendor := world.Ctx(), c.w.Operator()
	now := stateOf(c.t, c.w, x.ID)
	c.learn(now)
	seen := []any{c.log.String(), c.w.Outbox(false), c.w.Outbox(true), c.w.Trail(""), c.w.Trail(x.ID), now}
	add := func(v any, err error) {
		seen = append(seen, v)
		if err != nil {
			seen = append(seen, err)
		}
	}
	page, err := x.Admin().Members(ctx, orgusers.List{Limit: 200, Grants: true})
	add(page, err)
	trail, err := x.Admin().Audit(ctx, orgusers.AuditList{Limit: 200})
	add(trail, err)
	details, err := x.Admin().Organization(ctx)
	add(details, err)
	org, err := vendor.Organization(ctx, x.ID)
	add(org, err)
	dead, err := vendor.DeadLetters(ctx, "", 1000)
	add(dead, err)
	backlog, err := vendor.Backlog(ctx, "", 1000)
	add(backlog, err)
	access, err := c.w.Store.Access(ctx, x.owner.User, x.ID)
	add(access, err)
	var out strings.Builder
	add(nil, x.Admin().ExportCSV(ctx, &out, orgusers.ExportOptions{}))
	add(nil, x.Admin().ExportAudit(ctx, &out, orgusers.AuditList{}))
	seen = append(seen, out.String())
	c.clean(x.domain, seen...)
}

func noSecrets(t *testing.T, open Opener) {
	store := newFaulty(open(t))
	c := watched(t, store)
	var commits []any
	store.with(func(f *faulty) {
		f.committed = func(ch orgusers.Changes) {
			commits = append(commits, ch)
			if ch.Request != nil {
				commits = append(commits, string(ch.Request.Report))
			}
			c.stored(ch)
		}
	})
	for i, a := range acts() {
		s := play(t, c.w, a, i)
		err := a.call(s)
		require.NoError(t, err, "%s %s", a.method, a.action)
		c.w.Dispatch()
		c.given(s)
		c.clean(a.method, s.out.String())
		if s.token == "" {
			if i%9 == 0 {
				c.everywhere(s.team)
			}
			continue
		}
		// Links and passwords that are refused do not come back in the refusal.
		v := c.w.Visitor()
		info, err := v.InspectInvitation(world.Ctx(), s.token)
		c.clean("Inspect", info, err)
		offer, err := v.InspectOwnership(world.Ctx(), s.token)
		c.clean("Inspect", offer, err)
		for _, password := range []string{newPassword + "\x00", strings.Repeat(newPassword, 9), strings.Repeat(newPassword, 99)} {
			joined, err := v.AcceptInvitation(world.Ctx(), s.token, orgusers.NewAccount{Password: password})
			c.clean("AcceptInvitation", joined, err)
			c.clean("ResetPassword", c.w.Reset(s.token+"x", password), c.w.Reset(s.token, password))
			c.clean("ResetMFA", v.ResetMFA(world.Ctx(), s.token+"x", password), v.ResetMFA(world.Ctx(), s.token, password))
		}
		c.everywhere(s.team)
	}
	c.clean("a commit", commits...)
	c.clean("the service", c.w.Svc, *c.w.Svc, c.w.Svc.Visitor(orgusers.Actor{}), c.w.Svc.Admin(orgusers.Actor{}, ""))
	conf := c.w.Conf
	conf.Now, conf.Mailer, conf.Logger = nil, nil, nil // what is the host's own prints as the host likes
	c.clean("the configuration", conf, &conf)
	require.Greater(t, len(c.secrets), 20)
	require.Greater(t, c.checked, 1000)
	require.Greater(t, len(c.personal), 20)
	for _, commit := range commits {
		for _, text := range everyText(reflect.ValueOf(commit), nil) {
			for _, secret := range c.personal {
				require.NotContains(t, text, secret, "the store has no secret that a person holds (S-134)")
			}
		}
	}
	c.stolen(store.Store)
}

func noSecretsInFaults(t *testing.T, open Opener) {
	store := newFaulty(open(t))
	var mode atomic.Int64
	c := watched(t, store, func(conf *orgusers.Config) {
		inbox := conf.Mailer
		conf.Mailer = send(func(ctx context.Context, m orgusers.Mail) error {
			if err := inbox.Send(ctx, m); err != nil { // so that the token is known
				return err
			}
			switch mode.Load() {
			case 1: // a mailer that quotes what it could not deliver
				return fmt.Errorf("450 try later: %+v", m)
			case 2:
				return fmt.Errorf("%w: no such mailbox: <a href=%q>", orgusers.ErrPermanent, m.Link)
			case 3:
				panic(fmt.Sprintf("template: %+v", m))
			case 4:
				panic(errors.New("template: " + m.Link))
			}
			return nil
		})
		conf.Sessions = portSessions{
			active: func(context.Context, []orgusers.UserID) (map[orgusers.UserID]int, error) {
				return nil, errors.New("redis is down")
			},
			end: func(context.Context, []orgusers.UserID, time.Time) error { return errors.New("redis is down") },
		}
	})
	w := c.w
	x := newTeam(t, w, "acme")
	s := &stage{team: x}
	s.factor()
	for n := range int64(5) {
		mode.Store(n)
		w.Clock.Tick(time.Hour)
		_, err := x.Admin().Invite(world.Ctx(), orgusers.Invitation{To: x.email(fmt.Sprint("new", n))})
		require.NoError(t, err)
		require.NoError(t, x.Admin().Do(world.Ctx(), orgusers.ForcePasswordReset{}, x.member.ID))
		require.NoError(t, x.Admin().Do(world.Ctx(), orgusers.ResetMFA{}, x.member.ID))
		require.NoError(t, x.Admin().OfferOwnership(world.Ctx(), x.email([]string{"admin", "member"}[n%2])))
		sent := len(w.Inbox.All())
		_, err = w.Svc.Dispatch(world.Ctx(), 100)
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(w.Inbox.All()), sent+4)
		c.everywhere(x)
	}
	require.Contains(t, c.log.String(), "450 try later", "what went wrong is still there to read")
	require.NotEmpty(t, w.Outbox(true), "permanent is still permanent")
	require.NotEmpty(t, w.Outbox(false))

	// A store that prints what it was given.
	mode.Store(0)
	token := w.Token(x.email("member"))
	for _, m := range w.Inbox.To(x.email("member")) {
		if m.Kind == orgusers.MailPasswordReset {
			token = world.Token(m)
		}
	}
	u := w.User(x.member.User)
	duplicate := fmt.Errorf("insert into users values (%+v), %v, %s: duplicate", u, u.Password, u.MFA)
	store.with(func(f *faulty) { f.before = failing(duplicate, "Commit") })
	err := w.Reset(token, newPassword)
	require.ErrorIs(t, err, orgusers.ErrStore)
	c.clean("ResetPassword", err, errors.Unwrap(err))
	require.NotContains(t, err.Error(), "insert")
	for _, cause := range unwrapAll(err) {
		c.clean("a cause", cause)
	}
	store.heal()
	require.NoError(t, w.Reset(token, newPassword))
	c.everywhere(x)

	for i, a := range acts() {
		if a.action == "" && a.exempt == "" {
			continue // it writes nothing
		}
		s := play(t, w, a, i)
		for _, at := range []string{"Commit", "View", "Session", "Seen", "Bump", "after Commit"} {
			method, after := strings.CutPrefix(at, "after ")
			fault := func(m string) error {
				switch {
				case m != method:
					return nil
				case m == "View":
					return errors.New("view is down")
				}
				u := w.User(s.member.User)
				return fmt.Errorf("%+v %v %s", u, u.Password, u.MFA)
			}
			store.with(func(f *faulty) {
				f.committed = c.stored
				if after {
					f.after = fault
				} else {
					f.before = fault
				}
			})
			err := a.call(s)
			c.given(s)
			c.clean(a.method, s.out.String())
			for _, cause := range unwrapAll(err) {
				c.clean(a.method, cause)
			}
			store.heal()
			w.Clock.Tick(time.Hour)
		}
	}
	c.clean("the log", c.log.String())
	c.stolen(store.Store)
}

// driverErrors are what stores say when a database is in trouble. None of it is for users.
func driverErrors() map[string]error {
	const text = `pq: dial tcp 10.0.0.7:5432 (db-7.internal): user "svc_orgusers": SQLSTATE 57P03: UPDATE organizations SET version`
	return map[string]error{
		"plain":    errors.New(text),
		"conflict": fmt.Errorf("%s: %w", text, orgusers.ErrConflict),
		"unknown":  fmt.Errorf("%s: %w", text, orgusers.ErrUnknownOutcome),
		"gone":     fmt.Errorf("%s: %w", text, orgusers.ErrNotFound),
		// A dial that timed out says so, whoever's deadline it was.
		"timeout":         fmt.Errorf("%s: %w", text, context.DeadlineExceeded),
		"cancelled":       fmt.Errorf("%s: %w", text, context.Canceled),
		"unknown timeout": fmt.Errorf("%s: %w: %w", text, orgusers.ErrUnknownOutcome, context.DeadlineExceeded),
	}
}

// faultsStayInside fails each store method that an act needs, in each way, and demands that the
// caller gets a text that names nothing, and the host's log the cause. What proves a credential is refused
// where a host's transaction could take its count back (C5).
func faultsStayInside(t *testing.T, open Opener) {
	store := newFaulty(open(t))
	w := world.New(t, store)
	whole := w.Svc
	n, failed := 0, 0
	for _, a := range acts() {
		if strings.HasPrefix(a.method, "Service.") && a.method != "Service.Access" && a.method != "Service.SignedIn" && a.method != "Service.Dispatch" {
			continue
		}
		if a.slow && !soaking() {
			continue
		}
		n++
		s := play(t, w, a, n)
		w.Svc = whole.Within(store) // does not try again after conflicts, so that each fault shows
		alone := slices.Contains([]string{
			"Visitor.SignIn", "Visitor.EnterCode", "Visitor.ResetPassword", "Visitor.ResetMFA", "Visitor.ForgotPassword",
			"Account.Prove", "Account.ChangePassword",
		}, a.method)
		if alone {
			require.Equal(t, orgusers.ReasonHostTransaction, kindOf(t, a.call(s)).Fields[0].Reason, a.method)
			w.Svc = whole
		}
		before := map[string]int{}
		store.with(func(f *faulty) { before = maps.Clone(f.calls) })
		require.NoError(t, a.call(s), a.method)
		needed := map[string]bool{}
		store.with(func(f *faulty) {
			for m, calls := range f.calls {
				needed[m] = calls > before[m]
			}
		})
		for method, yes := range needed {
			if !yes {
				continue
			}
			n++
			call := w.Svc
			w.Svc = whole
			s = play(t, w, a, n)
			w.Svc = call
			for kind, fault := range driverErrors() {
				switch {
				case a.method == "Visitor.ForgotPassword":
					w.Clock.Tick(25 * time.Hour) // three an hour are mailed
				case a.own && a.role == asLink:
					w.Clock.Tick(4 * time.Minute) // passwords may be tried five times in 15 minutes
				}
				if kind == "conflict" && alone {
					continue // tried again, for seconds
				}
				store.with(func(f *faulty) { f.before = failing(fault, method) })
				what := fmt.Sprintf("%s %s: %s, %s", a.method, a.action, method, kind)
				err := a.call(s)
				store.heal()
				require.Error(t, err, what)
				failed++
				for _, secret := range []string{"10.0.0.7", "5432", "db-7", "svc_orgusers", "SQLSTATE", "57P03", "UPDATE", "pq:"} {
					require.NotContains(t, err.Error(), secret, what)
				}
				switch kind {
				case "gone":
					require.ErrorIs(t, err, orgusers.ErrNotFound, what)
				case "timeout":
					require.ErrorIs(t, err, context.DeadlineExceeded, what)
					require.ErrorIs(t, err, fault, what)
				case "cancelled":
					require.ErrorIs(t, err, context.Canceled, what)
					require.ErrorIs(t, err, fault, what)
				default:
					require.ErrorIs(t, err, fault, "%s: the cause is there for the host", what)
					want := map[string]error{"plain": orgusers.ErrStore, "conflict": orgusers.ErrConflict, "unknown": orgusers.ErrUnknownOutcome, "unknown timeout": orgusers.ErrUnknownOutcome}[kind]
					require.ErrorIs(t, err, want, what)
					require.Contains(t, err.Error(), want.Error(), what)
				}
			}
		}
		require.NoError(t, a.call(s), "%s, when the store is well again", a.method)
		w.Svc = whole
	}
	require.Greater(t, failed, 500)
}

// unwrapAll is an error and everything it wraps.
func unwrapAll(err error) []error {
	if err == nil {
		return nil
	}
	out := []error{err}
	switch e := err.(type) { //nolint:errorlint // each error by itself, then what it wraps
	case interface{ Unwrap() error }:
		out = append(out, unwrapAll(e.Unwrap())...)
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			out = append(out, unwrapAll(inner)...)
		}
	}
	return out
}
