package year

import (
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// syncTimeout is the longest time that an edit or deletion takes while the account has no fault.
const syncTimeout = minute

// checkInvariants compares every status with the state of DeepCall. The manager must be idle.
func (e *testEnv) checkInvariants() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, f := range e.fixtures {
		mapping := e.storedMapping(f)
		switch {
		case mapping == nil:
		case mapping.DeletionTimestamp != nil:
			e.checkDeletion(f, mapping)
		case isReady(mapping):
			e.checkReady(f, mapping)
		default:
			e.checkNotReady(f, mapping)
		}
	}
	for _, name := range []types.NamespacedName{acme, beta} {
		e.checkAccount(name)
		e.checkUndeclaredGroups(name)
	}
}

func isReady(mapping *v1alpha1.AgentGroupMapping) bool {
	ready := meta.FindStatusCondition(mapping.Status.Conditions, v1alpha1.ConditionReady)
	return ready != nil && ready.Status == metav1.ConditionTrue && mapping.Status.ObservedGeneration == mapping.Generation
}

// checkReady checks that DeepCall has the groups of a Ready mapping, except for drift that no resync had to
// correct yet.
func (e *testEnv) checkReady(f fixture, mapping *v1alpha1.AgentGroupMapping) {
	groups := e.simulators[f.account.Name].groups(f.agent)
	for _, group := range mapping.Spec.Groups {
		if groups[group.GroupID] == yesNo(group.ReceiveCall) {
			continue
		}
		since, known := e.mismatches[f.agentKey()][group.GroupID]
		switch {
		case !known:
			e.violateLocked("status: %s is Ready, but DeepCall has %q for group %s", f, groups[group.GroupID], group.GroupID)
		case !mapping.Spec.Suspend && !e.hasDeletedGroup(f, time.Now()) && e.resyncOverdue(f, since, time.Now()):
			e.violateLocked("drift: group %s of %s differs in DeepCall since %s; its interval is %s", group.GroupID, f, formatTime(since), f.interval)
		}
	}
}

// checkNotReady checks that there is a cause for a mapping not to be Ready.
func (e *testEnv) checkNotReady(f fixture, mapping *v1alpha1.AgentGroupMapping) {
	now, reason := time.Now(), "no condition"
	if ready := meta.FindStatusCondition(mapping.Status.Conditions, v1alpha1.ConditionReady); ready != nil {
		reason = ready.Reason
	}
	switch {
	case now.Before(e.editedAt[f.NamespacedName].Add(syncTimeout)):
	case mapping.Spec.Suspend && reason == v1alpha1.ReasonSuspended:
	case reason == "InvalidGroupData" && e.hasDeletedGroup(f, now):
	case reason != "InvalidGroupData" && len(e.faultsBetween(f.account.Name, now, now)) > 0:
	default:
		e.violateLocked("status: %s is not Ready (%s) without a cause", f, reason)
	}
}

// checkDeletion checks that a deletion ends, unless the account has a fault.
func (e *testEnv) checkDeletion(f fixture, mapping *v1alpha1.AgentGroupMapping) {
	since := mapping.DeletionTimestamp.Time
	if now := time.Now(); now.After(since.Add(syncTimeout)) && len(e.faultsBetween(f.account.Name, now, now)) == 0 {
		e.violateLocked("status: %s is being deleted since %s", f, formatTime(since))
	}
}

// checkAccount checks that an account is Ready exactly if it is usable, and that it counts its mappings.
func (e *testEnv) checkAccount(name types.NamespacedName) {
	o, err := e.apiServer.get(accountKind, name)
	e.must(err)
	var account v1alpha1.DeepCallAccount
	e.must(runtime.DefaultUnstructuredConverter.FromUnstructured(o, &account))
	ready := meta.FindStatusCondition(account.Status.Conditions, v1alpha1.ConditionReady)
	now := time.Now()
	switch {
	case ready == nil:
		e.violateLocked("status: account %s has no condition", name)
	case ready.Status == metav1.ConditionTrue && !e.denials[name.Name].at.IsZero():
		e.violateLocked("status: account %s is Ready (%s), but DeepCall denies it", name, ready.Reason)
	case ready.Status != metav1.ConditionTrue && len(e.faultsBetween(name.Name, now, now)) == 0:
		e.violateLocked("status: account %s is not Ready (%s) without a cause", name, ready.Reason)
	}
	mappings := int32(0)
	for _, f := range e.fixtures {
		if f.account == name && e.storedMapping(f) != nil {
			mappings++
		}
	}
	if account.Status.Mappings != mappings {
		e.violateLocked("status: account %s counts %d mappings, but has %d", name, account.Status.Mappings, mappings)
	}
}

// checkUndeclaredGroups checks that an agent whose mappings are all Ready receives no calls of undeclared groups.
func (e *testEnv) checkUndeclaredGroups(account types.NamespacedName) {
	declared, notReady := map[string]map[string]bool{}, map[string]bool{}
	for _, f := range e.fixtures {
		if f.account != account {
			continue
		}
		if declared[f.agent] == nil {
			declared[f.agent] = map[string]bool{}
		}
		mapping := e.storedMapping(f)
		if mapping == nil {
			continue
		}
		if !isReady(mapping) {
			notReady[f.agent] = true
		}
		for _, group := range mapping.Spec.Groups {
			declared[f.agent][group.GroupID] = true
		}
	}
	for agent := range declared {
		groups := e.simulators[account.Name].groups(agent)
		for _, group := range slices.Sorted(maps.Keys(groups)) {
			if !notReady[agent] && groups[group] == "Y" && !declared[agent][group] {
				e.violateLocked("status: agent %s of %s still receives calls of the undeclared group %s", agent, account, group)
			}
		}
	}
}
