package controller

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// Actions of events: what the operator was about when the event happened.
const (
	actionSync  = "Sync"
	actionCheck = "Check"
)

// announce tells of a mapping that came to need a person's eye, or came out of it. That a new
// mapping is Ready is told by its status alone, and what hinders its account by the account.
func (r *AgentReconciler) announce(before, after *v1alpha1.AgentGroupMapping) {
	if after.DeletionTimestamp != nil {
		return // in a namespace that ends, events are refused
	}
	quiet := func(reason string) bool {
		return reason == v1alpha1.ReasonAccountNotReady || reason == v1alpha1.ReasonSuspended
	}
	announce(r.Events, after, before.Status.Conditions, after.Status.Conditions, actionSync, quiet)
}

func announceAccount(recorder events.EventRecorder, before, after *v1alpha1.DeepCallAccount) {
	if after.DeletionTimestamp != nil {
		return
	}
	announce(recorder, after, before.Status.Conditions, after.Status.Conditions, actionCheck, func(string) bool { return false })
}

func announce(recorder events.EventRecorder, obj client.Object, before, after []metav1.Condition, action string, quiet func(string) bool) {
	was := meta.FindStatusCondition(before, v1alpha1.ConditionReady)
	is := meta.FindStatusCondition(after, v1alpha1.ConditionReady)
	switch {
	case is == nil || quiet(is.Reason):
	case is.Status == metav1.ConditionFalse && (was == nil || was.Reason != is.Reason || was.Message != is.Message):
		recorder.Eventf(obj, nil, corev1.EventTypeWarning, is.Reason, action, "%s", withRemedy(is.Reason, is.Message))
	case is.Status == metav1.ConditionTrue && was != nil && was.Status == metav1.ConditionFalse && !quiet(was.Reason):
		recorder.Eventf(obj, nil, corev1.EventTypeNormal, is.Reason, action, "%s", is.Message)
	}
}

// withRemedy adds to DeepCall's words what the catalogue knows of who acts, and how. The operator's own
// messages say so themselves.
func withRemedy(reason, message string) string {
	if remedy, listed := remedies[reason]; listed {
		return message + ". " + remedy
	}
	return message
}

var remedies = func() map[string]string {
	byReason := map[string]string{}
	for _, entry := range deepcall.Catalogue() {
		byReason[entry.Reason] = entry.Remedy
	}
	return byReason
}()
