package command

import (
	"context"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/openapi"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/check"
)

var crdResource = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

func (c *checker) checkServer(context.Context) error {
	info, err := c.discovery.ServerVersion()
	if err != nil {
		return err
	}
	c.add(check.Server(info.GitVersion))
	return nil
}

func (c *checker) checkServed(ctx context.Context) error {
	list, err := c.discovery.ServerResourcesForGroupVersionWithContext(ctx, v1alpha1.GroupVersion.String())
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("discover the CRDs: %w", err)
	}
	var names []string
	if list != nil {
		for _, resource := range list.APIResources {
			names = append(names, resource.Name)
		}
	}
	result := check.Served(names)
	c.hasNoCRDs = result.State != check.OK
	c.add(result)
	return nil
}

// checkSchema compares the fields of the CRDs with those of this plugin. Unlike the CRDs, everyone can read the OpenAPI schema.
func (c *checker) checkSchema(context.Context) error {
	if c.hasNoCRDs {
		return nil
	}
	paths, err := c.discovery.OpenAPIV3().Paths()
	if err != nil {
		return c.addForbidden(err, "CRDs", "get", "/openapi/v3", clusterScoped)
	}
	document, found := paths["apis/"+v1alpha1.GroupVersion.String()]
	if !found {
		return nil // served since a moment ago
	}
	served, err := servedFields(document)
	if err != nil {
		return fmt.Errorf("read the schema of the CRDs: %w", err)
	}
	c.add(check.Schema(served))
	return nil
}

// servedFields returns the fields of spec and status of each kind.
func servedFields(document openapi.GroupVersion) (check.Fields, error) {
	data, err := document.Schema(runtime.ContentTypeJSON)
	if err != nil {
		return nil, err
	}
	type properties struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	var parsed struct {
		Components struct {
			Schemas map[string]struct {
				Kinds      []metav1.GroupVersionKind `json:"x-kubernetes-group-version-kind"`
				Properties map[string]properties     `json:"properties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(data, &parsed); err != nil {
		return nil, err
	}
	fields := check.Fields{}
	for _, object := range parsed.Components.Schemas {
		for _, kind := range object.Kinds {
			for _, part := range []string{"spec", "status"} {
				for name := range object.Properties[part].Properties {
					fields[kind.Kind+"."+part+"."+name] = true
				}
			}
		}
	}
	return fields, nil
}

// checkDefinitions checks the CRDs' conditions and versions.
func (c *checker) checkDefinitions(ctx context.Context) error {
	if c.hasNoCRDs {
		return nil
	}
	for _, resource := range []string{accountsResource, mappingsResource} {
		object, err := c.dynamic.Resource(crdResource).Get(ctx, resource+"."+v1alpha1.GroupVersion.Group, metav1.GetOptions{})
		if err != nil {
			return c.addForbidden(err, "CRD versions", "get", crdResource.Resource, clusterScoped)
		}
		c.add(check.Definition(newCRD(object)))
	}
	return nil
}

func newCRD(object *unstructured.Unstructured) check.CRD {
	crd := check.CRD{Name: object.GetName(), Version: object.GetLabels()["app.kubernetes.io/version"]}
	crd.Stored, _, _ = unstructured.NestedStringSlice(object.Object, "status", "storedVersions")
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	want := map[any]string{"Established": "True", "NamesAccepted": "True", "NonStructuralSchema": "False", "Terminating": "False"}
	for _, item := range conditions {
		condition, _ := item.(map[string]any)
		if status, found := want[condition["type"]]; found && condition["status"] != status {
			crd.Problem = fmt.Sprintf("%v is %v: %v", condition["type"], condition["status"], condition["message"])
			break
		}
	}
	return crd
}
