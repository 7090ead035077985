package orgusers_test

import (
	"fmt"
	"math"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/suite"
	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/memstore"
)

// levelled is a store written for some level of the contract. Anything but asking for the level
// panics, because New reads and writes nothing.
type levelled struct {
	orgusers.Store
	level int
}

func (s levelled) Level() int { return s.level }

func goodKey(seed byte) orgusers.Key {
	k := make(orgusers.Key, 32)
	for i := range k {
		k[i] = seed + byte(i)*11
	}
	return k
}

func goodConfig() orgusers.Config {
	return orgusers.Config{
		Store: levelled{level: orgusers.StoreLevel}, Mailer: &world.Inbox{}, Keys: []orgusers.Key{goodKey(1)},
		Links: orgusers.Links{Base: "https://app.example.com/users"},
	}
}

// badFields are the fields New finds wrong, each with its reason.
func badFields(tb testing.TB, c orgusers.Config) []string {
	tb.Helper()
	svc, err := orgusers.New(c)
	if err == nil {
		require.NotNil(tb, svc)
		return nil
	}
	require.Nil(tb, svc)
	require.ErrorIs(tb, err, orgusers.ErrInvalid)
	var e *orgusers.Error
	require.ErrorAs(tb, err, &e)
	require.Equal(tb, "New", e.Op)
	var out []string
	for _, f := range e.Fields {
		require.NotEmpty(tb, f.Message, f.Field)
		out = append(out, fmt.Sprintf("%s: %s", f.Field, f.Reason))
	}
	return out
}

func TestS232_NothingUnsafeByDefault(t *testing.T) {
	t.Parallel()
	require.Empty(t, badFields(t, goodConfig()), "the least configuration")
	require.Equal(t, []string{"store: required", "mailer: required", "keys: required", "links.base: required"}, badFields(t, orgusers.Config{}),
		"there is no default for any of these, and all are named at once")

	for name, c := range map[string]struct {
		change func(*orgusers.Config)
		want   []string
	}{
		"no store":       {func(c *orgusers.Config) { c.Store = nil }, []string{"store: required"}},
		"an older store": {func(c *orgusers.Config) { c.Store = levelled{level: orgusers.StoreLevel - 1} }, []string{"store: range"}},
		"a newer store":  {func(c *orgusers.Config) { c.Store = levelled{level: orgusers.StoreLevel + 1} }, []string{"store: range"}},
		"no mailer":      {func(c *orgusers.Config) { c.Mailer = nil }, []string{"mailer: required"}},
		"no key":         {func(c *orgusers.Config) { c.Keys = []orgusers.Key{} }, []string{"keys: required"}},
		"an empty key":   {func(c *orgusers.Config) { c.Keys = []orgusers.Key{nil} }, []string{"keys[0]: too_short"}},
		"a short key":    {func(c *orgusers.Config) { c.Keys = []orgusers.Key{goodKey(1)[:31]} }, []string{"keys[0]: too_short"}},
		"a phrase":       {func(c *orgusers.Config) { c.Keys = []orgusers.Key{orgusers.Key("change-me")} }, []string{"keys[0]: too_short"}},
		"a zero key":     {func(c *orgusers.Config) { c.Keys = []orgusers.Key{make(orgusers.Key, 32)} }, []string{"keys[0]: common"}},
		"a repeated byte": {func(c *orgusers.Config) {
			c.Keys = []orgusers.Key{orgusers.Key(strings.Repeat("ab", 32))}
		}, []string{"keys[0]: common"}},
		"a key twice": {func(c *orgusers.Config) { c.Keys = []orgusers.Key{goodKey(1), goodKey(2), goodKey(1)} }, []string{"keys[2]: duplicate"}},
		"all keys bad": {
			func(c *orgusers.Config) { c.Keys = []orgusers.Key{nil, goodKey(1), make(orgusers.Key, 40)} },
			[]string{"keys[0]: too_short", "keys[2]: common"},
		},
		"no base":          {func(c *orgusers.Config) { c.Links.Base = "" }, []string{"links.base: required"}},
		"no encryption":    {func(c *orgusers.Config) { c.Links.Base = "http://app.example.com" }, []string{"links.base: syntax"}},
		"a relative base":  {func(c *orgusers.Config) { c.Links.Base = "/users" }, []string{"links.base: syntax"}},
		"a script":         {func(c *orgusers.Config) { c.Links.Invitation = "javascript:alert(1)" }, []string{"links.invitation: syntax"}},
		"a token of one's": {func(c *orgusers.Config) { c.Links.MFAReset = "https://a.example/?token=x" }, []string{"links.mfa_reset: duplicate"}},
		"everything": {func(c *orgusers.Config) {
			c.Store, c.Mailer, c.Keys, c.Links.Base, c.Policy.MinPassword, c.SendTimeout, c.PasswordMemory = nil, nil, nil, "x", 1, -1, -1
		}, []string{"store: required", "mailer: required", "keys: required", "links.base: syntax", "policy.min_password: range", "send_timeout: range", "password_memory: range"}},
	} {
		conf := goodConfig()
		c.change(&conf)
		require.Equal(t, c.want, badFields(t, conf), name)
	}
	local := goodConfig()
	local.Links.Base = "http://localhost:8080"
	require.Empty(t, badFields(t, local), "developing needs no certificate")

	// The messages say what to do and show no key.
	conf := goodConfig()
	conf.Keys = []orgusers.Key{orgusers.Key("hunter2hunter2hunter2")}
	_, err := orgusers.New(conf)
	require.NotContains(t, err.Error(), "hunter2")
	require.Contains(t, err.Error(), "32")
}

func TestS235_NothingUnsafeByAccident(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	for field, c := range map[string]struct {
		set       func(p *orgusers.Policy, v int64)
		good, bad []int64
	}{
		"max_selected":             {func(p *orgusers.Policy, v int64) { p.MaxSelected = int(v) }, []int64{0, 1, 10, 1000}, []int64{-1, 1001, math.MinInt64, math.MaxInt64}},
		"max_invited":              {func(p *orgusers.Policy, v int64) { p.MaxInvited = int(v) }, []int64{0, 1, 100_000}, []int64{-1, 100_001}},
		"max_sends":                {func(p *orgusers.Policy, v int64) { p.MaxSends = int(v) }, []int64{0, 1, 100}, []int64{-1, 101}},
		"invites_per_actor_hour":   {func(p *orgusers.Policy, v int64) { p.InvitesPerActorHour = int(v) }, []int64{-1, 0, 1, 1 << 30}, []int64{-2, 1<<30 + 1}},
		"invites_per_org_day":      {func(p *orgusers.Policy, v int64) { p.InvitesPerOrgDay = int(v) }, []int64{-1, 0, 1, 1 << 30}, []int64{-2, 1<<30 + 1}},
		"invites_per_mailbox_day":  {func(p *orgusers.Policy, v int64) { p.InvitesPerMailboxDay = int(v) }, []int64{-1, 0, 1, 1 << 30}, []int64{-2, 1<<30 + 1}},
		"reset_mails_per_hour":     {func(p *orgusers.Policy, v int64) { p.ResetMailsPerHour = int(v) }, []int64{-1, 0, 1, 1 << 30}, []int64{-2, 1<<30 + 1}},
		"reset_mails_per_day":      {func(p *orgusers.Policy, v int64) { p.ResetMailsPerDay = int(v) }, []int64{-1, 0, 1, 1 << 30}, []int64{-2, 1<<30 + 1}},
		"min_password":             {func(p *orgusers.Policy, v int64) { p.MinPassword = int(v) }, []int64{0, 8, 15, 64}, []int64{-1, 1, 7, 65}},
		"min_password_mfa":         {func(p *orgusers.Policy, v int64) { p.MinPasswordMFA = int(v) }, []int64{0, 8, 15, 64}, []int64{-1, 1, 7, 65}},
		"resend_cooldown":          {func(p *orgusers.Policy, v int64) { p.ResendCooldown = time.Duration(v) }, []int64{0, int64(time.Second), int64(day)}, []int64{-1, 1, int64(time.Second) - 1, int64(day) + 1}},
		"lifetimes.invitation":     {func(p *orgusers.Policy, v int64) { p.Lifetimes.Invitation = time.Duration(v) }, []int64{0, int64(time.Second), int64(30 * day)}, []int64{-1, 1, int64(30*day) + 1}},
		"lifetimes.ownership":      {func(p *orgusers.Policy, v int64) { p.Lifetimes.Ownership = time.Duration(v) }, []int64{0, int64(time.Second), int64(7 * day)}, []int64{-1, 1, int64(7*day) + 1}},
		"lifetimes.activation":     {func(p *orgusers.Policy, v int64) { p.Lifetimes.Activation = time.Duration(v) }, []int64{0, int64(time.Second), int64(30 * day)}, []int64{-1, 1, int64(30*day) + 1}},
		"lifetimes.password_reset": {func(p *orgusers.Policy, v int64) { p.Lifetimes.PasswordReset = time.Duration(v) }, []int64{0, int64(time.Second), int64(day)}, []int64{-1, 1, int64(day) + 1}},
		"lifetimes.forgotten":      {func(p *orgusers.Policy, v int64) { p.Lifetimes.Forgotten = time.Duration(v) }, []int64{0, int64(time.Second), int64(time.Hour)}, []int64{-1, 1, int64(time.Hour) + 1}},
		"max_sessions":             {func(p *orgusers.Policy, v int64) { p.MaxSessions = int(v) }, []int64{0, 1, 100}, []int64{-1, 101}},
		"lock_after":               {func(p *orgusers.Policy, v int64) { p.LockAfter = int(v) }, []int64{0, 1, 20}, []int64{-1, 21}},
		"failures_per_prefix":      {func(p *orgusers.Policy, v int64) { p.FailuresPerPrefix = int(v) }, []int64{-1, 0, 1 << 30}, []int64{-2, 1<<30 + 1}},
		"session_idle":             {func(p *orgusers.Policy, v int64) { p.SessionIdle = time.Duration(v) }, []int64{0, int64(time.Second), int64(30 * day)}, []int64{-1, 1, int64(30*day) + 1}},
		"session_max":              {func(p *orgusers.Policy, v int64) { p.SessionMax = time.Duration(v) }, []int64{0, int64(time.Second), int64(30 * day)}, []int64{-1, 1, int64(30*day) + 1}},
		"lock_step":                {func(p *orgusers.Policy, v int64) { p.LockStep = time.Duration(v) }, []int64{0, int64(time.Second), int64(time.Hour)}, []int64{-1, 1, int64(time.Hour) + 1}},
		"lock_most":                {func(p *orgusers.Policy, v int64) { p.LockMost = time.Duration(v) }, []int64{0, int64(time.Second), int64(day)}, []int64{-1, 1, int64(day) + 1}},
		"proof_age":                {func(p *orgusers.Policy, v int64) { p.ProofAge = time.Duration(v) }, []int64{0, int64(time.Second), int64(day)}, []int64{-1, 1, int64(day) + 1}},
		"lifetimes.mfa_reset":      {func(p *orgusers.Policy, v int64) { p.Lifetimes.MFAReset = time.Duration(v) }, []int64{0, int64(time.Second), int64(day)}, []int64{-1, 1, int64(day) + 1, math.MaxInt64}},
	} {
		for _, v := range c.good {
			conf := goodConfig()
			c.set(&conf.Policy, v)
			require.Empty(t, badFields(t, conf), "%s=%d", field, v)
		}
		for _, v := range c.bad {
			conf := goodConfig()
			c.set(&conf.Policy, v)
			require.Equal(t, []string{"policy." + field + ": range"}, badFields(t, conf), "%s=%d", field, v)
		}
	}
	for v, bad := range map[time.Duration]bool{0: false, 1: false, time.Minute: false, time.Minute + 1: true, -1: true, math.MaxInt64: true} {
		conf := goodConfig()
		conf.SendTimeout = v
		require.Equal(t, bad, len(badFields(t, conf)) > 0, "%s", v)
	}
	for _, p := range []orgusers.Permission{"", "Content:Read", "a b", "a\x00", "*", "é", orgusers.Permission(strings.Repeat("a", 65))} {
		conf := goodConfig()
		conf.Policy.Developer, conf.Policy.ContentManager = []orgusers.Permission{p}, []orgusers.Permission{"ok", p}
		require.Equal(t, []string{"policy.developer: character", "policy.content_manager: character"}, badFields(t, conf), "%q", p)
	}
	conf := goodConfig()
	conf.Policy.StepUp = []orgusers.Action{orgusers.ActionLeave, orgusers.ActionProve}
	require.Equal(t, []string{"policy.step_up: range"}, badFields(t, conf), "a proof that needs a proof")
}

// Every number of the policy has bounds: one that is added without is found here.
func TestS235_EveryNumberHasBounds(t *testing.T) {
	t.Parallel()
	n := 0
	var walk func(v reflect.Value, path []int)
	walk = func(v reflect.Value, path []int) {
		for i := range v.NumField() {
			at := append(slices.Clone(path), i)
			switch v.Field(i).Kind() {
			case reflect.Struct:
				walk(v.Field(i), at)
			case reflect.Int, reflect.Int64:
				n++
				for _, extreme := range []int64{math.MinInt64, math.MaxInt64} {
					conf := goodConfig()
					reflect.ValueOf(&conf.Policy).Elem().FieldByIndex(at).SetInt(extreme)
					require.Len(t, badFields(t, conf), 1, "%s = %d", v.Type().Field(i).Name, extreme)
				}
			case reflect.String:
				conf := goodConfig()
				reflect.ValueOf(&conf.Policy).Elem().FieldByIndex(at).SetString(strings.Repeat("é", 100))
				require.Empty(t, badFields(t, conf))
				reflect.ValueOf(&conf.Policy).Elem().FieldByIndex(at).SetString(strings.Repeat("é", 101))
				require.Len(t, badFields(t, conf), 1, v.Type().Field(i).Name)
			case reflect.Bool, reflect.Slice:
			default:
				require.Fail(t, "what are the bounds?", v.Type().Field(i).Name)
			}
		}
	}
	walk(reflect.ValueOf(orgusers.Policy{}), nil)
	require.Equal(t, 25, n)
}

func TestS199_LinksAreBuiltFromTheConfigurationAlone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		links orgusers.Links
		want  string // up to the token
	}{
		"base":         {orgusers.Links{Base: "https://app.example.com"}, "https://app.example.com/invitation?token="},
		"slash":        {orgusers.Links{Base: "https://app.example.com/"}, "https://app.example.com/invitation?token="},
		"path":         {orgusers.Links{Base: "https://app.example.com/a%20b/c/"}, "https://app.example.com/a%20b/c/invitation?token="},
		"port":         {orgusers.Links{Base: "https://app.example.com:8443/u"}, "https://app.example.com:8443/u/invitation?token="},
		"query":        {orgusers.Links{Base: "https://app.example.com/u?lang=de&x=%26"}, "https://app.example.com/u/invitation?lang=de&x=%26&token="},
		"own page":     {orgusers.Links{Base: "https://app.example.com", Invitation: "https://join.example.com/?via=mail"}, "https://join.example.com/?via=mail&token="},
		"development":  {orgusers.Links{Base: "http://127.0.0.1:8080/x"}, "http://127.0.0.1:8080/x/invitation?token="},
		"address":      {orgusers.Links{Base: "https://[2001:db8::1]:8443"}, "https://[2001:db8::1]:8443/invitation?token="},
		"trailing and": {orgusers.Links{Base: "https://app.example.com/u?a=b&"}, "https://app.example.com/u/invitation?a=b&token="},
	} {
		w := world.New(t, memstore.New(), func(conf *orgusers.Config) { conf.Links = c.links })
		// Nothing a caller says, names included, gets into the address.
		org := suite.NewOrg(t, w, "https://evil.example/?token=x", "owner@acme.example")
		_, err := org.Admin().Invite(world.Ctx(), orgusers.Invitation{To: "https <pat@evil.example>", Message: "see https://evil.example/?token=x"})
		require.NoError(t, err)
		w.Dispatch()
		m, ok := w.Inbox.Last("pat@evil.example")
		require.True(t, ok, name)
		require.True(t, strings.HasPrefix(m.Link, c.want), "%s: %s", name, m.Link)
		token := strings.TrimPrefix(m.Link, c.want)
		require.Regexp(t, `^[A-Za-z0-9_-]{87}$`, token, name)
		u, err := url.Parse(m.Link)
		require.NoError(t, err)
		require.Equal(t, []string{token}, u.Query()["token"], "%s: once", name)
		require.Equal(t, 1, strings.Count(m.Link, token))
		require.Empty(t, u.Fragment)
		_, err = w.Visitor().InspectInvitation(world.Ctx(), token)
		require.NoError(t, err, name)
	}
}

// A service keeps nothing of the host's configuration that the host could change behind it.
func TestConfigIsCopied(t *testing.T) {
	t.Parallel()
	conf := goodConfig()
	conf.Store = memstore.New()
	conf.Policy.Developer = []orgusers.Permission{"a:read"}
	w := world.New(t, conf.Store, func(c *orgusers.Config) { c.Keys, c.Policy.Developer = conf.Keys, conf.Policy.Developer })
	org := suite.NewOrg(t, w, "Acme", "owner@acme.example")
	rep, err := org.Admin().Invite(world.Ctx(), orgusers.Invitation{To: "pat@acme.example"})
	require.NoError(t, err)
	require.NoError(t, rep.Err())
	w.Dispatch()
	token := w.Token("pat@acme.example")
	clear(conf.Keys[0])
	conf.Policy.Developer[0] = "everything"
	_, err = w.Visitor().InspectInvitation(world.Ctx(), token)
	require.NoError(t, err)
	roles, err := org.Admin().Roles(world.Ctx())
	require.NoError(t, err)
	require.Equal(t, []orgusers.Permission{"a:read"}, roles[0].Permissions)
	roles[0].Permissions[0] = "everything"
	again, err := org.Admin().Roles(world.Ctx())
	require.NoError(t, err)
	require.Equal(t, []orgusers.Permission{"a:read"}, again[0].Permissions)
}
