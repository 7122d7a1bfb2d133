package controller_test

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// summarize returns the conditions of a mapping or an account in one line, for example
// "Ready=False InvalidGroupData Stalled", and "pending" while the status is of an older generation.
func summarize(object any) string {
	switch o := object.(type) {
	case *v1alpha1.AgentGroupMapping:
		return summarizeConditions(o.Generation, o.Status.ObservedGeneration, o.Status.Conditions)
	case *v1alpha1.DeepCallAccount:
		return summarizeConditions(o.Generation, o.Status.ObservedGeneration, o.Status.Conditions)
	}
	return fmt.Sprintf("unexpected %T", object)
}

func summarizeConditions(generation, observed int64, conditions []metav1.Condition) string {
	if observed != generation {
		return "pending"
	}
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	if ready == nil {
		return "no Ready"
	}
	words := []string{fmt.Sprintf("Ready=%s %s", ready.Status, ready.Reason)}
	for _, kind := range []string{v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled} {
		if meta.FindStatusCondition(conditions, kind) != nil {
			words = append(words, kind)
		}
	}
	for _, condition := range conditions {
		if condition.ObservedGeneration != generation {
			words = append(words, fmt.Sprintf("%s has generation %d", condition.Type, condition.ObservedGeneration))
		}
	}
	return strings.Join(words, " ")
}
