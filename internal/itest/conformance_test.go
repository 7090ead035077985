package itest

import (
	"testing"

	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/storetest"
)

// The suite that every store runs, on every kind of database, each test with a database of its own.
func TestConformance(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(testing.TB) database{
		"SQLite": sqliteDatabase, "PostgreSQL": postgresDatabase, "MariaDB": mysqlDatabase,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			make(t) // skips the whole suite at once where there is no server
			storetest.Run(t, func(t *testing.T) orgusers.Store {
				t.Parallel()
				d := make(t)
				return d.store(t, d.open(t, 8))
			})
		})
	}
}
