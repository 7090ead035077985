package main

import (
	"context"
	"fmt"
	"log"
	"net/netip"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/orgusers/go-orgusers/orgusers"
)

// door is where people come who are not signed in.
func door(svc *orgusers.Service) orgusers.Visitor {
	return svc.Visitor(orgusers.Actor{IP: netip.MustParseAddr("198.51.100.7"), Agent: "quickstart"})
}

// signIn signs somebody in by password and checks the session, as a host's middleware does on each
// request.
func signIn(ctx context.Context, svc *orgusers.Service, email string) orgusers.Actor {
	in, err := door(svc).SignIn(ctx, email, password)
	if err != nil {
		log.Fatal(email, ": ", err)
	}
	return session(ctx, svc, in)
}

func session(ctx context.Context, svc *orgusers.Service, in orgusers.SignIn) orgusers.Actor {
	actor, err := svc.Authenticate(ctx, in.Token, orgusers.Actor{IP: netip.MustParseAddr("203.0.113.5"), Agent: "quickstart"})
	if err != nil {
		log.Fatal(err)
	}
	return actor
}

// peoplesSide shows what an administrator forces as the person meets it.
func peoplesSide(ctx context.Context, svc *orgusers.Service, admin orgusers.Admin, mails mailFolder, who func(string) orgusers.Member) error {
	heading("From the person's side")

	// Emma was in Jane's bulk: her old password only gets her to choosing a new one.
	const emma = "emma.davis@acme.example"
	in, err := door(svc).SignIn(ctx, emma, password)
	show("Emma signs in with her old password", err)
	fmt.Printf("  %-44s %s\n", "  what is needed next", in.Step)
	_, err = svc.Authenticate(ctx, in.Token, orgusers.Actor{})
	show("  her ticket used as a session", err)
	_, err = door(svc).ChooseNewPassword(ctx, in.Token, password)
	show("  the same password again", err)
	in, err = door(svc).ChooseNewPassword(ctx, in.Token, "another long sentence of Emma's")
	show("  another one", err)
	fmt.Printf("  %-44s %s\n", "  what is needed next", in.Step)

	// Priya sets up a second factor, loses the phone, and gets a link from Jane.
	const priya = "priya.patel@acme.example"
	account := svc.Account(signIn(ctx, svc, priya))
	enrolment, err := account.BeginMFA(ctx)
	if err != nil {
		return err
	}
	code, err := totp.GenerateCode(enrolment.Text(), time.Now()) // her phone does that
	if err != nil {
		return err
	}
	codes, _, err := account.ConfirmMFA(ctx, enrolment.Token(), code)
	show(fmt.Sprintf("Priya sets up a second factor (%d recovery codes)", len(codes)), err)
	if in, err = door(svc).SignIn(ctx, priya, password); err != nil {
		return err
	}
	fmt.Printf("  %-44s %s\n", "  signing in now needs", in.Step)
	_, err = door(svc).EnterCode(ctx, in.Token, code)
	show("  the code from before", err)
	in, err = door(svc).EnterCode(ctx, in.Token, string(codes[0]))
	show(fmt.Sprintf("  a recovery code (%d left)", in.RecoveryCodesLeft), err)
	show("Jane resets her second factor", admin.Do(ctx, orgusers.ResetMFA{}, who(priya).ID))
	if err := deliver(ctx, svc); err != nil {
		return err
	}
	link := mails.token(priya)
	show("  the mailed link with a wrong password", door(svc).ResetMFA(ctx, link, "not her password at all"))
	show("  the mailed link with her password", door(svc).ResetMFA(ctx, link, password))
	if in, err = door(svc).SignIn(ctx, priya, password); err != nil {
		return err
	}
	fmt.Printf("  %-44s %s\n", "  signing in now needs", in.Step)

	// Priya is signed in; Jane ends it.
	show("Jane ends Priya's sessions", admin.Do(ctx, orgusers.EndSessions{}, who(priya).ID))
	_, err = svc.Authenticate(ctx, in.Token, orgusers.Actor{})
	show("  Priya's next request", err)
	return nil
}
