package reliability

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// model records the facts that the checks of a sequence need in addition to the specs.
type model struct {
	// declaredByObject are the groups that an object declared at any time, and declaredByAgent those of each agent.
	declaredByObject map[types.UID]map[string]bool
	declaredByAgent  map[string]map[string]bool
	// released are groups of agents that the operator need not remove, by endpoint and agent. The value is the
	// revision of the API server at which the group was released. A group that is applied again later is no longer
	// released.
	released map[string]map[string]uint64
	// drifted are agents whose groups were changed in DeepCall: they converge only with a resync.
	drifted map[string]bool
	// triggers counts, for each agent, the changes that can require a request: each change of a spec, deletion and
	// reconcile request of its mappings, and each move and reconcile request of its account. lastTrigger is the last one of
	// each mapping.
	triggers    map[string]int
	lastTrigger map[types.UID]string
	// erased are the mappings whose records and finalizer a user erased.
	erased map[types.UID]bool
}

func newModel() *model {
	return &model{
		declaredByObject: map[types.UID]map[string]bool{}, declaredByAgent: map[string]map[string]bool{},
		released: map[string]map[string]uint64{}, drifted: map[string]bool{}, triggers: map[string]int{}, lastTrigger: map[types.UID]string{},
		erased: map[types.UID]bool{},
	}
}

// recordSpec records the spec of a mapping since a revision. Under Orphan, and at a deletion while it is suspended, the
// groups that it no longer declares are released.
func (m *model) recordSpec(mapping *v1alpha1.AgentGroupMapping, revision uint64) {
	agent := mapping.Spec.AgentID
	trigger := fmt.Sprint(mapping.Generation, mapping.DeletionTimestamp != nil, mapping.Annotations[v1alpha1.ReconcileRequestedAtAnnotation])
	if m.lastTrigger[mapping.UID] != trigger {
		m.lastTrigger[mapping.UID] = trigger
		m.triggers[agent]++
	}
	for _, group := range mapping.Spec.Groups {
		addTo(m.declaredByObject, mapping.UID, group.GroupID)
		addTo(m.declaredByAgent, agent, group.GroupID)
	}
	orphan := mapping.Spec.RemovalPolicy == v1alpha1.RemovalPolicyOrphan
	if !orphan && (mapping.DeletionTimestamp == nil || !mapping.Spec.Suspend) {
		return
	}
	declared := declaredGroups(mapping)
	for id := range m.declaredByObject[mapping.UID] {
		if _, found := declared[id]; !found {
			m.release(agent, id, revision)
		}
	}
}

// release releases a group of an agent at both endpoints.
func (m *model) release(agent, id string, revision uint64) {
	for _, endpoint := range []string{primary, secondary} {
		key := endpoint + " " + agent
		if m.released[key] == nil {
			m.released[key] = map[string]uint64{}
		}
		m.released[key][id] = max(m.released[key][id], revision)
	}
}

// recordMove records that an account moved to the other endpoint. Groups are no longer removed at the former endpoint,
// and the operator does not know the groups that were left at the new one.
func (m *model) recordMove(account string, revision uint64) {
	for agent, a := range agentAccounts {
		if a != account {
			continue
		}
		m.triggers[agent]++
		for id := range m.declaredByAgent[agent] {
			m.release(agent, id, revision)
		}
	}
}

// recordAccountRequest records that a resync of all mappings of an account was requested.
func (m *model) recordAccountRequest(account string) {
	for agent, a := range agentAccounts {
		if a == account {
			m.triggers[agent]++
		}
	}
}

// releasedAt returns the groups of an agent that are released at an endpoint: those that no mapping applied there since.
func (m *model) releasedAt(endpoint, url, agent string, versions []version) map[string]bool {
	released := maps.Clone(m.released[endpoint+" "+agent])
	for _, v := range versions {
		mapping := v.mapping
		if mapping == nil || v.deleted || mapping.Spec.AgentID != agent || mapping.Status.AppliedEndpoint != url || !removesGroups(mapping) {
			continue
		}
		declared := declaredGroups(mapping)
		for _, group := range mapping.Status.AppliedGroups {
			if id := group.GroupID; declared[id] == groupValue(group.ReceiveCall) && released[id] < revision(mapping) {
				delete(released, id)
			}
		}
	}
	ids := map[string]bool{}
	for id := range released {
		ids[id] = true
	}
	return ids
}

// recordErasure records that the operator's records of a mapping are erased at a revision. The groups that it declared, and that
// its status does not contain, are released: a request whose result is not written may have added them.
func (m *model) recordErasure(mapping *v1alpha1.AgentGroupMapping, revision uint64) {
	m.erased[mapping.UID] = true
	m.triggers[mapping.Spec.AgentID]++
	known := map[string]bool{}
	for _, group := range mapping.Status.AppliedGroups {
		known[group.GroupID] = true
	}
	for id := range m.declaredByObject[mapping.UID] {
		if !known[id] && !slices.Contains(mapping.Status.PendingGroups, id) {
			m.release(mapping.Spec.AgentID, id, revision)
		}
	}
}

// removesGroups reports whether the applied groups of a version are removed before the mapping can be deleted.
func removesGroups(mapping *v1alpha1.AgentGroupMapping) bool {
	return mapping.DeletionTimestamp == nil && mapping.Spec.RemovalPolicy != v1alpha1.RemovalPolicyOrphan &&
		slices.Contains(mapping.Finalizers, v1alpha1.StopCallsFinalizer)
}

// recordUnguardedDeletions releases the groups of mappings that were deleted without waiting for the operator, which
// therefore does not know what to remove. This happens to a mapping with a finalizer, since the API server does not see
// a finalizer that is added between its check and the deletion; these are counted. And a mapping that was under
// Orphan, or whose finalizer was erased, has none until the operator adds it. None of them ever had a deletionTimestamp.
func (m *model) recordUnguardedDeletions(versions []version) (unguarded int) {
	wasOrphan := map[types.UID]bool{}
	for _, v := range versions {
		mapping := v.mapping
		if mapping == nil {
			continue
		}
		if mapping.Spec.RemovalPolicy == v1alpha1.RemovalPolicyOrphan {
			wasOrphan[mapping.UID] = true
		}
		hasFinalizer := slices.Contains(mapping.Finalizers, v1alpha1.StopCallsFinalizer)
		if !v.deleted || mapping.DeletionTimestamp != nil || !hasFinalizer && !wasOrphan[mapping.UID] && !m.erased[mapping.UID] {
			continue
		}
		if hasFinalizer {
			unguarded++
		}
		for id := range m.declaredByObject[mapping.UID] {
			m.release(mapping.Spec.AgentID, id, revision(mapping))
		}
	}
	return unguarded
}
