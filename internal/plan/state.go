package plan

import (
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// State is the part of an agent's state that is kept only in memory. A restart loses it. It is a value: no function changes a
// State in place, so a step whose writes failed can be repeated from the same State.
type State struct {
	// Result is the result of the last request, until the statuses that it changes are written.
	Result *Result
	// Mappings is the state of each mapping that has one.
	Mappings map[types.UID]MappingState
}

// MappingState is the part of a mapping's state that is kept only in memory.
type MappingState struct {
	// Backoff delays the next attempt after transient failures.
	Backoff Backoff
	// RemovalIsolation is how far the rejected removal of generation RemovalGeneration is isolated at RemovalTarget.
	RemovalIsolation  RemovalIsolation
	RemovalGeneration int64
	RemovalTarget     deepcall.Target
	// MappingIsolation looks for the mapping that caused the rejection of a change; nil if none is under way.
	MappingIsolation *MappingIsolation
	// PendingAdds are the groups that requests without a definite answer may have added.
	PendingAdds []string
	// CertainAttempt is the number of the attempt for which a rejection proves that no group was added: this process recorded
	// it while no earlier attempt was unanswered, and every request since had a definite answer. Zero if there is none.
	CertainAttempt int64
	// RejectedTime is when DeepCall last rejected the mapping.
	RejectedTime time.Time
	// Writes are those that the API server rejected.
	Writes RejectedWrites
}

func (m MappingState) isZero() bool {
	return m.Backoff.Failures == 0 && m.RemovalGeneration == 0 && m.MappingIsolation == nil && m.CertainAttempt == 0 &&
		m.RejectedTime.IsZero() && len(m.PendingAdds) == 0 && m.Writes == RejectedWrites{}
}

// Backoff delays a change after transient failures. It no longer applies once the spec, the requested resync or the account's
// recoveries have changed.
type Backoff struct {
	Generation  int64
	RequestedAt string
	Recoveries  int
	// Failures counts the failures in a row.
	Failures int
	Until    time.Time
}

// isPending reports whether the back-off has not ended, and no change has ended it.
func (b Backoff) isPending(now time.Time, generation int64, requestedAt string) bool {
	return b.Failures > 0 && now.Before(b.Until) && b.Generation == generation && b.RequestedAt == requestedAt
}

// Result is how a request ended.
type Result struct {
	Next
	// Endpoint is where the request was sent, and UserHash identifies its user, see deepcall.Target.
	Endpoint, UserHash string
	// Recoveries is the account's when the request started.
	Recoveries int
	// Attempt is the number of the mapping's last recorded attempt when the request was sent.
	Attempt int64
	Answer  deepcall.Answer
	// Failure is nil if DeepCall accepted the request.
	Failure *deepcall.Error
	// At is when the request ended.
	At time.Time
	// Jitter is a random number in [0,1) that keeps retries of different agents apart.
	Jitter float64

	// conclusion is set once it is known which mapping caused a rejection.
	conclusion *conclusion
}

// target returns where the request was sent.
func (r Result) target() deepcall.Target {
	return deepcall.Target{Endpoint: r.Endpoint, UserHash: r.UserHash}
}

// of returns the state of a mapping, without what belongs to an earlier generation.
func (s State) of(m Mapping) MappingState {
	state := s.Mappings[m.UID]
	if state.RemovalGeneration != m.Generation {
		state.RemovalIsolation, state.RemovalGeneration, state.RemovalTarget = RemovalIsolation{}, 0, deepcall.Target{}
	}
	if isolation := state.MappingIsolation; isolation != nil && isolation.rejection.Generation != m.Generation {
		state.MappingIsolation = nil
	}
	return state
}

// WithResult returns the state after a request ended.
func (s State) WithResult(result Result) State {
	s.Result = &result
	return s
}

// WithAttempt returns the state after the record of an attempt was written to the mapping.
func (s State) WithAttempt(next Next, attempt int64) State {
	if len(next.Adds) == 0 {
		return s
	}
	m := s.Mappings[next.UID]
	m.PendingAdds = next.Pending
	if next.attemptCertain {
		m.CertainAttempt = attempt
	}
	return s.with(next.UID, m)
}

// Prune returns the state without mappings that no longer exist, and without isolations that can't continue now: later, the
// answers so far prove nothing.
func (s State) Prune(snapshot Snapshot) State {
	s.Mappings = maps.Clone(s.Mappings)
	maps.DeleteFunc(s.Mappings, func(uid types.UID, _ MappingState) bool { return snapshot.index(uid) < 0 })
	for _, m := range snapshot.Mappings {
		state, isDeleting := s.Mappings[m.UID], m.DeletionTimestamp != nil // a deletion needs no permission
		if interrupted := snapshot.Account.Paused || !m.Permitted && !isDeleting; interrupted && state.MappingIsolation != nil {
			state.MappingIsolation = nil
			s = s.with(m.UID, state)
		}
	}
	return s
}

// IsZero reports whether there is nothing to keep.
func (s State) IsZero() bool {
	return s.Result == nil && len(s.Mappings) == 0
}

func (s State) with(uid types.UID, m MappingState) State {
	s.Mappings = maps.Clone(s.Mappings)
	if m.isZero() {
		delete(s.Mappings, uid)
		return s
	}
	if s.Mappings == nil {
		s.Mappings = map[types.UID]MappingState{}
	}
	s.Mappings[uid] = m
	return s
}

func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(one string) bool { return slices.Contains(some, one) })
}
