package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"

	"github.com/orgusers/go-orgusers/orgusers"
)

var auditVerifyCommand = command{
	args: " [ORGANIZATION …]",
	text: `Audit verify reads the audit trail of organizations, by id, or of all, and checks every seal with the host's
keys. It exits with 1 if a trail is broken. The head it prints, kept elsewhere, proves later that nothing was rolled
back. With -all, or by the id "", it reads the entries of account matters too, which belong to no organization.`,
	flags: func(f *flag.FlagSet) func(context.Context, *call) error {
		all := f.Bool("all", false, "of every organization, and of account matters")
		return func(ctx context.Context, c *call) error {
			if *all == (len(c.args) > 0) {
				return usageError("audit verify takes ids of organizations, or -all")
			}
			keys, err := readKeys(c.env)
			if err != nil {
				return err
			}
			op, err := door(c, keys, "")
			if err != nil {
				return err
			}
			return verifyAll(ctx, c, op, *all)
		}
	},
}

func verifyAll(ctx context.Context, c *call, op orgusers.Operator, all bool) error {
	broken := 0
	verify := func(org orgusers.OrgID) error {
		v, err := op.Verify(ctx, org)
		if err != nil {
			return fmt.Errorf("organization %s: %w", org, err)
		}
		if !say(c.out, org, v) {
			broken++
		}
		return nil
	}
	for _, a := range c.args {
		if err := verify(orgusers.OrgID(a)); err != nil {
			return err
		}
	}
	if all {
		if err := verify(""); err != nil {
			return err
		}
	}
	for last := orgusers.OrgID(""); all; {
		orgs, err := op.Organizations(ctx, last, 100)
		if err != nil {
			return err
		}
		if len(orgs) == 0 {
			break
		}
		for _, o := range orgs {
			if err := verify(o.ID); err != nil {
				return err
			}
		}
		last = orgs[len(orgs)-1].ID
	}
	if broken > 0 {
		return errWrong
	}
	return nil
}

// say prints what was found and reports whether it is well.
func say(out io.Writer, org orgusers.OrgID, v orgusers.Verification) bool {
	of := printable(cmp.Or(string(org), "account matters"))
	if v.OK() {
		fmt.Fprintf(out, "%s  whole: %d in the chain, %d beside it, head %s\n", of, v.Entries, v.Beside, printable(v.Head))
		return true
	}
	fmt.Fprintf(out, "%s  BROKEN: %s\n", of, printable(v.Broken))
	if v.At != nil {
		fmt.Fprintf(out, "  at entry %s, %s, of %s\n", printable(string(v.At.ID)), printable(string(v.At.Action)), v.At.At.UTC().Format("2006-01-02 15:04:05"))
	}
	return false
}
