package filemailer_test

import (
	"bytes"
	"context"
	"fmt"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/mailer"
	"github.com/orgusers/go-orgusers/mailer/filemailer"
	"github.com/orgusers/go-orgusers/orgusers"
)

const from = "Acme CMS <no-reply@acme.example>"

func Example() {
	texts, err := mailer.NewTexts(mailer.Config{Product: "Acme CMS"})
	if err != nil {
		panic(err)
	}
	dir, err := os.MkdirTemp("", "mails-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)

	m, err := filemailer.New(dir, from, texts)
	if err != nil {
		panic(err)
	}
	if err := m.Send(context.Background(), sample("019c0000-0000-7000-8000-000000000001")); err != nil {
		panic(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		panic(err)
	}
	fmt.Println(len(files), filepath.Base(files[0]))
	// Output: 1 019c0000-0000-7000-8000-000000000001.eml
}

func sample(id orgusers.EffectID) orgusers.Mail {
	return orgusers.Mail{ID: id, Link: "https://acme.example/reset?t=1", MailData: orgusers.MailData{
		Kind: orgusers.MailPasswordReset, To: "ben@reader.example", ToName: "Ben",
	}}
}

func open(t *testing.T) (*filemailer.Mailer, string) {
	t.Helper()
	texts, err := mailer.NewTexts(mailer.Config{})
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "a", "mails")
	m, err := filemailer.New(dir, from, texts)
	require.NoError(t, err)
	return m, dir
}

func TestSend(t *testing.T) {
	t.Parallel()
	m, dir := open(t)
	start := time.Now().Truncate(time.Second)
	require.NoError(t, m.Send(t.Context(), sample("a1")))

	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	path := filepath.Join(dir, "a1.eml")
	info, err = os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	eml, err := os.ReadFile(path)
	require.NoError(t, err)
	msg, err := mail.ReadMessage(bytes.NewReader(eml))
	require.NoError(t, err)
	require.Equal(t, "<a1@acme.example>", msg.Header.Get("Message-ID"))
	require.Equal(t, "Choose a new password", msg.Header.Get("Subject"))
	date, err := msg.Header.Date()
	require.NoError(t, err)
	require.False(t, date.Before(start))
}

// After a crash the same mail comes again. The file has the same bytes, its date included.
func TestS219_SameMailAgain(t *testing.T) {
	t.Parallel()
	m, dir := open(t)
	require.NoError(t, m.Send(t.Context(), sample("a1")))
	path := filepath.Join(dir, "a1.eml")
	first, err := os.ReadFile(path)
	require.NoError(t, err)

	// As if it had been sent long ago, so that a new date would show.
	head, rest, ok := strings.Cut(string(first), "Date: ")
	require.True(t, ok)
	_, rest, _ = strings.Cut(rest, "\r\n")
	old := head + "Date: Sat, 03 Jan 2026 04:05:06 +0200\r\n" + rest
	require.NoError(t, os.WriteFile(path, []byte(old), 0o600))

	require.NoError(t, m.Send(t.Context(), sample("a1")))
	again, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, old, string(again))

	// Whatever else stands there is replaced.
	require.NoError(t, os.WriteFile(path, []byte("half a ma"), 0o600))
	require.NoError(t, m.Send(t.Context(), sample("a1")))
	again, err = os.ReadFile(path)
	require.NoError(t, err)
	require.Len(t, again, len(first))
}

func TestLinkIsReplacedNotFollowed(t *testing.T) {
	t.Parallel()
	m, dir := open(t)
	victim := filepath.Join(t.TempDir(), "victim")
	require.NoError(t, os.WriteFile(victim, []byte("mine"), 0o600))
	path := filepath.Join(dir, "a1.eml")
	if err := os.Symlink(victim, path); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	require.NoError(t, m.Send(t.Context(), sample("a1")))
	got, err := os.ReadFile(victim)
	require.NoError(t, err)
	require.Equal(t, "mine", string(got))
	info, err := os.Lstat(path)
	require.NoError(t, err)
	require.True(t, info.Mode().IsRegular())
}

func TestConcurrentSends(t *testing.T) {
	t.Parallel()
	m, dir := open(t)
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			if err := m.Send(t.Context(), sample(orgusers.EffectID(fmt.Sprint("id-", i%4)))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Equal(t, []string{"id-0.eml", "id-1.eml", "id-2.eml", "id-3.eml"}, names(t, dir), "and no temporary files")
}

func TestSendRefuses(t *testing.T) {
	t.Parallel()
	m, dir := open(t)
	for _, id := range []orgusers.EffectID{"", ".", "..", "../x", "a/b", `a\b`, "a.b", "A", "a b", "a\x00", "é", "C:a", orgusers.EffectID(strings.Repeat("a", 129))} {
		require.Error(t, m.Send(t.Context(), sample(id)), "%q", id)
	}
	noLink := sample("a1")
	noLink.Link = ""
	require.ErrorContains(t, m.Send(t.Context(), noLink), "link")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, m.Send(ctx, sample("a1")), context.Canceled)
	require.Empty(t, names(t, dir))
	require.Equal(t, []string{"mails"}, names(t, filepath.Dir(dir)))
}

func TestFolderGone(t *testing.T) {
	t.Parallel()
	m, dir := open(t)
	require.NoError(t, os.Remove(dir))
	require.ErrorIs(t, m.Send(t.Context(), sample("a1")), os.ErrNotExist)
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "a1.eml"), 0o700))
	require.Error(t, m.Send(t.Context(), sample("a1")), "a folder is in the way")
	require.Equal(t, []string{"a1.eml"}, names(t, dir), "the temporary file is gone")
	require.NoError(t, m.Send(t.Context(), sample("a2")))
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	texts, err := mailer.NewTexts(mailer.Config{})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for name, c := range map[string]struct {
		dir, from string
		texts     *mailer.Texts
	}{
		"no folder": {"", from, texts},
		"no texts":  {t.TempDir(), from, nil},
		"no sender": {t.TempDir(), "", texts},
		"two":       {t.TempDir(), "a@a.example, b@b.example", texts},
		"a file":    {file, from, texts},
		"in a file": {filepath.Join(file, "x"), from, texts},
	} {
		_, err := filemailer.New(c.dir, c.from, c.texts)
		require.Error(t, err, name)
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}
