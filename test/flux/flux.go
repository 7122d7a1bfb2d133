// Package flux evaluates the health expressions of config/flux as Flux does.
package flux

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// Check is an entry of healthCheckExprs.
type Check struct{ APIVersion, Kind, InProgress, Failed, Current string }

// Document is the part of a Flux object that the tests read.
type Document struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     struct {
		Wait, Prune      bool
		Timeout, Path    string
		DependsOn        []objectReference
		SourceRef        objectReference
		HealthCheckExprs []Check
		Ref              gitReference
	}
}

type objectReference struct{ Name string }

type gitReference struct{ Tag, Branch string }

// Sample reads config/flux/sync.yaml.
func Sample() ([]Document, error) {
	file, err := os.Open(filepath.Join(testenv.Root(), "config", "flux", "sync.yaml"))
	if err != nil {
		return nil, fmt.Errorf("open the sample: %w", err)
	}
	defer file.Close()
	return testenv.DecodeYAML[Document](file)
}

// Status returns the status that Flux computes for the object.
func Status(object *unstructured.Unstructured) (status.Status, error) {
	documents, err := Sample()
	if err != nil {
		return "", err
	}
	for _, document := range documents {
		for _, check := range document.Spec.HealthCheckExprs {
			if schema.FromAPIVersionAndKind(check.APIVersion, check.Kind) == object.GroupVersionKind() {
				return check.evaluate(object)
			}
		}
	}
	return "", fmt.Errorf("the sample has no health expressions for %s", object.GroupVersionKind())
}

// evaluate returns the status of the first expression that is true, as Flux does, or InProgress if none is.
func (c Check) evaluate(object *unstructured.Unstructured) (status.Status, error) {
	observed, found, _ := unstructured.NestedInt64(object.Object, "status", "observedGeneration")
	if found && observed != object.GetGeneration() {
		return status.InProgressStatus, nil
	}
	for _, expression := range []struct {
		text   string
		status status.Status
	}{
		{c.InProgress, status.InProgressStatus},
		{c.Failed, status.FailedStatus},
		{c.Current, status.CurrentStatus},
	} {
		matches, err := evaluate(expression.text, object.Object)
		if err != nil {
			return "", err
		}
		if matches {
			return expression.status, nil
		}
	}
	return status.InProgressStatus, nil
}

var errNotBool = errors.New("the result of the expression is not a bool")

// evaluate evaluates an expression on the object's fields. As in Flux, the expression is not type-checked.
func evaluate(text string, fields map[string]any) (bool, error) {
	environment, err := cel.NewEnv(cel.HomogeneousAggregateLiterals(), cel.EagerlyValidateDeclarations(true),
		cel.DefaultUTCTimeZone(true), cel.CrossTypeNumericComparisons(true), cel.OptionalTypes(),
		ext.Strings(), ext.Sets(), ext.Encoders())
	if err != nil {
		return false, fmt.Errorf("create the CEL environment: %w", err)
	}
	parsed, issues := environment.Parse(text)
	if issues.Err() != nil {
		return false, fmt.Errorf("parse %q: %w", text, issues.Err())
	}
	program, err := environment.Program(parsed)
	if err != nil {
		return false, fmt.Errorf("plan %q: %w", text, err)
	}
	value, _, err := program.Eval(fields)
	if err != nil {
		return false, fmt.Errorf("evaluate %q: %w", text, err)
	}
	result, ok := value.Value().(bool)
	if !ok {
		return false, fmt.Errorf("%w: %q returns %v", errNotBool, text, value)
	}
	return result, nil
}
