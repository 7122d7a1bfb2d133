package dispatch

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

var start = time.Date(2026, time.March, 1, 9, 0, 0, 0, time.UTC)

// failure is the catalogue's row with this reason, as an error.
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

// gauge is a breaker with a clock of its own.
type gauge struct {
	breaker
	t   *testing.T
	now time.Duration
}

func newGauge(t *testing.T) *gauge {
	return &gauge{breaker: newBreaker(start), t: t}
}

// ends takes in a call that took a millisecond and starts as soon as one may.
func (g *gauge) ends(reason string) *gauge {
	g.t.Helper()
	began := g.now + g.wait(start.Add(g.now))
	return g.between(began, began+time.Millisecond, reason)
}

// between takes in a call by its start and its end.
func (g *gauge) between(began, ended time.Duration, reason string) *gauge {
	g.t.Helper()
	return g.held(began, ended, reason, 0)
}

func (g *gauge) held(began, ended time.Duration, reason string, retryAfter time.Duration) *gauge {
	g.t.Helper()
	var err error
	if reason != accepted {
		e := failure(g.t, reason)
		e.RetryAfter = retryAfter
		err = e
	}
	g.now = max(g.now, ended)
	g.settle(start.Add(began), start.Add(ended), err)
	return g
}

func (g *gauge) times(n int, reason string) *gauge {
	g.t.Helper()
	for range n {
		g.ends(reason)
	}
	return g
}

const (
	accepted   = ""
	refusal    = "PermissionDenied"
	badGroup   = "InvalidGroupData"
	inProcess  = "DataAlreadyInProcessing"
	network    = "ConnectionFailed"
	overloaded = "TooManyRequests"
)

func (g *gauge) expect(state State, wait time.Duration, probing bool) {
	g.t.Helper()
	expect(g.t, "the state", g.state, state)
	expect(g.t, "the wait", g.wait(start.Add(g.now)), wait)
	expect(g.t, "one call at a time", g.probing, probing)
}

// The state table in the package, row by row.
func TestHowAnAccountStands(t *testing.T) {
	from := map[State]func(*testing.T) *gauge{
		Untried:     newGauge,
		Usable:      func(t *testing.T) *gauge { return newGauge(t).ends(accepted) },
		Unreachable: func(t *testing.T) *gauge { return newGauge(t).ends(accepted).times(5, network) },
		Refused:     func(t *testing.T) *gauge { return newGauge(t).ends(accepted).ends(refusal) },
	}
	const minute = time.Minute
	for _, tc := range []struct {
		from    State
		times   int
		reason  string
		to      State
		wait    time.Duration
		probing bool
	}{
		{Untried, 1, accepted, Usable, 0, false},
		{Untried, 1, badGroup, Usable, 0, false},
		{Untried, 1, inProcess, Usable, 0, false},
		{Untried, 1, "UnknownCode", Usable, 0, false},
		{Untried, 1, network, Untried, 0, true},
		{Untried, 4, network, Untried, 0, true},
		{Untried, 5, network, Unreachable, time.Second, true},
		{Untried, 1, refusal, Refused, 5 * minute, true},
		{Usable, 1, accepted, Usable, 0, false},
		{Usable, 1, badGroup, Usable, 0, false},
		{Usable, 4, network, Usable, 0, false},
		{Usable, 5, network, Unreachable, time.Second, true},
		{Usable, 1, refusal, Refused, 5 * minute, true},
		{Unreachable, 1, accepted, Usable, 0, false},
		{Unreachable, 1, badGroup, Usable, 0, false},
		{Unreachable, 1, network, Unreachable, 2 * time.Second, true},
		{Unreachable, 1, refusal, Refused, 5 * minute, true},
		{Refused, 1, accepted, Usable, 0, false},
		{Refused, 1, badGroup, Usable, 0, false},
		{Refused, 1, inProcess, Usable, 0, false},
		{Refused, 1, network, Refused, 10 * minute, true},
		{Refused, 5, network, Refused, 60 * minute, true},
		{Refused, 1, refusal, Refused, 10 * minute, true},
	} {
		t.Run(fmt.Sprintf("%s is %s after %d times %q", tc.from, tc.to, tc.times, tc.reason), func(t *testing.T) {
			from[tc.from](t).times(tc.times, tc.reason).expect(tc.to, tc.wait, tc.probing)
		})
	}
}

func TestEveryAnswerHasItsPlace(t *testing.T) {
	for _, entry := range deepcall.Catalogue() {
		t.Run(fmt.Sprintf("%d %s", entry.Code, entry.Reason), func(t *testing.T) {
			g := newGauge(t).ends(accepted).times(4, network).ends(entry.Reason)
			switch {
			case entry.Class == deepcall.Denied:
				g.expect(Refused, 5*time.Minute, true)
			case entry.Unreachable:
				g.expect(Unreachable, time.Second, true)
			case entry.Reason == "Canceled":
				g.ends(network).expect(Unreachable, time.Second, true) // it says nothing, and ends no row
			default:
				g.times(4, network).expect(Usable, 0, false) // an answer ends a row of failures
			}
		})
	}

	t.Run("a call that was given up says nothing", func(t *testing.T) {
		g := newGauge(t)
		g.settle(start, start, context.Canceled)
		g.expect(Untried, 0, true)
	})
}

func TestProbesOfARefusedAccount(t *testing.T) {
	t.Run("come after 5 minutes, doubling to an hour", func(t *testing.T) {
		g := newGauge(t)
		for _, minutes := range []time.Duration{5, 10, 20, 40, 60, 60, 60} {
			g.ends(refusal).expect(Refused, minutes*time.Minute, true)
		}
	})
	t.Run("begin anew after a recovery", func(t *testing.T) {
		newGauge(t).times(4, refusal).ends(accepted).ends(refusal).expect(Refused, 5*time.Minute, true)
	})
	t.Run("are not put off by refusals of calls that were in flight", func(t *testing.T) {
		g := newGauge(t).ends(accepted).between(time.Second, 2*time.Second, refusal)
		g.between(time.Second, 3*time.Second, refusal).between(time.Second, 4*time.Second, refusal)
		g.expect(Refused, 5*time.Minute-2*time.Second, true)
	})
	t.Run("are not put off by failures of calls that were in flight", func(t *testing.T) {
		g := newGauge(t).ends(accepted).between(time.Second, 2*time.Second, refusal).between(time.Second, 3*time.Second, network)
		g.expect(Refused, 5*time.Minute-time.Second, true)
	})
	t.Run("are not called off by a success from before the refusal", func(t *testing.T) {
		for _, late := range []string{accepted, badGroup, inProcess} {
			g := newGauge(t).ends(accepted).between(time.Second, 2*time.Second, refusal).between(time.Second, 3*time.Second, late)
			g.expect(Refused, 5*time.Minute-time.Second, true)
		}
	})
	t.Run("follow the refusal of an unreachable account too", func(t *testing.T) {
		newGauge(t).times(8, network).ends(refusal).expect(Refused, 5*time.Minute, true)
	})
}

func TestProbesOfAnUnreachableAccount(t *testing.T) {
	t.Run("come from 1 s to 1 min apart", func(t *testing.T) {
		g := newGauge(t).times(4, network)
		for _, seconds := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
			g.ends(network).expect(Unreachable, seconds*time.Second, true)
		}
	})
	t.Run("begin anew after a recovery", func(t *testing.T) {
		newGauge(t).times(9, network).ends(accepted).times(5, network).expect(Unreachable, time.Second, true)
	})
	t.Run("are not put off by failures of calls that were in flight", func(t *testing.T) {
		g := newGauge(t).times(4, network).between(time.Second, 2*time.Second, network).between(time.Second, 2500*time.Millisecond, network)
		g.expect(Unreachable, 500*time.Millisecond, true)
	})
	t.Run("only follow failures in a row", func(t *testing.T) {
		newGauge(t).times(4, network).ends(badGroup).times(4, network).expect(Usable, 0, false)
	})
	t.Run("only follow failures that did not happen together", func(t *testing.T) {
		g := newGauge(t).ends(accepted)
		for n := range 20 { // all start at 1 s, and fail one after another
			g.between(time.Second, time.Duration(2+n)*time.Second, network)
		}
		g.expect(Usable, 0, false)
		for n := range 3 {
			began := time.Duration(30+10*n) * time.Second
			g.between(began, began+time.Second, network).between(began, began+2*time.Second, network).expect(Usable, 0, false)
		}
		g.between(time.Minute, 61*time.Second, network).expect(Unreachable, time.Second, true)
	})
	t.Run("tell the answer that led there", func(t *testing.T) {
		g := newGauge(t).times(4, network).ends("Timeout").ends(network)
		expect(t, "the cause", g.cause.Reason, "Timeout")
		expect(t, "after a success, no cause", newGauge(t).times(5, network).ends(accepted).cause == nil, true)
	})
}

func TestRetryAfterHoldsTheWholeAccount(t *testing.T) {
	const second = time.Second
	for _, reason := range []string{overloaded, "ServerError"} {
		t.Run("after "+reason, func(t *testing.T) {
			newGauge(t).ends(accepted).held(0, second, reason, 30*second).expect(Usable, 30*second, true)
		})
	}
	t.Run("and a success when it is over opens the account at once", func(t *testing.T) {
		newGauge(t).ends(accepted).held(0, second, overloaded, 30*second).ends(accepted).expect(Usable, 0, false)
	})
	t.Run("and a shorter one does not shorten it", func(t *testing.T) {
		g := newGauge(t).ends(accepted).held(0, second, overloaded, 30*second).held(0, 2*second, overloaded, 5*second)
		g.expect(Usable, 29*second, true)
	})
	t.Run("and a longer one lengthens it", func(t *testing.T) {
		g := newGauge(t).ends(accepted).held(0, second, overloaded, 30*second).held(0, 2*second, overloaded, time.Hour)
		g.expect(Usable, time.Hour, true)
	})
	t.Run("and a success that was in flight does not lift it", func(t *testing.T) {
		g := newGauge(t).ends(accepted).held(second, 2*second, overloaded, 30*second).between(second, 3*second, accepted)
		g.expect(Usable, 29*second, true)
	})
	t.Run("and it may be longer than the next probe of an unreachable account", func(t *testing.T) {
		g := newGauge(t).times(4, network)
		g.held(g.now, g.now+second, overloaded, 30*second).expect(Unreachable, 30*second, true)
		g.ends(accepted).expect(Usable, 0, false)
	})
	t.Run("and a success that was in flight does not lift that either", func(t *testing.T) {
		g := newGauge(t).times(4, network).held(second, 2*second, overloaded, 30*second).between(second, 3*second, accepted)
		expect(t, "the wait", g.wait(start.Add(g.now)), 29*second)
	})
	t.Run("and it does not shorten the wait of a refused account", func(t *testing.T) {
		g := newGauge(t).ends(accepted).between(second, 2*second, refusal).held(second, 3*second, overloaded, 5*second)
		g.expect(Refused, 5*time.Minute-second, true)
	})
}
