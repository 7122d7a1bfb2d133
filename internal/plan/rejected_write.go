package plan

import (
	"slices"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// Part is a part of a mapping that is written at once.
type Part string

const (
	// NoPart is none.
	NoPart Part = ""
	// Metadata is the finalizer, or the annotation with the record of an attempt.
	Metadata Part = "metadata"
	// Status is the status.
	Status Part = "status"
)

// WriteResult is the API server's answer to a write. A write that failed without a definite answer has none.
type WriteResult struct {
	// Mapping is the position of the mapping in the snapshot.
	Mapping int
	// Metadata and Status are what was written.
	Metadata bool
	Status   *v1alpha1.AgentGroupMappingStatus
	// Rejected is the part that the API server rejected for good, with Message; parts that follow it were not written.
	Rejected Part
	Message  string
}

// RejectedWrites are the writes of a mapping that the API server rejected for good. They count as done, so that they do not delay
// other mappings of the agent.
type RejectedWrites struct {
	// Metadata holds the mapping's requests, which need the finalizer and the record. Status only delays the next status.
	Metadata, Status Rejection
	// Unwritten is what the status should be; nil if it is stored. Decisions are based on it, since it has the groups that DeepCall
	// confirmed.
	Unwritten *v1alpha1.AgentGroupMappingStatus
}

// Rejection is the rejection of a write. The write is repeated with back-off, and at once if the spec or the requested resync has
// changed.
type Rejection struct {
	Backoff
	Summary reason.Summary
}

// delays reports whether the write is not to be repeated yet.
func (r Rejection) delays(s Snapshot, m Mapping) bool {
	return r.isPending(s.Now, m.Generation, v1alpha1.RequestedAt(m))
}

// repeated returns the rejection after the API server rejected the write again.
func (r Rejection) repeated(s Snapshot, m Mapping, message string, jitter float64) Rejection {
	next := Rejection{
		Backoff: Backoff{Generation: m.Generation, RequestedAt: v1alpha1.RequestedAt(m), Failures: 1},
		Summary: reason.WriteRejected(message),
	}
	if next.Generation == r.Generation && next.RequestedAt == r.RequestedAt {
		next.Failures = r.Failures + 1
		next.Summary = next.Summary.Stable(r.Summary)
	}
	next.Until = s.Now.Add(retryDelay(next.Failures, jitter))
	return next
}

// WithWrites returns the state after writes of the mappings of a snapshot. Jitter is a random number in [0,1).
func (s State) WithWrites(snapshot Snapshot, results []WriteResult, jitter float64) State {
	for _, result := range results {
		m := snapshot.Mappings[result.Mapping]
		state := s.Mappings[m.UID]
		before := state.Writes
		switch result.Rejected {
		case Metadata:
			state.Writes.Metadata = before.Metadata.repeated(snapshot, m, result.Message, jitter)
		case Status:
			state.Writes.Status = before.Status.repeated(snapshot, m, result.Message, jitter)
			state.Writes.Unwritten = result.Status
		case NoPart:
			if result.Status != nil {
				state.Writes.Status, state.Writes.Unwritten = Rejection{}, nil
			}
		}
		if result.Metadata && result.Rejected != Metadata {
			state.Writes.Metadata = Rejection{}
		}
		if state.Writes != before {
			s = s.with(m.UID, state)
		}
	}
	return s
}

// withUnwritten returns the snapshot with the statuses that could not be written.
func (s Snapshot) withUnwritten(state State) Snapshot {
	mappings := make([]Mapping, len(s.Mappings))
	for i, m := range s.Mappings {
		if unwritten := state.Mappings[m.UID].Writes.Unwritten; unwritten != nil {
			m.unrecorded = without(groupsOf(unwritten), groupsOf(&m.Status))
			object := *m.AgentGroupMapping
			object.Status = *unwritten
			m.AgentGroupMapping, m.outdatedStatus = &object, true
		}
		mappings[i] = m
	}
	s.Mappings = mappings
	return s
}

// groupsOf returns the applied and the pending groups of a status.
func groupsOf(status *v1alpha1.AgentGroupMappingStatus) []string {
	groups := slices.Clone(status.PendingGroups)
	for _, group := range status.AppliedGroups {
		groups = append(groups, group.GroupID)
	}
	return groups
}

// withhold moves the statuses that are not to be written yet to the state.
func (p planner) withhold(a Applied) Applied {
	var writes []Write
	for _, w := range a.Writes {
		if w.Status != nil && p.inputs[w.Mapping].statusRejected {
			uid := p.Mappings[w.Mapping].UID
			state := a.State.Mappings[uid]
			state.Writes.Unwritten = w.Status
			a.State = a.State.with(uid, state)
			w.Status = nil
		}
		if !w.isZero() {
			writes = append(writes, w)
		}
	}
	a.Writes = writes
	return a
}

// rejectionSummary states why the finalizer or the record of an attempt can't be written. Its message stays the same across restarts.
func (p planner) rejectionSummary(i int, current v1alpha1.AgentGroupMappingStatus) reason.Summary {
	m := p.Mappings[i]
	return p.state.of(m).Writes.Metadata.Summary.Stable(reason.Of(current.Conditions, m.Generation))
}
