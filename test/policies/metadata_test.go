package policies

import (
	"encoding/json"
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

const (
	finalizerRefused  = "only the operator adds the finalizers telephony.deepcall.com/stop-calls and telephony.deepcall.com/in-use."
	annotationRefused = "only the operator writes the annotation telephony.deepcall.com/attempted-groups."
)

// withMetadata is a mapping with the operator's finalizer and annotation.
func withMetadata() *v1alpha1.AgentGroupMapping {
	mapping := receivingMapping(open, "asha")
	mapping.Finalizers = []string{v1alpha1.StopCallsFinalizer}
	mapping.Annotations = map[string]string{v1alpha1.AttemptedGroupsAnnotation: "recorded"}
	return mapping
}

func TestOnlyTheOperatorWritesItsMetadata(t *testing.T) {
	bare, written := create(t, receivingMapping(open, "bare")), create(t, withMetadata())
	account := create(t, testenv.Account("acme", "https://v4-api.deepcall.com").In(open).Build())
	const annotate = `{"metadata":{"annotations":{"telephony.deepcall.com/attempted-groups":%s}}}`
	for _, test := range []struct {
		name, patch string
		object      client.Object
		want        string
	}{
		{"adds the finalizer of mappings", `{"metadata":{"finalizers":["telephony.deepcall.com/stop-calls"]}}`, bare, finalizerRefused},
		{"adds the finalizer of accounts", `{"metadata":{"finalizers":["telephony.deepcall.com/in-use"]}}`, account, finalizerRefused},
		{"adds it to others", `{"metadata":{"finalizers":["telephony.deepcall.com/stop-calls","telephony.deepcall.com/in-use"]}}`, written, finalizerRefused},
		{"adds another finalizer", `{"metadata":{"finalizers":["example.com/backup"]}}`, bare, ""},
		{"adds another finalizer to it", `{"metadata":{"finalizers":["example.com/backup","telephony.deepcall.com/stop-calls"]}}`, written, ""},
		{"removes the finalizer", `{"metadata":{"finalizers":null}}`, written, ""},
		{"adds the annotation", fmt.Sprintf(annotate, `"other"`), bare, annotationRefused},
		{"adds the annotation to an account", fmt.Sprintf(annotate, `"other"`), account, annotationRefused},
		{"changes the annotation", fmt.Sprintf(annotate, `"other"`), written, annotationRefused},
		{"sets the annotation to the same value", fmt.Sprintf(annotate, `"recorded"`), written, ""},
		{"removes the annotation", fmt.Sprintf(annotate, `null`), written, ""},
		{"requests a resync", `{"metadata":{"annotations":{"telephony.deepcall.com/reconcile-requested-at":"now"}}}`, written, ""},
		{"confirms the deletion", `{"metadata":{"annotations":{"telephony.deepcall.com/confirm-deletion":"true"}}}`, written, ""},
		{"edits the groups", `{"spec":{"groups":[]}}`, written, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			patch := func(name string) error {
				return as(name).Patch(t.Context(), test.object.DeepCopyObject().(client.Object), mergePatch(test.patch), client.DryRunAll)
			}
			expect(t, patch(user), test.want)
			expect(t, patch(operator), "")
		})
	}
}

// TestManifestsWithTheOperatorsMetadata applies manifests that were exported from the cluster.
func TestManifestsWithTheOperatorsMetadata(t *testing.T) {
	written := create(t, withMetadata())
	exported := func(name string, change func(*v1alpha1.AgentGroupMapping)) *v1alpha1.AgentGroupMapping {
		mapping := withMetadata()
		mapping.APIVersion, mapping.Kind, mapping.Name = v1alpha1.GroupVersion.String(), "AgentGroupMapping", name
		mapping.Status = v1alpha1.AgentGroupMappingStatus{}
		change(mapping)
		return mapping
	}
	unchanged := func(*v1alpha1.AgentGroupMapping) {}
	withoutFinalizers := func(m *v1alpha1.AgentGroupMapping) { m.Finalizers = nil }
	stale := func(m *v1alpha1.AgentGroupMapping) { m.Annotations[v1alpha1.AttemptedGroupsAnnotation] = "stale" }
	for _, test := range []struct {
		name     string
		manifest *v1alpha1.AgentGroupMapping
		want     string
	}{
		{"the same object", exported(written.Name, unchanged), ""},
		{"the same object with other groups", exported(written.Name, func(m *v1alpha1.AgentGroupMapping) { m.Spec.Groups = m.Spec.Groups[:1] }), ""},
		{"the same object with a former record", exported(written.Name, stale), annotationRefused},
		{"a copy", exported("copy", unchanged), finalizerRefused},
		{"a copy without finalizers", exported("copy", withoutFinalizers), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			text, err := json.Marshal(test.manifest)
			NewWithT(t).Expect(err).NotTo(HaveOccurred())
			apply := client.RawPatch(types.ApplyPatchType, text)
			expect(t, as(user).Patch(t.Context(), test.manifest, apply, client.FieldOwner("gitops"), client.ForceOwnership, client.DryRunAll), test.want)
		})
	}
	t.Run("a replaced object without metadata", func(t *testing.T) {
		replaced := written.DeepCopy()
		replaced.ObjectMeta = metav1.ObjectMeta{Name: written.Name, Namespace: written.Namespace, ResourceVersion: written.ResourceVersion}
		expect(t, as(user).Update(t.Context(), replaced, client.DryRunAll), "")
	})
}
