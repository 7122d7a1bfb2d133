package plan

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// conclusion is the cause of a rejection.
type conclusion struct {
	// rejected reports whether the mapping of the request is rejected, and appliedToo whether its applied groups are, too.
	rejected, appliedToo bool
	// others are the other mappings at fault.
	others []faultyMapping
}

// faultyMapping is a mapping whose applied groups DeepCall rejects now.
type faultyMapping struct {
	uid        types.UID
	generation int64
	// rejected reports whether the conditions state the rejection. If not, a change of its own is pending, whose result does.
	rejected bool
}

// applyRejection marks the change as rejected, or isolates the rejection if the request carried other mappings' groups.
func (p planner) applyRejection(self int, r Result, state MappingState) Applied {
	r.Recoveries = p.Account.Recoveries // the answer itself can have made an unreachable account ready again
	isolation, ok := isolateMapping(p.inputs, p.changes, self)
	if !ok || r.Failure.UnknownAgent {
		return p.conclude(r, state, conclusion{rejected: true, appliedToo: !p.changes[self].pending})
	}
	return p.continueIsolation(r, state, isolation.withRejection(r, groupsAsApplied(p.inputs, p.changes)))
}

func (p planner) applyIsolationStep(self int, r Result) Applied {
	state, isolation := p.state.of(p.Mappings[self]), r.mappingIsolation
	if p.outdated(*isolation, self) {
		state.MappingIsolation = nil // the change itself is sent again
		return p.newApplied(r, state)
	}
	next := isolation.next(p.inputs, p.changes, r.Failure == nil)
	return p.continueIsolation(isolation.rejection, state, next.withRejection(isolation.rejection, isolation.asApplied))
}

// continueIsolation keeps the isolation for the next request, or concludes it.
func (p planner) continueIsolation(rejection Result, state MappingState, isolation *MappingIsolation) Applied {
	if isolation.Step != Concluded {
		state.MappingIsolation = isolation
		return p.newApplied(rejection, state)
	}
	c := conclusion{rejected: len(isolation.AtFault) == 0}
	for i, m := range p.Mappings {
		switch in := p.inputs[i]; {
		case !slices.Contains(isolation.AtFault, in.name):
		case m.UID == rejection.UID:
			c.rejected, c.appliedToo = true, true
		default:
			c.others = append(c.others, faultyMapping{m.UID, m.Generation, !p.changes[i].pending || in.rejected})
		}
	}
	return p.conclude(rejection, state, c)
}

// conclude makes the conclusion the result that is applied next. Its writes change the statuses from which it was drawn, so
// it must not be drawn again if one of them fails.
func (p planner) conclude(rejection Result, state MappingState, c conclusion) Applied {
	rejection.conclusion = &c
	state.MappingIsolation = nil
	a := p.newApplied(rejection, state)
	a.State.Result = &rejection
	return a
}

func (p planner) applyConclusion(self int, r Result) Applied {
	a := Applied{State: p.state}
	if r.conclusion.rejected {
		a = p.reject(self, r, p.state.of(p.Mappings[self]))
	}
	for _, other := range r.conclusion.others {
		i := p.index(other.uid)
		if i < 0 {
			continue
		}
		state := a.State.Mappings[other.uid]
		state.RejectedTime = r.At
		a.State = a.State.with(other.uid, state)
		if w := p.excludeFromRequests(i, r, other); !w.isZero() {
			a.Writes = append(a.Writes, w)
		}
	}
	return a
}

// reject sets the status of a mapping whose declared groups DeepCall rejects.
func (p planner) reject(self int, r Result, state MappingState) Applied {
	if r.Deleting && len(r.change.handingOver) > 0 {
		// A group that is being handed over can be at fault: it is removed with the others instead.
		return p.newApplied(r, MappingState{}, p.writeStatus(self, excludeApplied))
	}
	return p.newApplied(r, MappingState{RejectedTime: r.At}, p.writeStatus(self, func(status *v1alpha1.AgentGroupMappingStatus) {
		r.markRejected(status, state.CertainAttempt)
		// Requests omitted the removals that were being isolated. If they are declared again, they are sent again.
		status.Uncertain = status.Uncertain || r.input.isolation.underWay()
		if r.conclusion.appliedToo {
			excludeApplied(status)
		}
	}))
}

// excludeApplied marks applied groups that DeepCall rejects now.
func excludeApplied(status *v1alpha1.AgentGroupMappingStatus) {
	status.AppliedEndpoint, status.AppliedUserHash = "", ""
}

// excludeFromRequests sets the status of a mapping whose applied groups DeepCall rejects now: they are not carried until its
// own change is accepted.
func (p planner) excludeFromRequests(i int, r Result, faulty faultyMapping) Write {
	generation := p.Mappings[i].Generation
	r.Generation, r.Deleting, r.Pending = faulty.generation, p.inputs[i].deleting, p.inputs[i].pendingAdds
	r.RequestedAt, r.AccountResync = "", nil
	return p.writeStatus(i, func(status *v1alpha1.AgentGroupMappingStatus) {
		excludeApplied(status)
		if faulty.rejected && generation == faulty.generation {
			r.markRejected(status, 0)
		}
	})
}
