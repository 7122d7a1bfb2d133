package reliability

import (
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

// reasonsOf returns the reasons of a class of failures.
func reasonsOf(class deepcall.Class) []string {
	var reasons []string
	for _, entry := range deepcall.Catalogue() {
		if entry.Class == class {
			reasons = append(reasons, entry.Reason)
		}
	}
	return reasons
}

// repair ends all faults: DeepCall works and has every group, the Secrets are valid, the accounts exist and allow all
// namespaces, and no mapping is suspended or declares a group that does not exist.
func (r *runner) repair() {
	r.env.ledger.disarm()
	r.changeGroups(func(s *deepcalltest.Server) {
		s.ClearFaults()
		s.Release()
		s.AddGroups(groupIDs...)
		for agent := range agentAccounts {
			s.AddAgents(agent)
		}
		for _, user := range r.users {
			s.Suspend(user, false)
			s.Deny(user, false)
		}
	})
	for _, account := range accountNames {
		r.setSecret(account, "valid")
		r.recreateAccount(account)
		r.allowNamespaces(account, string(v1alpha1.NamespacesFromAll))
	}
	for _, f := range mappingFixtures {
		r.edit(f.name, func(m *v1alpha1.AgentGroupMapping) {
			dropGroup(unknownGroup)(m)
			m.Spec.Suspend = false
		})
	}
}

// recreateAccount creates an account that was deleted. If its deletion has not ended, the mappings that use it are
// deleted first.
func (r *runner) recreateAccount(account string) {
	existing := &v1alpha1.DeepCallAccount{}
	err := k8sClient.Get(r.env.ctx, r.env.key(account), existing)
	if err == nil && existing.DeletionTimestamp == nil {
		return
	}
	if err == nil {
		r.deleteMappings(account)
		r.waitFor("the account "+account+" is deleted", func() string {
			if apierrors.IsNotFound(k8sClient.Get(r.env.ctx, r.env.key(account), existing)) {
				return ""
			}
			return "I7: it is " + accountSummary(existing) + "\n" + r.describe()
		})
	}
	r.createAccount(account)
}

// waitFor waits for a condition as [environment.waitFor] does. Meanwhile it requests reconciles as a user would.
func (r *runner) waitFor(condition string, unmet func() string) {
	requester := reconcileRequester{runner: r, requests: map[string]int{}, chances: map[string]int{}}
	problem := "the condition was not evaluated"
	if !r.env.poll(patience, func() bool { requester.requestReconciles(); problem = unmet(); return problem == "" }) {
		r.t.Fatalf("timed out waiting until %s: %s", condition, problem)
	}
}

// reconcileRequester requests reconciles of objects that DeepCall denied or rejected before the repair.
type reconcileRequester struct {
	runner   *runner
	requests map[string]int // by object
	chances  map[string]int // how often the object could have been requested since its last request
	last     time.Time
}

const maxReconcileRequests = 4

func (q *reconcileRequester) requestReconciles() {
	if time.Since(q.last) < 100*time.Millisecond {
		return
	}
	q.last = time.Now()
	retryAll := q.runner.sequence.RetryAll
	for key, account := range q.runner.env.history.accounts() {
		name := q.runner.objectName(key)
		// The message of an account that is being deleted states that it is denied.
		stalled := account.DeletionTimestamp != nil || account.Status.ObservedGeneration == account.Generation &&
			meta.IsStatusConditionTrue(account.Status.Conditions, v1alpha1.ConditionStalled)
		notReady := meta.IsStatusConditionFalse(account.Status.Conditions, v1alpha1.ConditionReady)
		if (stalled || retryAll && notReady) && q.allow(name, 1+q.requests[name]*5) {
			q.runner.retryAccount(name)
		}
	}
	for key, mapping := range q.runner.env.history.mappings() {
		name := q.runner.objectName(key)
		pending := mapping.Annotations[v1alpha1.ReconcileRequestedAtAnnotation] != mapping.Status.LastHandledReconcileAt
		if (isRejected(mapping) || isDenied(mapping) || retryAll && isFailing(mapping)) && !pending && q.allow(name, 1) {
			q.runner.requestResync(name)
		}
	}
}

// allow allows every n-th request for an object, up to maxReconcileRequests.
func (q *reconcileRequester) allow(name string, n int) bool {
	q.chances[name]++
	if q.requests[name] >= maxReconcileRequests || q.chances[name] < n {
		return false
	}
	q.requests[name]++
	q.chances[name] = 0
	return true
}

// isRejected reports whether DeepCall rejected the current generation of a mapping.
func isRejected(mapping *v1alpha1.AgentGroupMapping) bool {
	stalled := meta.FindStatusCondition(mapping.Status.Conditions, v1alpha1.ConditionStalled)
	return stalled != nil && stalled.ObservedGeneration == mapping.Generation && slices.Contains(reasonsOf(deepcall.Rejected), stalled.Reason)
}

// isDenied reports whether DeepCall denied the agent of a mapping, but not the account.
func isDenied(mapping *v1alpha1.AgentGroupMapping) bool {
	ready := meta.FindStatusCondition(mapping.Status.Conditions, v1alpha1.ConditionReady)
	return ready != nil && slices.Contains(reasonsOf(deepcall.Denied), ready.Reason)
}

// isFailing reports whether a mapping is not Ready, except for a conflict.
func isFailing(mapping *v1alpha1.AgentGroupMapping) bool {
	ready := meta.FindStatusCondition(mapping.Status.Conditions, v1alpha1.ConditionReady)
	return ready != nil && ready.Status == metav1.ConditionFalse && ready.Reason != v1alpha1.ReasonConflict
}
