package status

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/plan"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// Next is the next step of the operator for a mapping.
type Next struct {
	Action Action `json:"action"`
	// Due is roughly when it is due, for a retry or a probe at the latest; nil if there is no time.
	Due *time.Time `json:"due"`
	// Text is a sentence about both.
	Text string `json:"text"`
}

// Action is a kind of step.
type Action string

// The actions.
const (
	// Send sends a change or a requested resync as soon as the account's limits permit it.
	Send Action = "Send"
	// Retry repeats a request that failed.
	Retry Action = "Retry"
	// Probe sends a single request with an account that can't be used.
	Probe Action = "Probe"
	// Resync sends the groups again after the resync interval.
	Resync Action = "Resync"
	// Wait waits for a change of an object.
	Wait Action = "Wait"
)

// backOff describes delays that double from first to limit with each failure.
type backOff struct{ first, limit time.Duration }

// The delays of rules R9 and R10.
var (
	retries           = backOff{plan.FirstRetry, plan.MaxRetry}
	denials           = backOff{plan.FirstDeniedRetry, plan.MaxDeniedRetry}
	unreachableProbes = backOff{time.Second, time.Minute}
	rightsInterval    = time.Minute
)

// longest returns an upper bound of the delay that is in force after failures for a time. All delays before it took at least as
// long as it does without jitter, except for the first. Jitter adds up to a quarter.
func (b backOff) longest(failing time.Duration) time.Duration {
	delay := min(b.first+max(failing, 0), b.limit)
	return min(delay+delay/4, b.limit)
}

// next returns the next step of the operator for a mapping, as far as the statuses show it. The account is nil if it could not be
// read.
func next(m *v1alpha1.AgentGroupMapping, account *v1alpha1.DeepCallAccount, now time.Time) Next {
	if m.Spec.Suspend {
		return Next{Action: Wait, Text: "No request is sent until the mapping is resumed: kubectl deepcall resume " + m.Name + " -n " + m.Namespace}
	}
	if account != nil && isBlocked(account) {
		return nextOfAccount(account, now)
	}
	ready := meta.FindStatusCondition(m.Status.Conditions, v1alpha1.ConditionReady)
	removal := Next{Action: Send, Text: "The removal of the groups is sent within seconds, or when the account's limits permit it"}
	if ready == nil || ready.ObservedGeneration != m.Generation {
		if m.DeletionTimestamp != nil {
			return removal
		}
		return Next{Action: Send, Text: "The latest change is sent within seconds, or when the account's limits permit it"}
	}
	switch entry, known := reason.Lookup(ready.Reason); {
	case ready.Reason == v1alpha1.ReasonAccountNotFound, ready.Reason == v1alpha1.ReasonAccountNotPermitted:
		return Next{Action: Wait, Text: "The mapping is sent when the account exists and permits it"}
	case ready.Reason == v1alpha1.ReasonAccountNotReady, ready.Reason == v1alpha1.ReasonPaused:
		return Next{Action: Wait, Text: "The mapping is sent when the account can be used"}
	case ready.Status != metav1.ConditionTrue && entry.Class == deepcall.Denied:
		return nextWithin(Retry, "A retry", denials.longest(since(ready, now)), now)
	case ready.Status != metav1.ConditionTrue && (!known || entry.Class == deepcall.Transient || ready.Reason == v1alpha1.ReasonWriteRejected):
		return nextWithin(Retry, "A retry", retries.longest(since(ready, now)), now)
	case m.DeletionTimestamp != nil:
		return removal
	case resyncRequested(m, account):
		return Next{Action: Send, Text: "The requested resync is sent within seconds, or when the account's limits permit it"}
	default:
		return nextResync(m, now)
	}
}

func nextResync(m *v1alpha1.AgentGroupMapping, now time.Time) Next {
	at := plan.NextResync(m).UTC()
	switch {
	case m.Spec.ResyncInterval == nil || m.Spec.ResyncInterval.Duration <= 0:
		return Next{Action: Wait, Text: "No resync is due, since spec.resyncInterval is 0s: the next request follows a change"}
	case at.IsZero():
		return Next{Action: Wait, Text: "Nothing is applied, so no resync is due: the next request follows a change"}
	case at.After(now):
		return Next{Action: Resync, Due: &at, Text: "A resync is due in about " + duration.HumanDuration(at.Sub(now))}
	default:
		return Next{Action: Resync, Due: &at, Text: fmt.Sprintf(
			"A resync has been due for about %s: it waits for the account's limits, or no operator runs (kubectl deepcall check)",
			duration.HumanDuration(now.Sub(at)))}
	}
}

// isBlocked reports whether requests for ready agents are not sent with the account now. While an account is being deleted,
// removals are still sent.
func isBlocked(account *v1alpha1.DeepCallAccount) bool {
	state := accountState(account)
	return !state.Ready && state.Reason != reason.Pending && state.Reason != v1alpha1.ReasonTerminating
}

// nextOfAccount returns the next step of the operator with an account that can't be used.
func nextOfAccount(account *v1alpha1.DeepCallAccount, now time.Time) Next {
	ready := meta.FindStatusCondition(account.Status.Conditions, v1alpha1.ConditionReady)
	failing := since(ready, now)
	entry, _ := reason.Lookup(ready.Reason)
	switch {
	case ready.Reason == v1alpha1.ReasonPaused:
		rest := deepcall.MaxRetryAfter - failing
		if rest <= 0 { // DeepCall asked to wait again
			rest = deepcall.MaxRetryAfter
		}
		return nextWithin(Probe, "The end of the pause that DeepCall asked for", rest, now)
	case ready.Reason == v1alpha1.ReasonUnreachable:
		return nextWithin(Probe, "While a mapping waits to be sent, a probe of the account", unreachableProbes.longest(failing), now)
	case entry.Class == deepcall.Denied:
		return nextWithin(Probe, "While a mapping waits to be sent, a probe of the account", denials.longest(failing), now)
	case ready.Reason == v1alpha1.ReasonSecretForbidden, ready.Reason == v1alpha1.ReasonCABundleForbidden:
		return nextWithin(Retry, "A new attempt to read the object", rightsInterval, now)
	default:
		return Next{Action: Wait, Text: "No request is sent until the account can be used"}
	}
}

func nextWithin(action Action, event string, limit time.Duration, now time.Time) Next {
	due := now.Add(limit).UTC()
	return Next{Action: action, Due: &due, Text: event + " is due within about " + duration.HumanDuration(limit)}
}

func since(condition *metav1.Condition, now time.Time) time.Duration {
	return now.Sub(condition.LastTransitionTime.Time)
}

// resyncRequested reports whether a requested resync of the mapping, or of all mappings of its account, is not answered yet.
func resyncRequested(m *v1alpha1.AgentGroupMapping, account *v1alpha1.DeepCallAccount) bool {
	if requested := v1alpha1.RequestedAt(m); requested != "" && requested != m.Status.LastHandledReconcileAt {
		return true
	}
	if account == nil {
		return false
	}
	all := account.ResyncRequestedTime()
	return account.HasUnhandledRequest() || all != nil && !all.Equal(m.Status.HandledResyncTime)
}
