package reliability

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// converge ends all faults and waits until DeepCall and the statuses match the specs. Agents that drifted converge only
// with a resync, which is requested last.
func (r *runner) converge() {
	r.repair()
	r.waitFor("everything except drifted agents has converged", func() string { return r.unmet(true) })
	for agent := range r.model.drifted {
		for _, f := range mappingFixtures {
			if m := r.mapping(f.name); f.agent == agent && m != nil && len(m.Status.AppliedGroups) > 0 {
				r.requestResync(f.name) // one is enough: a request carries all groups of the agent
				break
			}
		}
	}
	r.waitFor("everything has converged", func() string { return r.unmet(false) })
	clear(r.model.drifted)
}

// unmet returns the differences from the expected state. Each group of an agent has one owner among the mappings that
// declare it. The owner has applied it, and DeepCall has its value. Other mappings that declare it have a
// conflict, and all others are Ready. Groups that no mapping declares are N or absent.
func (r *runner) unmet(exceptDrifted bool) string {
	r.model.recordUnguardedDeletions(r.env.history.list())
	r.releaseMisjudged()
	var unmet []string
	byAgent := map[string]map[string]*v1alpha1.AgentGroupMapping{}
	for key, mapping := range r.env.history.mappings() {
		name := r.objectName(key)
		if revision(mapping) < r.writtenRevisions[name] {
			unmet = append(unmet, "the watch of "+name+" lags behind")
		}
		if mapping.DeletionTimestamp != nil {
			unmet = append(unmet, "I7: the mapping "+name+" still exists: "+mappingSummary(mapping))
			continue
		}
		agent := mapping.Spec.AgentID
		if byAgent[agent] == nil {
			byAgent[agent] = map[string]*v1alpha1.AgentGroupMapping{}
		}
		byAgent[agent][name] = mapping
		unmet = append(unmet, r.unmetResync(name, mapping)...)
	}
	for agent := range agentAccounts {
		expected, mismatches := expectedGroups(byAgent[agent])
		unmet = append(unmet, mismatches...)
		if exceptDrifted && r.model.drifted[agent] {
			continue
		}
		groups := r.server(agent).Agent(agent)
		released := map[string]string{}
		for id := range r.released(agent) {
			released[id] = groups[id]
		}
		unmet = append(unmet, groupMismatches(agent, groups, expected, released)...)
	}
	for _, name := range accountNames {
		unmet = append(unmet, r.unmetAccount(name)...)
	}
	slices.Sort(unmet)
	return strings.Join(unmet, "; ")
}

// expectedGroups returns the groups that DeepCall should have for an agent's mappings, and errors in their statuses.
func expectedGroups(mappings map[string]*v1alpha1.AgentGroupMapping) (groups map[string]string, mismatches []string) {
	groups, owner := map[string]string{}, map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(mappings)) {
		mapping := mappings[name]
		declared := declaredGroups(mapping)
		for _, group := range mapping.Status.AppliedGroups {
			id, value := group.GroupID, groupValue(group.ReceiveCall)
			switch {
			case declared[id] != value:
				mismatches = append(mismatches, fmt.Sprintf("I1: %s has applied %s=%s and declares %q", name, id, value, declared[id]))
			case owner[id] != "":
				mismatches = append(mismatches, fmt.Sprintf("I5: %s and %s have both applied %s", owner[id], name, id))
			}
			groups[id], owner[id] = value, name
		}
	}
	for _, name := range slices.Sorted(maps.Keys(mappings)) {
		mismatches = append(mismatches, statusMismatches(name, mappings[name], owner)...)
	}
	return groups, mismatches
}

func statusMismatches(name string, mapping *v1alpha1.AgentGroupMapping, owner map[string]string) []string {
	var mismatches []string
	expected := readySynced
	for id := range declaredGroups(mapping) {
		switch {
		case owner[id] == "":
			mismatches = append(mismatches, fmt.Sprintf("I1: no mapping has applied group %s, which %s declares", id, name))
		case owner[id] != name:
			expected = "Ready=False Conflict Stalled"
		}
	}
	if got := mappingSummary(mapping); got != expected {
		mismatches = append(mismatches, fmt.Sprintf("I1: the mapping %s is %s instead of %s", name, got, expected))
	}
	status := mapping.Status
	if requested := mapping.Annotations[v1alpha1.ReconcileRequestedAtAnnotation]; requested != status.LastHandledReconcileAt {
		mismatches = append(mismatches, fmt.Sprintf("I1: the reconcile request %s of %s is not handled, but %q", requested, name, status.LastHandledReconcileAt))
	}
	receiving := 0
	for _, group := range status.AppliedGroups {
		if group.ReceiveCall {
			receiving++
		}
	}
	if want := fmt.Sprintf("%d/%d", receiving, len(status.AppliedGroups)); status.Receiving != want {
		mismatches = append(mismatches, fmt.Sprintf("I1: %s receives %q instead of %q", name, status.Receiving, want))
	}
	if status.Uncertain {
		mismatches = append(mismatches, "I1: "+name+" is uncertain")
	}
	finalizer := slices.Contains(mapping.Finalizers, v1alpha1.StopCallsFinalizer)
	removes := mapping.Spec.RemovalPolicy != v1alpha1.RemovalPolicyOrphan
	if finalizer && !removes || !finalizer && removes && len(status.AppliedGroups) > 0 {
		mismatches = append(mismatches, fmt.Sprintf("R6: %s with %s has its finalizer: %v", name, mapping.Spec.RemovalPolicy, finalizer))
	}
	return mismatches
}

// unmetResync reports whether the last requested resync of all mappings of the account does not include the mapping.
func (r *runner) unmetResync(name string, mapping *v1alpha1.AgentGroupMapping) []string {
	account := r.env.history.accounts()[mapping.AccountKey()]
	if account == nil || account.ResyncRequestedTime() == nil || len(mapping.Status.AppliedGroups) == 0 ||
		account.ResyncRequestedTime().Equal(mapping.Status.HandledResyncTime) {
		return nil
	}
	return []string{fmt.Sprintf("I1: the resync that was requested at %s was handled for %s at %s",
		account.ResyncRequestedTime(), name, mapping.Status.HandledResyncTime)}
}

// unmetAccount returns the differences of an account from the expected state. An account whose credentials changed is
// untried until its next request.
func (r *runner) unmetAccount(name string) []string {
	account := r.env.history.accounts()[r.env.key(name)]
	if account == nil {
		return []string{"I1: the account " + name + " does not exist"}
	}
	if got := accountSummary(account); got != readyUsable && got != "Ready=True Untried" {
		return []string{"I1: the account " + name + " is " + got}
	}
	return r.env.wrongMappingCount(name, account)
}

// describe describes the current state for failure messages.
func (r *runner) describe() string {
	var lines []string
	for key, m := range r.env.history.mappings() {
		lines = append(lines, fmt.Sprintf("  %s g%d %s declares %q, applied %v, deleted %v, finalizers %v, annotations %v",
			r.objectName(key), m.Generation, mappingSummary(m), formatGroups(declaredGroups(m)), m.Status.AppliedGroups, m.DeletionTimestamp != nil,
			m.Finalizers, m.Annotations))
	}
	for key, a := range r.env.history.accounts() {
		lines = append(lines, fmt.Sprintf("  %s %s, deleted %v, finalizers %v", r.objectName(key), accountSummary(a), a.DeletionTimestamp != nil, a.Finalizers))
	}
	slices.Sort(lines)
	for agent := range agentAccounts {
		lines = append(lines, fmt.Sprintf("  DeepCall, agent %s: %s", agent, formatGroups(r.server(agent).Agent(agent))))
	}
	return strings.Join(lines, "\n")
}
