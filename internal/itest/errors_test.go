package itest

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

// A constraint of the host's own is a failure and no conflict: trying again would not help.
func TestConstraintsThatAreNoConflicts(t *testing.T) {
	t.Parallel()
	onEachDriver(t, func(t *testing.T, d database) {
		db := d.open(t, 4)
		s := d.store(t, db)
		o := prepared(t, s)
		rule := `ALTER TABLE orgusers_outbox ADD CONSTRAINT no_e1 CHECK (id <> 'e1')`
		if d.is("sqlite") {
			rule = `CREATE TRIGGER no_e1 BEFORE INSERT ON orgusers_outbox WHEN NEW.id = 'e1' BEGIN SELECT RAISE(ABORT, 'UNIQUE constraint failed'); END`
		}
		_, err := db.Exec(rule)
		require.NoError(t, err)
		before := dump(t, db)
		err = s.Commit(t.Context(), everything(o))
		require.Error(t, err)
		require.NotErrorIs(t, err, orgusers.ErrConflict)
		require.NotErrorIs(t, err, orgusers.ErrUnknownOutcome)
		require.Equal(t, before, dump(t, db))
	})
}

// A lock that cannot be had in time is a conflict, and the connection goes on working.
func TestLockTimeout(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(testing.TB) database{
		"SQLite": func(t testing.TB) database { return sqliteWith(t, strings.ReplaceAll(sqliteOptions, "5000", "50")) },
		"SQLite, deferred": func(t testing.TB) database {
			return sqliteWith(t, "_pragma=journal_mode(wal)&_pragma=busy_timeout(50)")
		},
		"SQLite, journal": func(t testing.TB) database { return sqliteWith(t, "_pragma=busy_timeout(50)&_txlock=immediate") },
		"PostgreSQL": func(t testing.TB) database {
			d := postgresDatabase(t)
			d.dsn += "&lock_timeout=50"
			return d
		},
		"MySQL": func(t testing.TB) database {
			d := mysqlDatabase(t)
			config, err := mysql.ParseDSN(d.dsn)
			require.NoError(t, err)
			config.Params = map[string]string{"innodb_lock_wait_timeout": "1"}
			d.dsn = config.FormatDSN()
			return d
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := make(t)
			db := d.open(t, 4)
			s := d.store(t, db)
			o := prepared(t, s)
			holder, err := db.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			_, err = holder.Exec("UPDATE orgusers_organizations SET disabled = 1 WHERE id = 'o'")
			require.NoError(t, err)
			began := time.Now()
			require.ErrorIs(t, s.Commit(t.Context(), everything(o)), orgusers.ErrConflict)
			require.Less(t, time.Since(began), 4*time.Second)
			require.NoError(t, holder.Rollback())
			require.NoError(t, s.Commit(t.Context(), everything(o)))
		})
	}
}

// S-186: whatever isolation the host chose, a decision on what has changed since is a conflict, also
// inside the host's transaction, which saw the old state.
func TestS186_StaleSnapshot(t *testing.T) {
	t.Parallel()
	onEachDriver(t, func(t *testing.T, d database) {
		switch d.driver { // begins deferred: error 517
		case "sqlite":
			d = sqliteWith(t, "_pragma=journal_mode(wal)&_pragma=busy_timeout(100)")
		case "sqlite3":
			d.dsn = strings.Replace(d.dsn, "immediate", "deferred", 1)
		}
		db := d.open(t, 4)
		s := d.store(t, db)
		prepared(t, s)
		levels := []sql.IsolationLevel{sql.LevelDefault}
		if !d.is("sqlite") {
			levels = []sql.IsolationLevel{sql.LevelReadCommitted, sql.LevelRepeatableRead, sql.LevelSerializable}
		}
		for _, level := range levels {
			// SERIALIZABLE on MySQL locks what it reads, so that the other one is who waits.
			if d.is("mysql") && level == sql.LevelSerializable {
				continue
			}
			tx, err := db.BeginTx(t.Context(), &sql.TxOptions{Isolation: level})
			require.NoError(t, err)
			in := s.WithTx(tx)
			stale := organization(t, in, "o")
			current := organization(t, s, "o")
			require.NoError(t, s.Commit(t.Context(), orgusers.Changes{Org: &current}))
			stale.Name = "lost update"
			require.ErrorIs(t, in.Commit(t.Context(), orgusers.Changes{Org: &stale}), orgusers.ErrConflict, level)
			require.NoError(t, tx.Rollback())
			require.Equal(t, "o", organization(t, s, "o").Name)
		}
	})
}

// S-180: a text that one database would refuse is refused on all, before anything is written, and in
// reads too.
func TestS180_BadText(t *testing.T) {
	t.Parallel()
	onEachDriver(t, func(t *testing.T, d database) {
		db := d.open(t, 4)
		s := d.store(t, db)
		o := prepared(t, s)
		before := dump(t, db)
		for _, bad := range []string{"a\x00b", "\x00", "\xff", "a\xc3", "\xed\xa0\x80"} {
			for name, spoil := range map[string]func(c *orgusers.Changes){
				"organization": func(c *orgusers.Changes) { c.Org.Name = bad },
				"settings":     func(c *orgusers.Changes) { c.Org.Settings.AllowedDomains = []string{bad} },
				"group":        func(c *orgusers.Changes) { c.Org.Settings.Groups = []orgusers.GroupRole{{Group: bad}} },
				"group's role": func(c *orgusers.Changes) {
					c.Org.Settings.Groups = []orgusers.GroupRole{{Grants: []orgusers.Grant{{Role: orgusers.RoleID(bad)}}}}
				},
				"session":      func(c *orgusers.Changes) { c.NewSessions[1].Agent = bad },
				"gone session": func(c *orgusers.Changes) { c.DeleteSessions[0] = orgusers.SessionID(bad) },
				"IP rule":      func(c *orgusers.Changes) { c.NewIPRules[0].Resource = bad },
				"subject":      func(c *orgusers.Changes) { c.Members[0].Patch.Subject = orgusers.Some(bad) },
				"plan":         func(c *orgusers.Changes) { c.Org.Plan.Name = bad },
				"transfer":     func(c *orgusers.Changes) { c.Org.Transfer.Link = orgusers.OperationID(bad) },
				"user":         func(c *orgusers.Changes) { c.NewUsers[0].Name.Last = bad },
				"patch":        func(c *orgusers.Changes) { c.Users[0].Patch.ResetLink = orgusers.Some(orgusers.OperationID(bad)) },
				"member":       func(c *orgusers.Changes) { c.NewMembers[0].Message = bad },
				"stack":        func(c *orgusers.Changes) { c.NewStacks[0].Name = bad },
				"permission":   func(c *orgusers.Changes) { c.NewRoles[0].Permissions = []orgusers.Permission{orgusers.Permission(bad)} },
				"audit":        func(c *orgusers.Changes) { c.Audit[0].Agent = bad },
				"effect":       func(c *orgusers.Changes) { c.Effects[0].LastError = bad },
				"mail":         func(c *orgusers.Changes) { c.Effects[0].Mail.Message = bad },
				"request":      func(c *orgusers.Changes) { c.Request.Report = []byte(bad) },
			} {
				c := everything(o)
				spoil(&c)
				err := s.Commit(t.Context(), c)
				require.Error(t, err, "%s %q", name, bad)
				require.NotErrorIs(t, err, orgusers.ErrConflict)
				require.NotErrorIs(t, err, orgusers.ErrUnknownOutcome)
				require.Equal(t, before, dump(t, db), name)
			}
			_, err := s.Members(t.Context(), orgusers.MemberQuery{Org: "o", MemberFilter: orgusers.MemberFilter{Search: bad}, Limit: 1})
			require.Error(t, err)
			_, err = s.Access(t.Context(), orgusers.UserID(bad), "o")
			require.Error(t, err)
			_, err = s.Session(t.Context(), bad)
			require.Error(t, err)
			require.Error(t, s.Seen(t.Context(), orgusers.SessionID(bad), at(1)))
			_, err = s.View(t.Context(), orgusers.ViewQuery{Person: orgusers.PersonQuery{Key: orgusers.AddressKey(bad)}})
			require.Error(t, err)
		}
		require.NoError(t, s.Commit(t.Context(), everything(o)))
	})
}

// S-173: a limit below 1 is not "all".
func TestS173_Limits(t *testing.T) {
	t.Parallel()
	onEachDriver(t, func(t *testing.T, d database) {
		s := d.store(t, d.open(t, 4))
		small(t, s, "o", 5)
		for limit, want := range map[int]int{0: 1, -1: 1, -1 << 63: 1, 2: 2, 1<<63 - 1: 5} {
			page, err := s.Members(t.Context(), orgusers.MemberQuery{Org: "o", Limit: limit})
			require.NoError(t, err)
			require.Len(t, page, want)
		}
	})
}

// A database that is gone is a failure of the store and not a conflict, and works again when it is back.
func TestS231_DatabaseGone(t *testing.T) {
	t.Parallel()
	s, db := func() (orgusers.Store, *sql.DB) {
		d := sqliteDatabase(t)
		db := d.open(t, 2)
		return d.store(t, db), db
	}()
	o := prepared(t, s)
	require.NoError(t, db.Close())
	err := s.Commit(context.Background(), everything(o))
	require.Error(t, err)
	require.NotErrorIs(t, err, orgusers.ErrConflict)
	require.NotErrorIs(t, err, orgusers.ErrUnknownOutcome)
}
