package manifest

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
	"k8s.io/kube-openapi/pkg/validation/validate"
	"sigs.k8s.io/yaml"

	"github.com/deepcall/deepcall-operator/config/crd"
)

// schema is the schema of one kind.
type schema struct {
	spec.Schema
	validator *validate.SchemaValidator
}

// definition is the part of a CRD that has its schema.
type definition struct {
	Spec struct {
		Names struct {
			Kind string `json:"kind"`
		} `json:"names"`
		Versions []struct {
			Schema struct {
				OpenAPIV3Schema spec.Schema `json:"openAPIV3Schema"`
			} `json:"schema"`
		} `json:"versions"`
	} `json:"spec"`
}

// loadSchemas returns the schemas of the CRDs, by kind.
func loadSchemas() (map[string]*schema, error) {
	files, err := fs.Glob(crd.Bases, "bases/*.yaml")
	if err != nil {
		return nil, err
	}
	schemas := map[string]*schema{}
	for _, file := range files {
		content, err := crd.Bases.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var d definition
		if err := yaml.Unmarshal(content, &d); err != nil {
			return nil, fmt.Errorf("read the CRD %s: %w", file, err)
		}
		s := &schema{Schema: d.Spec.Versions[0].Schema.OpenAPIV3Schema}
		s.validator = validate.NewSchemaValidator(&s.Schema, nil, "", strfmt.Default)
		schemas[d.Spec.Names.Kind] = s
	}
	return schemas, nil
}

// validate returns the problems of an object.
func (s *schema) validate(object map[string]any) []string {
	var problems []string
	for _, err := range s.validator.Validate(object).Errors {
		problems = append(problems, strings.Replace(err.Error(), " in body", "", 1))
	}
	return problems
}

// withoutNulls returns an object without the fields that are null. The API server removes them, too, or sets them to their default.
// Unknown fields stay.
func withoutNulls(object map[string]any, s spec.Schema) map[string]any {
	result := make(map[string]any, len(object))
	for name, value := range object {
		field, known := s.Properties[name]
		switch value := value.(type) {
		case nil:
			if known && !field.Nullable {
				continue
			}
			result[name] = value
		case map[string]any:
			result[name] = withoutNulls(value, field)
		case []any:
			result[name] = withoutNullsInItems(value, field)
		default:
			result[name] = value
		}
	}
	return result
}

func hasNull(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case map[string]any:
		for _, field := range value {
			if hasNull(field) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(value, hasNull)
	}
	return false
}

func withoutNullsInItems(items []any, s spec.Schema) []any {
	if s.Items == nil || s.Items.Schema == nil {
		return items
	}
	result := slices.Clone(items)
	for i, item := range items {
		if object, ok := item.(map[string]any); ok {
			result[i] = withoutNulls(object, *s.Items.Schema)
		}
	}
	return result
}

// fieldsBeside returns the fields that are known where an unknown one is, such as those of spec.groups[] for
// spec.groups[0].groupId.
func (s *schema) fieldsBeside(path string) []string {
	at := s.Schema
	names := strings.Split(path, ".")
	for _, name := range names[:len(names)-1] {
		name, _, isItem := strings.Cut(name, "[")
		at = at.Properties[name]
		if isItem && at.Items != nil && at.Items.Schema != nil {
			at = *at.Items.Schema
		}
	}
	return slices.Sorted(maps.Keys(at.Properties))
}
