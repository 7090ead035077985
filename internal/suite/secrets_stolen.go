package suite

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// dumper is a store that can show every byte it has written, as whoever steals its disk sees them.
type dumper interface{ Dump(t testing.TB) []byte }

// stolen demands that nobody who steals the database has anything to come in by: no password, no
// session, no link, no second factor, in whatever form, and no key (S-094, S-134).
func (c *canaries) stolen(store orgusers.Store) {
	c.t.Helper()
	d, ok := store.(dumper)
	if !ok {
		return
	}
	c.learn(state{})
	dump := d.Dump(c.t)
	looked := 0
	for i, secret := range append([]string{world.Password, newPassword}, c.personal...) {
		for _, form := range inForms(secret) {
			looked++
			require.False(c.t, bytes.Contains(dump, []byte(form)), "secret %d is in the database", i)
		}
	}
	require.Greater(c.t, looked, 100)
	kept := 0
	for name, secret := range c.secrets {
		switch {
		case strings.HasPrefix(name, "key "):
			require.False(c.t, bytes.Contains(dump, []byte(secret)), "%s is in the database", name)
		case strings.HasPrefix(name, "token hash ") && bytes.Contains(dump, []byte(secret)):
			kept++
		}
	}
	require.Positive(c.t, kept, "what is stored for a session is there to see")
}

// inForms is a secret as it is given to its owner and as it may have been decoded on its way. Of a link it
// is the MAC alone too: the rest is ids.
func inForms(secret string) []string {
	forms := []string{secret, strings.ReplaceAll(secret, "-", ""), hex.EncodeToString([]byte(secret))}
	raw, err := base64.RawURLEncoding.DecodeString(secret)
	if err != nil {
		raw, err = base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	}
	if err == nil && len(raw) >= 16 {
		mac := raw[len(raw)-16:]
		forms = append(forms, string(raw), hex.EncodeToString(raw), string(mac), hex.EncodeToString(mac),
			base64.StdEncoding.EncodeToString(raw), fmt.Sprintf("%x", raw[:16]))
	}
	return forms
}
