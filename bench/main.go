// Bench measures each operation of orgusers beside the SQL that a careful engineer would write for
// it by hand: on the same engine, the same data and in the same run, taking turns. It writes the
// table to RESULTS.md.
//
//	go run . -sizes 1000,10000,100000,1000000
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/orgusers/go-orgusers/internal/itest/faultdriver"
	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/sqlstore"
)

func main() {
	log.SetFlags(0)
	sizes := flag.String("sizes", "1000,100000", "members in an organization, comma separated")
	rounds := flag.Int("rounds", 60, "calls of each kind")
	out := flag.String("out", "RESULTS.md", "where the table goes")
	flag.Parse()
	var figures []figure
	var exports []string
	for _, s := range strings.Split(*sizes, ",") {
		n, err := strconv.Atoi(s)
		if err != nil {
			log.Fatal("bench: -sizes: ", err)
		}
		f, e, err := run(context.Background(), n, *rounds)
		if err != nil {
			log.Fatal("bench: ", err)
		}
		figures, exports = append(figures, f...), append(exports, e)
	}
	if err := os.WriteFile(*out, []byte(report(figures, exports)), 0o644); err != nil {
		log.Fatal("bench: ", err)
	}
	fmt.Print(report(figures, exports))
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

func run(ctx context.Context, n, rounds int) ([]figure, string, error) {
	dir, err := os.MkdirTemp("", "orgusers-bench")
	if err != nil {
		return nil, "", err
	}
	defer os.RemoveAll(dir)
	db, count := open(filepath.Join(dir, "bench.db"))
	defer db.Close()
	store, err := sqlstore.New(db, sqlstore.SQLite())
	if err != nil {
		return nil, "", err
	}
	if err := store.Migrate(ctx); err != nil {
		return nil, "", err
	}
	mails := &links{tokens: map[string]string{}}
	calls := 0 // the clock goes a second with each, so that nobody is mailed a moment ago
	svc, err := orgusers.New(orgusers.Config{
		Now:   func() time.Time { calls++; return time.Now().Add(time.Duration(calls) * time.Second) },
		Store: store, Mailer: mails, Keys: []orgusers.Key{orgusers.Key("0123456789abcdefghijklmnopqrstuv")}, Links: orgusers.Links{Base: "https://bench.example"},
		Policy: orgusers.Policy{MaxSelected: 1000, InvitesPerActorHour: -1, InvitesPerOrgDay: -1, InvitesPerMailboxDay: -1, ResetMailsPerHour: -1, ResetMailsPerDay: -1, ResendCooldown: time.Second},
	})
	if err != nil {
		return nil, "", err
	}
	log.Printf("seeding 2 × %d members", n)
	lib, err := seed(ctx, svc, store, n, "lib.example")
	if err != nil {
		return nil, "", err
	}
	hand, err := seed(ctx, svc, store, n, "raw.example")
	if err != nil {
		return nil, "", err
	}
	if _, err := db.ExecContext(ctx, "ANALYZE"); err != nil {
		return nil, "", err
	}
	b := &bench{
		ctx: ctx, n: n, rounds: rounds, svc: svc, store: store, mails: mails, count: count, a: lib, b: hand, admin: svc.Admin(lib.owner, lib.org),
		raw: &raw{db: db, org: string(hand.org), actor: string(hand.owner.User), domain: hand.domain},
	}
	if err := b.all(); err != nil {
		return nil, "", err
	}
	export, err := b.export()
	return b.figures, export, err
}

// bench measures on one pair of organizations.
type bench struct {
	ctx     context.Context
	n       int
	rounds  int
	svc     *orgusers.Service
	store   orgusers.Store
	mails   *links
	count   *faultdriver.Control
	a, b    seeded // the library's, the hand-written SQL's
	admin   orgusers.Admin
	raw     *raw
	figures []figure
	next    int
}

// beside measures one operation.
func (b *bench) beside(op string, bar float64, rounds int, lib, raw func(i int) error) error {
	statements := func(do func(int) error, i int) (int, error) {
		b.count.Reset()
		err := do(i)
		return len(b.count.Statements()), err
	}
	stLib, err := statements(lib, rounds+10)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	stRaw, err := statements(raw, rounds+10)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	l, r, err := sideBySide(rounds, lib, raw)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	f := figure{op: op, n: b.n, lib: l, raw: r, stLib: stLib, stRaw: stRaw, bar: bar}
	log.Println(f)
	b.figures = append(b.figures, f)
	return nil
}

// some picks people for round i: others in each round, spread over the roster.
func some[T any](from []T, i, n int) []T {
	out := make([]T, n)
	for k := range out {
		out[k] = from[(i*n+k)*13%len(from)]
	}
	return out
}

func (b *bench) all() error {
	invite := func(n, rounds int) error {
		fresh := func(domain string) []string {
			b.next++
			emails := make([]string, n)
			for i := range emails {
				emails[i] = fmt.Sprintf("new%d.%d@%s", b.next, i, domain)
			}
			return emails
		}
		return b.beside(fmt.Sprintf("invite %d", n), 1.5, rounds,
			func(int) error {
				_, err := b.admin.Invite(b.ctx, orgusers.Invitation{To: strings.Join(fresh(b.a.domain), "\n")})
				return err
			},
			func(int) error { return b.raw.invite(b.ctx, fresh(b.b.domain)) })
	}
	// Each half of the roster is gone through in turn, so that every call changes everybody it names.
	setRole := func(n int, from, to int) error {
		roles := []orgusers.Role{orgusers.RoleAdmin, orgusers.RoleMember}
		calls := [2]int{}
		next := func(who int) (orgusers.Role, []orgusers.MemberID) {
			people := b.a.members[from:to]
			if who == 1 {
				people = b.b.members[from:to]
			}
			i := calls[who]
			calls[who]++
			return roles[i*n/len(people)%2], some(people, i, n)
		}
		return b.beside(fmt.Sprintf("role of %d", n), 1.5, b.rounds,
			func(int) error {
				role, ids := next(0)
				_, err := b.admin.Apply(b.ctx, orgusers.SetRole{Role: role}, ids...)
				return err
			},
			func(int) error {
				role, ids := next(1)
				return b.raw.setRole(b.ctx, string(role), ids)
			})
	}
	mfa := func(n int) error {
		return b.beside(fmt.Sprintf("reset MFA of %d", n), 1.5, b.rounds,
			func(i int) error {
				_, err := b.admin.Apply(b.ctx, orgusers.ResetMFA{}, some(b.a.members, i, n)...)
				return err
			},
			func(i int) error { return b.raw.resetMFA(b.ctx, some(b.b.members, i, n)) })
	}
	after := func(i int, domain string) string { return fmt.Sprintf("p%07d@%s", i*7919%b.n, domain) }
	steps := []func() error{
		func() error {
			return b.beside("access", 1.3, 4*b.rounds,
				func(i int) error {
					_, err := b.svc.Access(b.ctx, orgusers.Actor{User: b.a.users[i*31%b.n], SignedInAt: time.Now()}, b.a.org)
					return err
				},
				func(i int) error { return b.raw.access(b.ctx, b.b.users[i*31%b.n]) })
		},
		func() error {
			return b.beside("page of 50", 1.3, 4*b.rounds,
				func(i int) error { return b.page(after(i, b.a.domain)) },
				func(i int) error { return b.raw.page(b.ctx, after(i, b.b.domain)) })
		},
		func() error { return invite(1, b.rounds) },
		func() error { return invite(10, b.rounds) },
		func() error { return invite(1000, max(3, b.rounds/12)) },
		func() error { return setRole(1, 0, b.n/2) },
		func() error { return setRole(10, b.n/2, b.n) },
		func() error { return mfa(10) },
		b.accept,
		b.remove,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// page reads a page in the middle the way a host does that has a cursor; the store is asked for it
// directly, behind the same authority check, because cursors of arbitrary places cannot be made from
// outside.
func (b *bench) page(after string) error {
	if _, err := b.admin.Organization(b.ctx); err != nil {
		return err
	}
	_, err := b.store.Members(b.ctx, orgusers.MemberQuery{Org: b.a.org, Sort: orgusers.SortEmail, After: &orgusers.MemberKey{Email: orgusers.AddressKey(after)}, Limit: 51})
	return err
}

// accept joins spare accounts, which need no password.
func (b *bench) accept() error {
	n := b.rounds + 20
	if _, err := b.admin.Invite(b.ctx, orgusers.Invitation{To: strings.Join(b.a.spare[:n], "\n")}); err != nil {
		return err
	}
	if err := b.raw.invite(b.ctx, b.b.spare[:n]); err != nil {
		return err
	}
	for {
		done, err := b.svc.Dispatch(b.ctx, 500)
		if err != nil {
			return err
		}
		if done == 0 {
			break
		}
	}
	ids := make([]string, n)
	for i, email := range b.b.spare[:n] {
		if err := b.raw.db.QueryRowContext(b.ctx, b.raw.bind(`SELECT id FROM orgusers_members WHERE org_id = ? AND address_key = ?`), b.raw.org, email).Scan(&ids[i]); err != nil {
			return err
		}
	}
	calls := [2]int{}
	return b.beside("accept", 1.5, b.rounds,
		func(int) error {
			calls[0]++
			_, err := b.svc.Visitor(orgusers.Actor{}).AcceptInvitation(b.ctx, b.mails.tokens[b.a.spare[calls[0]-1]], orgusers.NewAccount{})
			return err
		},
		func(int) error {
			calls[1]++
			return b.raw.accept(b.ctx, ids[calls[1]-1])
		})
}

// remove takes people off the end of the roster, ten at a time, each once.
func (b *bench) remove() error {
	rounds := min(b.rounds, b.n/10/2-10)
	calls := [2]int{}
	return b.beside("remove 10", 1.5, rounds,
		func(int) error {
			calls[0]++
			_, err := b.admin.Apply(b.ctx, orgusers.Remove{}, b.a.members[len(b.a.members)-10*calls[0]:][:10]...)
			return err
		},
		func(int) error {
			calls[1]++
			return b.raw.remove(b.ctx, b.b.members[len(b.b.members)-10*calls[1]:][:10])
		})
}

// export measures rows per second and how much the heap grows.
func (b *bench) export() (string, error) {
	begin := time.Now()
	peak := heapPeak()
	if err := b.admin.ExportCSV(b.ctx, io.Discard, orgusers.ExportOptions{}); err != nil {
		return "", err
	}
	lib := time.Since(begin)
	grown := peak()
	begin = time.Now()
	rows, err := b.raw.export(b.ctx, io.Discard)
	if err != nil {
		return "", err
	}
	hand := time.Since(begin)
	perSecond := func(d time.Duration) float64 { return float64(rows) / d.Seconds() }
	return fmt.Sprintf("| %d | %.0f k | %.0f k | %.2f | %.1f MB |", b.n, perSecond(lib)/1000, perSecond(hand)/1000, perSecond(lib)/perSecond(hand), float64(grown)/1e6), nil
}

// heapPeak watches the heap until the returned function is called, which tells how far it grew.
func heapPeak() func() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	base, peak := m.HeapAlloc, m.HeapAlloc
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapAlloc)
			}
		}
	}()
	return func() uint64 {
		close(stop)
		<-done
		return peak - base
	}
}

func report(figures []figure, exports []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Results\n\nWritten by `make bench` on %s, %s, %d processors, SQLite (modernc, WAL, one file). Medians of calls that took turns in one run;\n", time.Now().UTC().Format(time.DateOnly), runtime.Version(), runtime.NumCPU())
	b.WriteString("\"raw\" is hand-written SQL that writes the same rows under the same guard (see `raw.go`). Statements do not count BEGIN and COMMIT.\n\n")
	b.WriteString("| operation | members | orgusers | raw | ratio | bar | statements | raw |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, f := range figures {
		b.WriteString(f.String() + "\n")
	}
	b.WriteString("\nExport as CSV, rows per second, beside raw rows + encoding/csv:\n\n| members | orgusers | raw | ratio | heap over idle |\n| --- | --- | --- | --- | --- |\n")
	b.WriteString(strings.Join(exports, "\n") + "\n")
	small, large := map[string]figure{}, map[string]figure{}
	var order []string
	for _, f := range figures {
		if s, ok := small[f.op]; !ok || f.n < s.n {
			small[f.op] = f
		}
		if l, ok := large[f.op]; !ok || f.n > l.n {
			large[f.op] = f
		}
		if len(order) == 0 || small[f.op].n == f.n && order[len(order)-1] != f.op {
			order = append(order, f.op)
		}
	}
	b.WriteString("\nThe largest organization against the smallest (bar P4: ≤ 1.3):\n\n| operation | members | time |\n| --- | --- | --- |\n")
	for _, op := range order {
		s, l := small[op], large[op]
		if s.n != l.n {
			fmt.Fprintf(&b, "| %s | %d / %d | %.2f |\n", op, l.n, s.n, float64(l.lib)/float64(s.lib))
		}
	}
	return b.String()
}
