// Package flux says of an object what Flux would, by the health expressions of config/flux.
package flux

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// Check is an entry of healthCheckExprs.
type Check struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	InProgress string `json:"inProgress"`
	Failed     string `json:"failed"`
	Current    string `json:"current"`
}

// Document is as much of a Flux object as is looked at here.
type Document struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Wait             bool     `json:"wait"`
		Prune            bool     `json:"prune"`
		Timeout          string   `json:"timeout"`
		Path             string   `json:"path"`
		DependsOn        []named  `json:"dependsOn"`
		SourceRef        named    `json:"sourceRef"`
		HealthCheckExprs []Check  `json:"healthCheckExprs"`
		Ref              refersTo `json:"ref"`
	} `json:"spec"`
}

type named struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

type refersTo struct {
	Tag    string `json:"tag"`
	Branch string `json:"branch"`
}

// Sample reads config/flux/sync.yaml.
func Sample() ([]Document, error) {
	file, err := os.Open(filepath.Join(testenv.Root(), "config", "flux", "sync.yaml"))
	if err != nil {
		return nil, fmt.Errorf("open the sample: %w", err)
	}
	defer file.Close()
	decoder := yaml.NewYAMLOrJSONDecoder(file, 4096)
	var documents []Document
	for {
		var document Document
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the sample: %w", err)
		}
		documents = append(documents, document)
	}
}

// Status says of the object what Flux would.
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

// evaluate takes the first that is true, as Flux does; it waits when none is.
func (c Check) evaluate(object *unstructured.Unstructured) (status.Status, error) {
	observed, found, _ := unstructured.NestedInt64(object.Object, "status", "observedGeneration")
	if found && observed != object.GetGeneration() {
		return status.InProgressStatus, nil
	}
	for _, expression := range []struct {
		text  string
		means status.Status
	}{
		{c.InProgress, status.InProgressStatus},
		{c.Failed, status.FailedStatus},
		{c.Current, status.CurrentStatus},
	} {
		holds, err := evaluate(expression.text, object.Object)
		if err != nil {
			return "", err
		}
		if holds {
			return expression.means, nil
		}
	}
	return status.InProgressStatus, nil
}

var errNotBool = errors.New("the expression is neither true nor false")

// evaluate runs an expression over the object's fields. Like Flux it is parsed and not type-checked.
func evaluate(text string, fields map[string]any) (bool, error) {
	environment, err := cel.NewEnv(cel.HomogeneousAggregateLiterals(), cel.EagerlyValidateDeclarations(true),
		cel.DefaultUTCTimeZone(true), cel.CrossTypeNumericComparisons(true), cel.OptionalTypes(),
		ext.Strings(), ext.Sets(), ext.Encoders())
	if err != nil {
		return false, fmt.Errorf("make the environment: %w", err)
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
		return false, fmt.Errorf("%w: %q gives %v", errNotBool, text, value)
	}
	return result, nil
}
