package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// constant is a string constant of the API with its comment.
type constant struct {
	Name, Value, Comment string
}

// Meaning returns the comment without the leading name, capitalized unless it begins with the name of a field.
func (c constant) Meaning() string {
	_, meaning, _ := strings.Cut(c.Comment, " ")
	if first, _, _ := strings.Cut(meaning, " "); first == "" || strings.Contains(first, ".") {
		return meaning
	}
	return strings.ToUpper(meaning[:1]) + meaning[1:]
}

// parseConstants returns the string constants of the package in folder, in the order of its files.
func parseConstants(folder string) ([]constant, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, fmt.Errorf("list the files of %s: %w", folder, err)
	}
	var found []constant
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return nil, fmt.Errorf("parse the API: %w", err)
		}
		for _, declaration := range file.Decls {
			if block, ok := declaration.(*ast.GenDecl); ok && block.Tok == token.CONST {
				found = append(found, stringConstants(block)...)
			}
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no constants in %s", folder)
	}
	return found, nil
}

// stringConstants returns the constants of one declaration that are string literals.
func stringConstants(block *ast.GenDecl) []constant {
	var found []constant
	for _, each := range block.Specs {
		spec := each.(*ast.ValueSpec)
		for i, name := range spec.Names {
			if i >= len(spec.Values) {
				continue
			}
			literal, ok := spec.Values[i].(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				continue
			}
			if value, err := strconv.Unquote(literal.Value); err == nil {
				found = append(found, constant{name.Name, value, strings.TrimSpace(spec.Doc.Text())})
			}
		}
	}
	return found
}

// selectConstants returns the constants whose names begin or end with word.
func selectConstants(all []constant, word string) []constant {
	return slices.DeleteFunc(slices.Clone(all), func(c constant) bool {
		return !strings.HasPrefix(c.Name, word) && !strings.HasSuffix(c.Name, word)
	})
}
