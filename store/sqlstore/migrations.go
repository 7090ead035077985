package sqlstore

import (
	"archive/zip"
	"bytes"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

// A migration is a file NNNN_name.sql, numbered without a gap; its number is the version it makes. The
// text is the same for all databases, with types as in the first one. To change the schema, add a file:
// nothing else has to know. A released file never changes. After a crash on MySQL a statement may run
// twice, so one that changes rows must do no harm then.
//
//go:embed migrations/*.sql
var migrationFiles embed.FS

type migration struct {
	name       string
	statements []string // with placeholders for types
}

// migrations returns all of them in their order; the first makes version 1.
func migrations() ([]migration, error) {
	entries, err := migrationFiles.ReadDir("migrations")
	if err != nil {
		return nil, err
	}
	out := make([]migration, 0, len(entries))
	for _, e := range entries {
		data, err := migrationFiles.ReadFile("migrations/" + e.Name())
		if err != nil {
			return nil, err
		}
		out = append(out, migration{e.Name(), statementsOf(string(data))})
	}
	return out, nil
}

// statementsOf splits a file: a statement ends with a semicolon at the end of its line, a comment has
// a line of its own.
func statementsOf(file string) (out []string) {
	var lines []string
	for line := range strings.Lines(file) {
		if !strings.HasPrefix(line, "--") {
			lines = append(lines, line)
		}
	}
	for statement := range strings.SplitSeq(strings.Join(lines, "")+"\n", ";\n") {
		if statement = strings.TrimSpace(statement); statement != "" {
			out = append(out, statement)
		}
	}
	return out
}

// typed fills in the database's names of types.
func (s *Store) typed(statement string) string {
	return strings.TrimRight(strings.NewReplacer(s.dialect.types...).Replace(statement), " ")
}

// script is a migration as the database's own SQL, the first step statements left out. It ends with
// the note of the version that it makes.
func (s *Store) script(m migration, version, step int) []string {
	var out []string
	if version == 1 {
		out = s.bootstrap()
	}
	for _, statement := range m.statements[step:] {
		out = append(out, s.typed(statement))
	}
	out = append(out, "UPDATE orgusers_schema_version SET version = "+itoa(version)+", step = 0 WHERE id = 1")
	for i := range out {
		out[i] = s.named(out[i])
	}
	return out
}

// DryRun returns the SQL that [Store.MigrateTo] would run, one statement each, for somebody to read,
// or to run in its place; version 0 means the latest. It runs nothing. Without are only the lock against
// other processes and the notes from which an interrupted migration goes on. Nothing to do is an empty
// list; the errors are those of [Store.MigrateTo].
func (s *Store) DryRun(ctx context.Context, version int) ([]string, error) {
	all, err := migrations()
	if err != nil {
		return nil, err
	}
	st, step, err := s.status(ctx)
	if err != nil {
		return nil, err
	}
	todo, err := st.pending(all, version)
	if err != nil {
		return nil, err
	}
	if !st.Safe {
		return nil, fmt.Errorf("%w: %s", ErrSettings, s.dialect.safety)
	}
	var out []string
	for i, m := range todo {
		out = append(out, s.script(m, st.Version+i+1, step)...)
		step = 0
	}
	return out, nil
}

// Migrations returns the migrations as files, one each, named in their order, for hosts that run
// their own tool: plain SQL for this store's database and prefix, with the remark that goose asks for.
// Each also notes its version, so that [Store.Migrate], [Store.Status] and the operations know about it.
func (s *Store) Migrations() (fs.FS, error) {
	all, err := migrations()
	if err != nil {
		return nil, err
	}
	// A zip archive in memory is the file system that the standard library has ready.
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	for i, m := range all {
		f, err := z.Create(m.name)
		if err != nil {
			return nil, err
		}
		if _, err := fmt.Fprint(f, "-- +goose Up\n\n"); err != nil {
			return nil, err
		}
		for _, statement := range s.script(m, i+1, 0) {
			if _, err := fmt.Fprintf(f, "%s;\n\n", statement); err != nil {
				return nil, err
			}
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return zip.NewReader(bytes.NewReader(archive.Bytes()), int64(archive.Len()))
}
