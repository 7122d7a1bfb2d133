package transform

import (
	"maps"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/plan"
)

func TestMapping_keeps_what_the_operator_reads(t *testing.T) {
	now := metav1.Now()
	read := &v1alpha1.AgentGroupMapping{
		ObjectMeta: metav1.ObjectMeta{
			Name: "asha", Namespace: "support", UID: "1", ResourceVersion: "9", Generation: 3, CreationTimestamp: now,
			DeletionTimestamp: &now, Finalizers: []string{v1alpha1.StopCallsFinalizer, "example.com/other"},
			Annotations: map[string]string{
				v1alpha1.AttemptedGroupsAnnotation: `{"uid":"1","attempt":4,"groups":["90"]}`, v1alpha1.ReconcileRequestedAtAnnotation: "now",
			},
		},
		Spec: v1alpha1.AgentGroupMappingSpec{AgentID: "7", Groups: []v1alpha1.AgentGroup{{GroupID: "90", ReceiveCall: true}}},
	}
	read.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "deepcall-operator", Subresource: "status", Time: &now}}
	read.Status.ObservedUID, read.Status.Receiving, read.Status.AnsweredAttempt = "1", "1/1", 3

	complete := read.DeepCopy()
	complete.Labels = map[string]string{"team": "support"}
	complete.ManagedFields = append(complete.ManagedFields, metav1.ManagedFieldsEntry{Manager: "kubectl"})
	complete.ManagedFields[0].Operation, complete.ManagedFields[0].FieldsV1 = metav1.ManagedFieldsOperationUpdate, &metav1.FieldsV1{}
	complete.OwnerReferences = []metav1.OwnerReference{{Name: "roster"}}
	maps.Copy(complete.Annotations, map[string]string{"kubectl.kubernetes.io/last-applied-configuration": "{}"})
	stripped, err := Mapping(complete)
	if err != nil || !equality.Semantic.DeepEqual(stripped, read) {
		t.Errorf("it keeps %+v, %v", stripped, err)
	}

	others := &v1alpha1.AgentGroupMapping{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{"note": "x"}}}
	if _, err := Mapping(others); err != nil || others.Annotations != nil {
		t.Errorf("of annotations that it does not read it keeps %v, %v", slices.Collect(maps.Keys(others.Annotations)), err)
	}

	answered := read.DeepCopy()
	answered.Status.AnsweredAttempt = 4
	next := plan.Record(answered, []string{"91"})
	if _, err := Mapping(answered); err != nil || answered.Annotations[v1alpha1.AttemptedGroupsAnnotation] != "" {
		t.Errorf("of an answered record it keeps %v, %v", answered.Annotations, err)
	}
	if got := plan.Record(answered, []string{"91"}); got != next {
		t.Errorf("without it, the next record is %s, want %s", got, next)
	}

	restored := read.DeepCopy() // with the status of the object that was backed up
	restored.Status.ObservedUID, restored.Status.AnsweredAttempt = "former", 100
	if _, err := Mapping(restored); err != nil || restored.Annotations[v1alpha1.AttemptedGroupsAnnotation] == "" {
		t.Errorf("of a record that another object's status answers it keeps %v, %v", restored.Annotations, err)
	}

	gone := toolscache.DeletedFinalStateUnknown{Key: "support/asha"}
	if same, err := Mapping(gone); err != nil || same != any(gone) {
		t.Errorf("a tombstone becomes %v, %v", same, err)
	}
}

func TestAccount_keeps_what_the_operator_reads(t *testing.T) {
	now := metav1.Now()
	account := &v1alpha1.DeepCallAccount{ObjectMeta: metav1.ObjectMeta{
		Name: "acme", Labels: map[string]string{"team": "support"},
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl", Time: &now}, {Manager: "deepcall-operator", Subresource: "status", Time: &now}},
	}}
	want := account.DeepCopy()
	want.ManagedFields = want.ManagedFields[1:]
	if stripped, err := Account(account); err != nil || !equality.Semantic.DeepEqual(stripped, want) {
		t.Errorf("it keeps %+v, %v", stripped, err)
	}
	gone := toolscache.DeletedFinalStateUnknown{Key: "support/acme"}
	if same, err := Account(gone); err != nil || same != any(gone) {
		t.Errorf("a tombstone becomes %v, %v", same, err)
	}
}
