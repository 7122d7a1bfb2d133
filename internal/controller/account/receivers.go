package account

import (
	"slices"
	"sync"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/metrics"
)

// GroupReceivers counts the agents that receive calls for each group, as DeepCall last confirmed. Watch events keep it up to date,
// so that a scrape reads only the groups. Only what DeepCall confirmed is counted: a user can declare any group.
type GroupReceivers struct {
	mu sync.Mutex
	// applied are the mappings of each agent with applied groups. They are the objects of the cache, not copies.
	applied map[v1alpha1.AgentKey][]*v1alpha1.AgentGroupMapping
	byGroup map[metrics.Group]agentCount
}

// agentCount is the number of agents for which DeepCall confirmed a group, and of those that receive its calls.
type agentCount struct{ agents, receivers int32 }

// NewGroupReceivers returns counts of no mappings.
func NewGroupReceivers() *GroupReceivers {
	return &GroupReceivers{
		applied: map[v1alpha1.AgentKey][]*v1alpha1.AgentGroupMapping{},
		byGroup: map[metrics.Group]agentCount{},
	}
}

// Set updates the counts for a created or changed mapping.
func (r *GroupReceivers) Set(mapping *v1alpha1.AgentGroupMapping) {
	hasGroups := !mapping.Released() && len(mapping.Status.AppliedGroups) > 0
	r.replace(mapping, hasGroups)
}

// Delete updates the counts for a deleted mapping.
func (r *GroupReceivers) Delete(mapping *v1alpha1.AgentGroupMapping) { r.replace(mapping, false) }

func (r *GroupReceivers) replace(mapping *v1alpha1.AgentGroupMapping, hasGroups bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	agent := mapping.AgentKey()
	r.add(agent, -1)
	mappings := slices.DeleteFunc(r.applied[agent], func(m *v1alpha1.AgentGroupMapping) bool { return m.UID == mapping.UID })
	if hasGroups {
		mappings = append(mappings, mapping)
	}
	if len(mappings) == 0 {
		delete(r.applied, agent)
		return
	}
	r.applied[agent] = mappings
	r.add(agent, 1)
}

// add adds the agent to the counts of its groups n times.
func (r *GroupReceivers) add(agent v1alpha1.AgentKey, n int32) {
	for id, confirmed := range v1alpha1.ConfirmedGroups(r.applied[agent]) {
		group := metrics.Group{Account: agent.Account, ID: id}
		count := r.byGroup[group]
		count.agents += n
		if confirmed.ReceiveCall {
			count.receivers += n
		}
		if count.agents == 0 {
			delete(r.byGroup, group)
			continue
		}
		r.byGroup[group] = count
	}
}

// ReceiversByGroup returns the number of agents that receive calls for each group that DeepCall confirmed for an agent.
func (r *GroupReceivers) ReceiversByGroup() map[metrics.Group]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	receivers := make(map[metrics.Group]int, len(r.byGroup))
	for group, count := range r.byGroup {
		receivers[group] = int(count.receivers)
	}
	return receivers
}
