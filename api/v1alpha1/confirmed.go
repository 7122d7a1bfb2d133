package v1alpha1

import (
	"cmp"
	"time"
)

// ConfirmedGroup is a group of an agent, as DeepCall last confirmed it.
//
// +kubebuilder:object:generate=false
type ConfirmedGroup struct {
	ReceiveCall bool
	// Owner is the mapping whose value counts.
	Owner *AgentGroupMapping
}

// ConfirmedGroups returns the groups that DeepCall last confirmed for an agent, by ID. If several of its mappings applied a group, the
// one that was confirmed last owns it, else the older one, else by name, as in the planner. A copied status does not count.
func ConfirmedGroups(mappings []*AgentGroupMapping) map[string]ConfirmedGroup {
	groups := map[string]ConfirmedGroup{}
	for _, m := range mappings {
		if !m.OwnsStatus() {
			continue
		}
		for _, group := range m.Status.AppliedGroups {
			if owner := groups[group.GroupID].Owner; owner == nil || m.precedes(owner) {
				groups[group.GroupID] = ConfirmedGroup{ReceiveCall: group.ReceiveCall, Owner: m}
			}
		}
	}
	return groups
}

// precedes reports whether m, and not other, owns a group that both applied.
func (m *AgentGroupMapping) precedes(other *AgentGroupMapping) bool {
	return cmp.Or(
		other.confirmedAt().Compare(m.confirmedAt()),
		m.CreationTimestamp.Compare(other.CreationTimestamp.Time),
		cmp.Compare(m.Namespace+"/"+m.Name, other.Namespace+"/"+other.Name),
	) < 0
}

func (m *AgentGroupMapping) confirmedAt() time.Time {
	if m.Status.LastSyncTime == nil {
		return time.Time{}
	}
	return m.Status.LastSyncTime.Time
}
