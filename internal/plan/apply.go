package plan

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// Applied is what the result of a request changes.
type Applied struct {
	// Writes are to be made before State counts.
	Writes []Write
	State  State
}

// conclusion is the outcome of a MappingIsolation.
type conclusion struct {
	// rejected reports that the mapping of the request is rejected, and appliedToo that its applied groups are, too.
	rejected, appliedToo bool
	// others are the other mappings at fault.
	others []culprit
}

// culprit is a mapping whose applied groups DeepCall rejects now.
type culprit struct {
	uid        types.UID
	generation int64
	// rejected reports that no change of its own is pending, whose result would set the conditions.
	rejected bool
}

// Apply computes the statuses and the state after the result in state. It depends on the result and not on what earlier
// attempts have written: if a write fails, repeating Apply from the same state has the same outcome. The state that it
// returns may contain a result again, which is to be applied next.
func Apply(snapshot Snapshot, state State) Applied {
	r := *state.Result
	p := newPlanner(snapshot, state)
	p.state.Result = nil
	self := snapshot.index(r.UID)
	switch {
	case self < 0:
		return Applied{State: p.state} // the mapping is gone
	case r.conclusion != nil:
		return p.applyConclusion(self, r)
	case r.isolation != nil && (r.Failure == nil || r.Failure.Class == deepcall.Rejected):
		return p.applyIsolationStep(self, r)
	default:
		return p.applyResult(self, r)
	}
}

func (p planner) applyResult(self int, r Result) Applied {
	m, state := p.Mappings[self], p.state.of(p.Mappings[self])
	if r.Failure != nil && r.Failure.Uncertain {
		state.CertainAttempt = 0
	}
	switch progress, ok := r.progress(); {
	case ok && progress.done && r.Deleting && len(r.change.handingOver) == 0:
		return Applied{Writes: []Write{{Mapping: self, RemoveFinalizer: true}}, State: p.state.with(r.UID, MappingState{})}
	case ok && progress.done:
		return p.applied(r, MappingState{}, Write{Mapping: self, Status: m.withStatus(func(status *v1alpha1.AgentGroupMappingStatus) {
			r.markSynced(status, progress.applied)
		})})
	case ok:
		if len(progress.isolation.Removed) > len(state.RemovalIsolation.Removed) {
			state.Backoff = Backoff{} // as after any accepted change
		}
		state.RemovalIsolation, state.RemovalGeneration = progress.isolation, r.Generation
		return p.applied(r, state, Write{Mapping: self, Status: m.withStatus(func(status *v1alpha1.AgentGroupMappingStatus) {
			r.markProgress(status, progress.applied)
		})})
	case r.Failure.Class == deepcall.Rejected:
		return p.applyRejection(self, r, state)
	case r.Failure.Class == deepcall.Denied:
		failed := MappingState{Backoff: p.backOff(r, state.Backoff)} // in force if only this agent is denied
		return p.applied(r, failed, Write{Mapping: self, Status: m.withStatus(func(status *v1alpha1.AgentGroupMappingStatus) {
			r.markFailed(status, state.CertainAttempt, p.failureSummary(self, r))
		})})
	default:
		return p.applyTransient(self, r, state)
	}
}

// applied returns the writes that are not empty, and the new state of the mapping of the result.
func (p planner) applied(r Result, state MappingState, writes ...Write) Applied {
	a := Applied{State: p.state.with(r.UID, state)}
	for _, w := range writes {
		if !w.isZero() {
			a.Writes = append(a.Writes, w)
		}
	}
	return a
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
	state.MappingIsolation = r.isolation
	summary := p.failureSummary(self, r)
	writes := p.markUnconfirmed(self, r)
	writes = append(writes, Write{Mapping: self, Status: p.Mappings[self].withStatus(func(status *v1alpha1.AgentGroupMappingStatus) {
		r.markFailed(status, 0, summary)
	})})
	return p.applied(r, state, writes...)
}

// failureSummary states why a request failed, or why no further one is sent.
func (p planner) failureSummary(self int, r Result) reason.Summary {
	if summary, ok := p.accountSummary(self); ok {
		return summary
	}
	return reason.FromError(r.Failure)
}

func (p planner) backOff(r Result, last Backoff) Backoff {
	failures := 1
	if last.Generation == r.Generation && last.RequestedAt == r.RequestedAt && last.Recoveries == p.Account.Recoveries {
		failures = last.Failures + 1
	}
	delay := retryDelay
	if r.Failure.Class == deepcall.Denied {
		delay = deniedDelay
	}
	return Backoff{
		Generation: r.Generation, RequestedAt: r.RequestedAt, Recoveries: p.Account.Recoveries,
		Failures: failures, Until: r.At.Add(delay(failures, r.Jitter)),
	}
}

// markUnconfirmed flags the mappings whose group the failed request may have taken over: should they declare it again, it
// is sent again.
func (p planner) markUnconfirmed(self int, r Result) []Write {
	if !r.Failure.Uncertain {
		return nil
	}
	var writes []Write
	for i, m := range p.Mappings {
		if i == self || !overlap(p.changes[i].handingOver, r.change.desired) {
			continue
		}
		writes = append(writes, Write{Mapping: i, Status: m.withStatus(func(status *v1alpha1.AgentGroupMappingStatus) {
			status.Uncertain = true
		})})
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

// applyRejection marks the change rejected, or isolates the rejection if the request carried other mappings' groups.
func (p planner) applyRejection(self int, r Result, state MappingState) Applied {
	q, ok := isolateMapping(p.inputs, p.changes, self)
	if !ok || r.Failure.UnknownAgent {
		return p.conclude(r, state, conclusion{rejected: true, appliedToo: !p.changes[self].pending})
	}
	return p.continueIsolation(r, state, *q.of(r, groupsAsApplied(p.inputs, p.changes)))
}

func (p planner) applyIsolationStep(self int, r Result) Applied {
	state, q := p.state.of(p.Mappings[self]), *r.isolation
	if q.outdated(p.inputs, p.changes) {
		state.MappingIsolation = nil // the change itself is sent again
		return p.applied(r, state)
	}
	next := q.next(p.inputs, p.changes, r.Failure == nil)
	return p.continueIsolation(q.rejection, state, *next.of(q.rejection, q.asApplied))
}

func (p planner) continueIsolation(rejection Result, state MappingState, q MappingIsolation) Applied {
	if q.Step != Concluded {
		state.MappingIsolation = &q
		return p.applied(rejection, state)
	}
	c := conclusion{rejected: len(q.AtFault) == 0}
	for i, m := range p.Mappings {
		switch in := p.inputs[i]; {
		case !slices.Contains(q.AtFault, in.name):
		case m.UID == rejection.UID:
			c.rejected, c.appliedToo = true, true
		default:
			c.others = append(c.others, culprit{m.UID, m.Generation, !p.changes[i].pending || in.rejected})
		}
	}
	return p.conclude(rejection, state, c)
}

// conclude makes the conclusion the result to be applied next. It is a state of its own since its writes change what it was
// concluded from.
func (p planner) conclude(rejection Result, state MappingState, c conclusion) Applied {
	rejection.conclusion = &c
	state.MappingIsolation = nil
	a := p.applied(rejection, state)
	a.State.Result = &rejection
	return a
}

func (p planner) applyConclusion(self int, r Result) Applied {
	c, state := r.conclusion, p.state.of(p.Mappings[self])
	a := Applied{State: p.state}
	if c.rejected {
		a = p.reject(self, r, state)
	}
	for _, other := range c.others {
		i := p.index(other.uid)
		if i < 0 {
			continue
		}
		otherState := a.State.Mappings[other.uid]
		otherState.RejectedAt = r.Endpoint
		a.State = a.State.with(other.uid, otherState)
		if w := p.excludeFromRequests(i, r, other); !w.isZero() {
			a.Writes = append(a.Writes, w)
		}
	}
	return a
}

// reject states that DeepCall rejects what the mapping declares.
func (p planner) reject(self int, r Result, state MappingState) Applied {
	m := p.Mappings[self]
	if r.Deleting && len(r.change.handingOver) > 0 {
		// A group that is handed over may be at fault: it is not kept any more, but removed with the others.
		return p.applied(r, MappingState{}, Write{Mapping: self, Status: m.withStatus(func(status *v1alpha1.AgentGroupMappingStatus) {
			status.AppliedEndpoint = ""
		})})
	}
	return p.applied(r, MappingState{RejectedAt: r.Endpoint}, Write{Mapping: self, Status: m.withStatus(func(status *v1alpha1.AgentGroupMappingStatus) {
		r.markRejected(status, state.CertainAttempt)
		// Removals that are being isolated were omitted from requests. Should they be declared again, they are sent again.
		status.Uncertain = status.Uncertain || state.RemovalIsolation.Step != AllRemovals
		if r.conclusion.appliedToo {
			status.AppliedEndpoint = ""
		}
	})})
}

// excludeFromRequests states that DeepCall rejects what it accepted of the mapping before: its groups are not carried until
// its own change is accepted.
func (p planner) excludeFromRequests(i int, r Result, c culprit) Write {
	m := p.Mappings[i]
	r.Generation, r.Deleting, r.RequestedAt = c.generation, p.inputs[i].deleting, ""
	return Write{Mapping: i, Status: m.withStatus(func(status *v1alpha1.AgentGroupMappingStatus) {
		status.AppliedEndpoint = ""
		if c.rejected && m.Generation == c.generation {
			r.markRejected(status, 0)
		}
	})}
}
