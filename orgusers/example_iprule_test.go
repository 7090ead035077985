package orgusers_test

import (
	"context"
	"fmt"
	"log"
	"net/netip"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

// A database that only people who are signed in may reach, from where they are, and no longer than that.
func ExampleAccount_OpenIPRule() {
	ctx := context.Background()
	svc, _, org, _ := example()
	here := netip.MustParseAddr("203.0.113.5")

	in, err := svc.Visitor(orgusers.Actor{IP: here}).SignIn(ctx, "olivia@acme.example", passphrase)
	if err != nil {
		log.Fatal(err)
	}
	actor, err := svc.Authenticate(ctx, in.Token, orgusers.Actor{IP: here})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := svc.Account(actor).OpenIPRule(ctx, org, "postgres-eu", time.Hour); err != nil {
		log.Fatal(err)
	}
	allowed := func() {
		ok, err := svc.Allowed(ctx, org, here, "postgres-eu")
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("allowed:", ok)
	}
	allowed()
	if err := svc.Account(actor).SignOut(ctx); err != nil {
		log.Fatal(err)
	}
	allowed()
	// Output:
	// allowed: true
	// allowed: false
}
