package dispatch

import (
	"testing"
	"time"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

var start = time.Date(2026, time.March, 1, 9, 0, 0, 0, time.UTC)

// failure returns the catalogue's entry with this reason, as an error.
func failure(t *testing.T, reason string) *deepcall.Error {
	t.Helper()
	for _, entry := range deepcall.Catalogue() {
		if entry.Reason == reason {
			e := &deepcall.Error{Entry: entry}
			if entry.Code != 0 || reason == "UnknownCode" {
				e.Answer = &deepcall.Answer{Code: entry.Code}
			}
			return e
		}
	}
	t.Fatalf("the catalogue has no %s", reason)
	return nil
}

// breakerHarness is a breaker with a clock of its own.
type breakerHarness struct {
	breaker
	t          *testing.T
	now        time.Duration
	agentID    string
	othersWait bool
}

func newBreakerHarness(t *testing.T) *breakerHarness {
	return &breakerHarness{breaker: newBreaker(start), t: t}
}

// ends records a request that starts as soon as one may, and takes a millisecond.
func (h *breakerHarness) ends(reason string) *breakerHarness {
	h.t.Helper()
	started := h.now + h.left()
	return h.between(started, started+time.Millisecond, reason)
}

// between records a request by its start and its end.
func (h *breakerHarness) between(started, ended time.Duration, reason string) *breakerHarness {
	h.t.Helper()
	return h.retryAfter(started, ended, reason, 0)
}

// retryAfter records a request whose answer has a Retry-After.
func (h *breakerHarness) retryAfter(started, ended time.Duration, reason string, retryAfter time.Duration) *breakerHarness {
	h.t.Helper()
	var err error
	if reason != accepted {
		e := failure(h.t, reason)
		e.RetryAfter = retryAfter
		err = e
	}
	h.now = max(h.now, ended)
	h.record(sent{agentID: h.agentID, started: start.Add(started), ended: start.Add(ended), othersWait: h.othersWait}, err)
	return h
}

// left is how long no request of the agent may start.
func (h *breakerHarness) left() time.Duration {
	return h.pause(h.agentID, start.Add(h.now))
}

// of makes the next requests those of an agent, while others wait or not.
func (h *breakerHarness) of(agentID string, othersWait bool) *breakerHarness {
	h.agentID, h.othersWait = agentID, othersWait
	return h
}

func (h *breakerHarness) times(n int, reason string) *breakerHarness {
	h.t.Helper()
	for range n {
		h.ends(reason)
	}
	return h
}

const (
	accepted   = ""
	denial     = "PermissionDenied"
	badGroup   = "InvalidGroupData"
	inProcess  = "DataAlreadyInProcessing"
	network    = "ConnectionFailed"
	overloaded = "TooManyRequests"
)

func (h *breakerHarness) expect(state State, pause time.Duration, probing bool) {
	h.t.Helper()
	expect(h.t, "state", h.state, state)
	expect(h.t, "pause", h.left(), pause)
	expect(h.t, "probing", h.probing, probing)
}
