package orgusers_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestS095_SecretsAreNotComparedByHand: what is secret is looked up by its hash or compared in constant
// time. It goes by names, so that a new comparison of something called a secret has to say why it may.
func TestS095_SecretsAreNotComparedByHand(t *testing.T) {
	t.Parallel()
	allowed := map[string]string{
		"r.was.Token == c.ticket.hash": "both are hashes of what somebody may have guessed",
	}
	var found []string
	for _, root := range []string{".", "../store/memstore", "../session", "../mailer"} {
		require.NoError(t, filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			for _, line := range comparedByHand(file) {
				if allowed[line] == "" {
					found = append(found, name+": "+line)
				}
			}
			return nil
		}))
	}
	require.Empty(t, found)

	// It can see.
	file, err := parser.ParseFile(token.NewFileSet(), "x.go", `package x
func f() {
	_ = a.secret == b
	_ = want != u.Password
	_ = bytes.Equal(mac, sum[:16])
	switch string(recoveryHash(user, code)) { case stored: }
	_ = token == "" || hash != nil || len(code) != 6 || reason == ReasonWrongCode
}`, parser.SkipObjectResolution)
	require.NoError(t, err)
	require.Len(t, comparedByHand(file), 4)
}

// comparedByHand returns the comparisons in which something is called a secret.
func comparedByHand(file *ast.File) (found []string) {
	report := func(op string, sides ...ast.Expr) {
		secret := false
		for _, e := range sides {
			if plain(e) {
				return
			}
			secret = secret || calledSecret(e)
		}
		if secret {
			var text []string
			for _, e := range sides {
				text = append(text, expression(e))
			}
			found = append(found, strings.Join(text, " "+op+" "))
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			if n.Op == token.EQL || n.Op == token.NEQ {
				report(n.Op.String(), n.X, n.Y)
			}
		case *ast.CallExpr:
			switch name := expression(n.Fun); name {
			case "bytes.Equal", "slices.Equal", "bytes.Compare", "strings.Compare", "cmp.Compare", "slices.Contains":
				report(name, n.Args...)
			}
		case *ast.SwitchStmt:
			if n.Tag == nil {
				return true
			}
			for _, clause := range n.Body.List {
				for _, e := range clause.(*ast.CaseClause).List {
					report("case", n.Tag, e)
				}
			}
		}
		return true
	})
	return found
}

// plain reports whether it is a literal, nil, or one of our constants.
func plain(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return true
	case *ast.Ident:
		return e.Name == "nil" || strings.HasPrefix(e.Name, "Reason") || strings.HasPrefix(e.Name, "purpose") || strings.HasPrefix(e.Name, "Step")
	}
	return false
}

// calledSecret reports whether an expression ends in a name that secrets have.
func calledSecret(e ast.Expr) bool {
	name := strings.ToLower(expression(e))
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		name = name[i+1:]
	}
	for _, word := range []string{"secret", "token", "code", "hash", "mac", "password", "recovery", "device"} {
		if strings.HasSuffix(name, word) {
			return true
		}
	}
	return false
}

// expression is enough of an expression to know it again: conversions, slices and arguments are left out.
func expression(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return expression(e.X) + "." + e.Sel.Name
	case *ast.SliceExpr:
		return expression(e.X)
	case *ast.IndexExpr:
		return expression(e.X)
	case *ast.StarExpr:
		return expression(e.X)
	case *ast.ParenExpr:
		return expression(e.X)
	case *ast.CallExpr:
		switch name := expression(e.Fun); name {
		case "string", "byte", "[]byte":
			return expression(e.Args[0])
		default:
			return name
		}
	case *ast.ArrayType:
		return "[]" + expression(e.Elt)
	}
	return fmt.Sprintf("%T", e)
}
