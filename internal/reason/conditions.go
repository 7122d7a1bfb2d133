package reason

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// SetConditions sets Ready and, depending on the reason, Reconciling or Stalled. The time of a condition changes only with its
// status.
func SetConditions(conditions *[]metav1.Condition, s Summary, generation int64, now time.Time) {
	set := func(conditionType string, status metav1.ConditionStatus) {
		meta.SetStatusCondition(conditions, metav1.Condition{
			Type: conditionType, Status: status, Reason: s.Reason, Message: s.Message,
			ObservedGeneration: generation, LastTransitionTime: metav1.NewTime(now),
		})
	}
	entry := lookupOrTransient(s.Reason)
	set(v1alpha1.ConditionReady, entry.Ready)
	for _, conditionType := range []string{v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled} {
		if conditionType == entry.Condition {
			set(conditionType, metav1.ConditionTrue)
		} else {
			meta.RemoveStatusCondition(conditions, conditionType)
		}
	}
}

// lookupOrTransient returns the entry of a reason. A reason that is not in the table is treated as a transient error, as is one
// that Ready can't have: users can write any reason into a status, and Ready needs a value.
func lookupOrTransient(reason string) Entry {
	if entry, ok := Lookup(reason); ok && entry.Ready != "" {
		return entry
	}
	return fromAnswer(deepcall.Entry{Reason: reason, Class: deepcall.Transient})
}

// Of returns the summary that the conditions of a generation state; empty if they are of another generation.
func Of(conditions []metav1.Condition, generation int64) Summary {
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.ObservedGeneration != generation {
		return Summary{}
	}
	return Summary{Reason: ready.Reason, Message: ready.Message}
}

// Rejected reports whether the conditions state that DeepCall rejected this generation.
func Rejected(conditions []metav1.Condition, generation int64) bool {
	stalled := meta.FindStatusCondition(conditions, v1alpha1.ConditionStalled)
	return stalled != nil && stalled.ObservedGeneration == generation && byReason[stalled.Reason].Class == deepcall.Rejected
}

// Transition returns the event that a change of conditions records. It reports false if there is none, as for an object that
// becomes ready for the first time.
func Transition(before, after []metav1.Condition) (eventType, reason, note string, ok bool) {
	was := meta.FindStatusCondition(before, v1alpha1.ConditionReady)
	is := meta.FindStatusCondition(after, v1alpha1.ConditionReady)
	if is == nil {
		return "", "", "", false
	}
	entry := lookupOrTransient(is.Reason)
	switch {
	case entry.Event == NoEvent:
	case is.Status == metav1.ConditionFalse && (was == nil || was.Reason != is.Reason || was.Message != is.Message):
		return string(Warning), is.Reason, withRemedy(entry, is.Message), true
	case is.Status == metav1.ConditionTrue && was != nil && was.Status == metav1.ConditionFalse &&
		lookupOrTransient(was.Reason).Event != NoEvent:
		return string(Recovery), is.Reason, is.Message, true
	}
	return "", "", "", false
}

// withRemedy adds the remedy to DeepCall's messages. The operator's own messages contain it.
func withRemedy(entry Entry, message string) string {
	if entry.Class == Operator || entry.Remedy == "" {
		return message
	}
	return message + ". " + entry.Remedy
}

// MetricLabel returns the reason as a metric label: itself if a mapping's Ready condition can have it, else "Other".
// Users can write any reason into a status, so other reasons would make the number of series unbounded.
func MetricLabel(reason string) string {
	switch entry := byReason[reason]; {
	case entry.Object == Mapping, entry.Object == Shared, entry.Class == deepcall.Denied: // a mapping has the latter if its agent alone is denied
		return reason
	default:
		return "Other"
	}
}
