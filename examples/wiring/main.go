package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"log"
	"time"

	_ "modernc.org/sqlite"

	"github.com/orgusers/go-orgusers/mailer"
	"github.com/orgusers/go-orgusers/mailer/filemailer"
	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/sqlstore"
)

func main() {
	ctx := context.Background()
	db := must(sql.Open("sqlite", "file:users.db?_pragma=journal_mode(wal)&_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&_txlock=immediate"))
	store := must(sqlstore.New(db, sqlstore.SQLite()))
	check(store.Migrate(ctx)) // at deployment, not at every start
	texts := must(mailer.NewTexts(mailer.Config{Product: "Example"}))
	key := make(orgusers.Key, 32) // keep one outside the database: it signs links
	must(rand.Read(key))
	svc := must(orgusers.New(orgusers.Config{
		Store: store, Mailer: must(filemailer.New("mail", "users@example.com", texts)),
		Keys: []orgusers.Key{key}, Links: orgusers.Links{Base: "https://app.example.com/users"},
	}))
	go svc.Run(ctx, 0) // delivers the mails that changes have put into the outbox

	org := must(svc.Operator(orgusers.Actor{User: "support"}).CreateOrganization(ctx, orgusers.NewOrganization{
		Name: "Acme", Owner: "olivia@acme.example",
	}))
	owner := must(svc.Operator(orgusers.Actor{User: "support"}).Organization(ctx, org)).OwnerID
	// In a handler, your own sign-in fills the actor: who, and since when.
	admin := svc.Admin(orgusers.Actor{User: owner, SignedInAt: time.Now()}, org)
	report := must(admin.Invite(ctx, orgusers.Invitation{To: "Jane <jane@acme.example>, bob@acme.example"}))
	fmt.Println(&report)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func must[T any](v T, err error) T {
	check(err)
	return v
}
