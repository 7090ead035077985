package scssession_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"
	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/session/scssession"
	orgstore "github.com/orgusers/go-orgusers/store/memstore"
)

// host is an application with sessions in scs, an organization, and one page in it.
type host struct {
	*world.World
	org      world.Org
	manager  *scs.SessionManager
	store    *memstore.MemStore
	sessions *scssession.Sessions
	url      string
}

func newManager() (*scs.SessionManager, *memstore.MemStore) {
	manager, store := scs.New(), memstore.NewWithCleanupInterval(0)
	manager.Store, manager.HashTokenInStore = store, true
	return manager, store
}

func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{}
	h.manager, h.store = newManager()
	clock := world.NewClock()
	var err error
	h.sessions, err = scssession.New(h.manager, scssession.Config{Index: scssession.NewMemoryIndex(), Now: clock.Now})
	require.NoError(t, err)
	h.World = world.New(t, orgstore.New(), func(c *orgusers.Config) { c.Sessions, c.Now, c.Policy.StepUp = h.sessions, clock.Now, nil })
	h.Clock = clock
	h.org = h.NewOrg("acme", "olive@acme.example")

	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /visit", func(_ http.ResponseWriter, r *http.Request) { h.manager.Put(r.Context(), "cart", "full") })
	mux.HandleFunc("POST /sign-in", func(w http.ResponseWriter, r *http.Request) {
		if err := h.sessions.SignIn(r.Context(), orgusers.Actor{User: orgusers.UserID(r.FormValue("user"))}); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("POST /sign-out", func(w http.ResponseWriter, r *http.Request) {
		if err := h.manager.Destroy(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("GET /page", func(w http.ResponseWriter, r *http.Request) {
		actor, ok := h.sessions.Actor(r.Context())
		if !ok {
			http.Error(w, "nobody", http.StatusUnauthorized)
			return
		}
		access, err := h.Svc.Access(r.Context(), actor, h.org.ID)
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		h.manager.Put(r.Context(), "seen", "page")
		_, _ = io.WriteString(w, string(access.Role)+" "+actor.Session+" "+h.manager.GetString(r.Context(), "cart"))
	})
	server := httptest.NewServer(h.manager.LoadAndSave(mux))
	t.Cleanup(server.Close)
	h.url = server.URL
	return h
}

// browser is somebody's browser.
type browser struct {
	t *testing.T
	h *host
	c *http.Client
}

func (h *host) browser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &browser{t: t, h: h, c: &http.Client{Jar: jar}}
}

func (b *browser) do(method, path string) (int, string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.h.url+path, nil)
	require.NoError(b.t, err)
	res, err := b.c.Do(r)
	require.NoError(b.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(b.t, err)
	return res.StatusCode, string(body)
}

func (b *browser) signIn(user orgusers.UserID) *browser {
	b.t.Helper()
	b.h.Clock.Tick(time.Millisecond)
	code, body := b.do("POST", "/sign-in?user="+string(user))
	require.Equal(b.t, http.StatusOK, code, body)
	return b
}

// page wants an answer of the page.
func (b *browser) page(code int) string {
	b.t.Helper()
	got, body := b.do("GET", "/page")
	require.Equal(b.t, code, got, body)
	return body
}

func (b *browser) token() string {
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.h.url, nil)
	require.NoError(b.t, err)
	for _, c := range b.c.Jar.Cookies(r.URL) {
		return c.Value
	}
	return ""
}

func (h *host) active(t *testing.T, user orgusers.UserID) int {
	t.Helper()
	n, err := h.sessions.Active(t.Context(), []orgusers.UserID{user, user})
	require.NoError(t, err)
	return n[user]
}

func (h *host) stored(t *testing.T) int {
	t.Helper()
	all, err := h.store.All()
	require.NoError(t, err)
	return len(all)
}
