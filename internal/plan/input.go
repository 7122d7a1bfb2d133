package plan

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// Groups states for each group ID whether the agent receives calls for it.
type Groups map[string]bool

// input is a mapping as the planner sees it.
type input struct {
	// name is namespace/name: unique, and the last criterion of ownership.
	name string
	// created is when the mapping was created. The older mapping owns a group that no mapping has applied.
	created time.Time
	// desired are the groups of the spec. They are empty while the mapping is being deleted.
	desired Groups
	// declared are the groups of the spec, also while the mapping has no permission. They are empty while it is being deleted.
	declared Groups
	// applied are the groups that DeepCall last confirmed, and confirmedAt is when.
	applied     Groups
	confirmedAt time.Time
	// appliedElsewhere reports whether the applied groups must be sent again: they were confirmed at another endpoint or for
	// another user, or DeepCall rejects them now (AppliedEndpoint is empty). Requests for other mappings don't carry them.
	appliedElsewhere bool
	// unconfirmed reports whether DeepCall may have values other than the applied ones, since an answer was lost, or since
	// the account was recreated, perhaps for another user.
	unconfirmed bool
	// pendingAdds are groups that a request without a definite answer may have added.
	pendingAdds []string
	deleting    bool
	orphan      bool
	// hold is why no request is sent for the mapping now.
	hold hold
	// rejected reports whether DeepCall rejected this generation at the account's endpoint, for its user.
	rejected bool
	// resyncDue reports whether the groups are sent again although nothing changed, and resyncAt is when the interval ends.
	resyncDue bool
	resyncAt  time.Time
	// requestedAt is the requested resync of the mapping that is not handled yet, and accountResync reports whether that of
	// all the account's mappings is not.
	requestedAt   string
	accountResync bool
	// retryAt is when the back-off ends, of the request or of a rejected write.
	retryAt time.Time
	// metadataRejected and statusRejected report whether the API server rejected a write that is not to be repeated yet.
	metadataRejected, statusRejected bool
	// unrecorded are groups that are missing from the stored status, see Mapping.
	unrecorded []string
	// isolation is how far a rejected removal is isolated.
	isolation RemovalIsolation
}

// hold is why no request is sent for a mapping.
type hold int

const (
	notHeld hold = iota
	// heldSuspended is for spec.suspend.
	heldSuspended
	// heldNotPermitted is for a mapping whose namespace the account does not allow.
	heldNotPermitted
	// heldRejected waits for a change, a requested resync or the next resync.
	heldRejected
	// heldBackingOff waits for the next attempt after a transient failure.
	heldBackingOff
	// heldWriteRejected waits for the next attempt to write the finalizer or the record of an attempt.
	heldWriteRejected
	// heldAccountDeleting prevents a mapping that has not used the account yet from using one that is being deleted.
	heldAccountDeleting
)

func newInput(s Snapshot, m Mapping, state MappingState) input {
	here := s.Account.target()
	elsewhere := func(target deepcall.Target) bool { // the endpoint of a missing account is not known
		return here.Endpoint != "" && target.Differs(here)
	}
	applied, rejected := appliedTarget(m.Status), rejectedTarget(m.Status)
	in := input{
		name:             m.Namespace + "/" + m.Name,
		created:          m.CreationTimestamp.Time,
		applied:          toGroups(m.Status.AppliedGroups),
		appliedElsewhere: applied.Endpoint == "" || elsewhere(applied),
		unconfirmed:      m.Status.Uncertain || missedGeneration(m.AgentGroupMapping) || !applied.Comparable(here),
		pendingAdds:      pendingAdds(m.AgentGroupMapping, state),
		deleting:         m.DeletionTimestamp != nil,
		orphan:           m.Spec.RemovalPolicy == v1alpha1.RemovalPolicyOrphan,
		requestedAt:      requestedAt(m.AgentGroupMapping),
		accountResync:    s.Account.ResyncRequested != nil && !s.Account.ResyncRequested.Equal(m.Status.HandledResyncTime),
		isolation:        state.RemovalIsolation,
		metadataRejected: state.Writes.Metadata.delays(s, m),
		statusRejected:   state.Writes.Status.delays(s, m),
		unrecorded:       m.unrecorded,
	}
	if m.Status.LastSyncTime != nil {
		in.confirmedAt = m.Status.LastSyncTime.Time
	}
	if state.RemovalTarget.Endpoint != "" && elsewhere(state.RemovalTarget) {
		in.isolation = RemovalIsolation{} // another user's groups prove nothing
	}
	if !in.deleting {
		in.declared = toGroups(m.Spec.Groups)
	}
	if m.Permitted {
		in.desired = in.declared
	}
	in.rejected = reason.Rejected(m.Status.Conditions, m.Generation) &&
		(rejected.Endpoint == "" || !elsewhere(rejected) && rejected.Comparable(here))
	if in.metadataRejected {
		in.retryAt = state.Writes.Metadata.Until
	}
	if in.statusRejected {
		in.retryAt = earliest(in.retryAt, state.Writes.Status.Until)
	}
	in.setHold(s, m, state)
	return in
}

// appliedTarget returns where the applied groups were confirmed.
func appliedTarget(status v1alpha1.AgentGroupMappingStatus) deepcall.Target {
	return deepcall.Target{Endpoint: status.AppliedEndpoint, UserHash: status.AppliedUserHash}
}

// rejectedTarget returns where the mapping was rejected. It is empty if an earlier version of the operator wrote the status.
func rejectedTarget(status v1alpha1.AgentGroupMappingStatus) deepcall.Target {
	return deepcall.Target{Endpoint: status.RejectedEndpoint, UserHash: status.RejectedUserHash}
}

// setHold sets the hold, and the times at which it changes.
func (in *input) setHold(s Snapshot, m Mapping, state MappingState) {
	switch {
	case m.Spec.Suspend:
		in.hold = heldSuspended
		return
	case !m.Permitted && !in.deleting:
		in.hold = heldNotPermitted
		return
	}
	in.resyncAt = nextResync(m.AgentGroupMapping, in.rejected, state.RejectedTime)
	in.resyncDue = in.resyncRequested() || (!in.resyncAt.IsZero() && !in.resyncAt.After(s.Now))
	backingOff := state.Backoff.applies(s, m, in.requestedAt)
	if backingOff {
		in.retryAt = earliest(in.retryAt, state.Backoff.Until)
	}
	switch {
	case in.rejected && !in.resyncDue:
		in.hold = heldRejected
	case s.Account.Deleting && !in.orphan && !m.HasFinalizer():
		in.hold = heldAccountDeleting
	case in.metadataRejected && !in.deleting:
		in.hold = heldWriteRejected
	case backingOff:
		in.hold = heldBackingOff
	}
}

// applies reports whether the back-off delays the mapping now. An account that is not ready is probed without delay.
func (b Backoff) applies(s Snapshot, m Mapping, requestedAt string) bool {
	return b.isPending(s.Now, m.Generation, requestedAt) && s.Account.ready() && b.Recoveries == s.Account.Recoveries
}

// missedGeneration reports whether a request may have been sent for a generation that is no longer current, with its
// result lost in a crash: a generation was never observed, or the last observed one had something to send. Then the applied
// groups must be sent again even if the spec declares them again.
func missedGeneration(m *v1alpha1.AgentGroupMapping) bool {
	observed := m.Status.ObservedGeneration
	if observed <= 0 || m.Generation == observed {
		return false
	}
	if m.Generation > observed+1 {
		return true
	}
	ready := meta.FindStatusCondition(m.Status.Conditions, v1alpha1.ConditionReady)
	return ready != nil && ready.Status == metav1.ConditionFalse &&
		ready.Reason != v1alpha1.ReasonSuspended && ready.Reason != v1alpha1.ReasonConflict
}

// requestedAt returns the requested resync that is not handled yet; empty if there is none.
func requestedAt(m *v1alpha1.AgentGroupMapping) string {
	at := v1alpha1.RequestedAt(m)
	if at == m.Status.LastHandledReconcileAt {
		return ""
	}
	return at
}

// resyncRequested reports whether a requested resync is not handled yet.
func (in input) resyncRequested() bool {
	return in.requestedAt != "" || in.accountResync
}

// suspended reports whether no request is sent for the mapping until its spec or its permission changes.
func (in input) suspended() bool {
	return in.hold == heldSuspended || in.hold == heldNotPermitted
}

// canTakeOver reports whether the mapping can take over a group by a request of its own.
func (in input) canTakeOver() bool {
	return in.hold == notHeld
}

// appliedHere returns the applied groups unless they must be sent again, see appliedElsewhere.
func (in input) appliedHere() Groups {
	if in.appliedElsewhere {
		return nil
	}
	return in.applied
}

func (in input) hasApplied(group string) bool {
	_, has := in.appliedHere()[group]
	return has
}

// held returns the groups that DeepCall has, or may have, for the mapping. It includes those applied elsewhere: a superfluous
// removal is harmless, but without a removal the agent keeps receiving calls.
func (in input) held() map[string]bool {
	held := make(map[string]bool, len(in.applied)+len(in.pendingAdds))
	for group := range in.applied {
		held[group] = true
	}
	for _, group := range in.pendingAdds {
		held[group] = true
	}
	return held
}

// receiving returns the groups, without those that another mapping took over, whose calls the agent receives or may receive,
// sorted.
func (in input) receiving(takenOver []string) []string {
	var groups []string
	for group := range in.held() {
		receives, applied := in.applied[group]
		isOff := applied && !receives && !in.unconfirmed
		if !isOff && !slices.Contains(takenOver, group) {
			groups = append(groups, group)
		}
	}
	slices.Sort(groups)
	return groups
}

func toGroups(list []v1alpha1.AgentGroup) Groups {
	groups := make(Groups, len(list))
	for _, group := range list {
		groups[group.GroupID] = group.ReceiveCall
	}
	return groups
}
