// Command schemas writes a JSON schema for each version of CRDs, for kubeconform and editors:
//
//	go run ./hack/schemas DIRECTORY CRD...
//
// The names of the files are those that kubeconform's template {{.ResourceKind}}_{{.ResourceAPIVersion}}.json expects.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// definition is the part of a CRD that the schemas need.
type definition struct {
	Spec struct {
		Group string `json:"group"`
		Names struct {
			Kind string `json:"kind"`
		} `json:"names"`
		Versions []struct {
			Name   string `json:"name"`
			Schema struct {
				OpenAPIV3Schema map[string]any `json:"openAPIV3Schema"`
			} `json:"schema"`
		} `json:"versions"`
	} `json:"spec"`
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: schemas DIRECTORY CRD...")
		os.Exit(2)
	}
	for _, crd := range os.Args[2:] {
		if err := writeSchemas(os.Args[1], crd); err != nil {
			fmt.Fprintf(os.Stderr, "schemas: %s: %v\n", crd, err)
			os.Exit(1)
		}
	}
}

// writeSchemas writes the schemas of all versions of a CRD to the directory.
func writeSchemas(directory, crd string) error {
	content, err := os.ReadFile(crd) //nolint:gosec // the path is the caller's
	if err != nil {
		return err
	}
	var d definition
	if err := yaml.Unmarshal(content, &d); err != nil {
		return err
	}
	if len(d.Spec.Versions) == 0 {
		return errors.New("no versions")
	}
	for _, version := range d.Spec.Versions {
		schema := version.Schema.OpenAPIV3Schema
		if err := convert(schema); err != nil {
			return err
		}
		identify(schema, d.Spec.Group+"/"+version.Name, d.Spec.Names.Kind)
		text, err := json.MarshalIndent(schema, "", "  ")
		if err != nil {
			return err
		}
		name := strings.ToLower(d.Spec.Names.Kind) + "_" + version.Name + ".json"
		if err := os.WriteFile(filepath.Join(directory, name), append(text, '\n'), 0o644); err != nil { //nolint:gosec // the schemas are public
			return err
		}
	}
	return nil
}

// notSupported are keywords of OpenAPI that mean something else in a JSON schema, or nothing. No CRD uses them yet.
var notSupported = []string{
	"nullable", "exclusiveMinimum", "exclusiveMaximum",
	"x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource",
}

// convert changes a schema of a CRD to a JSON schema, which rejects unknown fields, as the API server does for kubectl.
func convert(schema map[string]any) error {
	for _, keyword := range notSupported {
		if _, found := schema[keyword]; found {
			return fmt.Errorf("%s is not supported", keyword)
		}
	}
	if properties, found := schema["properties"].(map[string]any); found {
		schema["additionalProperties"] = false
		for name, property := range properties {
			if err := convert(property.(map[string]any)); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	for _, keyword := range []string{"items", "additionalProperties"} {
		if child, found := schema[keyword].(map[string]any); found {
			if err := convert(child); err != nil {
				return fmt.Errorf("%s: %w", keyword, err)
			}
		}
	}
	return nil
}

// identify makes the schema accept only objects of the kind, so that an editor completes apiVersion and kind.
func identify(schema map[string]any, apiVersion, kind string) {
	schema["$schema"] = "http://json-schema.org/draft-07/schema#"
	schema["required"] = []string{"apiVersion", "kind", "metadata", "spec"}
	properties := schema["properties"].(map[string]any)
	properties["apiVersion"].(map[string]any)["enum"] = []string{apiVersion}
	properties["kind"].(map[string]any)["enum"] = []string{kind}
}
