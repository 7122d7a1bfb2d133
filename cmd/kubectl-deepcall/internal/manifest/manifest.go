// Package manifest converts manifests to mappings and accounts, and rejects those that the API server would reject. It does no
// I/O.
package manifest

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// Converter converts objects with the schemas of the CRDs. Of their CEL rules it checks those of durations,
// endpoints, allowed namespaces and CA bundles.
type Converter struct {
	schemas map[string]*schema
}

// NewConverter returns a Converter.
func NewConverter() (*Converter, error) {
	schemas, err := loadSchemas()
	return &Converter{schemas}, err
}

// IsOurs reports whether the object is of the operator's API, or its kind is: its group can be misspelt.
func (c *Converter) IsOurs(object *unstructured.Unstructured) bool {
	return object.GroupVersionKind().Group == v1alpha1.GroupVersion.Group || c.schemas[object.GetKind()] != nil
}

// Mapping converts a mapping, and returns the problems for which the API server would reject it.
func (c *Converter) Mapping(object *unstructured.Unstructured) (*v1alpha1.AgentGroupMapping, []string) {
	m := &v1alpha1.AgentGroupMapping{}
	problems := c.convert(object, m)
	if interval := m.Spec.ResyncInterval; interval != nil && interval.Duration != 0 && interval.Duration < time.Minute {
		problems = append(problems, "spec.resyncInterval must be at least 1m, for example 1h, or 0s to disable resyncs")
	}
	declared := map[string]bool{}
	for i, group := range m.Spec.Groups {
		if declared[group.GroupID] {
			problems = append(problems, fmt.Sprintf("spec.groups[%d]: group %q is declared twice", i, group.GroupID))
		}
		declared[group.GroupID] = true
	}
	return m, problems
}

// Account converts an account, and returns the problems for which the API server would reject it.
func (c *Converter) Account(object *unstructured.Unstructured) (*v1alpha1.DeepCallAccount, []string) {
	a := &v1alpha1.DeepCallAccount{}
	problems := c.convert(object, a)
	if timeout := a.Spec.RequestTimeout; timeout != nil && (timeout.Duration <= 0 || timeout.Duration > 9*time.Second) {
		problems = append(problems, "spec.requestTimeout must be more than 0s and at most 9s, for example 8s")
	}
	if endpoint := a.Spec.Endpoint; endpoint != "" {
		problems = append(problems, endpointProblems(endpoint)...)
	}
	if allowed := a.Spec.AllowedNamespaces; (allowed.Selector != nil) != (allowed.From == v1alpha1.NamespacesFromSelector) {
		problems = append(problems, "spec.allowedNamespaces.selector is required if from is Selector, and forbidden otherwise")
	}
	if a.Spec.CABundle != nil && a.Spec.CABundleRef != (v1alpha1.CABundleReference{}) {
		problems = append(problems, "spec.caBundle and spec.caBundleRef are mutually exclusive: set one of them")
	}
	return a, problems
}

// endpointProblems returns why the API server or the operator would reject an endpoint.
func endpointProblems(endpoint string) []string {
	var invalid *deepcall.EndpointError
	switch {
	case strings.Contains(endpoint, "@"):
		return []string{"spec.endpoint must not contain user info ('@'): credentials belong in the Secret of credentialsSecretRef"}
	case strings.ContainsFunc(endpoint, func(r rune) bool { return r < '!' || r > '~' }):
		return []string{"spec.endpoint must not contain spaces, or characters other than ASCII"}
	case errors.As(deepcall.ValidateEndpoint(endpoint), &invalid):
		return []string{"spec.endpoint " + invalid.Problem}
	}
	return nil
}

// convert converts an object without its status, which applying a manifest does not change.
func (c *Converter) convert(object *unstructured.Unstructured, into any) []string {
	content := maps.Clone(object.UnstructuredContent())
	delete(content, "status")
	s := c.schemas[object.GetKind()]
	if s == nil || object.GetAPIVersion() != v1alpha1.GroupVersion.String() {
		return []string{fmt.Sprintf("unknown kind %s of %s; the kinds are AgentGroupMapping and DeepCallAccount of %s",
			object.GetKind(), object.GetAPIVersion(), v1alpha1.GroupVersion)}
	}
	if hasNull(content) { // few have: the copy would cost memory
		content = withoutNulls(content, s.Schema)
	}
	err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(content, into, true)
	problems := s.explain(err)
	problems = append(problems, s.validate(content)...)
	if err != nil && len(problems) == 0 {
		problems = append(problems, err.Error())
	}
	for _, invalid := range validation.IsDNS1123Subdomain(object.GetName()) {
		problems = append(problems, "metadata.name "+invalid)
	}
	return problems
}

// explain returns the unknown fields of a strict decoding error, with those that are known.
func (s *schema) explain(err error) []string {
	strict, ok := runtime.AsStrictDecodingError(err)
	if !ok {
		return nil
	}
	var problems []string
	for _, err := range strict.Errors() {
		text := err.Error()
		path := strings.TrimSuffix(strings.TrimPrefix(text, `unknown field "`), `"`)
		if known := s.fieldsBeside(path); len(known) > 0 {
			text += ", known are " + strings.Join(known, ", ")
		}
		problems = append(problems, text)
	}
	return problems
}
