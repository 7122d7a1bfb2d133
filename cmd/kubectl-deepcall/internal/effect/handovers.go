package effect

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/text"
)

// handover is a pair of mappings of an agent: the second one takes over groups of the first.
type handover struct{ from, to types.NamespacedName }

// handoverWarnings returns a warning for each handover that interrupts calls if its first mapping is applied before the second one.
// Those to a mapping that replaces the first one have a warning of their own.
func (a *agent) handoverWarnings(groups []Group) []Warning {
	before := declared(a.before.byAgent[a.key])
	created, deleted := a.created(), a.deleted()
	ids := map[handover][]string{}
	var handovers []handover
	for _, g := range groups {
		h := handover{g.OwnerBefore, g.OwnerAfter}
		_, declaredIt := before[g.GroupID][h.from]
		_, declaresItAlready := before[g.GroupID][h.to]
		switch {
		case !ptr.Deref(g.Before, false) || !ptr.Deref(g.After, false), h.from == h.to, h.to.Name == "":
		case !declaredIt || declaresItAlready || !a.stopsCalls(h.from):
		case slices.Contains(created, h.to) && slices.Contains(deleted, h.from):
		default:
			if ids[h] == nil {
				handovers = append(handovers, h)
			}
			ids[h] = append(ids[h], g.GroupID)
		}
	}
	var warnings []Warning
	for _, h := range handovers {
		warnings = append(warnings, Warning{
			Reason: HandoverOrder, Account: a.key.Account, AgentID: a.key.AgentID,
			Message: fmt.Sprintf("mapping %s takes over %s of agent %s from %s without a gap if it is applied first. Otherwise calls stop in between: apply %s "+
				"before %s is changed or deleted", h.to, text.Groups(ids[h], maxListed), a.key.AgentID, h.from, h.to, h.from),
		})
	}
	return warnings
}

// stopsCalls reports whether the calls of a group stop as soon as the mapping no longer declares it.
func (a *agent) stopsCalls(name types.NamespacedName) bool {
	for _, mappings := range [][]*v1alpha1.AgentGroupMapping{a.after.byAgent[a.key], a.before.byAgent[a.key]} {
		if i, ok := positions(mappings)[name]; ok {
			return mappings[i].Spec.RemovalPolicy != v1alpha1.RemovalPolicyOrphan && !mappings[i].Spec.Suspend
		}
	}
	return false
}
