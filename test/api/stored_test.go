package api

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// TestMappingsStoredWithoutGroups checks that mappings from before spec.groups was required don't block the operator: it
// can write their status and metadata, and they can be deleted.
func TestMappingsStoredWithoutGroups(t *testing.T) {
	storeWithoutGroups(t, "legacy")
	scheme := runtime.NewScheme()
	NewWithT(t).Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	operator, err := client.New(plane.Config, client.Options{Scheme: scheme})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	stored := &v1alpha1.AgentGroupMapping{}
	get := func() error {
		return operator.Get(t.Context(), client.ObjectKey{Namespace: metav1.NamespaceDefault, Name: "legacy"}, stored)
	}
	patch := func(g Gomega, change func()) {
		g.Expect(get()).To(Succeed())
		before := stored.DeepCopy()
		change()
		g.Expect(operator.Patch(t.Context(), stored, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))).To(Succeed())
	}
	updateStatus := func(g Gomega, receiving string) {
		g.Expect(get()).To(Succeed())
		stored.Status.ObservedGeneration, stored.Status.Receiving = 1, receiving
		g.Expect(operator.Status().Update(t.Context(), stored)).To(Succeed())
	}
	t.Run("accept a finalizer and an annotation", func(t *testing.T) {
		patch(NewWithT(t), func() {
			controllerutil.AddFinalizer(stored, v1alpha1.StopCallsFinalizer)
			stored.Annotations = map[string]string{v1alpha1.AttemptedGroupsAnnotation: "{}"}
		})
	})
	t.Run("accept a status", func(t *testing.T) { updateStatus(NewWithT(t), "0/0") })
	t.Run("reject an edit of the spec until it has groups", func(t *testing.T) {
		g := NewWithT(t)
		g.Expect(get()).To(Succeed())
		expectInvalid(t, operator.Patch(t.Context(), stored, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"suspend":true}}`))), "spec.groups", "Required")
		edit := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"suspend":true,"groups":[]}}`))
		g.Expect(operator.Patch(t.Context(), stored, edit, client.DryRunAll)).To(Succeed())
	})
	t.Run("can be deleted", func(t *testing.T) {
		g := NewWithT(t)
		g.Expect(get()).To(Succeed())
		g.Expect(operator.Delete(t.Context(), stored)).To(Succeed())
		updateStatus(g, "1/1")
		patch(g, func() { controllerutil.RemoveFinalizer(stored, v1alpha1.StopCallsFinalizer) })
		g.Expect(get()).To(MatchError(apierrors.IsNotFound, "IsNotFound"))
	})
}

// storeWithoutGroups creates a mapping without spec.groups while the CRD doesn't require the field.
func storeWithoutGroups(t *testing.T, name string) {
	t.Helper()
	const required = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/required"
	requireGroups(t, false, `[{"op":"test","path":"`+required+`/2","value":"groups"}, {"op":"remove","path":"`+required+`/2"}]`)
	defer requireGroups(t, true, `[{"op":"add","path":"`+required+`/2","value":"groups"}]`)
	NewWithT(t).Expect(admin.Create(t.Context(), mapping.with(t, name, `groups: null`))).To(Succeed())
}

// requireGroups patches whether the CRD requires spec.groups, and waits until that is in force.
func requireGroups(t *testing.T, required bool, patch string) {
	t.Helper()
	g := NewWithT(t)
	g.Expect(admin.Patch(t.Context(), newCRD("agentgroupmappings"), client.RawPatch(types.JSONPatchType, []byte(patch)))).To(Succeed())
	probe := mapping.with(t, "probe", `groups: null`)
	g.Eventually(func() bool {
		return admin.Create(t.Context(), probe.DeepCopy(), client.DryRunAll) != nil
	}).WithTimeout(time.Minute).WithPolling(50 * time.Millisecond).Should(Equal(required))
}
