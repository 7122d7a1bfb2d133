package effect

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/natsort"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// declarations are the values that mappings declare for a group.
type declarations map[types.NamespacedName]bool

// effects returns the effect on each group of the agent, sorted by group. The agent must have run.
func (a *agent) effects() []Group {
	final := make([]*v1alpha1.AgentGroupMapping, len(a.mappings))
	for i, m := range a.mappings {
		final[i] = m.AgentGroupMapping
	}
	_, owners := applied(final)
	before, after := declared(a.before.byAgent[a.key]), declared(final)
	ids := maps.Clone(a.groups)
	for id := range after {
		ids[id] = false
	}
	var groups []Group
	for _, id := range slices.SortedFunc(maps.Keys(ids), natsort.Compare) {
		g := Group{
			Account: a.key.Account, AgentID: a.key.AgentID, GroupID: id,
			Before: valueOf(a.confirmed, id), After: valueOf(a.groups, id),
			OwnerBefore: ownerName(a.owners[id]), OwnerAfter: ownerName(owners[id]),
		}
		g.Others = without(after[id], g.OwnerAfter)
		g.setKind(after[id], owners[id], final)
		g.Changed = g.Kind != Unchanged
		if g.Kind == Conflict || g.Kind == Pending {
			g.Changed = !maps.Equal(before[id], after[id]) || a.accountChanges(a.key)
		}
		groups = append(groups, g)
	}
	return groups
}

// setKind sets the kind and the reason. Calls that start or stop matter more than who owns the group.
func (g *Group) setKind(declared declarations, owner *v1alpha1.AgentGroupMapping, final []*v1alpha1.AgentGroupMapping) {
	receivedBefore, receives := ptr.Deref(g.Before, false), ptr.Deref(g.After, false)
	_, ownerDeclares := declared[g.OwnerAfter]
	g.Kind = Unchanged
	switch {
	case receives && !receivedBefore:
		g.Kind = Starts
	case !receives && receivedBefore:
		g.Kind = Stops
	case len(g.Others) > 0 && ownerDeclares:
		g.Kind = Conflict
	case len(g.Others) > 0:
		g.Kind, g.Reason = Pending, reasonOf(final, g.Others[0])
	case ownerDeclares && declared[g.OwnerAfter] != receives, owner != nil && !ownerDeclares && receives:
		g.Kind, g.Reason = Pending, reasonOf(final, g.OwnerAfter)
	case owner == nil && receives:
		g.Kind = Orphaned
	case owner != nil && g.OwnerBefore.Name != "" && g.OwnerBefore != g.OwnerAfter:
		g.Kind = HandedOver
	}
}

// declared returns which mappings declare each group. A mapping that is being deleted declares none.
func declared(mappings []*v1alpha1.AgentGroupMapping) map[string]declarations {
	byGroup := map[string]declarations{}
	for _, m := range mappings {
		if m.DeletionTimestamp != nil {
			continue
		}
		for _, group := range m.Spec.Groups {
			if byGroup[group.GroupID] == nil {
				byGroup[group.GroupID] = declarations{}
			}
			byGroup[group.GroupID][nameOf(m)] = group.ReceiveCall
		}
	}
	return byGroup
}

func without(declared declarations, owner types.NamespacedName) []types.NamespacedName {
	others := slices.SortedFunc(maps.Keys(declared), compareNames)
	return slices.DeleteFunc(others, func(name types.NamespacedName) bool { return name == owner })
}

// reasonOf returns the reason of the mapping's Ready condition.
func reasonOf(mappings []*v1alpha1.AgentGroupMapping, name types.NamespacedName) string {
	for _, m := range mappings {
		if nameOf(m) == name {
			return reason.Of(m.Status.Conditions, m.Generation).Reason
		}
	}
	return ""
}

func valueOf(groups map[string]bool, id string) *bool {
	if value, ok := groups[id]; ok {
		return &value
	}
	return nil
}

func ownerName(m *v1alpha1.AgentGroupMapping) types.NamespacedName {
	if m == nil {
		return types.NamespacedName{}
	}
	return nameOf(m)
}
