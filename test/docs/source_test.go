// Package docs holds the pages for contributors to the code that they speak of.
package docs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
)

// source is what a Go file declares, by the names that a page uses: Func, Type and Type.Method. Texts
// are its string literals, such as the titles of specs.
type source struct {
	names, texts map[string]bool
}

// parse reads a Go file.
func parse(path string) (source, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return source{}, fmt.Errorf("parse: %w", err)
	}
	s := source{names: map[string]bool{}, texts: map[string]bool{}}
	ast.Inspect(file, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.FuncDecl:
			s.names[receiver(n)+n.Name.Name] = true
		case *ast.TypeSpec:
			s.names[n.Name.Name] = true
		case *ast.BasicLit:
			if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
				s.texts[text] = true
			}
		}
		return true
	})
	return s, nil
}

// receiver is the type of a method with a dot behind it; empty for a function.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	of := f.Recv.List[0].Type
	for {
		switch t := of.(type) {
		case *ast.StarExpr:
			of = t.X
		case *ast.IndexExpr:
			of = t.X
		case *ast.Ident:
			return t.Name + "."
		default:
			return ""
		}
	}
}
