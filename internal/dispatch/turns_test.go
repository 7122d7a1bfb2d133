package dispatch

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// simulation runs agents against a harness as the agents' reconciler does: a failed request is
// repeated with back-off, at once while the account can't be used, and every agent has edits and resyncs.
type simulation struct {
	*harness
	mu     sync.Mutex
	agents map[string]*simulatedAgent
	// slowest is the longest time that a good agent waited for its request to succeed.
	slowest time.Duration
	// unusable is how long the account was denied or unreachable.
	unusable time.Duration
}

type simulatedAgent struct {
	ask      *Ask // nil if nothing is to be sent
	since    time.Time
	failures int
	result   *Result
	retryAt  time.Time
}

// runDay simulates 24 hours of an account with n agents. Agents resync every hour, and one of them
// is edited every 3 hours. alwaysFails are the agents whose requests never succeed.
func (s *simulation) runDay(n int, alwaysFails map[string]answer) {
	s.agents = map[string]*simulatedAgent{}
	for i := range n {
		s.agents[fmt.Sprint(i)] = &simulatedAgent{}
	}
	s.answer = func(r request) answer {
		if a, ok := alwaysFails[r.agentID]; ok {
			return a
		}
		return success.in(100 * time.Millisecond)
	}
	s.enqueueListener = func(agentID string) { go s.reconcile(agentID) }
	for i := range n {
		s.want(fmt.Sprint(i), edit)
	}
	const step = time.Minute
	for minute := 1; minute <= 24*60; minute++ {
		elapse(step)
		if !s.health().Reachable() {
			s.unusable += step
		}
		for i := range n {
			if (minute+7*i)%60 == 0 {
				s.want(fmt.Sprint(i), Ask{Priority: PeriodicResync})
			}
		}
		if minute%180 == 0 {
			s.want(fmt.Sprint(minute/180%n), edit)
		}
	}
	elapse(time.Minute)
	for agentID, agent := range s.agents {
		if _, bad := alwaysFails[agentID]; !bad && agent.ask != nil {
			s.t.Errorf("agent %s still waits after %s", agentID, time.Since(agent.since))
		}
	}
}

// want makes an agent send a request.
func (s *simulation) want(agentID string, ask Ask) {
	s.mu.Lock()
	agent := s.agents[agentID]
	if agent.ask == nil {
		agent.since = time.Now()
	}
	if agent.ask == nil || agent.ask.Priority < ask.Priority {
		agent.ask = &ask
	}
	s.mu.Unlock()
	go s.reconcile(agentID)
	synctest.Wait()
}

func (s *simulation) reconcile(agentID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.InFlight(agent(agentID)) {
		return
	}
	a, health := s.agents[agentID], s.health()
	if result := a.result; result != nil {
		a.result = nil
		if result.Err == nil {
			s.slowest = max(s.slowest, time.Since(a.since))
			*a = simulatedAgent{}
		} else {
			a.failures++
			a.retryAt = time.Now().Add(backoff(result.Err, a.failures))
			if a.ask.Priority == Edit {
				a.ask = &Ask{Priority: Retry}
			}
		}
	}
	switch wait := time.Until(a.retryAt); {
	case a.ask == nil:
		s.release(agentID)
	case wait > 0 && health.Ready():
		s.release(agentID)
		time.AfterFunc(wait, func() { s.reconcile(agentID) })
	default:
		if permit := s.acquire(agentID, *a.ask); permit != nil {
			permit.Start(s.t.Context(), requestOf(agentID), func(r Result) {
				s.mu.Lock()
				defer s.mu.Unlock()
				a.result = &r
			})
		}
	}
}

func TestOneFailingAgent(t *testing.T) {
	for name, failure := range map[string]answer{
		"HTTP 503":  failing,
		"time-outs": {status: 200, after: 8 * time.Second},
		"code 1015": denied,
		"HTTP 403":  {status: 403, body: "<html>"},
	} {
		runInFakeTime(t, "does not delay the others for 24 hours with "+name, func(t *testing.T) {
			s := &simulation{harness: newHarness(t, Limits{RequestsPerSecond: 10, Burst: 20, MaxInFlight: 4}, nil)}
			s.runDay(10, map[string]answer{"8": failure})
			// The first request of new credentials and those in flight can delay another one.
			if s.slowest > 10*time.Second {
				t.Errorf("a good agent waited for %s", s.slowest)
			}
			if s.unusable > 15*time.Minute {
				t.Errorf("the account was unusable for %s", s.unusable)
			}
			requests := map[string]int{}
			for _, r := range s.requests() {
				requests[r.agentID]++
			}
			if requests["8"] > 24*60 || requests["0"] < 20 {
				t.Errorf("requests by agent: %v", requests)
			}
			if failure == denied && requests["8"] > 3+24*60/5 {
				t.Errorf("the denied agent sent %d requests", requests["8"])
			}
		})
	}
}

// backoff returns the delay after so many failures in a row, as the planner does.
func backoff(err error, failures int) time.Duration {
	delay, limit := time.Second, 5*time.Minute
	if failure, ok := errors.AsType[*deepcall.Error](err); ok && failure.Class == deepcall.Denied {
		delay, limit = 5*time.Minute, time.Hour
	}
	for range failures - 1 {
		delay = min(2*delay, limit)
	}
	return delay
}
