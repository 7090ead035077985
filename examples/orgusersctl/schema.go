package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/orgusers/go-orgusers/store/sqlstore"
)

var migrateCommand = command{
	text: `Migrate brings the schema up to date. Any number of processes may do so at once, and what was interrupted
goes on where it stopped. There is no way back. With -dry-run it prints the SQL that is missing and runs nothing;
what it prints can be run by hand instead.`,
	flags: func(f *flag.FlagSet) func(context.Context, *call) error {
		to := f.Int("to", 0, "`version` to stop at (default: the latest)")
		dry := f.Bool("dry-run", false, "print the SQL and run nothing")
		return func(ctx context.Context, c *call) error {
			if *to < 0 {
				return usageError("-to: versions count from 1")
			}
			if *dry {
				return dryRun(ctx, c, *to)
			}
			return migrate(ctx, c, *to)
		}
	},
}

func dryRun(ctx context.Context, c *call, to int) error {
	if err := c.imagine(); err != nil { // else looking would make the file
		return err
	}
	statements, err := c.store.DryRun(ctx, to)
	if err != nil {
		return err
	}
	if len(statements) == 0 {
		fmt.Fprintln(c.out, "-- nothing to do")
	}
	for _, s := range statements {
		fmt.Fprintf(c.out, "%s;\n\n", s)
	}
	return nil
}

func migrate(ctx context.Context, c *call, to int) (err error) {
	before, err := c.store.Status(ctx)
	if err != nil {
		return wrongDialect(ctx, c, err)
	}
	if to == 0 {
		err = c.store.Migrate(ctx)
	} else {
		err = c.store.MigrateTo(ctx, to)
	}
	if err != nil {
		return err
	}
	after, err := c.store.Status(ctx)
	switch {
	case err != nil:
		return err
	case after.Version == before.Version:
		fmt.Fprintf(c.out, "Nothing to do: the schema has version %d.\n", after.Version)
	default:
		fmt.Fprintf(c.out, "Migrated from version %d to %d.\n", before.Version, after.Version)
	}
	if after.Version < after.Latest {
		fmt.Fprintf(c.out, "This release needs version %d.\n", after.Latest)
	}
	return nil
}

// wrongDialect looks for a better explanation of why the database does not answer.
func wrongDialect(ctx context.Context, c *call, err error) error {
	list, _ := c.store.Check(ctx)
	for _, f := range list {
		if f.Code == sqlstore.CodeDialect {
			return usageError("-engine is " + c.engine + ": " + f.Problem)
		}
	}
	return err
}

var statusCommand = command{
	text: "Status says how far the schema is. It exits with 1 unless this release can work on it.",
	flags: func(*flag.FlagSet) func(context.Context, *call) error {
		return func(ctx context.Context, c *call) error {
			st, err := c.store.Status(ctx)
			if err != nil {
				return wrongDialect(ctx, c, err)
			}
			fmt.Fprintf(c.out, "schema version  %d\nthis release    %d\n", st.Version, st.Latest)
			state := "up to date"
			switch {
			case st.Version > st.Latest:
				state = "newer than this program: update the program"
			case st.Halfway:
				state = "a migration was interrupted: run migrate"
			case st.Version == 0:
				state = "not migrated: run migrate"
			case st.Version < st.Latest:
				state = "older than this program: run migrate"
			case !st.Safe:
				state = "unsafe settings: run check"
			}
			fmt.Fprintln(c.out, "state          ", state)
			if state != "up to date" {
				return errWrong
			}
			return nil
		}
	},
}

var checkCommand = command{
	text: `Check says what is wrong with the database, errors first, and what to do about each. It changes nothing.
It exits with 1 if there is an error: operations would fail, or data could be lost. Warnings alone exit with 0.`,
	flags: func(*flag.FlagSet) func(context.Context, *call) error {
		return func(ctx context.Context, c *call) error {
			list, err := c.store.Check(ctx)
			if err != nil {
				return err
			}
			if len(list) == 0 {
				fmt.Fprintln(c.out, "Nothing is wrong.")
			}
			wrong := false
			for _, f := range list {
				wrong = wrong || f.Severity == sqlstore.SeverityError
				fmt.Fprintf(c.out, "%-7s  %s: %s\n         to do: %s\n", f.Severity, f.Code, printable(f.Problem), printable(f.Remedy))
			}
			if wrong {
				return errWrong
			}
			return nil
		}
	},
}
