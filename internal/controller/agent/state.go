package agent

import (
	"sync"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/plan"
)

// stateStore keeps the planner's state of each agent that has one. A restart loses it.
type stateStore struct {
	mu     sync.Mutex
	states map[v1alpha1.AgentKey]plan.State
}

func newStateStore() *stateStore {
	return &stateStore{states: map[v1alpha1.AgentKey]plan.State{}}
}

func (s *stateStore) get(key v1alpha1.AgentKey) plan.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.states[key]
}

// commit replaces the state of an agent. No two callers do so at the same time: one worker reconciles the agent, and not while
// its request is in flight.
func (s *stateStore) commit(key v1alpha1.AgentKey, state plan.State) plan.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state.IsZero() {
		delete(s.states, key)
	} else {
		s.states[key] = state
	}
	return state
}

// withResult returns the agents whose last result is not applied yet.
func (s *stateStore) withResult() []v1alpha1.AgentKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []v1alpha1.AgentKey
	for key, state := range s.states {
		if state.Result != nil {
			keys = append(keys, key)
		}
	}
	return keys
}
