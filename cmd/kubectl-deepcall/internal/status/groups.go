package status

import (
	"fmt"
	"maps"
	"slices"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/natsort"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/roster"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// Group is a group of the mapping.
type Group struct {
	GroupID string `json:"groupID"`
	// Desired is the value of the spec, or nil.
	Desired *bool `json:"desired"`
	// Applied is the value that DeepCall last confirmed, or nil.
	Applied *bool `json:"applied"`
	// InSync reports whether DeepCall confirmed the desired value, and the confirmation is still valid.
	InSync bool `json:"inSync"`
	// Pending is the remaining step; empty if there is none.
	Pending string `json:"pending"`
}

// groups returns the desired, applied and pending groups of a mapping, sorted by ID.
func groups(m *v1alpha1.AgentGroupMapping, others []*v1alpha1.AgentGroupMapping) []Group {
	byID := map[string]Group{}
	for _, id := range m.Status.PendingGroups {
		byID[id] = Group{GroupID: id, Pending: "removal: a request whose response was lost may have added it"}
	}
	for _, e := range roster.Entries([]*v1alpha1.AgentGroupMapping{m}, roster.ByGroup, roster.Filter{}) {
		if e.GroupID == "" {
			continue // the mapping has no groups
		}
		g := Group{GroupID: e.GroupID, Desired: e.Declared, Applied: e.Receives, InSync: e.InSync}
		g.Pending = pending(m, g, others)
		byID[g.GroupID] = g
	}
	return slices.SortedFunc(maps.Values(byID), func(a, b Group) int { return natsort.Compare(a.GroupID, b.GroupID) })
}

// pending returns the remaining step for a group.
func pending(m *v1alpha1.AgentGroupMapping, g Group, others []*v1alpha1.AgentGroupMapping) string {
	switch {
	case g.InSync:
		return ""
	case g.Desired == nil:
		return pendingRemoval(m, g.GroupID, others)
	case g.Applied == nil:
		return pendingAdd(m, g.GroupID, others)
	case *g.Desired != *g.Applied:
		return "change"
	case m.Status.Uncertain:
		return "repeat: a response was lost"
	default:
		return "repeat"
	}
}

func pendingRemoval(m *v1alpha1.AgentGroupMapping, group string, others []*v1alpha1.AgentGroupMapping) string {
	for _, other := range others {
		if contains(desiredGroups(other), group) {
			return fmt.Sprintf("handover to %s/%s", other.Namespace, other.Name)
		}
	}
	if m.Spec.RemovalPolicy == v1alpha1.RemovalPolicyOrphan {
		return "none: stays as it is (Orphan)"
	}
	return "removal"
}

func pendingAdd(m *v1alpha1.AgentGroupMapping, group string, others []*v1alpha1.AgentGroupMapping) string {
	if reason.Of(m.Status.Conditions, m.Generation).Reason != v1alpha1.ReasonConflict {
		return "add"
	}
	if owner := v1alpha1.ConfirmedGroups(others)[group].Owner; owner != nil {
		return fmt.Sprintf("conflict: %s/%s is the owner", owner.Namespace, owner.Name)
	}
	return "conflict: another mapping is the owner"
}

// desiredGroups returns the groups that a mapping declares, sorted by ID: none while it is being deleted.
func desiredGroups(m *v1alpha1.AgentGroupMapping) []v1alpha1.AgentGroup {
	if m.DeletionTimestamp != nil {
		return []v1alpha1.AgentGroup{}
	}
	groups := append([]v1alpha1.AgentGroup{}, m.Spec.Groups...)
	slices.SortFunc(groups, func(a, b v1alpha1.AgentGroup) int { return natsort.Compare(a.GroupID, b.GroupID) })
	return groups
}

func contains(groups []v1alpha1.AgentGroup, id string) bool {
	return slices.ContainsFunc(groups, func(g v1alpha1.AgentGroup) bool { return g.GroupID == id })
}
