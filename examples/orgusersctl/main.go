// Orgusersctl looks after the database of a host that embeds orgusers: the schema, what the outbox has
// given up, the audit trail, an organization whose owner cannot come back. Run
//
//	go run ./examples/orgusersctl help
//
// for what it does and how it is told which database. It is a program to copy: a host puts its own
// driver, its own way to keep secrets and its own support tasks in.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/orgusers/go-orgusers/orgusers"
)

const help = `orgusersctl looks after the database of a host that embeds orgusers.

Usage: orgusersctl COMMAND [flags] [arguments]

The schema
  migrate          bring it up to date; -to N: as far as version N; -dry-run: print the SQL and run nothing
  status           say how far it is
  check            say what is wrong with the database, and what to do about it

Support
  dead list        list what the outbox has given up, or what is -late
  dead requeue     try some of it again, by id, or -all
  audit verify     check the seals of audit trails, by organization, or -all
  restore-owner    give an organization whose owner cannot come back to another of its members

Which database: -engine and -dsn, or the environment
  ORGUSERS_ENGINE  sqlite, postgresql or mysql (MariaDB too)
  ORGUSERS_DSN     as the host's driver takes it (best the host's own, so that check sees what the host sees):
                     sqlite      file:users.db?_pragma=journal_mode(wal)&_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&_txlock=immediate
                     postgresql  postgres://user:password@host:5432/database
                     mysql       user:password@tcp(host:3306)/database
                   A DSN with a password belongs here and not on the command line, which others on the machine can read.

Which keys, for audit verify and restore-owner: the host's own orgusers.Config.Keys
  ORGUSERS_KEYS       each in base64, the newest first, separated by commas or lines; or
  ORGUSERS_KEYS_FILE  the name of a file that holds them

Exit status: 0 done and well; 1 failed, or something is wrong; 2 not understood.
"orgusersctl COMMAND -h" says more about a command.
`

// command is one thing that can be asked for.
type command struct {
	args string // after the flags
	text string
	// flags declares the flags of the command's own and returns what runs it.
	flags func(f *flag.FlagSet) func(ctx context.Context, c *call) error
}

var commands = map[string]command{
	"migrate":       migrateCommand,
	"status":        statusCommand,
	"check":         checkCommand,
	"dead list":     deadListCommand,
	"dead requeue":  deadRequeueCommand,
	"audit verify":  auditVerifyCommand,
	"restore-owner": restoreOwnerCommand,
}

// call is a command under way.
type call struct {
	database
	env  func(string) string
	args []string
	out  io.Writer
}

// usageError is a command line that is not understood.
type usageError string

func (e usageError) Error() string { return string(e) }

// errWrong: all is said already, and it is not good.
var errWrong = errors.New("something is wrong")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// run carries out a command line and returns the exit status.
func run(ctx context.Context, args []string, env func(string) string, out, errs io.Writer) int {
	err := dispatch(ctx, args, env, out, errs)
	var usage usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errWrong):
		return 1
	case errors.As(err, &usage):
		fmt.Fprintf(errs, "orgusersctl: %s\nRun \"orgusersctl help\".\n", usage)
		return 2
	}
	fmt.Fprintln(errs, "orgusersctl:", explain(err))
	return 1
}

func dispatch(ctx context.Context, args []string, env func(string) string, out, errs io.Writer) error {
	if len(args) == 0 {
		fmt.Fprint(errs, help)
		return usageError("no command is given")
	}
	if slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]) {
		fmt.Fprint(out, help)
		return nil
	}
	name, rest := args[0], args[1:]
	if _, ok := commands[name]; !ok && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		name, rest = name+" "+rest[0], rest[1:]
	}
	cmd, ok := commands[name]
	if !ok {
		return usageError(fmt.Sprintf("there is no command %q", name))
	}
	c := &call{env: env, out: out}
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(io.Discard) // what it would say comes back as the error
	c.flags(f)
	do := cmd.flags(f)
	switch err := f.Parse(rest); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(out, "Usage: orgusersctl %s [flags]%s\n\n%s\n\nFlags:\n", name, cmd.args, cmd.text)
		f.SetOutput(out)
		f.PrintDefaults()
		return nil
	case err != nil:
		return usageError(err.Error())
	}
	c.args = f.Args()
	for _, a := range c.args {
		if strings.HasPrefix(a, "-") {
			return usageError("flags come before arguments: " + a)
		}
	}
	if cmd.args == "" && len(c.args) > 0 {
		return usageError(fmt.Sprintf("%s takes no argument: %q", name, c.args[0]))
	}
	c.fill(env)
	if err := c.open(name == "migrate"); err != nil {
		return err
	}
	defer c.db.Close()
	return do(ctx, c)
}

// explain adds the cause, which the library's errors keep for the host's log.
func explain(err error) string {
	var e *orgusers.Error
	if errors.As(err, &e) && e.Err != nil {
		return err.Error() + ": " + e.Err.Error()
	}
	return err.Error()
}
