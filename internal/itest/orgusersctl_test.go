package itest

import (
	"context"
	"encoding/base64"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// TestOrgusersctl runs the program that examples/orgusersctl is, built once, as a person would.
func TestOrgusersctl(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "orgusersctl")
	build := exec.Command("go", "build", "-o", file, "./orgusersctl")
	build.Dir = filepath.Join("..", "..", "examples")
	build.Env = append(os.Environ(), "GOWORK=off")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	for name, test := range map[string]func(*testing.T, program){
		"schema": ctlSchema, "warning": ctlWarning, "usage": ctlUsage, "engine": ctlWrongEngine,
		"dead letters": ctlDeadLetters, "audit": ctlAuditVerify, "owner": ctlRestoreOwner,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, program(file))
		})
	}
}

// program is the path of it.
type program string

// ctl is the program with an environment and a folder.
type ctl struct {
	program
	env []string
	dir string
}

// on is the program told about a database.
func (p program) on(t testing.TB, d database, env ...string) ctl {
	engine := d.dialect.String()
	return ctl{p, append([]string{"ORGUSERS_ENGINE=" + engine, "ORGUSERS_DSN=" + d.dsn}, env...), t.TempDir()}
}

// run returns what it says and its exit status.
func (c ctl) run(t testing.TB, args ...string) (text string, status int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), string(c.program), args...)
	cmd.Env, cmd.Dir = c.env, c.dir
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// says runs it and looks for the status and some words.
func (c ctl) says(t testing.TB, status int, words string, args ...string) string {
	t.Helper()
	text, got := c.run(t, args...)
	require.Equal(t, status, got, "%q: %s", args, text)
	require.Contains(t, text, words, "%q", args)
	return text
}

func keysOf(w *world.World) string {
	return "ORGUSERS_KEYS=" + base64.StdEncoding.EncodeToString(w.Conf.Keys[0])
}

// The schema, from nothing to up to date, by the program alone.
func ctlSchema(t *testing.T, p program) {
	onEachGood(t, func(t *testing.T, d database) {
		c := p.on(t, d)
		if d.driver == "sqlite" {
			c.says(t, 1, "there is no file", "status")
			c.says(t, 1, "there is no file", "check")
		}
		script := c.says(t, 0, "CREATE TABLE IF NOT EXISTS orgusers_members", "migrate", "-dry-run")
		if d.driver == "sqlite" {
			c.says(t, 1, "there is no file", "status")
		} else {
			c.says(t, 1, "not migrated: run migrate", "status")
			c.says(t, 1, "schema_missing", "check")
		}
		c.says(t, 1, "not a version to migrate to", "migrate", "-to", "999")
		c.says(t, 0, "Migrated from version 0 to 1.", "migrate", "-to", "1")
		c.says(t, 0, "", "migrate")
		c.says(t, 0, "Nothing to do", "migrate")
		c.says(t, 0, "-- nothing to do", "migrate", "-dry-run")
		c.says(t, 0, "up to date", "status")
		c.says(t, 0, "Nothing is wrong.", "check")

		c.says(t, 0, "Migrated from version 0", "migrate", "-prefix", "other_")
		db := d.open(t, 4)
		run(t, db, "DROP TABLE orgusers_grants")
		c.says(t, 1, "table_missing: the table orgusers_grants is missing", "check")
		c.says(t, 0, "Nothing is wrong.", "check", "-prefix", "other_")

		// What the dry run printed is a script for a person.
		run(t, db, "UPDATE orgusers_schema_version SET version = version + 1 WHERE id = 1")
		c.says(t, 1, "newer", "status")
		c.says(t, 1, "belongs to a newer release", "migrate")
		for statement := range strings.SplitSeq(script, ";\n") {
			if statement = strings.ReplaceAll(strings.TrimSpace(statement), "orgusers_", "byhand_"); statement != "" {
				run(t, db, statement)
			}
		}
		c.says(t, 0, "Nothing is wrong.", "check", "-prefix", "byhand_")
	})
}

// A warning is said and is no failure.
func ctlWarning(t *testing.T, p program) {
	d := sqliteWith(t, strings.Replace(recommended, "&_txlock=immediate", "", 1))
	c := p.on(t, d)
	c.says(t, 0, "Migrated", "migrate")
	c.says(t, 0, "warning  sqlite_txlock: ", "check")
}

// What is not understood is named, with exit status 2, and never with a password in it.
func ctlUsage(t *testing.T, p program) {
	d := sqliteWith(t, recommended)
	d.store(t, d.open(t, 1))
	c := p.on(t, d)
	for _, args := range [][]string{{"help"}, {"-h"}, {"--help"}} {
		require.Contains(t, c.says(t, 0, "Usage: orgusersctl COMMAND", args...), "restore-owner")
	}
	for name := range map[string]bool{"migrate": true, "status": true, "check": true, "dead list": true, "dead requeue": true, "audit verify": true, "restore-owner": true} {
		c.says(t, 0, "Usage: orgusersctl "+name, append(strings.Fields(name), "-h")...)
		c.says(t, 2, "flag provided but not defined: -keys", append(strings.Fields(name), "-keys", "x")...)
	}
	for words, line := range map[string]string{
		"no command is given":                   "",
		`there is no command "migrat"`:          "migrat",
		`there is no command "dead"`:            "dead",
		`there is no command "dead lost"`:       "dead lost",
		"flags come before arguments":           "dead requeue x -all",
		`status takes no argument: "now"`:       "status now",
		"takes ids, or -all":                    "dead requeue",
		"takes ids of organizations, or -all":   "audit verify",
		"-limit is from 1 to 1000":              "dead list -limit 0",
		"versions count from 1":                 "migrate -to -1",
		"is not sqlite, postgresql or mysql":    "status -engine oracle",
		"is not up to 32 of a-z":                "status -prefix A",
		"the host's keys are needed":            "audit verify -all",
		"restore-owner needs -org, -to and -by": "restore-owner",
		"-to: ":                                 "restore-owner -org o -to nobody -by me",
	} {
		c.says(t, 2, words, strings.Fields(line)...)
	}
	empty := ctl{p, nil, t.TempDir()}
	empty.says(t, 2, "Set ORGUSERS_ENGINE", "status")
	empty.says(t, 2, "Set ORGUSERS_DSN", "status", "-engine", "sqlite")

	for engine, dsns := range map[string][]string{
		"mysql":      {"root:s3cret@host/db", "root:x@s3cret/db", "root:s3cret@tcp(127.0.0.1:1)/db", "s3cret"},
		"postgresql": {"postgres://root:s3cret@host:abc/db", "postgres://root:s3cret@127.0.0.1:1/db", "host=127.0.0.1 port=1 password=s3cret bad"},
	} {
		for _, dsn := range dsns {
			text, status := ctl{p, []string{"ORGUSERS_DSN=" + dsn}, t.TempDir()}.run(t, "status", "-engine", engine)
			require.NotZero(t, status)
			require.NotContains(t, text, "s3cret")
		}
	}
	for _, keys := range []string{"s3cret!", "c2hvcnQ=", "dG9vLXNob3J0,n0t-b64"} {
		text, status := ctl{p, append(c.env, "ORGUSERS_KEYS="+keys), c.dir}.run(t, "audit", "verify", "-all")
		require.NotZero(t, status)
		for word := range strings.SplitSeq(keys, ",") {
			require.NotContains(t, text, word)
		}
	}
}

// The wrong kind of database is told as such.
func ctlWrongEngine(t *testing.T, p program) {
	onEachGood(t, func(t *testing.T, d database) {
		if d.driver == "sqlite" {
			return // the driver itself refuses the address of a server
		}
		c := p.on(t, d)
		other := map[string]string{"pgx": "mysql", "mysql": "postgresql"}[d.driver]
		_, status := c.run(t, "status", "-engine", other)
		require.Equal(t, 2, status)
	})
}

// A mail that nobody takes is listed, requeued by its id, and all at once.
func ctlDeadLetters(t *testing.T, p program) {
	onEachGood(t, func(t *testing.T, d database) {
		db := d.open(t, 4)
		refuse := true
		w := world.New(t, d.store(t, db), func(c *orgusers.Config) {
			c.Mailer = mailer(func(orgusers.Mail) error {
				if refuse {
					return errors.Join(errors.New("550 no\x1b[31m such box"), orgusers.ErrPermanent)
				}
				return nil
			})
		})
		x, err := w.Operator().CreateOrganization(t.Context(), orgusers.NewOrganization{Name: "Acme", Owner: "olivia@acme.example"})
		require.NoError(t, err)
		_, err = w.Operator().CreateOrganization(t.Context(), orgusers.NewOrganization{Name: "Beta", Owner: "bob@beta.example"})
		require.NoError(t, err)
		c := p.on(t, d)
		c.says(t, 0, "Nothing is given up.", "dead", "list")
		c.says(t, 0, "Nothing is late.", "dead", "list", "-late")
		dispatch := func() {
			_, err := w.Svc.Dispatch(t.Context(), 10)
			require.NoError(t, err)
		}
		dispatch()
		list := c.says(t, 0, "mail activation to olivia@acme.example", "dead", "list")
		require.Contains(t, list, "organization "+string(x))
		require.Contains(t, list, "550 no?[31m such box", "nothing that steers a terminal")
		dead, err := w.Operator().DeadLetters(t.Context(), "", 10)
		require.NoError(t, err)
		require.Len(t, dead, 2)
		first := c.says(t, 0, "There may be more: -after "+string(dead[0].ID), "dead", "list", "-limit", "1")
		require.NotContains(t, first, "bob@beta.example")
		c.says(t, 0, "bob@beta.example", "dead", "list", "-after", string(dead[0].ID))

		c.says(t, 1, "1 of 2 ids are not among the dead letters", "dead", "requeue", string(dead[0].ID), "nonsense")
		dead, err = w.Operator().DeadLetters(t.Context(), "", 10)
		require.NoError(t, err)
		require.Len(t, dead, 1)
		c.says(t, 0, "1 will be tried again.", "dead", "requeue", "-all")
		c.says(t, 0, "0 will be tried again.", "dead", "requeue", "-all")
		c.says(t, 0, "Nothing is given up.", "dead", "list")
		c.says(t, 0, "Nothing is late.", "dead", "list", "-late")
		run(t, db, "UPDATE orgusers_outbox SET last_error = 'try later', attempts = 3 WHERE id = '"+string(dead[0].ID)+"'")
		late := c.says(t, 0, "tried 3 times\n  try later", "dead", "list", "-late")
		require.Equal(t, 1, strings.Count(late, "tried "))
		refuse = false
		run(t, db, "UPDATE orgusers_outbox SET due_at = 0") // the world's clock is behind the program's
		dispatch()
		backlog, err := w.Operator().Backlog(t.Context(), "", 10)
		require.NoError(t, err)
		require.Empty(t, backlog)
	})
}

type mailer func(orgusers.Mail) error

func (m mailer) Send(_ context.Context, mail orgusers.Mail) error { return m(mail) }

// Every trail is read, and one that was edited is named.
func ctlAuditVerify(t *testing.T, p program) {
	onEachGood(t, func(t *testing.T, d database) {
		db := d.open(t, 4)
		w := world.New(t, d.store(t, db))
		x, y := w.NewOrg("Acme", "olivia@acme.example"), w.NewOrg("Beta", "bob@beta.example")
		require.NoError(t, w.Svc.Account(x.Owner).Rename(t.Context(), orgusers.Name{First: "Olivia"}))
		c := p.on(t, d, keysOf(w))
		text := c.says(t, 0, string(x.ID)+"  whole: ", "audit", "verify", "-all")
		require.Contains(t, text, string(y.ID)+"  whole: ")
		require.Contains(t, text, "account matters  whole: 0 in the chain, ")
		c.says(t, 1, "not found", "audit", "verify", "nonsense")

		file := filepath.Join(c.dir, "keys")
		require.NoError(t, os.WriteFile(file, []byte(strings.TrimPrefix(keysOf(w), "ORGUSERS_KEYS=")+"\n"), 0o600))
		p.on(t, d, "ORGUSERS_KEYS_FILE="+file).says(t, 0, "whole", "audit", "verify", string(x.ID))
		p.on(t, d, "ORGUSERS_KEYS_FILE="+file+"x").says(t, 1, "ORGUSERS_KEYS_FILE", "audit", "verify", string(x.ID))
		wrong := base64.StdEncoding.EncodeToString([]byte("0123456789abcdefghijklmnopqrstuv"))
		p.on(t, d, "ORGUSERS_KEYS="+wrong).says(t, 1, "BROKEN", "audit", "verify", string(x.ID))

		run(t, db, "UPDATE orgusers_audit SET actor_email = 'somebody@else.example' WHERE org_id = '"+string(y.ID)+"' AND seq = 1")
		text = c.says(t, 1, string(y.ID)+"  BROKEN: ", "audit", "verify", "-all")
		require.Contains(t, text, string(x.ID)+"  whole: ")
		run(t, db, "UPDATE orgusers_audit SET became = 'name=Eve' WHERE org_id = ''")
		c.says(t, 1, "account matters  BROKEN: ", "audit", "verify", "-all")
	})
}

// An owner who cannot come back is replaced: only by an active member, only when confirmed, only under
// the host's keys; the trail says who did it and the old owner is a Member and is told.
func ctlRestoreOwner(t *testing.T, p program) {
	onEachGood(t, func(t *testing.T, d database) {
		db := d.open(t, 4)
		w := world.New(t, d.store(t, db))
		x := w.NewOrg("Acme", "olivia@acme.example")
		x.Join("mark@acme.example", orgusers.RoleMember)
		x.Invite("paula@acme.example", orgusers.RoleMember)
		before := x.Record()
		c := p.on(t, d, keysOf(w))
		restore := func(to string, more ...string) []string {
			return append([]string{"restore-owner", "-org", string(x.ID), "-to", to, "-by", "support:jane"}, more...)
		}
		c.says(t, 1, "there is no organization nowhere", "restore-owner", "-org", "nowhere", "-to", "mark@acme.example", "-by", "support:jane", "-yes")
		c.says(t, 1, "is not a member of Acme", restore("nobody@acme.example", "-yes")...)
		c.says(t, 1, "must be an active member", restore("paula@acme.example", "-yes")...)
		c.says(t, 1, "must be an active member", restore("paula@acme.example")...) // before it offers to do it
		c.says(t, 1, "is the owner already", restore("olivia@acme.example", "-yes")...)
		c.says(t, 1, "a user id has up to 64 visible ASCII characters", restore("mark@acme.example", "-by", "jane doe", "-yes")...)
		text := c.says(t, 1, "Nothing was changed. Add -yes to do it.", restore("mark@acme.example")...)
		require.Contains(t, text, "owner now     olivia@acme.example")
		require.Contains(t, text, "owner then    mark@acme.example")
		wrong := base64.StdEncoding.EncodeToString([]byte("0123456789abcdefghijklmnopqrstuv"))
		p.on(t, d, "ORGUSERS_KEYS="+wrong).says(t, 1, "BROKEN", restore("mark@acme.example", "-yes")...)
		require.Equal(t, before, x.Record())

		c.says(t, 0, "Done.", restore("MARK@acme.example", "-yes")...)
		x = w.Existing(x.ID) // as the new owner sees it
		mark, olivia := x.Member("mark@acme.example"), x.Member("olivia@acme.example")
		require.Equal(t, mark.User, x.Record().OwnerID)
		require.Equal(t, orgusers.RoleAdmin, mark.Role)
		require.Equal(t, orgusers.RoleMember, olivia.Role)
		c.says(t, 0, "whole", "audit", "verify", string(x.ID))
		entries, err := w.Store.Audit(t.Context(), orgusers.AuditQuery{Org: x.ID, Action: orgusers.ActionRestoreOwner, Limit: 10})
		require.NoError(t, err)
		require.NotEmpty(t, entries)
		for _, e := range entries {
			require.Equal(t, orgusers.UserID("support:jane"), e.Actor)
			require.Equal(t, "orgusersctl", e.Agent)
			require.Equal(t, netip.Addr{}, e.IP)
		}
		backlog, err := w.Operator().Backlog(t.Context(), "", 10)
		require.NoError(t, err)
		told := false
		for _, e := range backlog {
			told = told || e.Mail.Kind == orgusers.MailOwnershipTaken && e.Mail.To == "olivia@acme.example"
		}
		require.True(t, told)
	})
}
