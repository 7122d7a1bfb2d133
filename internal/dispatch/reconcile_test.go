package dispatch

import (
	"fmt"
	"slices"
	"sync"
	"testing/synctest"
)

// reconcileMany reconciles n agents, named by their number.
func (h *harness) reconcileMany(n int, ask Ask, retry bool) {
	agentIDs := make([]string, n)
	for i := range agentIDs {
		agentIDs[i] = fmt.Sprint(i)
	}
	h.reconcile(ask, retry, agentIDs...)
}

// reconcile sends one request for each agent, as the agents' reconciler does: whenever an agent is
// enqueued, it handles the last result and then acquires a permit. If retry is set, it repeats
// requests until they succeed.
func (h *harness) reconcile(ask Ask, retry bool, agentIDs ...string) {
	var mu sync.Mutex
	results, done := map[string]Result{}, map[string]bool{}
	reconcile := func(agentID string) {
		mu.Lock()
		defer mu.Unlock()
		if h.InFlight(agent(agentID)) {
			return
		}
		if result, ended := results[agentID]; ended {
			delete(results, agentID)
			done[agentID] = result.Err == nil || !retry
			h.release(agentID)
		}
		if done[agentID] {
			return
		}
		if permit := h.acquire(agentID, ask); permit != nil {
			permit.Start(h.t.Context(), requestOf(agentID), func(r Result) {
				mu.Lock()
				defer mu.Unlock()
				results[agentID] = r
			})
		}
	}
	h.mu.Lock()
	next := h.enqueueListener
	h.enqueueListener = func(agentID string) {
		if slices.Contains(agentIDs, agentID) {
			go reconcile(agentID)
		} else if next != nil {
			next(agentID)
		}
	}
	h.mu.Unlock()
	for _, agentID := range agentIDs {
		reconcile(agentID)
		synctest.Wait() // so that they ask in order
	}
}
