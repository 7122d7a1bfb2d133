package plan

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// report decides what a mapping's object states without a request.
func (p planner) report(i int) Write {
	if p.inputs[i].deleting {
		return p.reportDeletion(i)
	}
	m, in, c := p.Mappings[i], p.inputs[i], p.changes[i]
	w := Write{Mapping: i}
	// R6: the finalizer is there only under StopCalls, and only for groups that may be in DeepCall.
	needsRemoval := !in.orphan && (m.NeedsRemoval() || len(in.applied)+len(in.pendingAdds) > 0)
	w.AddFinalizer, w.RemoveFinalizer = needsRemoval && !m.NeedsRemoval(), !needsRemoval && m.NeedsRemoval()

	w.Status = m.withStatus(func(status *v1alpha1.AgentGroupMappingStatus) {
		if !c.noOp() {
			dropTakenOver(status, c)
		}
		if summary, held := p.holdSummary(i); held {
			p.setConditions(i, status, summary)
			return
		}
		if !c.noOp() || (in.rejected && len(c.desired) > 0) {
			return // the result of a request, of this mapping or of the one that takes over, sets the conditions
		}
		p.confirm(i, status)
	})
	return w
}

// holdSummary states why a mapping that has something to send is not sent. It reports false if it is sent, or if its
// conditions already state why not.
func (p planner) holdSummary(i int) (reason.Summary, bool) {
	m, in, c := p.Mappings[i], p.inputs[i], p.changes[i]
	undeclared := !m.Permitted && len(m.Spec.Groups) > 0
	foreign := p.Key.Account.Namespace != m.Namespace
	switch {
	case in.hold == heldSuspended && (undeclared || len(c.conflicts) > 0 || !c.noOp()):
		return reason.Suspended(), true
	case undeclared, !m.Permitted && !c.noOp():
		return reason.AccountNotPermitted(), true
	case c.noOp():
		return reason.Summary{}, false
	case !p.Account.Exists && foreign:
		return reason.AccountNotPermitted(), true
	case !p.Account.Exists:
		return reason.AccountNotFound(p.Key.Account.Name), true
	case in.hold == heldRejected:
		return reason.Summary{}, false
	case in.hold == heldAccountDeleting:
		return p.accountNotReady(i), true
	default:
		return p.accountSummary(i)
	}
}

// accountSummary states why no request is sent with the account. It reports false if requests are sent.
func (p planner) accountSummary(i int) (reason.Summary, bool) {
	switch {
	case p.Account.Paused:
		return reason.Paused(), true
	case !p.Account.ready():
		return p.accountNotReady(i), true
	default:
		return reason.Summary{}, false
	}
}

func (p planner) accountNotReady(i int) reason.Summary {
	return reason.AccountNotReady(p.Key.Account, p.Mappings[i].Namespace)
}

// setConditions sets the conditions for a mapping that is not sent, and nothing else.
func (p planner) setConditions(i int, status *v1alpha1.AgentGroupMappingStatus, summary reason.Summary) {
	m := p.Mappings[i]
	// A missed generation must stay known once this one counts as observed.
	status.Uncertain = p.inputs[i].unconfirmed
	reason.SetConditions(&status.Conditions, summary, m.Generation, p.Now)
	status.ObservedGeneration = m.Generation
}

// confirm states that the desired groups are the applied ones.
func (p planner) confirm(i int, status *v1alpha1.AgentGroupMappingStatus) {
	m, in, c := p.Mappings[i], p.inputs[i], p.changes[i]
	applied := c.applied()
	if c.statusOnly {
		setApplied(status, applied)
	}
	summary := reason.Synced()
	switch {
	case len(c.conflicts) > 0:
		summary = reason.Conflict(c.conflicts)
	case len(applied) == 0:
		summary = reason.NothingToSend()
	}
	if len(applied) == 0 {
		status.Receiving = receiving(applied)
		status.Uncertain = false
		if in.requestedAt != "" && !m.Spec.Suspend {
			status.LastHandledReconcileAt = in.requestedAt
		}
	}
	reason.SetConditions(&status.Conditions, summary, m.Generation, p.Now)
	status.ObservedGeneration = m.Generation
}

// reportDeletion releases a mapping that has nothing to remove, and states what the others wait for.
func (p planner) reportDeletion(i int) Write {
	m, c := p.Mappings[i], p.changes[i]
	w := Write{Mapping: i}
	if !m.NeedsRemoval() {
		return w
	}
	if p.leavesGroups(i) {
		w.RemoveFinalizer = true
		return w
	}
	impossible := p.removalImpossible(i)
	if impossible && m.NamespaceTerminating {
		w.RemoveFinalizer, w.Abandoned = true, slices.Sorted(maps.Keys(p.inputs[i].held()))
		return w
	}
	w.Status = m.withStatus(func(status *v1alpha1.AgentGroupMappingStatus) {
		dropTakenOver(status, c)
		summary := p.accountNotReady(i)
		switch {
		case !impossible && p.Account.Paused:
			summary = reason.Paused()
		case !impossible && p.Account.Reachable:
			return // the result of a request sets the conditions
		case !p.Account.Exists && p.Key.Account.Namespace != m.Namespace:
			summary = reason.AccountNotPermitted()
		case !p.Account.Exists:
			summary = reason.AccountNotFound(p.Key.Account.Name)
		}
		p.setConditions(i, status, summary.BlocksDeletion())
	})
	return w
}

// leavesGroups reports whether a mapping that is being deleted leaves its groups as they are, or has none.
func (p planner) leavesGroups(i int) bool {
	return p.inputs[i].orphan || p.inputs[i].hold == heldSuspended || p.changes[i].empty()
}

// removalImpossible reports whether a mapping waits for a removal that can't be sent, since the account or its credentials
// are gone.
func (p planner) removalImpossible(i int) bool {
	return p.inputs[i].deleting && p.Mappings[i].NeedsRemoval() && !p.leavesGroups(i) && !p.Account.CanRemove
}

// waiting adds, while the agent gets no permit, to the failures of a mapping that is being deleted that its deletion waits:
// a Retry-After can pause the account for an hour.
func (p planner) waiting(i int) Write {
	m := p.Mappings[i]
	failing := meta.FindStatusCondition(m.Status.Conditions, v1alpha1.ConditionReconciling)
	if !p.inputs[i].deleting || failing == nil || failing.ObservedGeneration == m.Generation {
		return Write{}
	}
	summary := reason.Summary{Reason: failing.Reason, Message: failing.Message}
	return Write{Mapping: i, Status: m.withStatus(func(status *v1alpha1.AgentGroupMappingStatus) {
		p.setConditions(i, status, summary.BlocksDeletion())
	})}
}

// dropTakenOver removes from the applied groups those that their owner has applied.
func dropTakenOver(status *v1alpha1.AgentGroupMappingStatus, c change) {
	if len(c.takenOver) == 0 {
		return
	}
	status.AppliedGroups = slices.DeleteFunc(status.AppliedGroups, func(group v1alpha1.AgentGroup) bool {
		return slices.Contains(c.takenOver, group.GroupID)
	})
	status.Receiving = receiving(toGroups(status.AppliedGroups))
}
