package plan

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// withStatus returns the mapping's status after a change; nil if it stays the same.
func (p planner) withStatus(i int, change func(*v1alpha1.AgentGroupMappingStatus)) *v1alpha1.AgentGroupMappingStatus {
	m := p.Mappings[i]
	status := m.Status.DeepCopy()
	change(status)
	if !m.outdatedStatus && equality.Semantic.DeepEqual(&m.Status, status) {
		return nil
	}
	status.ObservedUID = string(m.UID)
	if applied := appliedTarget(*status); applied.Endpoint != "" && applied.UserHash == "" && !applied.Differs(p.Account.target()) {
		status.AppliedUserHash = p.Account.UserHash // it was not known: a session, or an earlier version of the operator
	}
	return status
}

// setApplied sets the groups that DeepCall confirmed.
func (r Result) setApplied(status *v1alpha1.AgentGroupMappingStatus, applied Groups) {
	at := metav1.NewMicroTime(r.At)
	setApplied(status, applied)
	status.AppliedEndpoint, status.AppliedUserHash, status.LastSyncTime = r.Endpoint, r.UserHash, &at
}

// markSynced sets the status after DeepCall accepted the change.
func (r Result) markSynced(status *v1alpha1.AgentGroupMappingStatus, applied Groups) {
	r.setApplied(status, applied)
	r.clearPending(status)
	status.Uncertain = false
	r.setLastResponse(status)
	summary := reason.Synced()
	if len(r.change.conflicts) > 0 {
		summary = reason.Conflict(r.change.conflicts)
	}
	r.setConditions(status, summary)
	r.markHandled(status)
}

// markProgress sets the applied groups while removals are isolated. The conditions change when the isolation ends. Groups that a
// deletion must remove instead of handing them over, since DeepCall rejects them, keep an empty
// AppliedEndpoint.
func (r Result) markProgress(status *v1alpha1.AgentGroupMappingStatus, applied Groups) {
	if r.Failure == nil && !(r.Deleting && r.input.appliedElsewhere) {
		r.setApplied(status, applied)
	} else {
		setApplied(status, applied)
	}
}

// markRejected sets the status after DeepCall rejected the change, or groups that it accepted before.
func (r Result) markRejected(status *v1alpha1.AgentGroupMappingStatus, certainAttempt int64) {
	r.setLastResponse(status)
	r.markAnswered(status, certainAttempt)
	r.setConditions(status, r.blocking(reason.FromError(r.Failure)))
	status.RejectedEndpoint, status.RejectedUserHash = r.Endpoint, r.UserHash
	r.markHandled(status)
}

// markFailed sets the status after a transient failure or a denial. A failed resync leaves the status as it is.
func (r Result) markFailed(status *v1alpha1.AgentGroupMappingStatus, certainAttempt int64, summary reason.Summary) {
	if !r.change.pending {
		return
	}
	r.markAnswered(status, certainAttempt)
	status.Uncertain = status.Uncertain || r.Failure.Uncertain
	if last := status.LastResponse; r.Failure.Answer != nil && (last == nil || last.Code != int64(r.Failure.Answer.Code)) {
		r.setLastResponse(status)
	}
	r.setConditions(status, r.blocking(summary))
}

// blocking adds to a failure that the deletion of the mapping waits for it.
func (r Result) blocking(summary reason.Summary) reason.Summary {
	if r.Deleting {
		return summary.BlocksDeletion()
	}
	return summary
}

func (r Result) setConditions(status *v1alpha1.AgentGroupMappingStatus, summary reason.Summary) {
	setConditions(status, summary, r.Generation, r.At)
}

// setConditions sets the conditions of a mapping that is not rejected.
func setConditions(status *v1alpha1.AgentGroupMappingStatus, summary reason.Summary, generation int64, now time.Time) {
	reason.SetConditions(&status.Conditions, summary, generation, now)
	status.ObservedGeneration = generation
	status.RejectedEndpoint, status.RejectedUserHash = "", ""
}

// markHandled records that the requested resyncs got a definite answer.
func (r Result) markHandled(status *v1alpha1.AgentGroupMappingStatus) {
	if r.RequestedAt != "" {
		status.LastHandledReconcileAt = r.RequestedAt
	}
	if r.AccountResync != nil {
		status.HandledResyncTime = r.AccountResync.DeepCopy()
	}
}

// setLastResponse records DeepCall's answer, if there was one.
func (r Result) setLastResponse(status *v1alpha1.AgentGroupMappingStatus) {
	answer := &r.Answer
	if r.Failure != nil {
		answer = r.Failure.Answer
	}
	if answer == nil {
		return
	}
	status.LastResponse = &v1alpha1.LastResponse{Code: int64(answer.Code), Message: answer.Message, Time: metav1.NewTime(r.At)}
}

// markAnswered records which groups may have been added. If a definite rejection was the only answer to the attempt, nothing
// was added.
func (r Result) markAnswered(status *v1alpha1.AgentGroupMappingStatus, certainAttempt int64) {
	if certainAttempt != 0 && certainAttempt == r.Attempt {
		r.clearPending(status)
		return
	}
	status.PendingGroups = r.Pending
}

func (r Result) clearPending(status *v1alpha1.AgentGroupMappingStatus) {
	status.AnsweredAttempt = max(status.AnsweredAttempt, r.Attempt)
	status.PendingGroups = nil
}

func setApplied(status *v1alpha1.AgentGroupMappingStatus, applied Groups) {
	status.AppliedGroups, status.Receiving = fromGroups(applied), receiving(applied)
}

func fromGroups(groups Groups) []v1alpha1.AgentGroup {
	list := make([]v1alpha1.AgentGroup, 0, len(groups))
	for _, id := range slices.Sorted(maps.Keys(groups)) {
		list = append(list, v1alpha1.AgentGroup{GroupID: id, ReceiveCall: groups[id]})
	}
	return list
}

// receiving returns how many of the groups receive calls, such as 2/3.
func receiving(groups Groups) string {
	n := 0
	for _, receives := range groups {
		if receives {
			n++
		}
	}
	return fmt.Sprintf("%d/%d", n, len(groups))
}
