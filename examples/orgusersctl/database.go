package main

import (
	"cmp"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/orgusers/go-orgusers/store/sqlstore"
)

// database is which one, and then the store in it.
type database struct {
	engine, dsn, prefix string

	db      *sql.DB
	store   *sqlstore.Store
	missing bool // a SQLite file that is not there yet
}

func (d *database) flags(f *flag.FlagSet) {
	f.StringVar(&d.engine, "engine", "", "sqlite, postgresql or mysql (default: $ORGUSERS_ENGINE)")
	f.StringVar(&d.dsn, "dsn", "", "data source name (default: $ORGUSERS_DSN)")
	f.StringVar(&d.prefix, "prefix", "", "what the names of the tables begin with (default: $ORGUSERS_PREFIX, or orgusers_)")
}

// fill takes from the environment what no flag has said; as a flag's default help would print it.
func (d *database) fill(env func(string) string) {
	d.engine = cmp.Or(d.engine, env("ORGUSERS_ENGINE"))
	d.dsn = cmp.Or(d.dsn, env("ORGUSERS_DSN"))
	d.prefix = cmp.Or(d.prefix, env("ORGUSERS_PREFIX"))
}

// open opens the database without asking it anything. Only a migration may make a SQLite file.
func (d *database) open(mayCreate bool) error {
	var driver string
	var dialect sqlstore.Dialect
	switch d.engine {
	case "sqlite":
		driver, dialect = "sqlite", sqlstore.SQLite()
	case "postgresql":
		driver, dialect = "pgx", sqlstore.PostgreSQL()
	case "mysql":
		driver, dialect = "mysql", sqlstore.MySQL()
	case "":
		return usageError("which kind of database? Set ORGUSERS_ENGINE, or give -engine: sqlite, postgresql or mysql")
	default:
		return usageError(fmt.Sprintf("-engine %q is not sqlite, postgresql or mysql", d.engine))
	}
	if d.dsn == "" {
		return usageError("which database? Set ORGUSERS_DSN, or give -dsn")
	}
	if err := d.checkDSN(mayCreate); err != nil {
		return err
	}
	db, err := sql.Open(driver, d.dsn)
	if err != nil {
		return err
	}
	d.db = db
	if d.store, err = sqlstore.New(db, dialect, sqlstore.Options{Prefix: d.prefix}); err != nil {
		return errors.Join(usageError(err.Error()), db.Close())
	}
	return nil
}

// imagine opens an empty database in place of a file that is not there.
func (d *database) imagine() error {
	if !d.missing {
		return nil
	}
	if err := d.db.Close(); err != nil {
		return err
	}
	d.dsn = ":memory:"
	return d.open(true)
}

// checkDSN refuses what the driver would, in words that do not repeat it: it may hold a password.
func (d *database) checkDSN(mayCreate bool) error {
	switch d.engine {
	case "postgresql":
		if _, err := pgx.ParseConfig(d.dsn); err != nil {
			return usageError("the DSN is not of the form postgres://user:password@host:5432/database")
		}
	case "mysql":
		if _, err := mysql.ParseDSN(d.dsn); err != nil {
			return usageError("the DSN is not of the form user:password@tcp(host:3306)/database")
		}
	case "sqlite":
		file, _, _ := strings.Cut(strings.TrimPrefix(d.dsn, "file:"), "?")
		_, err := os.Stat(file)
		d.missing = errors.Is(err, fs.ErrNotExist)
		if d.missing && !mayCreate {
			return fmt.Errorf("there is no file %s; orgusersctl migrate makes one", file)
		}
	}
	return nil
}
