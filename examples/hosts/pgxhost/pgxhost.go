// Package pgxhost is a host that works on PostgreSQL through a pgx pool, and makes a project, which is a
// row of its own, and the stack of that project in orgusers in one transaction: both, or neither.
//
//	pool, err := pgxpool.New(ctx, dsn)
//	db := stdlib.OpenDBFromPool(pool) // the same connections; close it before the pool
//	store, err := sqlstore.New(db, sqlstore.PostgreSQL())
//	svc, err := orgusers.New(orgusers.Config{Store: store, …})
//
// [Host] itself needs no more than database/sql and runs on SQLite as it is; [Host.Import] shows how
// to use pgx itself, for what only it can, inside the very same transaction.
package pgxhost

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/sqlstore"
)

// Schema is the host's own table. Placeholders like $1 mean the same on PostgreSQL and SQLite.
const Schema = `CREATE TABLE projects (name TEXT NOT NULL, stack TEXT NOT NULL, PRIMARY KEY (name))`

// Host is the host's own service.
type Host struct {
	DB    *sql.DB
	Store *sqlstore.Store
	Users *orgusers.Service
}

// NewProject makes a project and its stack. Whoever may not make a stack makes no project either.
func (h *Host) NewProject(ctx context.Context, who orgusers.Actor, org orgusers.OrgID, name string) error {
	return h.together(ctx, func(_ *sql.Conn, tx *sql.Tx, users *orgusers.Service) error {
		stack, err := users.Admin(who, org).CreateStack(ctx, name)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO projects (name, stack) VALUES ($1, $2)`, name, string(stack))
		return err
	})
}

// Import makes many projects on one stack, by COPY, which database/sql has no word for.
func (h *Host) Import(ctx context.Context, who orgusers.Actor, org orgusers.OrgID, stackName string, names []string) error {
	return h.together(ctx, func(conn *sql.Conn, _ *sql.Tx, users *orgusers.Service) error {
		stack, err := users.Admin(who, org).CreateStack(ctx, stackName)
		if err != nil {
			return err
		}
		return conn.Raw(func(driver any) error {
			c, ok := driver.(*stdlib.Conn)
			if !ok {
				return fmt.Errorf("pgxhost: Import needs PostgreSQL through pgx, not %T", driver)
			}
			_, err := c.Conn().CopyFrom(ctx, pgx.Identifier{"projects"}, []string{"name", "stack"},
				pgx.CopyFromSlice(len(names), func(i int) ([]any, error) { return []any{names[i], string(stack)}, nil }))
			return err
		})
	})
}

// together runs f in one transaction, in which users is orgusers, and starts over, transaction and
// all, when somebody else was faster. Mails leave after the COMMIT, by the worker.
func (h *Host) together(ctx context.Context, f func(conn *sql.Conn, tx *sql.Tx, users *orgusers.Service) error) error {
	conn, err := h.DB.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	for try := 0; ; try++ {
		err := h.once(ctx, conn, f)
		if !errors.Is(err, orgusers.ErrConflict) || try == 10 || ctx.Err() != nil {
			return err
		}
	}
}

func (h *Host) once(ctx context.Context, conn *sql.Conn, f func(*sql.Conn, *sql.Tx, *orgusers.Service) error) error {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after a COMMIT there is nothing left to roll back
	if err := f(conn, tx, h.Users.Within(h.Store.WithTx(tx))); err != nil {
		return err
	}
	return h.Store.CommitError(tx.Commit())
}
