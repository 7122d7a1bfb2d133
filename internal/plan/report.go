package plan

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// report returns the write of a mapping's finalizer and status that can be made without a request.
func (p planner) report(i int) Write {
	reportMapping := p.reportDesired
	if p.inputs[i].deleting {
		reportMapping = p.reportDeletion
	}
	w := reportMapping(i)
	if p.inputs[i].statusRejected {
		w.Status = nil
	}
	return w
}

func (p planner) reportDesired(i int) Write {
	m, in, c := p.Mappings[i], p.inputs[i], p.changes[i]
	w := Write{Mapping: i}
	// R6: a mapping has the finalizer only under StopCalls, and only if DeepCall may have groups for it.
	needsRemoval := !in.orphan && (m.HasFinalizer() || len(in.applied)+len(in.pendingAdds) > 0)
	if !in.metadataRejected {
		w.AddFinalizer, w.RemoveFinalizer = needsRemoval && !m.HasFinalizer(), !needsRemoval && m.HasFinalizer()
	}
	w.Status = p.withStatus(i, func(status *v1alpha1.AgentGroupMappingStatus) {
		dropTakenOver(status, c)
		if in.metadataRejected && !in.rejected { // DeepCall's rejection must stay: while it is stated, no request is repeated
			p.setConditions(i, status, p.rejectionSummary(i, *status))
			return
		}
		if summary, held := p.holdSummary(i); held {
			p.setConditions(i, status, summary)
			return
		}
		if !c.noOp() || (in.rejected && len(c.desired) > 0) {
			return // the result of a request, of this mapping or of the one that takes over, sets the conditions
		}
		p.reportSynced(i, status)
	})
	return w
}

// holdSummary returns why no request is sent for a mapping that needs one. It reports false if one is sent, or if the
// conditions already state why not.
func (p planner) holdSummary(i int) (reason.Summary, bool) {
	m, in, c := p.Mappings[i], p.inputs[i], p.changes[i]
	unpermitted := !m.Permitted && len(m.Spec.Groups) > 0
	switch {
	case in.hold == heldSuspended && (unpermitted || len(c.conflicts) > 0 || !c.noOp()):
		return reason.Suspended(), true
	case unpermitted, !m.Permitted && !c.noOp():
		return reason.AccountNotPermitted(), true
	case c.noOp():
		return reason.Summary{}, false
	case !p.Account.Exists:
		return p.accountNotReady(i), true
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

// accountNotReady returns why the account can't be used. It does not disclose whether one exists in another namespace.
func (p planner) accountNotReady(i int) reason.Summary {
	switch namespace := p.Mappings[i].Namespace; {
	case p.Account.Exists:
		return reason.AccountNotReady(p.Key.Account, namespace)
	case p.Key.Account.Namespace != namespace:
		return reason.AccountNotPermitted()
	default:
		return reason.AccountNotFound(p.Key.Account.Name)
	}
}

// setConditions sets the conditions of a mapping for which no request is sent.
func (p planner) setConditions(i int, status *v1alpha1.AgentGroupMappingStatus, summary reason.Summary) {
	m := p.Mappings[i]
	// Record that a generation was missed: once this one is observed, missedGeneration no longer reports it.
	status.Uncertain = p.inputs[i].unconfirmed
	setConditions(status, summary, m.Generation, p.Now)
}

// reportSynced sets the status of a mapping that needs no request, since its desired groups are applied.
func (p planner) reportSynced(i int, status *v1alpha1.AgentGroupMappingStatus) {
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
	setConditions(status, summary, m.Generation, p.Now)
}

// reportDeletion releases a mapping that has nothing to remove, or sets what its deletion waits for.
func (p planner) reportDeletion(i int) Write {
	m, in, c := p.Mappings[i], p.inputs[i], p.changes[i]
	w := Write{Mapping: i}
	if !m.HasFinalizer() {
		return w
	}
	impossible := p.removalImpossible(i)
	abandoned := impossible && m.NamespaceTerminating
	releases := abandoned || p.leavesGroups(i)
	if releases && !in.metadataRejected {
		w.RemoveFinalizer = true
		if abandoned {
			w.Abandoned = in.receiving(c.takenOver)
		}
		return w
	}
	w.Status = p.withStatus(i, func(status *v1alpha1.AgentGroupMappingStatus) {
		dropTakenOver(status, c)
		if releases {
			p.setConditions(i, status, p.rejectionSummary(i, *status))
			return
		}
		if !impossible && p.Account.Paused {
			p.setConditions(i, status, reason.Paused().BlocksDeletion())
			return
		}
		waitsForHandover := len(c.removals) == 0 && p.Account.Misconfigured // the new owner can't send a request
		if !impossible && p.Account.Reachable && !waitsForHandover {
			return // the result of a request sets the conditions
		}
		p.setConditions(i, status, p.accountNotReady(i).BlocksDeletion())
	})
	return w
}

// leavesGroups reports whether the deletion of a mapping needs no request: its groups stay as they are, or it has none.
func (p planner) leavesGroups(i int) bool {
	return p.inputs[i].orphan || p.inputs[i].hold == heldSuspended || p.changes[i].empty()
}

// removalImpossible reports whether a mapping waits for a removal that can't be sent, since the account or its credentials
// are gone.
func (p planner) removalImpossible(i int) bool {
	return p.inputs[i].deleting && p.Mappings[i].HasFinalizer() && !p.leavesGroups(i) && !p.Account.CanRemove
}

// Waiting returns the writes to make while the next request waits for a permit, which can take an hour after a Retry-After. If
// an earlier request for a mapping that is being deleted failed, its message states that the deletion waits. The writes are
// based on the snapshot as it is after those of Plan.
func Waiting(snapshot Snapshot, state State) []Write {
	p := newPlanner(snapshot, state)
	var writes []Write
	for i, m := range p.Mappings {
		failing := meta.FindStatusCondition(m.Status.Conditions, v1alpha1.ConditionReconciling)
		if !p.inputs[i].deleting || p.inputs[i].statusRejected || failing == nil || failing.ObservedGeneration == m.Generation {
			continue
		}
		summary := reason.Summary{Reason: failing.Reason, Message: failing.Message}
		writes = append(writes, p.writeStatus(i, func(status *v1alpha1.AgentGroupMappingStatus) {
			p.setConditions(i, status, summary.BlocksDeletion())
		}))
	}
	return writes
}

// dropTakenOver removes the groups that were taken over from the applied and the pending groups.
func dropTakenOver(status *v1alpha1.AgentGroupMappingStatus, c change) {
	if len(c.takenOver) == 0 {
		return
	}
	status.AppliedGroups = slices.DeleteFunc(status.AppliedGroups, func(group v1alpha1.AgentGroup) bool {
		return slices.Contains(c.takenOver, group.GroupID)
	})
	status.PendingGroups = without(status.PendingGroups, c.takenOver)
	status.Receiving = receiving(toGroups(status.AppliedGroups))
}
