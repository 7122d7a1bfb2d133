package dispatch

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// TestBreakerTransitions checks the table at the type breaker, row by row.
func TestBreakerTransitions(t *testing.T) {
	from := map[State]func(*testing.T) *breakerHarness{
		Untried:     newBreakerHarness,
		Usable:      func(t *testing.T) *breakerHarness { return newBreakerHarness(t).ends(accepted) },
		Unreachable: func(t *testing.T) *breakerHarness { return newBreakerHarness(t).ends(accepted).times(5, network) },
		Denied:      func(t *testing.T) *breakerHarness { return newBreakerHarness(t).ends(accepted).ends(denial) },
	}
	const minute = time.Minute
	for _, tc := range []struct {
		from    State
		times   int
		reason  string
		to      State
		pause   time.Duration
		probing bool
	}{
		{Untried, 1, accepted, Usable, 0, false},
		{Untried, 1, badGroup, Usable, 0, false},
		{Untried, 1, inProcess, Usable, 0, false},
		{Untried, 1, "UnknownCode", Usable, 0, false},
		{Untried, 1, network, Untried, 0, true},
		{Untried, 4, network, Untried, 0, true},
		{Untried, 5, network, Unreachable, time.Second, true},
		{Untried, 1, denial, Denied, 5 * minute, true},
		{Usable, 1, accepted, Usable, 0, false},
		{Usable, 1, badGroup, Usable, 0, false},
		{Usable, 4, network, Usable, 0, false},
		{Usable, 5, network, Unreachable, time.Second, true},
		{Usable, 1, denial, Denied, 5 * minute, true},
		{Unreachable, 1, accepted, Usable, 0, false},
		{Unreachable, 1, badGroup, Usable, 0, false},
		{Unreachable, 1, network, Unreachable, 2 * time.Second, true},
		{Unreachable, 1, denial, Denied, 5 * minute, true},
		{Denied, 1, accepted, Usable, 0, false},
		{Denied, 1, badGroup, Usable, 0, false},
		{Denied, 1, inProcess, Usable, 0, false},
		{Denied, 1, network, Denied, 10 * minute, true},
		{Denied, 5, network, Denied, 60 * minute, true},
		{Denied, 1, denial, Denied, 10 * minute, true},
	} {
		t.Run(fmt.Sprintf("%s becomes %s after %d times %q", tc.from, tc.to, tc.times, tc.reason), func(t *testing.T) {
			from[tc.from](t).times(tc.times, tc.reason).expect(tc.to, tc.pause, tc.probing)
		})
	}
}

func TestBreakerHandlesEveryCatalogueEntry(t *testing.T) {
	for _, entry := range deepcall.Catalogue() {
		t.Run(fmt.Sprintf("%d %s", entry.Code, entry.Reason), func(t *testing.T) {
			h := newBreakerHarness(t).ends(accepted).times(4, network).ends(entry.Reason)
			switch {
			case entry.Class == deepcall.Denied:
				h.expect(Denied, 5*time.Minute, true)
			case entry.Unreachable:
				h.expect(Unreachable, time.Second, true)
			case entry.Reason == "Canceled":
				h.ends(network).expect(Unreachable, time.Second, true) // it does not interrupt consecutive failures
			case entry.Reason == "RequestTooLarge":
				h.ends(network).expect(Unreachable, time.Second, true) // a proxy can have answered it
			default:
				h.times(4, network).expect(Usable, 0, false) // an answer interrupts consecutive failures
			}
		})
	}

	t.Run("a canceled request changes nothing", func(t *testing.T) {
		h := newBreakerHarness(t)
		h.record(sent{started: start, ended: start}, context.Canceled)
		h.expect(Untried, 0, true)
	})
}

func TestBreakerProbesADeniedAccount(t *testing.T) {
	t.Run("after 5 minutes again once it has recovered", func(t *testing.T) {
		newBreakerHarness(t).times(4, denial).ends(accepted).ends(denial).expect(Denied, 5*time.Minute, true)
	})
	t.Run("no later because requests in flight are denied, too", func(t *testing.T) {
		h := newBreakerHarness(t).ends(accepted).between(time.Second, 2*time.Second, denial)
		h.between(time.Second, 3*time.Second, denial).between(time.Second, 4*time.Second, denial)
		h.expect(Denied, 5*time.Minute-2*time.Second, true)
	})
	t.Run("no later because requests in flight fail", func(t *testing.T) {
		h := newBreakerHarness(t).ends(accepted).between(time.Second, 2*time.Second, denial).between(time.Second, 3*time.Second, network)
		h.expect(Denied, 5*time.Minute-time.Second, true)
	})
	t.Run("although requests in flight succeed", func(t *testing.T) {
		for _, late := range []string{accepted, badGroup, inProcess} {
			h := newBreakerHarness(t).ends(accepted).between(time.Second, 2*time.Second, denial).between(time.Second, 3*time.Second, late)
			h.expect(Denied, 5*time.Minute-time.Second, true)
		}
	})
	t.Run("after 5 minutes if it was unreachable before", func(t *testing.T) {
		newBreakerHarness(t).times(8, network).ends(denial).expect(Denied, 5*time.Minute, true)
	})
}

func TestBreakerProbesAnUnreachableAccount(t *testing.T) {
	t.Run("after 1 s again once it has recovered", func(t *testing.T) {
		newBreakerHarness(t).times(9, network).ends(accepted).times(5, network).expect(Unreachable, time.Second, true)
	})
	t.Run("no later because requests in flight fail, too", func(t *testing.T) {
		h := newBreakerHarness(t).times(4, network)
		h.between(time.Second, 2*time.Second, network).between(time.Second, 2500*time.Millisecond, network)
		h.expect(Unreachable, 500*time.Millisecond, true)
	})
	t.Run("only after consecutive failures", func(t *testing.T) {
		newBreakerHarness(t).times(4, network).ends(badGroup).times(4, network).expect(Usable, 0, false)
	})
	t.Run("only after failures of requests that were not in flight together", func(t *testing.T) {
		h := newBreakerHarness(t).ends(accepted)
		for n := range 20 { // all start at 1 s, and fail one after another
			h.between(time.Second, time.Duration(2+n)*time.Second, network)
		}
		h.expect(Usable, 0, false)
		for n := range 3 {
			started := time.Duration(30+10*n) * time.Second
			h.between(started, started+time.Second, network).between(started, started+2*time.Second, network).expect(Usable, 0, false)
		}
		h.between(time.Minute, 61*time.Second, network).expect(Unreachable, time.Second, true)
	})
	t.Run("and keeps the error that led to the state", func(t *testing.T) {
		h := newBreakerHarness(t).times(4, network).ends("Timeout").ends(network)
		expect(t, "cause", h.cause.Reason, "Timeout")
		expect(t, "no cause after a success", newBreakerHarness(t).times(5, network).ends(accepted).cause == nil, true)
	})
}

// TestBreakerNeedsTwoAgents checks that one agent alone does not disable an account for the others.
func TestBreakerNeedsTwoAgents(t *testing.T) {
	const second = time.Second
	usable := func(t *testing.T) *breakerHarness { return newBreakerHarness(t).of("good", false).ends(accepted) }
	t.Run("to deny an account that worked, while another one waits", func(t *testing.T) {
		usable(t).of("8", true).ends(denial).expect(Usable, 0, true)
		usable(t).of("8", true).ends(denial).of("7", true).ends(denial).expect(Denied, 5*time.Minute, true)
		usable(t).of("8", true).ends(denial).of("7", true).ends(network).expect(Denied, 5*time.Minute, true)
		usable(t).of("8", true).ends(denial).of("7", true).ends(accepted).expect(Usable, 0, false)
	})
	t.Run("to make an account unreachable, while another one waits", func(t *testing.T) {
		usable(t).of("8", true).times(8, network).expect(Usable, 0, true)
		usable(t).of("8", true).times(5, network).of("7", true).ends(network).expect(Unreachable, second, true)
		usable(t).of("8", true).times(5, network).of("7", true).ends(accepted).expect(Usable, 0, false)
		newBreakerHarness(t).of("8", true).times(5, network).expect(Untried, 0, true)
		usable(t).of("8", true).times(2, network).of("7", true).times(3, network).expect(Unreachable, second, true)
	})
	t.Run("but one if no other waits, and another one is asked as soon as it does", func(t *testing.T) {
		h := usable(t).of("8", false).ends(denial)
		h.expect(Denied, 5*time.Minute, true)
		h.of("7", true).expect(Denied, 0, true)
		h.ends(accepted).expect(Usable, 0, false)

		h = usable(t).of("8", false).ends(denial).of("7", true).ends(denial)
		h.expect(Denied, 5*time.Minute-time.Millisecond, true)
		h.of("6", true).expect(Denied, 5*time.Minute-time.Millisecond, true)

		h = usable(t).of("8", false).times(7, network)
		h.expect(Unreachable, 4*second, true)
		h.of("7", true).expect(Unreachable, second, true)
	})
	t.Run("and one for credentials that were never accepted", func(t *testing.T) {
		h := newBreakerHarness(t).of("8", true).ends(denial)
		h.expect(Denied, 5*time.Minute, true)
		h.of("7", true).expect(Denied, 5*time.Minute, true)
	})
	t.Run("and failures that another agent refuted don't count, until the agent succeeds", func(t *testing.T) {
		h := usable(t).of("8", true).ends(denial).of("7", true).ends(accepted)
		h.of("8", false).times(9, denial).expect(Usable, 0, false)
		h.ends(accepted).ends(denial).expect(Denied, 5*time.Minute, true)

		h = usable(t).of("8", true).times(5, network).of("7", true).ends(accepted)
		h.of("8", false).times(9, network).expect(Usable, 0, false)
		h.of("7", true).times(4, network).of("8", false).times(9, network).expect(Usable, 0, false)
		h.of("8", false).ends(denial).expect(Denied, 5*time.Minute, true)
	})
	t.Run("and a success of a request sent before the failure refutes nothing", func(t *testing.T) {
		h := usable(t).of("8", true).between(second, 2*second, denial).of("7", true).between(second, 3*second, accepted)
		h.ends(denial).expect(Denied, 5*time.Minute, true)
	})
	t.Run("and the cause is the first agent's error", func(t *testing.T) {
		h := usable(t).of("8", true).ends(denial).of("7", true).ends(network)
		expect(t, "cause", h.cause.Reason, denial)
	})
}

func TestBreakerPausesForRetryAfter(t *testing.T) {
	const second = time.Second
	limitedAccount := func(t *testing.T) *breakerHarness {
		return newBreakerHarness(t).ends(accepted).retryAfter(0, second, overloaded, 30*second)
	}
	for _, reason := range []string{overloaded, "ServerError"} {
		t.Run("after "+reason, func(t *testing.T) {
			newBreakerHarness(t).ends(accepted).retryAfter(0, second, reason, 30*second).expect(Usable, 30*second, true)
		})
	}
	t.Run("and a success after the pause releases the account at once", func(t *testing.T) {
		limitedAccount(t).ends(accepted).expect(Usable, 0, false)
	})
	t.Run("and a shorter Retry-After does not shorten the pause", func(t *testing.T) {
		limitedAccount(t).retryAfter(0, 2*second, overloaded, 5*second).expect(Usable, 29*second, true)
	})
	t.Run("and a longer Retry-After lengthens the pause", func(t *testing.T) {
		limitedAccount(t).retryAfter(0, 2*second, overloaded, time.Hour).expect(Usable, time.Hour, true)
	})
	t.Run("and the success of a request in flight does not end the pause", func(t *testing.T) {
		h := newBreakerHarness(t).ends(accepted).retryAfter(second, 2*second, overloaded, 30*second).between(second, 3*second, accepted)
		h.expect(Usable, 29*second, true)
	})
	t.Run("and it may be longer than until the next probe of an unreachable account", func(t *testing.T) {
		h := newBreakerHarness(t).times(4, network)
		h.retryAfter(h.now, h.now+second, overloaded, 30*second).expect(Unreachable, 30*second, true)
		h.ends(accepted).expect(Usable, 0, false)
	})
	t.Run("and the success of a request in flight does not end the pause of an unreachable account", func(t *testing.T) {
		h := newBreakerHarness(t).times(4, network).retryAfter(second, 2*second, overloaded, 30*second).between(second, 3*second, accepted)
		expect(t, "pause", h.left(), 29*second)
	})
	t.Run("and it does not shorten the pause of a denied account", func(t *testing.T) {
		h := newBreakerHarness(t).ends(accepted).between(second, 2*second, denial).retryAfter(second, 3*second, overloaded, 5*second)
		h.expect(Denied, 5*time.Minute-second, true)
	})
}
