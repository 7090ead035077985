package dbserver

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/go-sql-driver/mysql"
)

func startMariaDB(settings ...string) (*server, error) {
	if dsn := os.Getenv("ORGUSERS_MYSQL_DSN"); dsn != "" {
		return givenMySQL(dsn)
	}
	programs, err := findMariaDB()
	if err != nil {
		return nil, err
	}
	return launch("mysql", 1, func(ctx context.Context, f *folder, ports []int) (*server, error) {
		return ownMariaDB(ctx, f, programs, ports[0], settings...)
	})
}

// givenMySQL uses the server that the data source name leads to.
func givenMySQL(dsn string) (*server, error) {
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("ORGUSERS_MYSQL_DSN: %w", err)
	}
	s := newMySQL("MariaDB", administrators(config), func(database string) string {
		config := config.Clone()
		config.DBName = database
		return config.FormatDSN()
	})
	s.remark = "given by ORGUSERS_MYSQL_DSN"
	s.log = func() string { return "" }
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err = s.askVersion(ctx, "SELECT VERSION()")
	if !strings.Contains(s.version, "MariaDB") {
		s.engine = "MySQL"
	}
	return s, err
}

func ownMariaDB(ctx context.Context, f *folder, programs mariadbPrograms, port int, settings ...string) (*server, error) {
	n := &mariadbNode{folder: f, programs: programs, name: "node", port: port}
	if err := n.configure(settings...); err != nil {
		return nil, err
	}
	if err := n.install(ctx); err != nil {
		return nil, err
	}
	if err := n.start(); err != nil {
		return nil, err
	}
	s := newMySQL("MariaDB", n.admin(), n.dsn)
	if err := s.answers(ctx, s.admin, n.process); err != nil {
		return nil, err
	}
	return s, s.openMySQL(ctx)
}

// newMySQL is a server, or a cluster with a data source name for each node.
func newMySQL(engine, admin string, dsns ...func(database string) string) *server {
	return &server{
		engine: engine, driver: "mysql", admin: admin,
		create: func(database string) string { return "CREATE DATABASE " + database },
		drop:   func(database string) string { return "DROP DATABASE IF EXISTS " + database },
		dsns: func(database string) (all []string) {
			for _, dsn := range dsns {
				all = append(all, dsn(database))
			}
			return all
		},
	}
}

// openMySQL closes the port of a new server to root and opens it to the tests' account.
func (s *server) openMySQL(ctx context.Context) error {
	if err := s.exec(ctx,
		"DROP USER IF EXISTS root@'127.0.0.1', root@'::1'",
		"CREATE USER "+account+"@'127.0.0.1'",
		"GRANT ALL ON `"+strings.ReplaceAll(prefix, "_", `\_`)+"%`.* TO "+account+"@'127.0.0.1'",
	); err != nil {
		return err
	}
	return s.askVersion(ctx, "SELECT VERSION()")
}

// administrators is the data source name for making and dropping databases. It limits the wait for the
// locks of a transaction that a test forgot, which is a day by default.
func administrators(config *mysql.Config) string {
	config = config.Clone()
	if config.Params == nil {
		config.Params = map[string]string{}
	}
	config.Params["lock_wait_timeout"] = "30"
	return config.FormatDSN()
}

// mariadbPrograms are the paths of what a server is made of.
type mariadbPrograms struct{ install, server string }

func findMariaDB() (p mariadbPrograms, err error) {
	if p.install, err = installed("mariadb-install-db"); err != nil {
		return p, err
	}
	p.server, err = installed("mariadbd")
	return p, err
}

// mariadbNode is one server process, alone or in a cluster; its files lie beside those of the others.
type mariadbNode struct {
	folder   *folder
	programs mariadbPrograms
	name     string
	port     int
	process  *process // nil until it is started
}

func (n *mariadbNode) file(name string) string { return n.folder.in(filepath.Join(n.name, name)) }

// configure makes the node's folder, an empty one for its data, and its settings.
func (n *mariadbNode) configure(further ...string) error {
	for _, name := range []string{n.name, filepath.Join(n.name, "data")} {
		if err := n.folder.subfolder(name); err != nil {
			return err
		}
	}
	settings := append([]string{
		"[mariadbd]",
		"datadir=" + n.file("data"),
		"tmpdir=" + n.file(""),
		"socket=" + n.file("sock"),
		"pid-file=" + n.file("pid"),
		"bind-address=127.0.0.1",
		"port=" + strconv.Itoa(n.port),
		"skip-name-resolve",
		"max_connections=300",
		// As on most servers in use: josé equals jose, A equals a, and space at the end is ignored.
		"character-set-server=utf8mb4",
		"collation-server=utf8mb4_general_ci",
		"default-time-zone=+05:45",
		"innodb_buffer_pool_size=256M",
		"innodb_log_file_size=64M",
		"innodb_flush_log_at_trx_commit=0",
		"innodb_doublewrite=0",
		"loose-innodb_flush_method=nosync",
		"loose-debug-no-sync",
	}, further...)
	return n.folder.write(filepath.Join(n.name, "my.cnf"), strings.Join(settings, "\n")+"\n")
}

// install fills the folder for data. Root needs no password there, but is let in by the socket alone,
// which lies in a folder that is closed to others.
func (n *mariadbNode) install(ctx context.Context) error {
	return n.folder.finish(ctx, filepath.Join(n.name, "install.log"), n.programs.install,
		"--defaults-file="+n.file("my.cnf"), "--datadir="+n.file("data"),
		"--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")
}

// start returns when the process runs, which is long before it answers.
func (n *mariadbNode) start(args ...string) (err error) {
	n.process, err = n.folder.serve(syscall.SIGKILL, filepath.Join(n.name, "server.log"), n.programs.server,
		append([]string{"--defaults-file=" + n.file("my.cnf")}, args...)...)
	return err
}

func (n *mariadbNode) admin() string {
	config := mysql.NewConfig()
	config.User, config.Net, config.Addr = "root", "unix", n.file("sock")
	return administrators(config)
}

func (n *mariadbNode) dsn(database string) string {
	config := mysql.NewConfig()
	config.User, config.Net, config.Addr, config.DBName = account, "tcp", local(n.port), database
	return config.FormatDSN()
}
