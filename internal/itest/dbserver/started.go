package dbserver

import (
	"context"
	"errors"
	"strings"
)

// Started is a server for a program that is no test, such as a benchmark, with one empty database.
type Started struct {
	Driver string // as registered with database/sql
	DB
}

// Start starts a server of the engine, "postgresql" or "mariadb", with further settings of the form
// name=value in its own language; a later one overrides an earlier. Like the tests' servers it ends
// with the process; stop ends all of them sooner, and removes their folders.
func Start(engine string, settings ...string) (s Started, stop func() error, err error) {
	var own *server
	switch engine {
	case "postgresql":
		own, err = startPostgreSQL(settings...)
	case "mariadb":
		own, err = startMariaDB(settings...)
	default:
		err = errors.New("dbserver: no engine " + engine)
	}
	if err != nil {
		return s, nil, err
	}
	const name = prefix + "started"
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := own.exec(ctx, strings.Replace(own.drop(name), " WITH (FORCE)", "", 1), own.create(name)); err != nil {
		return s, nil, errors.Join(err, stopAll())
	}
	return Started{own.driver, DB{own.dsns(name)[0], own.version}}, stopAll, nil
}
