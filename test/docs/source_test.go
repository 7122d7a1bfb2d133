// Package docs tests that the names, links and commands in the documentation are valid.
package docs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
)

// source contains the declarations of a Go file as Func, Type and Type.Method, and its string literals, which include the
// titles of specs.
type source struct {
	names, literals map[string]bool
}

// parse parses a Go file.
func parse(path string) (source, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return source{}, fmt.Errorf("parse: %w", err)
	}
	s := source{names: map[string]bool{}, literals: map[string]bool{}}
	ast.Inspect(file, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.FuncDecl:
			s.names[receiver(n)+n.Name.Name] = true
		case *ast.TypeSpec:
			s.names[n.Name.Name] = true
		case *ast.BasicLit:
			if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
				s.literals[text] = true
			}
		}
		return true
	})
	return s, nil
}

// receiver returns the type of a method followed by a dot, or an empty string for a function.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	expression := f.Recv.List[0].Type
	for {
		switch t := expression.(type) {
		case *ast.StarExpr:
			expression = t.X
		case *ast.IndexExpr:
			expression = t.X
		case *ast.Ident:
			return t.Name + "."
		default:
			return ""
		}
	}
}
