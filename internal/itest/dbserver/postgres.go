package dbserver

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"
)

func startPostgreSQL(settings ...string) (*server, error) {
	if dsn := os.Getenv("ORGUSERS_POSTGRES_DSN"); dsn != "" {
		return givenPostgreSQL(dsn)
	}
	initdb, err := installed("initdb")
	if err != nil {
		return nil, err
	}
	// The server must be of initdb's version, which a link in PATH does not say.
	if initdb, err = filepath.EvalSymlinks(initdb); err != nil {
		return nil, err
	}
	postgres, err := newest(filepath.Join(filepath.Dir(initdb), "postgres"))
	if err != nil {
		return nil, err
	}
	return launch("postgres", 1, func(ctx context.Context, f *folder, ports []int) (*server, error) {
		return ownPostgreSQL(ctx, f, initdb, postgres, strconv.Itoa(ports[0]), settings...)
	})
}

// givenPostgreSQL uses the server that the data source name leads to.
func givenPostgreSQL(dsn string) (*server, error) {
	s := &server{
		engine: "PostgreSQL", driver: "pgx", admin: dsn, remark: "given by ORGUSERS_POSTGRES_DSN",
		create: func(database string) string { return "CREATE DATABASE " + database + " TEMPLATE template0" },
		drop:   dropPostgreSQL,
		dsns:   func(database string) []string { return []string{postgresDSN(dsn, database)} },
		log:    func() string { return "" },
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return s, s.askVersion(ctx, "SHOW server_version")
}

// ownPostgreSQL starts a server that listens on the port for the tests' account. The administrator is
// let in by the socket alone, which lies in a folder that is closed to others: whoever is superuser
// here runs programs as the server's account.
func ownPostgreSQL(ctx context.Context, f *folder, initdb, postgres, port string, settings ...string) (*server, error) {
	// ICU compares text as a language does: a query that orders or compares bytes has to say so.
	if err := f.finish(ctx, "initdb.log", initdb, "--pgdata="+f.in("data"), "--username=postgres", "--auth=trust",
		"--encoding=UTF8", "--locale=C", "--locale-provider=icu", "--icu-locale=en", "--no-sync"); err != nil {
		return nil, err
	}
	if err := f.write("hba.conf", "local all postgres trust\nhost all "+account+" 127.0.0.1/32 trust\n"); err != nil {
		return nil, err
	}
	// SIGQUIT is the quick way out that also ends the server's children and frees its shared memory.
	args := []string{
		"-D", f.in("data"), "-p", port,
		"-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories=" + f.path,
		"-c", "hba_file=" + f.in("hba.conf"),
		"-c", "max_connections=300",
		"-c", "timezone=Asia/Kathmandu",
		"-c", "fsync=off",
		"-c", "full_page_writes=off",
		"-c", "dynamic_shared_memory_type=mmap", // goes with the folder, whatever happens
	}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	p, err := f.serve(syscall.SIGQUIT, "server.log", postgres, args...)
	if err != nil {
		return nil, err
	}
	s := &server{
		engine: "PostgreSQL", driver: "pgx",
		admin: "host=" + f.path + " port=" + port + " user=postgres dbname=postgres",
		create: func(database string) string {
			return "CREATE DATABASE " + database + " TEMPLATE template0 OWNER " + account
		},
		drop: dropPostgreSQL,
		dsns: func(database string) []string {
			return []string{"postgres://" + account + "@127.0.0.1:" + port + "/" + database + "?sslmode=disable"}
		},
	}
	if err := s.answers(ctx, s.admin, p); err != nil {
		return nil, err
	}
	if err := s.exec(ctx, "CREATE ROLE "+account+" LOGIN"); err != nil {
		return nil, err
	}
	return s, s.askVersion(ctx, "SHOW server_version")
}

// dropPostgreSQL also ends the connections that a test forgot to close.
func dropPostgreSQL(database string) string {
	return "DROP DATABASE IF EXISTS " + database + " WITH (FORCE)"
}

// postgresDSN is the data source name with another database. In the form of keywords the last one
// counts, for every driver.
func postgresDSN(dsn, database string) string {
	if strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://") {
		if u, err := url.Parse(dsn); err == nil {
			u.Path = "/" + database
			return u.String()
		}
	}
	return dsn + " dbname=" + database
}
