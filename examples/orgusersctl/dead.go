package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/orgusers/go-orgusers/orgusers"
)

// page is how many dead effects are read at a time.
const page = 500

var deadListCommand = command{
	text: `Dead list prints what the outbox has given up, in the order of the ids: mails that nobody took, and what a
port refused for good. It stays until it is requeued. With -late it prints what has failed and is tried again instead:
sessions that could not be ended yet, a firewall that does not answer.`,
	flags: func(f *flag.FlagSet) func(context.Context, *call) error {
		after := f.String("after", "", "begin behind this `id`")
		limit := f.Int("limit", 100, "how many at most, up to 1000")
		late := f.Bool("late", false, "what has failed and is tried again, instead")
		return func(ctx context.Context, c *call) error {
			if *limit < 1 || *limit > 1000 {
				return usageError("-limit is from 1 to 1000")
			}
			op, err := outboxDoor(c)
			if err != nil {
				return err
			}
			list, nothing := op.DeadLetters, "Nothing is given up."
			if *late {
				list, nothing = lateEffects(op), "Nothing is late."
			}
			effects, err := list(ctx, orgusers.EffectID(*after), *limit)
			if err != nil {
				return err
			}
			for _, e := range effects {
				what := string(e.Kind) + " of user " + string(e.User)
				if e.Kind == orgusers.EffectMail {
					what = "mail " + string(e.Mail.Kind) + " to " + e.Mail.To
				}
				fmt.Fprintf(c.out, "%s  %s\n  organization %s, made %s, tried %d times\n  %s\n", e.ID, printable(what), printable(string(e.Org)),
					e.CreatedAt.UTC().Format(time.RFC3339), e.Attempts, printable(e.LastError))
			}
			switch {
			case len(effects) == 0:
				fmt.Fprintln(c.out, nothing)
			case len(effects) == *limit:
				fmt.Fprintf(c.out, "There may be more: -after %s\n", effects[len(effects)-1].ID)
			}
			return nil
		}
	},
}

// lateEffects lists what of the backlog has failed before.
func lateEffects(op orgusers.Operator) func(context.Context, orgusers.EffectID, int) ([]orgusers.Effect, error) {
	return func(ctx context.Context, last orgusers.EffectID, limit int) ([]orgusers.Effect, error) {
		var late []orgusers.Effect
		for {
			effects, err := op.Backlog(ctx, last, page)
			if err != nil || len(effects) == 0 {
				return late, err
			}
			for _, e := range effects {
				if e.LastError != "" {
					late = append(late, e)
				}
				if len(late) == limit {
					return late, nil
				}
			}
			last = effects[len(effects)-1].ID
		}
	}
}

var deadRequeueCommand = command{
	args: " [ID …]",
	text: `Dead requeue lets the host's worker try again what was given up, by the ids that dead list prints, or all.
It exits with 1 if an id is not there.`,
	flags: func(f *flag.FlagSet) func(context.Context, *call) error {
		all := f.Bool("all", false, "everything that is given up now")
		return func(ctx context.Context, c *call) error {
			if *all == (len(c.args) > 0) {
				return usageError("dead requeue takes ids, or -all")
			}
			op, err := outboxDoor(c)
			if err != nil {
				return err
			}
			n, err := requeue(ctx, op, *all, c.args)
			fmt.Fprintf(c.out, "%d will be tried again.\n", n)
			if err == nil && !*all && n < len(c.args) {
				fmt.Fprintf(c.out, "%d of %d ids are not among the dead letters.\n", len(c.args)-n, len(c.args))
				return errWrong
			}
			return err
		}
	},
}

func requeue(ctx context.Context, op orgusers.Operator, all bool, args []string) (int, error) {
	var ids []orgusers.EffectID
	for _, a := range args {
		ids = append(ids, orgusers.EffectID(a))
	}
	if !all {
		return op.Requeue(ctx, ids...)
	}
	// What dies again behind the last id is not requeued once more.
	total := 0
	for last := orgusers.EffectID(""); ; {
		effects, err := op.DeadLetters(ctx, last, page)
		if err != nil || len(effects) == 0 {
			return total, err
		}
		ids = ids[:0]
		for _, e := range effects {
			ids = append(ids, e.ID)
		}
		last = ids[len(ids)-1]
		n, err := op.Requeue(ctx, ids...)
		total += n
		if err != nil {
			return total, err
		}
	}
}

// outboxDoor is the support's door as far as the outbox goes, which no key has a part in.
func outboxDoor(c *call) (orgusers.Operator, error) {
	key := make(orgusers.Key, 32)
	if _, err := rand.Read(key); err != nil {
		return orgusers.Operator{}, err
	}
	return door(c, []orgusers.Key{key}, "")
}

// printable keeps what a mail server or a stranger wrote from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}
