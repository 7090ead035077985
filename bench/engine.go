package main

import (
	"database/sql"

	_ "modernc.org/sqlite"

	"github.com/orgusers/go-orgusers/internal/itest/faultdriver"
)

// open opens a fresh SQLite file as the README says to, through a driver that counts statements.
func open(file string) (*sql.DB, *faultdriver.Control) {
	return faultdriver.Open("sqlite", "file:"+file+"?_pragma=journal_mode(wal)&_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&_txlock=immediate")
}
