package orgusers

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"
)

func enrolment(tb testing.TB, issuer, account string) Enrolment {
	tb.Helper()
	e, err := newEnrolment(rfcSecret(), issuer, account)
	require.NoError(tb, err)
	return e
}

func TestEnrolment(t *testing.T) {
	t.Parallel()
	e := enrolment(t, "Acme", "jane@example.com")
	require.Equal(t, "otpauth://totp/Acme:jane%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme&algorithm=SHA1&digits=6&period=30", e.URI())
	require.Equal(t, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", e.Text())
	_, err := newEnrolment(rfcSecret(), "", "jane@example.com")
	require.Error(t, err)
	_, err = newEnrolment(rfcSecret(), "Acme", "")
	require.Error(t, err)
	_, err = Enrolment{}.QR()
	require.Error(t, err)
}

func TestEnrolmentEscapes(t *testing.T) {
	t.Parallel()
	for _, issuer := range []string{
		"Acme", "A&B", "A & B: the firm", "a?b=c#d", "x&secret=AAAA&issuer=evil", "50% + more", "Zürich 東京", "a/b\\c", `"<script>`, "%41", "\r\n\x00",
	} {
		for _, account := range []string{"jane@example.com", "jane+tag&x=y@example.com", "a:b@example.com", "o'neill#1@example.com"} {
			uri := enrolment(t, issuer, account).URI()
			require.Regexp(t, `^otpauth://totp/[A-Za-z0-9%._~-]+:[A-Za-z0-9%._~-]+\?[A-Za-z0-9%._~=&-]+$`, uri)
			u, err := url.Parse(uri)
			require.NoError(t, err)
			label, _, _ := strings.Cut(strings.TrimPrefix(uri, "otpauth://totp/"), "?")
			require.Equal(t, 1, strings.Count(label, ":"), "the only bare colon is between the two")
			require.Equal(t, "/"+issuer+":"+account, u.Path)
			require.Equal(t, url.Values{
				"secret": {"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"},
				"issuer": {issuer}, "algorithm": {"SHA1"}, "digits": {"6"}, "period": {"30"},
			}, u.Query())

			key, err := otp.NewKeyFromURL(uri)
			require.NoError(t, err)
			require.Equal(t, issuer, key.Issuer())
			require.EqualValues(t, 30, key.Period())
		}
	}
}

func TestEnrolmentOfAnAuthenticator(t *testing.T) {
	t.Parallel()
	key, err := otp.NewKeyFromURL(enrolment(t, "A & B", "jane@example.com").URI())
	require.NoError(t, err)
	now := time.Unix(1_700_000_000, 0)
	code, err := totp.GenerateCode(key.Secret(), now)
	require.NoError(t, err)
	_, ok := verifyTOTP(rfcSecret(), code, now, 0)
	require.True(t, ok)
}

// The images in testdata/enrolment are what QR draws, pixel by pixel, for the links beside them;
// internal/itest reads them with a decoder. ORGUSERS_UPDATE=1 writes them anew.
func TestEnrolmentQR(t *testing.T) {
	t.Parallel()
	for name, who := range map[string][2]string{
		"plain":   {"Acme", "jane@example.com"},
		"hostile": {"A&secret=AAAA: 50% + \"Zürich\" 東京", "o'neill+tag#1&x=y@example.com"},
		"longest": {strings.Repeat("東", 100), strings.Repeat("a", 242) + "@example.com"},
	} {
		e := enrolment(t, who[0], who[1])
		got, err := e.QR()
		require.NoError(t, err)
		file := filepath.Join("testdata", "enrolment", name)
		if os.Getenv("ORGUSERS_UPDATE") != "" {
			require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o750))
			require.NoError(t, os.WriteFile(file+".png", got, 0o600))
			require.NoError(t, os.WriteFile(file+".txt", []byte(e.URI()), 0o600))
		}
		uri, err := os.ReadFile(file + ".txt")
		require.NoError(t, err)
		require.Equal(t, string(uri), e.URI())
		want, err := os.ReadFile(file + ".png")
		require.NoError(t, err)
		drawn, kept := pixels(t, got), pixels(t, want)
		require.Equal(t, image.Rect(0, 0, 640, 640), drawn.Bounds())
		black := image.Rectangle{}
		for y := range 640 {
			for x := range 640 {
				c := color.GrayModel.Convert(drawn.At(x, y)).(color.Gray)
				require.Equal(t, color.GrayModel.Convert(kept.At(x, y)), c, "%s at %d,%d", name, x, y)
				if c.Y == 0 {
					black = black.Union(image.Rect(x, y, x+1, y+1))
				}
			}
		}
		require.True(t, black.In(image.Rect(64, 64, 576, 576)), "the margin is white")
		require.Greater(t, black.Dx(), 300)
		require.Equal(t, black.Dx(), black.Dy())
	}
}

func pixels(t *testing.T, b []byte) image.Image {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(b))
	require.NoError(t, err)
	return img
}
