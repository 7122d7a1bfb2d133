package api

import (
	"context"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// TestMappingsStoredWithoutGroups checks that mappings from before spec.groups was required don't block the operator: it
// can write their status and metadata, and they can be deleted.
func TestMappingsStoredWithoutGroups(t *testing.T) {
	storeWithoutGroups(t, "legacy")
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	operator, err := client.New(plane.Config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	stored := &v1alpha1.AgentGroupMapping{}
	get := func(t *testing.T) {
		t.Helper()
		if err := operator.Get(t.Context(), client.ObjectKey{Namespace: metav1.NamespaceDefault, Name: "legacy"}, stored); err != nil {
			t.Fatal(err)
		}
	}
	patch := func(t *testing.T, change func()) {
		t.Helper()
		get(t)
		before := stored.DeepCopy()
		change()
		if err := operator.Patch(t.Context(), stored, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
			t.Error(err)
		}
	}
	t.Run("accept a finalizer and an annotation", func(t *testing.T) {
		patch(t, func() {
			controllerutil.AddFinalizer(stored, v1alpha1.StopCallsFinalizer)
			stored.Annotations = map[string]string{v1alpha1.AttemptedGroupsAnnotation: "{}"}
		})
	})
	t.Run("accept a status", func(t *testing.T) {
		get(t)
		stored.Status.ObservedGeneration, stored.Status.Receiving = 1, "0/0"
		if err := operator.Status().Update(t.Context(), stored); err != nil {
			t.Error(err)
		}
	})
	t.Run("reject an edit of the spec until it has groups", func(t *testing.T) {
		get(t)
		expectInvalid(t, operator.Patch(t.Context(), stored, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"suspend":true}}`))), "spec.groups", "Required")
		edit := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"suspend":true,"groups":[]}}`))
		if err := operator.Patch(t.Context(), stored, edit, client.DryRunAll); err != nil {
			t.Error(err)
		}
	})
	t.Run("can be deleted", func(t *testing.T) {
		get(t)
		if err := operator.Delete(t.Context(), stored); err != nil {
			t.Fatal(err)
		}
		get(t)
		stored.Status.Receiving = "1/1"
		if err := operator.Status().Update(t.Context(), stored); err != nil {
			t.Error(err)
		}
		patch(t, func() { controllerutil.RemoveFinalizer(stored, v1alpha1.StopCallsFinalizer) })
		if err := operator.Get(t.Context(), client.ObjectKeyFromObject(stored), stored); client.IgnoreNotFound(err) != nil || err == nil {
			t.Errorf("got %v, want it to be gone", err)
		}
	})
}

// storeWithoutGroups creates a mapping without spec.groups while the CRD doesn't require the field.
func storeWithoutGroups(t *testing.T, name string) {
	t.Helper()
	legacy := mapping.with(t, name, `groups: null`)
	requireGroups(t, false)
	defer requireGroups(t, true)
	if err := admin.Create(t.Context(), legacy); err != nil {
		t.Fatal(err)
	}
}

// requireGroups sets whether the CRD requires spec.groups, and waits until that is in force.
func requireGroups(t *testing.T, required bool) {
	t.Helper()
	crd := &unstructured.Unstructured{}
	crd.SetAPIVersion("apiextensions.k8s.io/v1")
	crd.SetKind("CustomResourceDefinition")
	if err := admin.Get(t.Context(), client.ObjectKey{Name: "agentgroupmappings.telephony.deepcall.com"}, crd); err != nil {
		t.Fatal(err)
	}
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	path := []string{"schema", "openAPIV3Schema", "properties", "spec", "required"}
	fields, _, _ := unstructured.NestedStringSlice(versions[0].(map[string]any), path...)
	fields = slices.DeleteFunc(fields, func(field string) bool { return field == "groups" })
	if required {
		fields = append(fields, "groups")
	}
	if err := unstructured.SetNestedStringSlice(versions[0].(map[string]any), fields, path...); err != nil {
		t.Fatal(err)
	}
	if err := unstructured.SetNestedSlice(crd.Object, versions, "spec", "versions"); err != nil {
		t.Fatal(err)
	}
	if err := admin.Update(t.Context(), crd); err != nil {
		t.Fatal(err)
	}
	probe := mapping.with(t, "probe", `groups: null`)
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		err := admin.Create(t.Context(), probe.DeepCopy(), client.DryRunAll)
		return (err != nil) == required, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
