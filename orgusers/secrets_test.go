package orgusers

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// idleStore and idleMailer are enough to make a service that is only printed.
type (
	idleStore  struct{ Store }
	idleMailer struct{}
)

func (idleStore) Level() int { return StoreLevel }

func (idleMailer) Send(context.Context, Mail) error { return nil }

// printed is a value in every way that programs print values.
func printed(v any) string {
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
		fmt.Fprintf(&out, verb+"\n", v)
	}
	fmt.Fprintln(&out, v, fmt.Sprint("in a text ", v))
	if b, err := json.Marshal(v); err == nil {
		out.Write(b)
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("x", "v", v, "inside", []any{v}, slog.Group("g", "v", v))
	}
	func() {
		defer func() { fmt.Fprint(&out, recover()) }()
		panic(fmt.Sprintf("cannot go on: %+v", v))
	}()
	return out.String()
}

// forms are the ways in which a secret would look.
func forms(secret []byte) []string {
	decimal := strings.Trim(fmt.Sprint(secret), "[]")
	return []string{
		string(secret), hex.EncodeToString(secret), strings.ToUpper(hex.EncodeToString(secret)), decimal, strings.ReplaceAll(decimal, " ", ", "),
		base64.StdEncoding.EncodeToString(secret), base64.RawURLEncoding.EncodeToString(secret), strings.Trim(fmt.Sprintf("%#v", secret), "[]byte{}"),
	}
}

func TestS233_SecretsPrintAsNothing(t *testing.T) {
	t.Parallel()
	key := testKey(7, 32)
	hash := PasswordHash("$argon2id$v=19$m=19456,t=2,p=1$Y2FuYXJ5c2FsdGNhbmFyeQ$Y2FuYXJ5aGFzaGNhbmFyeWhhc2hjYW5hcnloYXNo")
	factor := MFA{Secret: "v1.Y2FuYXJ5ZmFjdG9y", EnrolledAt: time.Unix(1, 0), Recovery: "Y2FuYXJ5cmVjb3Zlcnk"}
	secret := TOTPSecret("canary-totp-secret!!")
	code := RecoveryCode("7CANA-RY7RE-C0VER-YC0DE-CANAR")
	enrolment, err := newEnrolment(secret, "Acme", "jane@example.com")
	require.NoError(t, err)
	conf := Config{
		Store: idleStore{}, Mailer: idleMailer{}, Keys: []Key{key, testKey(8, 32)}, Links: Links{Base: "https://app.example.com"},
		Logger: slog.New(slog.DiscardHandler),
	}
	svc, err := New(conf)
	require.NoError(t, err)
	user := User{ID: "u", Password: hash, MFA: factor}
	actor := Actor{User: "u", Device: KnownDevice("Y2FuYXJ5ZGV2aWNl")}
	changes := Changes{
		NewUsers: []User{user},
		Users:    []UserUpdate{{ID: "u", Patch: UserPatch{Password: Some(hash), MFA: Some(factor)}}},
	}
	view := View{Users: []User{user}}

	var secrets []string
	for _, b := range [][]byte{key, []byte(hash), []byte(factor.Secret), []byte(factor.Recovery), secret, []byte(code)} {
		secrets = append(secrets, forms(b)...)
	}
	secrets = append(secrets, "Y2FuYXJ5", secret.base32(), strings.TrimPrefix(enrolment.URI(), "otpauth://"))
	for p := range purposeCount {
		for _, sub := range svc.keys.subs[p] {
			secrets = append(secrets, forms(sub)...)
		}
	}
	values := map[string]any{
		"key": key, "keys": conf.Keys, "a pointer to a key": &key, "config": conf, "a pointer to a config": &conf, "configs": []Config{conf},
		"hash": hash, "a pointer to a hash": &hash, "factor": factor, "a pointer to a factor": &factor, "totp": secret,
		"user": user, "a pointer to a user": &user, "users": []User{user}, "users by id": map[UserID]User{"u": user},
		"view": view, "changes": changes, "a pointer to changes": &changes, "patch": changes.Users[0].Patch,
		"service": svc, "a service": *svc, "services": []*Service{svc}, "what holds a service": struct{ S *Service }{svc}, "keyring": svc.keys, "a keyring": *svc.keys,
		"device": actor.Device, "actor": actor, "a pointer to an actor": &actor, "what holds one inside": struct{ a Actor }{actor},
		"totp bytes": []TOTPSecret{secret}, "recovery code": code, "recovery codes": []RecoveryCode{code}, "a pointer to a recovery code": &code,
		"enrolment": enrolment, "a pointer to an enrolment": &enrolment, "what holds one": struct{ E Enrolment }{enrolment},
	}
	doors := 0
	for m := range reflect.TypeFor[*Service]().Methods() { // each that is opened for an actor
		if f := reflect.ValueOf(svc).MethodByName(m.Name); m.Type.NumIn() > 1 && m.Type.In(1) == reflect.TypeFor[Actor]() && m.Type.NumOut() == 1 {
			args := []reflect.Value{reflect.ValueOf(actor)}
			for i := 2; i < m.Type.NumIn(); i++ {
				args = append(args, reflect.Zero(m.Type.In(i)))
			}
			door := f.Call(args)[0].Interface()
			values[m.Name], values["a pointer to "+m.Name], values["what holds "+m.Name] = door, &door, struct{ door any }{door}
			doors++
		}
	}
	require.Equal(t, 4, doors)
	for name, v := range values {
		text := printed(v)
		require.NotEmpty(t, text)
		for _, s := range secrets {
			require.NotContains(t, text, s, name)
		}
	}
	// The test can see: what is no secret shows.
	require.Contains(t, printed(user), "u")
	require.Contains(t, printed([]byte(key)), hex.EncodeToString(key))
}

// TestS233_MailsPrintWithoutTheirLink: a link is a secret wherever a mail is printed. Its JSON is whole,
// for mailers that queue, and so a handler that writes JSON shows it where a mail lies inside a value.
func TestS233_MailsPrintWithoutTheirLink(t *testing.T) {
	t.Parallel()
	const token = "Y2FuYXJ5bGluaw"
	m := Mail{ID: "e-1", Org: "o-1", MailData: MailData{Kind: MailInvitation, To: "jane@x.example"}, Link: "https://app.example/?token=" + token}
	type job struct {
		N    int
		Mail Mail
	}
	var out strings.Builder
	for _, v := range []any{m, &m, []Mail{m}, []any{m, &m}, map[string]Mail{"m": m}, job{1, m}, &job{1, m}, []job{{1, m}}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		fmt.Fprintln(&out, v, fmt.Sprint("in a text ", v), fmt.Errorf("not sent: %v", v))
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v, "inside", []any{v})
	}
	for _, v := range []any{m, &m} {
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v, slog.Group("g", "v", v))
	}
	for _, s := range forms([]byte(token)) {
		require.NotContains(t, out.String(), s)
	}
	require.Contains(t, out.String(), "invitation e-1", "which mail it was shows")
	b, err := json.Marshal(m)
	require.NoError(t, err)
	var back Mail
	require.NoError(t, json.Unmarshal(b, &back))
	require.Equal(t, m, back)
}

func TestS234_StoreErrors(t *testing.T) {
	t.Parallel()
	const host = "db-7.internal:5432"
	dial := &net.OpError{Op: "dial", Net: "tcp " + host, Err: context.DeadlineExceeded}
	for name, c := range map[string]struct {
		err  error
		kind error
	}{
		"driver":                {errors.New("dial tcp " + host), ErrStore},
		"nested":                {fmt.Errorf("view: %w", fmt.Errorf("dial tcp %s: %w", host, io.ErrUnexpectedEOF)), ErrStore},
		"joined":                {errors.Join(errors.New(host), io.EOF), ErrStore},
		"conflict":              {fmt.Errorf("%s: %w", host, ErrConflict), ErrConflict},
		"unknown":               {fmt.Errorf("%s: %w", host, ErrUnknownOutcome), ErrUnknownOutcome},
		"unknown and timeout":   {fmt.Errorf("%s: %w: %w", host, ErrUnknownOutcome, context.DeadlineExceeded), ErrUnknownOutcome},
		"timeout":               {fmt.Errorf("%s: %w", host, context.DeadlineExceeded), context.DeadlineExceeded},
		"cancelled":             {fmt.Errorf("%s: %w", host, context.Canceled), context.Canceled},
		"a dial that timed out": {dial, context.DeadlineExceeded},
	} {
		got := stored(c.err)
		require.ErrorIs(t, got, c.kind, name)
		require.ErrorIs(t, got, c.err, "%s: the host's log gets the cause", name)
		require.NotContains(t, got.Error(), "db-7", name)
		again := stored(got)
		require.ErrorIs(t, again, c.err, name)
		require.NotContains(t, again.Error(), "db-7", name)
		kinds := 0
		for _, k := range sentinels() {
			if errors.Is(got, k) {
				kinds++
			}
		}
		isContext := errors.Is(c.kind, context.Canceled) || errors.Is(c.kind, context.DeadlineExceeded)
		require.Equal(t, !isContext, kinds == 1, "%s: one kind", name)
	}
	require.NoError(t, stored(nil))
	e := stored(fmt.Errorf("no row for tenant 7 on %s: %w", host, ErrNotFound))
	require.Equal(t, notFound(), e, "not found is the same for everybody, and has no cause")
}

func sentinels() []error {
	return []error{
		ErrNotFound, ErrDenied, ErrInvalid, ErrConflict, ErrExpired, ErrSeats, ErrLimit, ErrGate, ErrBusy, ErrRequestReused, ErrUnknownOutcome, ErrWriter, ErrStore,
	}
}

func TestS234_CauseIsForTheLog(t *testing.T) {
	t.Parallel()
	driver := errors.New("dial tcp db-7")
	require.Equal(t, driver, cause(named("Admin.Invite", stored(driver))))
	require.Equal(t, "orgusers: Admin.Invite: store failed", named("Admin.Invite", stored(driver)).Error())
	refusal := denied(ReasonSelf)
	require.Equal(t, error(refusal), cause(refusal), "where there is no cause, the error itself")
}
