package controller

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace/noop"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// controller-runtime ignores RequeueAfter beside an error, and logs a warning. So a reconciler returns one of the two.
func TestReconcilers_return_a_result_or_an_error(t *testing.T) {
	checked := 0
	err := filepath.WalkDir(filepath.Join(testenv.Root(), "internal/controller"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		for _, returned := range returnsOfReconcilers(file) {
			checked++
			if !isResultOrError(returned) {
				t.Errorf("%s: it can return both a result and an error", files.Position(returned.Pos()))
			}
		}
		return nil
	})
	if err != nil || checked < 20 {
		t.Errorf("checked %d returns, %v", checked, err)
	}
}

func TestTraceReconciles_returns_no_result_beside_an_error(t *testing.T) {
	failure := errors.New("failed")
	wrap := traceReconciles(noop.NewTracerProvider().Tracer(""), "reconcile", func(string) []attribute.KeyValue { return nil })
	for _, err := range []error{nil, failure} {
		inner := reconcile.TypedFunc[string](func(context.Context, string) (reconcile.Result, error) {
			return reconcile.Result{RequeueAfter: time.Second}, err
		})
		want := reconcile.Result{RequeueAfter: time.Second}
		if err != nil {
			want = reconcile.Result{}
		}
		if got, gotErr := wrap(inner).Reconcile(t.Context(), "key"); got != want || !errors.Is(gotErr, err) {
			t.Errorf("of an error %v it returns %+v, %v", err, got, gotErr)
		}
	}
}

// returnsOfReconcilers returns the return statements of all functions that return a result and an error.
func returnsOfReconcilers(file *ast.File) []*ast.ReturnStmt {
	var found []*ast.ReturnStmt
	ast.Inspect(file, func(node ast.Node) bool {
		switch f := node.(type) {
		case *ast.FuncDecl:
			found = append(found, returnsOf(f.Type, f.Body)...)
		case *ast.FuncLit:
			found = append(found, returnsOf(f.Type, f.Body)...)
		}
		return true
	})
	return found
}

func returnsOf(signature *ast.FuncType, body *ast.BlockStmt) []*ast.ReturnStmt {
	if signature.Results == nil || len(signature.Results.List) != 2 || !isResultType(signature.Results.List[0].Type) {
		return nil
	}
	var found []*ast.ReturnStmt
	ast.Inspect(body, func(node ast.Node) bool {
		if returned, ok := node.(*ast.ReturnStmt); ok {
			found = append(found, returned)
		}
		_, isOther := node.(*ast.FuncLit)
		return !isOther
	})
	return found
}

// isResultOrError reports whether the result is empty, or the error is nil. What another such function returns is checked there.
func isResultOrError(returned *ast.ReturnStmt) bool {
	switch len(returned.Results) {
	case 1:
		return true
	case 2:
		result, isLiteral := returned.Results[0].(*ast.CompositeLit)
		isEmpty := isLiteral && isResultType(result.Type) && len(result.Elts) == 0
		failure, isName := returned.Results[1].(*ast.Ident)
		return isEmpty || isName && failure.Name == "nil"
	default:
		return false // named results
	}
}

func isResultType(expr ast.Expr) bool {
	selector, ok := expr.(*ast.SelectorExpr)
	return ok && selector.Sel.Name == "Result" && (isPackage(selector.X, "reconcile") || isPackage(selector.X, "ctrl"))
}

func isPackage(expr ast.Expr, name string) bool {
	ident, ok := expr.(*ast.Ident)
	return ok && ident.Name == name
}
