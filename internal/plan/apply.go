package plan

import (
	"maps"
	"slices"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// Applied is what the result of a request changes.
type Applied struct {
	// Writes must succeed before State is committed.
	Writes []Write
	State  State
}

// Apply computes the statuses and the state after the result in state. It depends on the result and not on what earlier
// attempts have written: if a write fails, repeating Apply from the same state has the same outcome. The state that it
// returns can contain another result, which is to be applied next.
func Apply(snapshot Snapshot, state State) Applied {
	p := newPlanner(snapshot, state)
	return p.withhold(p.apply(*state.Result))
}

func (p planner) apply(r Result) Applied {
	p.state.Result = nil
	a := p.applyTo(r)
	if r.Failure == nil {
		a.Writes = append(a.Writes, p.recordSent(r)...)
	}
	return a
}

// applyTo applies a result to the mapping of the request, and a rejection also to the other mappings at fault.
func (p planner) applyTo(r Result) Applied {
	self := p.index(r.UID)
	switch {
	case self < 0:
		return Applied{State: p.state} // the mapping is gone
	case r.conclusion != nil:
		return p.applyConclusion(self, r)
	case r.mappingIsolation != nil && (r.Failure == nil || r.Failure.Class == deepcall.Rejected):
		return p.applyIsolationStep(self, r)
	default:
		return p.applyResult(self, r)
	}
}

func (p planner) applyResult(self int, r Result) Applied {
	state := p.state.of(p.Mappings[self])
	state.MappingIsolation = nil // if a step of it failed: rejections before it prove nothing beside groups that are accepted later
	if r.Failure != nil && r.Failure.Uncertain {
		state.CertainAttempt = 0
	}
	switch progress, ok := r.progress(); {
	case ok && progress.done && r.Deleting && len(r.change.handingOver) == 0:
		return p.release(self, r, progress.applied)
	case ok && progress.done && r.change.deferred:
		return p.newApplied(r, MappingState{}, p.writeStatus(self, func(status *v1alpha1.AgentGroupMappingStatus) {
			r.markProgress(status, progress.applied)
			r.clearPending(status)
		}))
	case ok && progress.done:
		return p.newApplied(r, MappingState{}, p.writeStatus(self, func(status *v1alpha1.AgentGroupMappingStatus) {
			r.markSynced(status, progress.applied)
		}))
	case ok:
		if len(progress.isolation.Removed) > len(r.input.isolation.Removed) {
			state.Backoff = Backoff{} // as after any accepted change
		}
		state.RemovalIsolation, state.RemovalGeneration = progress.isolation, r.Generation
		state.RemovalTarget = r.target()
		return p.newApplied(r, state, p.writeStatus(self, func(status *v1alpha1.AgentGroupMappingStatus) {
			r.markProgress(status, progress.applied)
		}))
	case r.Failure.Class == deepcall.Rejected:
		return p.applyRejection(self, r, state)
	case r.Failure.Class == deepcall.Denied:
		failed := MappingState{Backoff: p.backOff(r, state.Backoff)} // in force if only this agent is denied
		return p.newApplied(r, failed, p.writeStatus(self, func(status *v1alpha1.AgentGroupMappingStatus) {
			r.markFailed(status, state.CertainAttempt, p.failureSummary(self, r))
		}))
	default:
		return p.applyTransient(self, r, state)
	}
}

// release returns the removal of the finalizer. If the API server rejects it, the groups do not count as applied any more.
func (p planner) release(self int, r Result, applied Groups) Applied {
	a := p.newApplied(r, MappingState{}, Write{Mapping: self, RemoveFinalizer: true})
	state := a.State.Mappings[r.UID]
	state.Writes.Unwritten = p.withStatus(self, func(status *v1alpha1.AgentGroupMappingStatus) {
		r.markProgress(status, applied)
		r.clearPending(status)
	})
	a.State = a.State.with(r.UID, state)
	return a
}

// newApplied returns the writes that are not empty, and the agent's state with the new state of the result's mapping.
func (p planner) newApplied(r Result, state MappingState, writes ...Write) Applied {
	state.Writes = p.state.Mappings[r.UID].Writes
	return Applied{Writes: slices.DeleteFunc(writes, Write.isZero), State: p.state.with(r.UID, state)}
}

// writeStatus returns the write of a change of the status. It is empty if the status stays the same.
func (p planner) writeStatus(i int, change func(*v1alpha1.AgentGroupMappingStatus)) Write {
	return Write{Mapping: i, Status: p.withStatus(i, change)}
}

// progress returns how far the change has come. It reports false if the result is a failure.
func (r Result) progress() (progress, bool) {
	switch {
	case r.Failure == nil:
		return r.accepted(), true
	case r.Deleting && r.Failure.UnknownAgent:
		return progress{applied: r.change.applied(), done: true}, true
	case r.Failure.InvalidGroup && r.Failure.Class == deepcall.Rejected:
		return r.rejected()
	default:
		return progress{}, false
	}
}

func (p planner) applyTransient(self int, r Result, state MappingState) Applied {
	state.RemovalIsolation = state.RemovalIsolation.interrupted()
	state.Backoff = p.backOff(r, state.Backoff)
	summary := p.failureSummary(self, r)
	writes := p.markUnconfirmed(self, r)
	writes = append(writes, p.writeStatus(self, func(status *v1alpha1.AgentGroupMappingStatus) {
		r.markFailed(status, 0, summary)
	}))
	return p.newApplied(r, state, writes...)
}

// failureSummary states why a request failed, or why no further one is sent.
func (p planner) failureSummary(self int, r Result) reason.Summary {
	if summary, ok := p.accountSummary(self); ok {
		return summary
	}
	return reason.FromError(r.Failure)
}

// backOff returns the back-off after a transient failure or a denial.
func (p planner) backOff(r Result, last Backoff) Backoff {
	failures := 1
	if last.Generation == r.Generation && last.RequestedAt == r.RequestedAt && last.Recoveries == r.Recoveries {
		failures = last.Failures + 1
	}
	delay := retryDelay
	if r.Failure.Class == deepcall.Denied {
		delay = deniedDelay
	}
	return Backoff{
		Generation: r.Generation, RequestedAt: r.RequestedAt, Recoveries: r.Recoveries,
		Failures: failures, Until: r.At.Add(delay(failures, r.Jitter)),
	}
}

// markUnconfirmed flags the mappings whose group the failed request may already have taken over: if they declare it again,
// it is sent again.
func (p planner) markUnconfirmed(self int, r Result) []Write {
	if !r.Failure.Uncertain {
		return nil
	}
	var writes []Write
	for i := range p.Mappings {
		if i == self || !overlap(p.changes[i].handingOver, r.change.desired) {
			continue
		}
		writes = append(writes, p.writeStatus(i, func(status *v1alpha1.AgentGroupMappingStatus) { status.Uncertain = true }))
	}
	return writes
}

// recordSent records the values that an accepted request contained for applied groups of other mappings. Otherwise a later
// request could enable a group again that this one disabled. Groups that the request's mapping took over and still desires are
// left out: the other mappings drop them.
func (p planner) recordSent(r Result) []Write {
	self := p.index(r.UID)
	isChange := r.mappingIsolation == nil // else the request contained only applied groups, also those of its own mapping
	sent := maps.Clone(r.Groups)
	if isChange && self >= 0 {
		maps.DeleteFunc(sent, func(group string, _ bool) bool {
			_, desiredThen := r.change.desired[group]
			_, desiredNow := p.changes[self].desired[group]
			return desiredThen && desiredNow
		})
	}
	var writes []Write
	for i, m := range p.Mappings {
		appliedAt := appliedTarget(m.Status)
		if i == self && isChange || appliedAt.Endpoint == "" || appliedAt.Differs(r.target()) {
			continue
		}
		applied := maps.Clone(p.inputs[i].applied)
		for group := range applied {
			if receives, ok := sent[group]; ok {
				applied[group] = receives
			}
		}
		if !maps.Equal(applied, p.inputs[i].applied) {
			writes = append(writes, p.writeStatus(i, func(status *v1alpha1.AgentGroupMappingStatus) { setApplied(status, applied) }))
		}
	}
	return writes
}

func overlap(a, b Groups) bool {
	for group := range a {
		if _, both := b[group]; both {
			return true
		}
	}
	return false
}
