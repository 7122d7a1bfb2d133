package controller

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// verdict is all that the conditions of an object say. Nothing in it is volatile: the same
// state has the same words.
type verdict struct {
	ready           bool
	reason, message string
	// progress is Reconciling, Stalled or empty.
	progress string
}

func synced() verdict {
	return verdict{ready: true, reason: v1alpha1.ReasonSynced, message: "DeepCall confirmed the declared groups"}
}

func nothingToSend() verdict {
	return verdict{ready: true, reason: v1alpha1.ReasonSynced, message: "No groups are declared, and none are left to remove"}
}

func conflict(groups []string) verdict {
	return verdict{
		reason: v1alpha1.ReasonConflict, progress: v1alpha1.ConditionStalled,
		message: fmt.Sprintf("Another mapping of this agent holds %s; take %s out of one of the two",
			listed(groups), pronoun(groups)),
	}
}

func suspended() verdict {
	return verdict{
		reason:  v1alpha1.ReasonSuspended,
		message: "The mapping is suspended, and its spec is not what DeepCall last confirmed; set spec.suspend to false to send it",
	}
}

func accountNotFound(name string) verdict {
	return verdict{
		reason: v1alpha1.ReasonAccountNotFound, progress: v1alpha1.ConditionReconciling,
		message: fmt.Sprintf("There is no DeepCallAccount %q in this namespace; create it, or make a new mapping with the right spec.accountRef", name),
	}
}

func accountNotPermitted() verdict {
	return verdict{
		reason: v1alpha1.ReasonAccountNotPermitted, progress: v1alpha1.ConditionStalled,
		message: "The account does not exist, or does not allow mappings of this namespace; its owner can allow them in spec.allowedNamespaces, " +
			"or make a new mapping with the right spec.accountRef",
	}
}

// accountNotReady tells a mapping of the namespace where to look for the cause.
func accountNotReady(account types.NamespacedName, namespace string) verdict {
	where := ""
	if account.Namespace != namespace {
		where = " -n " + account.Namespace
	}
	return verdict{
		reason: v1alpha1.ReasonAccountNotReady, progress: v1alpha1.ConditionReconciling,
		message: fmt.Sprintf("The DeepCallAccount %q can't be used now; kubectl describe dca %s%s tells why", account.Name, account.Name, where),
	}
}

// refused is DeepCall's own no to what a mapping declares.
func refused(failure *deepcall.Error) verdict {
	return verdict{reason: failure.Reason, message: failure.Message, progress: v1alpha1.ConditionStalled}
}

// failing is a failure that may pass by itself.
func failing(failure *deepcall.Error) verdict {
	return verdict{reason: failure.Reason, message: failure.Message, progress: v1alpha1.ConditionReconciling}
}

// deletionWaits follows the words of what hinders a deletion.
const deletionWaits = ". The deletion waits until DeepCall was told to stop the agent's calls; " +
	"to delete without that, set spec.removalPolicy to Orphan"

// removing adds to a verdict, once, what its object's deletion waits for.
func (v verdict) removing() verdict {
	v.message = strings.TrimSuffix(v.message, deletionWaits) + deletionWaits
	return v
}

// apply derives all conditions from the verdict. A condition's time moves only with its status.
func (v verdict) apply(conditions *[]metav1.Condition, generation int64, now time.Time) {
	status := metav1.ConditionFalse
	if v.ready {
		status = metav1.ConditionTrue
	}
	set := func(kind string, status metav1.ConditionStatus) {
		meta.SetStatusCondition(conditions, metav1.Condition{
			Type: kind, Status: status, Reason: v.reason, Message: v.message,
			ObservedGeneration: generation, LastTransitionTime: metav1.NewTime(now),
		})
	}
	set(v1alpha1.ConditionReady, status)
	for _, kind := range []string{v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled} {
		if v.progress == kind {
			set(kind, metav1.ConditionTrue)
		} else {
			meta.RemoveStatusCondition(conditions, kind)
		}
	}
}

// refusedByDeepCall is true when the conditions tell of DeepCall's no to this generation.
func refusedByDeepCall(conditions []metav1.Condition, generation int64) bool {
	stalled := meta.FindStatusCondition(conditions, v1alpha1.ConditionStalled)
	return stalled != nil && stalled.ObservedGeneration == generation && slices.Contains(rejections, stalled.Reason)
}

// rejections are the reasons by which DeepCall refuses what a mapping declares.
var rejections = func() []string {
	var reasons []string
	for _, entry := range deepcall.Catalogue() {
		if entry.Class == deepcall.Rejected {
			reasons = append(reasons, entry.Reason)
		}
	}
	return reasons
}()

const listedAtMost = 10

func listed(groups []string) string {
	word := "group "
	if len(groups) > 1 {
		word = "groups "
	}
	if len(groups) > listedAtMost {
		return fmt.Sprintf("%s%s and %d more", word, strings.Join(groups[:listedAtMost], ", "), len(groups)-listedAtMost)
	}
	return word + strings.Join(groups, ", ")
}

func pronoun(groups []string) string {
	if len(groups) > 1 {
		return "them"
	}
	return "it"
}
