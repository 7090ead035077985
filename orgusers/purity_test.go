package orgusers_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPackageIsPure holds the domain to what lets a host embed it anywhere: no I/O of its own, no
// goroutine it did not ask for, no state shared between two services of one process, and a clock
// and a random source that tests can replace. Sub-packages, if any, obey the same rules.
func TestPackageIsPure(t *testing.T) {
	t.Parallel()
	fset := token.NewFileSet()
	var files []*ast.File
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == "testdata" {
				return filepath.SkipDir
			}
			return nil
		}
		// Build constraints are not looked at: a file must be pure on every platform.
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		files = append(files, file)
		return err
	})
	require.NoError(t, err)
	require.True(t, slices.ContainsFunc(files, func(f *ast.File) bool {
		return fset.Position(f.Pos()).Filename == "errors.go"
	}), "having read another folder would prove nothing")

	if bad := impurities(fset, files); len(bad) > 0 {
		t.Errorf("package orgusers must stay pure:\n%s", strings.Join(bad, "\n"))
	}
}

// impurities returns one line for each place where the files, taken together as one package, break
// a rule. It looks at syntax alone, so it needs no compiled package and cannot be fooled by a build
// tag; a name that shadows an import may cost a false alarm, which renaming cures.
func impurities(fset *token.FileSet, files []*ast.File) []string {
	var bad []string
	report := func(at ast.Node, format string, args ...any) {
		bad = append(bad, fmt.Sprintf("%s: %s", fset.Position(at.Pos()), fmt.Sprintf(format, args...)))
	}
	ambient := make(map[string]bool) // files that read the clock or the random source
	for _, file := range files {
		name := fset.Position(file.Pos()).Filename
		imports := checkImports(file, report)
		if _, ok := imports["crypto/rand"]; ok {
			ambient[name] = true
		}
		for _, decl := range file.Decls {
			checkDecl(decl, imports, report)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				report(n, "go statement: whoever calls decides what runs beside what")
			case *ast.CallExpr:
				if sel, ok := n.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Go" {
					report(n, "a method named Go starts a goroutine (sync.WaitGroup, errgroup)")
				}
			case *ast.SelectorExpr:
				switch used := qualified(n, imports); used {
				case "time.AfterFunc", "context.AfterFunc":
					report(n, "%s starts a goroutine", used)
				case "strings.EqualFold", "strings.ToUpper", "strings.ToTitle",
					"bytes.EqualFold", "bytes.ToUpper", "bytes.ToTitle":
					report(n, "%s makes ſ equal to s, so two people could share one address key", used)
				case "time.Now", "time.Since", "time.Until",
					"github.com/google/uuid.New", "github.com/google/uuid.NewString",
					"github.com/google/uuid.NewRandom", "github.com/google/uuid.NewV7":
					ambient[name] = true
				}
			}
			return true
		})
	}
	if len(ambient) > 1 {
		var names []string
		for name := range ambient {
			names = append(names, name)
		}
		slices.Sort(names)
		bad = append(bad, fmt.Sprintf("%s: only one file may read the clock or the random source; the others take them from Env",
			strings.Join(names, ", ")))
	}
	return bad
}

type reporter func(at ast.Node, format string, args ...any)

// checkImports reports imports outside the allow list and returns the rest: path to local name.
func checkImports(file *ast.File, report reporter) map[string]string {
	imports := make(map[string]string)
	for _, spec := range file.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil || !importAllowed(p) {
			report(spec, "import of %s: it is not on the list in importAllowed", spec.Path.Value)
			continue
		}
		local := path.Base(p)
		if regexp.MustCompile(`^v[0-9]+$`).MatchString(local) {
			local = path.Base(path.Dir(p))
		}
		if spec.Name != nil {
			local = spec.Name.Name
		}
		if local == "_" || local == "." {
			report(spec, "import of %q as %s: the first is there for side effects, the second hides what is used", p, local)
			continue
		}
		imports[p] = local
	}
	return imports
}

// importAllowed is the allow list: the standard library without what does I/O, reaches the process
// or keeps global state, and the few modules the rules themselves need.
func importAllowed(p string) bool {
	first, _, dotted := strings.Cut(p, "/")
	if strings.Contains(first, ".") {
		switch p {
		case "github.com/google/uuid", "golang.org/x/net/idna", "golang.org/x/text/unicode/norm":
			return true
		}
		return under(p, "golang.org/x/crypto") || under(p, "github.com/pquerna/otp") ||
			under(p, "github.com/orgusers/go-orgusers/orgusers")
	}
	if !dotted {
		switch p {
		// net dials and log writes to the process; net/netip, net/mail and log/slog do not.
		case "C", "unsafe", "net", "log", "flag", "expvar", "plugin", "testing", "embed":
			return false
		}
	}
	for _, root := range []string{
		"database/sql", "net/http", "net/smtp", "net/rpc", "crypto/tls", "os", "syscall", "io/ioutil", "path/filepath",
		"html/template", "text/template", "runtime/debug", "testing",
	} {
		if under(p, root) {
			return false
		}
	}
	return true
}

func under(p, root string) bool { return p == root || strings.HasPrefix(p, root+"/") }

// checkDecl reports package-level variables that are neither sentinels nor assertions, and init.
func checkDecl(decl ast.Decl, imports map[string]string, report reporter) {
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		if decl.Recv == nil && decl.Name.Name == "init" {
			report(decl, "init function: importing the package must do nothing")
		}
	case *ast.GenDecl:
		if decl.Tok != token.VAR {
			return
		}
		for _, spec := range decl.Specs {
			if v, ok := spec.(*ast.ValueSpec); ok && !isSentinel(v, imports) && !isAssertion(v) {
				report(v, "package-level variable %s: use a constant, a function or a field", v.Names[0].Name)
			}
		}
	}
}

// isSentinel accepts ErrX = errors.New("…"), exported or not, and nothing computed.
func isSentinel(v *ast.ValueSpec, imports map[string]string) bool {
	if len(v.Names) != 1 || len(v.Values) != 1 || !regexp.MustCompile(`^(Err|err)[A-Z]`).MatchString(v.Names[0].Name) {
		return false
	}
	call, ok := v.Values[0].(*ast.CallExpr)
	if !ok || len(call.Args) != 1 {
		return false
	}
	_, literal := call.Args[0].(*ast.BasicLit)
	sel, ok := call.Fun.(*ast.SelectorExpr)
	return ok && literal && qualified(sel, imports) == "errors.New"
}

// isAssertion accepts _ I = T{}, &T{} and (*T)(nil): nothing runs and nothing is kept.
func isAssertion(v *ast.ValueSpec) bool {
	if v.Type == nil || len(v.Names) != 1 || len(v.Values) != 1 || v.Names[0].Name != "_" {
		return false
	}
	value := v.Values[0]
	if ref, ok := value.(*ast.UnaryExpr); ok && ref.Op == token.AND {
		value = ref.X
	}
	switch value := value.(type) {
	case *ast.CompositeLit:
		return len(value.Elts) == 0
	case *ast.CallExpr:
		if _, ok := value.Fun.(*ast.ParenExpr); !ok || len(value.Args) != 1 {
			return false
		}
		arg, ok := value.Args[0].(*ast.Ident)
		return ok && arg.Name == "nil"
	}
	return false
}

// qualified returns "import/path.Name" for a selector on an imported package, whatever the import
// is called in this file, and "" for any other selector.
func qualified(sel *ast.SelectorExpr, imports map[string]string) string {
	x, ok := sel.X.(*ast.Ident)
	if !ok {
		return ""
	}
	for p, local := range imports {
		if local == x.Name {
			return p + "." + sel.Sel.Name
		}
	}
	return ""
}
