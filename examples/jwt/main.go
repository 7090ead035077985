package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/memstore"
)

func main() {
	log.SetFlags(0)
	if err := run(context.Background()); err != nil {
		log.Fatal("jwt: ", err)
	}
}

// run tells a short story over HTTP: what happens to a token that nobody can take back.
func run(ctx context.Context) error {
	s, err := newStory(ctx, time.Now)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: s.host.Handler(), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	base := "http://" + listener.Addr().String() + "/orgs/" + string(s.org)
	call := func(what, token, method, path string) {
		r, err := http.NewRequestWithContext(ctx, method, base+path, nil)
		if err != nil {
			log.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			log.Fatal(err)
		}
		_ = res.Body.Close()
		fmt.Printf("  %-52s %s\n", what, res.Status)
	}
	publish := "/stacks/" + string(s.stack) + "/publish"

	olivia, err := s.host.Tokens.SignIn(s.owner, time.Time{})
	if err != nil {
		return err
	}
	ben, err := s.host.Tokens.SignIn(s.ben.User, time.Time{})
	if err != nil {
		return err
	}
	fmt.Println("Ben has a token for an hour.")
	call("Ben opens a page", ben, "GET", "/me")
	call("Ben publishes on the stack", ben, "POST", publish)

	fmt.Println("Olivia ends his sessions. The token is still signed and not expired:")
	call("Olivia ends Ben's sessions", olivia, "POST", "/members/"+string(s.ben.ID)+"/end-sessions")
	call("Ben opens a page", ben, "GET", "/me")
	call("Ben asks for another token with it", ben, "POST", "/renew")
	if ben, err = s.host.Tokens.SignIn(s.ben.User, time.Time{}); err != nil {
		return err
	}
	call("Ben has signed in again, and opens a page", ben, "GET", "/me")

	admin := s.admin()
	for _, step := range []struct {
		what string
		op   orgusers.Operation
	}{
		{"Olivia takes his role on the stack:", orgusers.SetStacks{Stacks: []orgusers.StackAccess{{Stack: s.stack}}}},
		{"She deactivates him:", orgusers.Deactivate{}},
		{"She removes him:", orgusers.Remove{}},
	} {
		if err := admin.Do(ctx, step.op, s.ben.ID); err != nil {
			return err
		}
		fmt.Println(step.what)
		call("Ben publishes on the stack", ben, "POST", publish)
		call("Ben opens a page", ben, "GET", "/me")
	}
	return nil
}

// story is an organization, its owner, and Ben, who may publish on its stack.
type story struct {
	host  *Host
	org   orgusers.OrgID
	stack orgusers.StackID
	owner orgusers.UserID
	ben   orgusers.Member
}

// admin is the owner's door, freshly signed in.
func (s *story) admin() orgusers.Admin {
	return s.host.Svc.Admin(orgusers.Actor{User: s.owner, SignedInAt: s.host.Tokens.Now()}, s.org)
}

func newStory(ctx context.Context, now func() time.Time) (*story, error) {
	_, sign, err := ed25519.GenerateKey(rand.Reader) // a real host keeps it, and tells its other services the public half
	if err != nil {
		return nil, err
	}
	links := make(orgusers.Key, 32)
	if _, err := rand.Read(links); err != nil {
		return nil, err
	}
	mails := &inbox{links: map[string]string{}}
	svc, err := orgusers.New(orgusers.Config{
		Store: memstore.New(), Mailer: mails, Keys: []orgusers.Key{links}, Now: now,
		Links: orgusers.Links{Base: "https://cms.acme.example/users"},
	})
	if err != nil {
		return nil, err
	}
	s := &story{host: &Host{Svc: svc, Tokens: &Tokens{
		Key: sign, Issuer: "https://cms.acme.example", Audience: "https://cms.acme.example/api", Lifetime: time.Hour, Longest: 12 * time.Hour, Now: now,
	}}}
	support := svc.Operator(orgusers.Actor{User: "support"})
	if s.org, err = support.CreateOrganization(ctx, orgusers.NewOrganization{Name: "Acme", Owner: "olivia@acme.example"}); err != nil {
		return nil, err
	}
	record, err := support.Organization(ctx, s.org)
	if err != nil {
		return nil, err
	}
	s.owner = record.OwnerID
	admin := s.admin()
	if s.stack, err = admin.CreateStack(ctx, "Website"); err != nil {
		return nil, err
	}
	report, err := admin.Invite(ctx, orgusers.Invitation{
		To: "ben@acme.example", Stacks: []orgusers.StackAccess{{Stack: s.stack, Roles: []orgusers.RoleID{orgusers.RoleContentManager}}},
	})
	if err != nil {
		return nil, err
	}
	if err := report.Err(); err != nil {
		return nil, err
	}
	if _, err := svc.Dispatch(ctx, 100); err != nil {
		return nil, err
	}
	_, err = svc.Visitor(orgusers.Actor{}).AcceptInvitation(ctx, mails.token("ben@acme.example"), orgusers.NewAccount{
		Name: orgusers.Name{First: "Ben", Last: "Baker"}, Password: "a long sentence nobody guesses",
	})
	if err != nil {
		return nil, err
	}
	s.ben, err = admin.MemberByEmail(ctx, "ben@acme.example")
	return s, err
}

// inbox is a mailer that keeps the last link to each address.
type inbox struct {
	mu    sync.Mutex
	links map[string]string
}

func (i *inbox) Send(_ context.Context, m orgusers.Mail) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.links[strings.ToLower(m.To)] = m.Link
	return nil
}

func (i *inbox) token(to string) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	u, err := url.Parse(i.links[to])
	if err != nil {
		return ""
	}
	return u.Query().Get("token")
}
