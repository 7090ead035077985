// Quickstart runs the whole of orgusers on a real SQLite file: a pasted address list goes in, people
// join through the links in their mails, are administered one by one and in bulk, and a CSV comes
// out. Run it with
//
//	go run ./examples/quickstart
//
// and look at what it leaves in the folder quickstart-out.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite"

	"github.com/orgusers/go-orgusers/mailer"
	"github.com/orgusers/go-orgusers/mailer/filemailer"
	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/sqlstore"
)

//go:embed people.txt
var people string

const (
	out      = "quickstart-out"
	password = "a long sentence nobody guesses"
)

func main() {
	log.SetFlags(0)
	if err := run(context.Background()); err != nil {
		log.Fatal("quickstart: ", err)
	}
}

func run(ctx context.Context) error {
	svc, mails, err := wire(ctx)
	if err != nil {
		return err
	}

	// The vendor's support makes the organization; its owner sets a password by the mailed link.
	support := svc.Operator(orgusers.Actor{User: "support"})
	org, err := support.CreateOrganization(ctx, orgusers.NewOrganization{
		Name: "Acme Publishing", Owner: "olivia.owner@acme.example", OwnerName: orgusers.Name{First: "Olivia", Last: "Owner"},
		Plan: orgusers.Plan{Name: "Team", Limits: []orgusers.Limit{{Resource: orgusers.ResourceUsers, Max: 45}, {Resource: orgusers.ResourceStacks, Max: 5}}},
	})
	if err != nil {
		return err
	}
	visitor := door(svc)
	if err := deliver(ctx, svc); err != nil {
		return err
	}
	if _, err := visitor.ResetPassword(ctx, mails.token("olivia.owner@acme.example"), password); err != nil {
		return err
	}
	admin := svc.Admin(signIn(ctx, svc, "olivia.owner@acme.example"), org)
	website, err := admin.CreateStack(ctx, "Website")
	if err != nil {
		return err
	}
	translator, err := admin.CreateRole(ctx, "Translator", "content:read", "content:translate")
	if err != nil {
		return err
	}
	if err := admin.SetAllowedDomains(ctx, "acme.example"); err != nil {
		return err
	}
	heading("Acme Publishing: plan Team, 45 seats, stack Website, only people of acme.example")

	// A list as people paste it, mistakes included.
	rep, err := admin.Invite(ctx, orgusers.Invitation{
		To: people, Role: orgusers.RoleMember, Message: "Welcome to the new system!",
		Stacks: []orgusers.StackAccess{{Stack: website, Roles: []orgusers.RoleID{orgusers.RoleContentManager}}},
	})
	if err != nil {
		return err
	}
	fmt.Printf("Invited from a pasted list: %d invited, %d skipped, %d refused\n", rep.Count(orgusers.Applied), rep.Count(orgusers.Skipped), rep.Count(orgusers.Refused))
	for _, o := range rep.Outcomes {
		if o.Result != orgusers.Applied {
			fmt.Printf("  line %2d  %-31s %s\n", o.Line, o.Email+o.Input, cmp.Or(o.Detail, o.Reason.Text()))
		}
	}

	// Nearly everybody accepts, through the link in the mail.
	if err := deliver(ctx, svc); err != nil {
		return err
	}
	late := map[string]bool{"mia.thomas@acme.example": true, "hugo.martin@acme.example": true}
	joined := 0
	for _, o := range rep.Outcomes {
		if o.Result != orgusers.Applied || late[o.Email] {
			continue
		}
		token := mails.token(o.Email)
		info, err := visitor.InspectInvitation(ctx, token)
		if err != nil {
			return err
		}
		name := info.Name
		if name.First == "" { // nobody gave one: a person would type it
			first, last, _ := strings.Cut(strings.Split(o.Email, "@")[0], ".")
			name = orgusers.Name{First: first, Last: last}
		}
		if _, err := visitor.AcceptInvitation(ctx, token, orgusers.NewAccount{Name: name, Password: password}); err != nil {
			return fmt.Errorf("%s: %w", o.Email, err)
		}
		joined++
	}
	fmt.Printf("%d joined through their mails (%s), %d have not answered yet\n", joined, filepath.Join(out, "mail"), len(late))

	who := func(email string) orgusers.Member {
		m, err := admin.MemberByEmail(ctx, email)
		if err != nil {
			log.Fatal(email, ": ", err)
		}
		return m
	}
	jane, john := who("jane.doe@acme.example"), who("john.smith@acme.example")

	heading("One by one")
	show("Jane becomes an admin", admin.Do(ctx, orgusers.SetRole{Role: orgusers.RoleAdmin}, jane.ID))
	show("John gets Translator on Website", admin.Do(ctx, orgusers.SetStacks{Stacks: []orgusers.StackAccess{{Stack: website, Roles: []orgusers.RoleID{translator}}}}, john.ID))
	show("Sven is deactivated", admin.Do(ctx, orgusers.Deactivate{}, who("sven.larsson@acme.example").ID))
	show("Olivia removes herself", admin.Do(ctx, orgusers.Remove{}, who("olivia.owner@acme.example").ID))
	conor := who("conor.obrien@acme.example")
	conorActor := signIn(ctx, svc, conor.Address.Email)
	show("Conor is removed", admin.Do(ctx, orgusers.Remove{}, conor.ID))
	_, err = svc.Access(ctx, conorActor, org)
	show("Conor's open session asks for access", err)

	heading("Jane selects ten people: force a password reset")
	byJane := svc.Admin(signIn(ctx, svc, jane.Address.Email), org)
	var ten []orgusers.MemberID
	for _, email := range []string{
		"olivia.owner@acme.example", "sophia.wilson@acme.example", "sven.larsson@acme.example", "mia.thomas@acme.example",
		"john.smith@acme.example", "ana.lopez@acme.example", "emma.davis@acme.example", "liam.jones@acme.example",
		"luca.verdi@acme.example", "yuki.tanaka@acme.example",
	} {
		ten = append(ten, who(email).ID)
	}
	rep, err = byJane.Apply(ctx, orgusers.ForcePasswordReset{}, ten...)
	if err != nil {
		return err
	}
	fmt.Println(" ", &rep)
	for _, o := range rep.Outcomes {
		if o.Result != orgusers.Applied {
			fmt.Printf("  %-31s %s (%s)\n", o.Email, o.Reason.Text(), o.Rule)
		}
	}
	_, err = byJane.Apply(ctx, orgusers.ForcePasswordReset{}, append(ten, who("priya.patel@acme.example").ID)...)
	show("An eleventh", err)

	heading("Olivia hands over to Jane")
	show("Olivia offers the ownership", admin.OfferOwnership(ctx, "jane.doe@acme.example"))
	if err := deliver(ctx, svc); err != nil {
		return err
	}
	show("Jane accepts by the link in her mail", visitor.AcceptOwnership(ctx, mails.token("jane.doe@acme.example")))
	_, err = admin.Members(ctx, orgusers.List{})
	show("Olivia, now a Member, opens the users page", err)
	admin = svc.Admin(signIn(ctx, svc, jane.Address.Email), org)

	heading("What Jane sees: last login, newest first")
	page, err := admin.Members(ctx, orgusers.List{Sort: orgusers.SortLastLogin, Descending: true, Limit: 5})
	if err != nil {
		return err
	}
	for _, m := range page.Members {
		role := string(m.Role)
		if m.Owner {
			role = "owner"
		}
		last := "--"
		if !m.LastLogin.IsZero() {
			last = m.LastLogin.Format(time.DateTime)
		}
		fmt.Printf("  %-31s %-7s %-9s %s\n", m.Address.Email, role, m.Status, last)
	}
	fmt.Printf("  … %d members, %d pending, %d administrators\n", page.Tally.Members, page.Tally.Pending, page.Tally.Admins)

	if err := peoplesSide(ctx, svc, admin, mails, who); err != nil {
		return err
	}
	return finish(ctx, admin)
}

// finish writes the CSV files and checks the audit trail.
func finish(ctx context.Context, admin orgusers.Admin) error {
	users, err := os.Create(filepath.Join(out, "users.csv"))
	if err != nil {
		return err
	}
	if err := errors.Join(admin.ExportCSV(ctx, users, orgusers.ExportOptions{}), users.Close()); err != nil {
		return err
	}
	audit, err := os.Create(filepath.Join(out, "audit.csv"))
	if err != nil {
		return err
	}
	if err := errors.Join(admin.ExportAudit(ctx, audit, orgusers.AuditList{}), audit.Close()); err != nil {
		return err
	}
	v, err := admin.Verify(ctx)
	if err != nil {
		return err
	}
	if !v.OK() {
		return errors.New("audit trail: " + v.Broken)
	}
	heading("Left to look at")
	fmt.Printf("  %s/users.csv, audit.csv, mail/*.eml, roster.db\n", out)
	fmt.Printf("  audit trail whole: %d entries in the chain, %d refusals and exports beside it\n", v.Entries, v.Beside)
	return nil
}

// wire is all that a host has to do.
func wire(ctx context.Context) (*orgusers.Service, mailFolder, error) {
	mails := mailFolder(filepath.Join(out, "mail"))
	if err := os.RemoveAll(out); err != nil {
		return nil, mails, err
	}
	if err := os.Mkdir(out, 0o700); err != nil {
		return nil, mails, err
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(out, "roster.db")+"?_pragma=journal_mode(wal)&_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&_txlock=immediate")
	if err != nil {
		return nil, mails, err
	}
	store, err := sqlstore.New(db, sqlstore.SQLite())
	if err != nil {
		return nil, mails, err
	}
	if err := store.Migrate(ctx); err != nil {
		return nil, mails, err
	}
	texts, err := mailer.NewTexts(mailer.Config{Product: "Acme CMS"})
	if err != nil {
		return nil, mails, err
	}
	files, err := filemailer.New(string(mails), "noreply@acme.example", texts)
	if err != nil {
		return nil, mails, err
	}
	key := make(orgusers.Key, 32) // a real host keeps it outside the database
	if _, err := rand.Read(key); err != nil {
		return nil, mails, err
	}
	svc, err := orgusers.New(orgusers.Config{
		Store: store, Mailer: files, Keys: []orgusers.Key{key},
		Links: orgusers.Links{Base: "https://cms.acme.example/users"},
	})
	return svc, mails, err
}

// deliver carries out the outbox; a server would leave that to svc.Run.
func deliver(ctx context.Context, svc *orgusers.Service) error {
	for {
		n, err := svc.Dispatch(ctx, 100)
		if n == 0 || err != nil {
			return err
		}
	}
}

func heading(s string) { fmt.Printf("\n%s\n", s) }

// show prints what came of a call.
func show(what string, err error) {
	result := "done"
	if err != nil {
		result = strings.TrimPrefix(err.Error(), "orgusers: ")
	}
	fmt.Printf("  %-44s %s\n", what, result)
}
