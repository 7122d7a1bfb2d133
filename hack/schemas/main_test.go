package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
	"k8s.io/kube-openapi/pkg/validation/validate"
	"sigs.k8s.io/yaml"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// newValidators writes the schemas of the CRDs and returns validators by kind, of the library that the API server uses.
func newValidators(t *testing.T) map[string]*validate.SchemaValidator {
	t.Helper()
	crds, err := filepath.Glob(filepath.Join(testenv.Root(), "config", "crd", "bases", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	for _, crd := range crds {
		if err := writeSchemas(directory, crd); err != nil {
			t.Fatal(err)
		}
	}
	validators := map[string]*validate.SchemaValidator{}
	for _, kind := range []string{"AgentGroupMapping", "DeepCallAccount"} {
		content, err := os.ReadFile(filepath.Join(directory, strings.ToLower(kind)+"_v1alpha1.json"))
		if err != nil {
			t.Fatal(err)
		}
		var schema spec.Schema
		if err := json.Unmarshal(content, &schema); err != nil {
			t.Fatal(err)
		}
		validators[kind] = validate.NewSchemaValidator(&schema, nil, "", strfmt.Default)
	}
	return validators
}

func TestSchemas_accept_the_samples(t *testing.T) {
	validators, validated := newValidators(t), map[string]int{}
	for _, pattern := range []string{"config/samples/*.yaml", "config/argocd/example/*.yaml", "config/argocd/resource_customizations/*/*/testdata/*.yaml"} {
		files, err := filepath.Glob(filepath.Join(testenv.Root(), pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			opened, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer opened.Close()
			objects, err := testenv.DecodeYAML[map[string]any](opened)
			if err != nil {
				t.Fatal(err)
			}
			for _, object := range objects {
				kind, _ := object["kind"].(string)
				if validator, found := validators[kind]; found {
					validated[kind]++
					for _, err := range validator.Validate(object).Errors {
						t.Errorf("%s: %v", file, err)
					}
				}
			}
		}
	}
	if validated["AgentGroupMapping"] < 5 || validated["DeepCallAccount"] < 5 {
		t.Errorf("validated %v, want at least 5 objects of each kind", validated)
	}
}

func TestSchemas_reject(t *testing.T) {
	const mapping = `{apiVersion: telephony.deepcall.com/v1alpha1, kind: AgentGroupMapping, metadata: {name: asha}, spec: `
	cases := map[string]struct{ object, want string }{
		"a missing list of groups":     {mapping + `{accountRef: {name: acme}, agentID: "7"}}`, "spec.groups in body is required"},
		"a misspelt field":             {mapping + `{accountRef: {name: acme}, agentID: "7", groups: [], suspended: true}}`, "spec.suspended in body is a forbidden property"},
		"a misspelt field of a group":  {mapping + `{accountRef: {name: acme}, agentID: "7", groups: [{groupID: "90", receiveCalls: true}]}}`, "spec.groups[0].receiveCalls in body is a forbidden property"},
		"a number instead of a string": {mapping + `{accountRef: {name: acme}, agentID: 7, groups: []}}`, "spec.agentID in body must be of type string"},
		"an unknown removal policy":    {mapping + `{accountRef: {name: acme}, agentID: "7", groups: [], removalPolicy: Keep}}`, "spec.removalPolicy in body should be one of"},
		"another version":              {strings.Replace(mapping, "v1alpha1", "v1", 1) + `{accountRef: {name: acme}, agentID: "7", groups: []}}`, "apiVersion in body should be one of"},
		"an object without metadata":   {`{apiVersion: telephony.deepcall.com/v1alpha1, kind: AgentGroupMapping, spec: {accountRef: {name: acme}, agentID: "7", groups: []}}`, "metadata in body is required"},
	}
	validator := newValidators(t)["AgentGroupMapping"]
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var object map[string]any
			if err := yaml.Unmarshal([]byte(c.object), &object); err != nil {
				t.Fatal(err)
			}
			for _, err := range validator.Validate(object).Errors {
				if strings.Contains(err.Error(), c.want) {
					return
				}
			}
			t.Errorf("got %v, want %q", validator.Validate(object).Errors, c.want)
		})
	}
}

func TestConvert_rejects_keywords_that_a_JSON_schema_lacks(t *testing.T) {
	schema := map[string]any{"properties": map[string]any{"groups": map[string]any{
		"items": map[string]any{"nullable": true},
	}}}
	if err := convert(schema); err == nil || err.Error() != "groups: items: nullable is not supported" {
		t.Errorf("got %v", err)
	}
}
