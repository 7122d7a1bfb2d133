package controller

import (
	"maps"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

func TestTheCacheKeepsOfAMappingWhatTheOperatorReads(t *testing.T) {
	now := metav1.Now()
	read := &v1alpha1.AgentGroupMapping{
		ObjectMeta: metav1.ObjectMeta{
			Name: "asha", Namespace: "support", UID: "1", ResourceVersion: "9", Generation: 3, CreationTimestamp: now,
			DeletionTimestamp: &now, Finalizers: []string{v1alpha1.StopCallsFinalizer, "example.com/other"},
			Annotations: map[string]string{
				v1alpha1.AttemptedGroupsAnnotation: `{"attempt":4,"groups":["90"]}`, v1alpha1.ReconcileRequestedAtAnnotation: "now",
			},
		},
		Spec: v1alpha1.AgentGroupMappingSpec{AgentID: "7", Groups: []v1alpha1.AgentGroup{{GroupID: "90", ReceiveCall: true}}},
	}
	read.Status.Receiving, read.Status.AnsweredAttempt = "1/1", 3

	whole := read.DeepCopy()
	whole.Labels = map[string]string{"team": "support"}
	whole.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}
	whole.OwnerReferences = []metav1.OwnerReference{{Name: "roster"}}
	maps.Copy(whole.Annotations, map[string]string{"kubectl.kubernetes.io/last-applied-configuration": "{}"})
	lean, err := Lean(whole)
	if err != nil || !equality.Semantic.DeepEqual(lean, read) {
		t.Errorf("it keeps %+v, %v", lean, err)
	}

	others := &v1alpha1.AgentGroupMapping{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{"note": "x"}}}
	if _, err := Lean(others); err != nil || others.Annotations != nil {
		t.Errorf("of others' annotations it keeps %v, %v", slices.Collect(maps.Keys(others.Annotations)), err)
	}

	answered := read.DeepCopy()
	answered.Status.AnsweredAttempt = 4
	next := withAdds(answered, []string{"91"})
	if _, err := Lean(answered); err != nil || answered.Annotations[v1alpha1.AttemptedGroupsAnnotation] != "" {
		t.Errorf("of a record that was answered it keeps %v, %v", answered.Annotations, err)
	}
	if got := withAdds(answered, []string{"91"}); got.String() != next.String() {
		t.Errorf("without it, the next record is %s instead of %s", got, next)
	}

	gone := toolscache.DeletedFinalStateUnknown{Key: "support/asha"}
	if same, err := Lean(gone); err != nil || same != any(gone) {
		t.Errorf("what is gone becomes %v, %v", same, err)
	}
}
