package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

var restoreOwnerCommand = command{
	text: `Restore-owner makes an active member of an organization its owner, when the owner cannot come back: has died,
has left with a quarrel, has lost the mailbox. The old owner becomes a Member and is told by mail; stacks and sessions
stay. To shut somebody out, let the new owner deactivate or remove them then. It is written into the audit trail.

It says who would become owner; with -yes it does so. Before, it verifies the audit trail: a trail that does not fit
the keys is either not this host's or tampered with, and an entry under wrong keys would break it.`,
	flags: func(f *flag.FlagSet) func(context.Context, *call) error {
		org := f.String("org", "", "`id` of the organization (required)")
		to := f.String("to", "", "`address` of the member who becomes owner (required)")
		by := f.String("by", "", "`who` does this, for the audit trail, such as support:jane (required)")
		yes := f.Bool("yes", false, "do it")
		return func(ctx context.Context, c *call) error {
			if *org == "" || *to == "" || *by == "" {
				return usageError("restore-owner needs -org, -to and -by")
			}
			address, err := orgusers.ParseAddress(*to)
			if err != nil {
				return usageError("-to: " + err.Error())
			}
			keys, err := readKeys(c.env)
			if err != nil {
				return err
			}
			op, err := door(c, keys, *by)
			if err != nil {
				return err
			}
			return restoreOwner(ctx, c, op, orgusers.OrgID(*org), address, *by, *yes)
		}
	},
}

func restoreOwner(ctx context.Context, c *call, op orgusers.Operator, org orgusers.OrgID, to orgusers.Address, by string, yes bool) error {
	record, err := op.Organization(ctx, org)
	if errors.Is(err, orgusers.ErrNotFound) {
		return fmt.Errorf("there is no organization %s", org)
	}
	if err != nil {
		return err
	}
	v, err := c.store.View(ctx, orgusers.ViewQuery{Org: org, Keys: []orgusers.AddressKey{to.Key}, Owner: true})
	if err != nil {
		return err
	}
	var next orgusers.Member
	owner := "nobody on the roster"
	for _, m := range v.Members {
		if m.Address.Key == to.Key {
			next = m
		}
		if m.User != "" && m.User == record.OwnerID {
			owner = person(m)
		}
	}
	if next.ID == "" {
		return fmt.Errorf("%s is not a member of %s (%s)", to, record.Name, org)
	}
	fmt.Fprintf(c.out, "organization  %s (%s)\nowner now     %s\nowner then    %s\n", printable(record.Name), printable(string(org)), owner, person(next))
	if err := possible(ctx, c, orgusers.RestoreOwner{Org: org, Member: next.ID}, by); err != nil {
		return err
	}
	trail, err := op.Verify(ctx, org)
	if err != nil {
		return err
	}
	if !say(c.out, "audit trail ", trail) {
		return errWrong
	}
	if !yes {
		fmt.Fprintln(c.out, "Nothing was changed. Add -yes to do it.")
		return errWrong
	}
	if err := op.RestoreOwner(ctx, org, next.ID); err != nil {
		return err
	}
	fmt.Fprintln(c.out, "Done.")
	return nil
}

// possible decides the command and throws the decision away.
func possible(ctx context.Context, c *call, cmd orgusers.RestoreOwner, by string) error {
	actor := orgusers.Actor{User: orgusers.UserID(by)}
	v, err := c.store.View(ctx, orgusers.Query(actor, cmd, time.Now()))
	if err != nil {
		return err
	}
	env := orgusers.Env{Now: time.Now(), NewID: func() string { return "preview" }}
	_, _, err = orgusers.Decide(v, actor, cmd, orgusers.Policy{}, env)
	return err
}

func person(m orgusers.Member) string {
	return printable(fmt.Sprintf("%s %s (%s, %s)", m.Address, m.Name, m.Role, m.Status))
}
