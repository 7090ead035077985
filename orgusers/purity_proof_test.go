package orgusers_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestImpuritiesAreSeen proves that the check above can fail: each source breaks one rule, and each
// of the last group breaks none.
func TestImpuritiesAreSeen(t *testing.T) {
	t.Parallel()
	const none = ""
	for _, c := range []struct{ name, source, want string }{
		{"database", `import "database/sql"`, `a.go:2:8: import of "database/sql"`},
		{"database driver", `import "database/sql/driver"`, `import of "database/sql/driver"`},
		{"http", `import "net/http"`, `import of "net/http"`},
		{"http client trace", `import "net/http/httptrace"`, `import of "net/http/httptrace"`},
		{"smtp", `import "net/smtp"`, `import of "net/smtp"`},
		{"sockets", `import "net"`, `import of "net"`},
		{"files", `import "os"`, `import of "os"`},
		{"processes", `import "os/exec"`, `import of "os/exec"`},
		{"system calls", `import "syscall"`, `import of "syscall"`},
		{"cgo", `import "C"`, `import of "C"`},
		{"unsafe", `import "unsafe"`, `import of "unsafe"`},
		{"global logger", `import "log"`, `import of "log"`},
		{"templates", `import "html/template"`, `import of "html/template"`},
		{"stranger", `import "example.com/x"`, `import of "example.com/x"`},
		{"other part of an allowed module", `import "golang.org/x/net/html"`, `import of "golang.org/x/net/html"`},
		{"look-alike of an allowed module", `import "github.com/pquerna/otpx"`, `import of "github.com/pquerna/otpx"`},
		{"own store", `import "github.com/orgusers/go-orgusers/store/memstore"`, `store/memstore": it is not on the list`},
		{"disguised", `import strings "net/http"`, `import of "net/http"`},
		{"side effect", `import _ "time"`, `import of "time" as _`},
		{"dot import", `import . "time"`, `import of "time" as .`},

		{"counter", `var n int`, `package-level variable n`},
		{"table", `var roles = map[string]int{}`, `package-level variable roles`},
		{"list in a group", "var (\n\tx = []int{1}\n)", `package-level variable x`},
		{"pattern", "import \"regexp\"\nvar errPattern = regexp.MustCompile(`x`)", `package-level variable errPattern`},
		{"sentinel by another name", "import \"errors\"\nvar Missing = errors.New(`x`)", `package-level variable Missing`},
		{"sentinel made by a call", "import \"errors\"\nvar ErrX = errors.New(text())", `package-level variable ErrX`},
		{"sentinel by another package", "import errors \"fmt\"\nvar ErrX = errors.New(`x`)", `package-level variable ErrX`},
		{"two at once", "import \"errors\"\nvar ErrX, ErrY = errors.New(`x`), errors.New(`y`)", `package-level variable ErrX`},
		{"assertion that runs code", `var _ I = newT()`, `package-level variable _`},
		{"assertion that runs hidden code", `var _ I = T{f()}`, `package-level variable _`},
		{"blank that runs code", `var _ = register()`, `package-level variable _`},
		{"init", `func init() {}`, `init function`},

		{"go statement", `func f() { go f() }`, `go statement`},
		{"go in a closure", `func f() { func() { go f() }() }`, `go statement`},
		{"wait group", `func f(wg *W) { wg.Go(func() {}) }`, `a method named Go`},
		{"timer", "import \"time\"\nfunc f() { time.AfterFunc(1, f) }", `time.AfterFunc starts`},
		{"context", "import \"context\"\nfunc f(c context.Context) { context.AfterFunc(c, g) }", `context.AfterFunc starts`},

		{"fold", "import \"strings\"\nfunc f() { _ = strings.EqualFold(`a`, `b`) }", `strings.EqualFold makes`},
		{"fold under another name", "import s \"strings\"\nfunc f() { _ = s.EqualFold(`a`, `b`) }", `strings.EqualFold makes`},
		{"upper as a value", "import \"strings\"\nfunc f() { _ = g(strings.ToUpper) }", `strings.ToUpper makes`},
		{"fold of bytes", "import \"bytes\"\nfunc f() { _ = bytes.EqualFold(nil, nil) }", `bytes.EqualFold makes`},

		{"second clock", "import \"time\"\nfunc f() { _ = time.Now() }", `a.go, clock.go: only one file`},
		{"clock as a value", "import \"time\"\nfunc f() { g(time.Now) }", `only one file`},
		{"clock in disguise", "import \"time\"\nfunc f(t time.Time) { _ = time.Since(t) }", `only one file`},
		{"second random source", `import "crypto/rand"`, `only one file`},
		{"second source of ids", "import \"github.com/google/uuid\"\nfunc f() { _ = uuid.NewString() }", `only one file`},

		{"method init", `func (T) init() {}`, none},
		{"sentinels", "import \"errors\"\nvar (\n\tErrX = errors.New(`x`)\n\terrY = errors.New(`y`)\n)", none},
		{"assertions", "var _ I = T{}\nvar _ I = &T{}\nvar _ I = (*T)(nil)", none},
		{"constants and locals", "const n = 1\nfunc f() { var roles = []int{n}; _ = roles }", none},
		{"times that are not now", "import \"time\"\nfunc f(t time.Time) { _ = t.Add(time.Second) }", none},
		{"jitter", `import "math/rand/v2"`, none},
		{"allowed modules", `import (
			"log/slog"
			"net/mail"
			"net/netip"
			"github.com/google/uuid"
			"github.com/pquerna/otp/hotp"
			"golang.org/x/crypto/argon2"
			"golang.org/x/net/idna"
			"golang.org/x/text/unicode/norm"
		)`, none},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			fset := token.NewFileSet()
			var files []*ast.File
			for _, f := range [][2]string{
				{"a.go", "package orgusers\n" + c.source},
				// The one file that may; alone it is fine, as the last group shows.
				{"clock.go", "package orgusers\nimport (\"crypto/rand\"; \"time\")\nfunc clock() { _ = time.Now(); _ = rand.Text() }"},
			} {
				file, err := parser.ParseFile(fset, f[0], f[1], parser.SkipObjectResolution)
				require.NoError(t, err)
				files = append(files, file)
			}
			got := impurities(fset, files)
			if c.want == none {
				require.Empty(t, got)
				return
			}
			require.Len(t, got, 1)
			require.Contains(t, got[0], c.want)
		})
	}
}
