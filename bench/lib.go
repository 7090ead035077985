package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/sqlstore"
)

// hand does what is measured: the library, or SQL written by hand.
type hand interface {
	access(ctx context.Context, o *org, i int) error
	page(ctx context.Context, o *org, p place) error
	invite(ctx context.Context, o *org, emails []string) error
	accept(ctx context.Context, o *org, email string) error
	setRole(ctx context.Context, o *org, role orgusers.Role, ids []orgusers.MemberID) error
	remove(ctx context.Context, o *org, ids []orgusers.MemberID) error
	resetMFA(ctx context.Context, o *org, ids []orgusers.MemberID) error
	offer(ctx context.Context, o *org, to string) error
	takeOver(ctx context.Context, o *org, to string) error
	export(ctx context.Context, o *org, w io.Writer) error
	signIn(ctx context.Context, o *org, i int) error
	hashed() time.Duration // by the last sign-in
}

// place is where a page is: after so many rows in an order.
type place struct {
	sort orgusers.MemberSort
	rows int // 0: the first page
}

// library is the hand that calls the library.
type library struct {
	svc     *orgusers.Service
	mails   *links
	cursors map[cursor]string
	watch   stopwatch
	hash    time.Duration // of the last sign-in
}

type cursor struct {
	org orgusers.OrgID
	place
}

// newService makes a service as a host does, with the quotas in force but out of reach.
func newService(db *sql.DB, d sqlstore.Dialect, mails *links, watch *stopwatch) (*orgusers.Service, orgusers.Store, error) {
	store, err := sqlstore.New(db, d)
	if err != nil {
		return nil, nil, err
	}
	const far = 1 << 30
	var calls atomic.Int64 // the clock goes a second with each, so that nobody was mailed a moment ago
	svc, err := orgusers.New(orgusers.Config{
		Now:   func() time.Time { return time.Now().Add(time.Duration(calls.Add(1)) * time.Second) },
		NewID: watch.newID,
		Store: store, Mailer: mails, Keys: []orgusers.Key{orgusers.Key("0123456789abcdefghijklmnopqrstuv")}, Links: orgusers.Links{Base: "https://bench.example"},
		Policy: orgusers.Policy{MaxSelected: 1000, InvitesPerActorHour: far, InvitesPerOrgDay: far, InvitesPerMailboxDay: far, ResetMailsPerHour: far, ResetMailsPerDay: far, ResendCooldown: time.Second},
	})
	return svc, store, err
}

// links is the mailer: it keeps the tokens.
type links struct {
	mu     sync.Mutex
	tokens map[string]string
}

func (l *links) Send(_ context.Context, m orgusers.Mail) error {
	u, err := url.Parse(m.Link)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tokens[m.To] = u.Query().Get("token")
	return nil
}

func (l *links) token(to string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tokens[to]
}

// deliver empties the outbox.
func (l *library) deliver(ctx context.Context) error {
	for {
		if n, err := l.svc.Dispatch(ctx, 500); err != nil || n == 0 {
			return err
		}
	}
}

func (l *library) admin(o *org) orgusers.Admin { return l.svc.Admin(o.actor(), o.id) }

func (l *library) access(ctx context.Context, o *org, i int) error {
	_, err := l.svc.Access(ctx, orgusers.Actor{User: o.user(i), SignedInAt: signedIn()}, o.id)
	return err
}

func (l *library) page(ctx context.Context, o *org, p place) error {
	at := ""
	if p.rows > 0 {
		if at = l.cursors[cursor{o.id, p}]; at == "" {
			return fmt.Errorf("no cursor at %d", p.rows)
		}
	}
	page, err := l.admin(o).Members(ctx, orgusers.List{Sort: p.sort, Limit: 50, Cursor: at})
	if err == nil && len(page.Members) < min(50, o.n+1) {
		err = fmt.Errorf("a page of %d", len(page.Members))
	}
	return err
}

// middles are two places in the middle of a roster of so many rows, of which pages of 200 begin at some;
// end is the place of its last page.
func middles(rows int) (places []int) {
	for _, at := range []int{rows * 2 / 5, rows * 3 / 5} {
		if at = at / 200 * 200; at > 0 && at < end(rows) {
			places = append(places, at)
		}
	}
	return places
}

func end(rows int) int { return rows - 50 }

// walk goes through the roster once and keeps the cursors of the middle and the end.
func (l *library) walk(ctx context.Context, o *org, sort orgusers.MemberSort) error {
	rows := o.n + 1
	wanted := append(middles(rows), end(rows))
	list := orgusers.List{Sort: sort}
	for at := 0; at < end(rows); {
		list.Limit = min(200, end(rows)-at)
		page, err := l.admin(o).Members(ctx, list)
		if err != nil {
			return err
		}
		at += len(page.Members)
		list.Cursor = page.Next
		if slices.Contains(wanted, at) {
			l.cursors[cursor{o.id, place{sort, at}}] = page.Next
		}
	}
	return nil
}

func (l *library) invite(ctx context.Context, o *org, emails []string) error {
	rep, err := l.admin(o).Invite(ctx, orgusers.Invitation{To: strings.Join(emails, "\n")})
	return all(rep, err, len(emails))
}

// all is an error if not everybody was changed.
func all(rep orgusers.Report, err error, n int) error {
	if err == nil && rep.Count(orgusers.Applied) != n {
		err = fmt.Errorf("changed %d of %d", rep.Count(orgusers.Applied), n)
	}
	return err
}

func (l *library) apply(ctx context.Context, o *org, op orgusers.Operation, ids []orgusers.MemberID) error {
	rep, err := l.admin(o).Apply(ctx, op, ids...)
	return all(rep, err, len(ids))
}

func (l *library) accept(ctx context.Context, _ *org, email string) error {
	_, err := l.svc.Visitor(orgusers.Actor{}).AcceptInvitation(ctx, l.mails.token(email), orgusers.NewAccount{})
	return err
}

func (l *library) setRole(ctx context.Context, o *org, role orgusers.Role, ids []orgusers.MemberID) error {
	return l.apply(ctx, o, orgusers.SetRole{Role: role}, ids)
}

func (l *library) remove(ctx context.Context, o *org, ids []orgusers.MemberID) error {
	return l.apply(ctx, o, orgusers.Remove{}, ids)
}

func (l *library) resetMFA(ctx context.Context, o *org, ids []orgusers.MemberID) error {
	return l.apply(ctx, o, orgusers.ResetMFA{}, ids)
}

func (l *library) offer(ctx context.Context, o *org, to string) error {
	return l.admin(o).OfferOwnership(ctx, to)
}

func (l *library) takeOver(ctx context.Context, _ *org, to string) error {
	return l.svc.Visitor(orgusers.Actor{}).AcceptOwnership(ctx, l.mails.token(to))
}

func (l *library) export(ctx context.Context, o *org, w io.Writer) error {
	return l.admin(o).ExportCSV(ctx, w, orgusers.ExportOptions{})
}
