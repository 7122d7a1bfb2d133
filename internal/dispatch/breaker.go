package dispatch

import (
	"context"
	"errors"
	"time"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

const (
	failuresToUnreachable = 5
	minDeniedPause        = 5 * time.Minute
	maxDeniedPause        = time.Hour
	minUnreachablePause   = time.Second
	maxUnreachablePause   = time.Minute
)

// breaker decides from the results of earlier requests whether a request may start (R10). It reads
// no clock and starts nothing.
//
//	             accepted, or     5 failures      Denied
//	             rejected         in a row
//	Untried      Usable           Unreachable     Denied
//	Usable       Usable           Unreachable     Denied
//	Unreachable  Usable           (next probe)    Denied
//	Denied       Usable           (next probe)    (next probe)
//
// Other credentials, or a change of the account, reset it to Untried.
type breaker struct {
	state State
	// since is when the state was entered. Failures of requests started before don't delay the next probe.
	since time.Time
	// failures counts consecutive failures. Requests that fail while in flight together count once.
	failures    int
	lastFailure time.Time
	// probes counts the unsuccessful probes in this state.
	probes int
	// pausedUntil is when the next request may start, because of a Retry-After or as the next probe.
	// Successes of requests started before pausedAt don't end the pause.
	pausedUntil, pausedAt time.Time
	// probing allows one request at a time until one succeeds.
	probing bool
	// cause is the error that led to the state.
	cause *deepcall.Error
}

func newBreaker(now time.Time) breaker {
	return breaker{state: Untried, since: now, probing: true}
}

// pause returns how long no request may start.
func (b *breaker) pause(now time.Time) time.Duration {
	return max(0, b.pausedUntil.Sub(now))
}

// record updates the breaker with the result of a request that started at the given time.
func (b *breaker) record(started, now time.Time, err error) {
	var failure *deepcall.Error
	switch {
	case err == nil:
		b.recordSuccess(started, now)
	case errors.Is(err, context.Canceled) || !errors.As(err, &failure):
	case failure.Class == deepcall.Denied:
		b.recordDenied(now, failure)
	case failure.Unreachable:
		b.recordFailure(started, now, failure)
	case failure.Class == deepcall.Rejected || failure.Answer != nil:
		b.recordSuccess(started, now) // the account works
	}
}

func (b *breaker) recordSuccess(started, now time.Time) {
	if started.Before(b.pausedAt) {
		return
	}
	if b.state != Usable {
		b.state, b.since = Usable, now
	}
	b.failures, b.probes, b.probing, b.cause = 0, 0, false, nil
	b.pausedUntil = time.Time{}
}

func (b *breaker) recordDenied(now time.Time, cause *deepcall.Error) {
	if b.state != Denied {
		b.state, b.since, b.probes = Denied, now, 0
	} else if now.Before(b.pausedUntil) {
		return // it was in flight when the account was denied
	}
	b.cause = cause
	b.scheduleProbe(now, minDeniedPause, maxDeniedPause)
}

func (b *breaker) recordFailure(started, now time.Time, cause *deepcall.Error) {
	if !started.Before(b.lastFailure) {
		b.failures++
		b.lastFailure = now
	}
	switch {
	case b.state == Denied:
		if !started.Before(b.since) {
			b.scheduleProbe(now, minDeniedPause, maxDeniedPause)
		}
	case b.state == Unreachable && started.Before(b.since):
		// It was in flight when the state was entered.
	case b.failures >= failuresToUnreachable, b.isProbe(started):
		if b.state != Unreachable {
			b.state, b.since, b.probes, b.cause = Unreachable, now, 0, cause
		}
		b.scheduleProbe(now, minUnreachablePause, maxUnreachablePause)
	}
	if cause.RetryAfter > 0 {
		b.pauseUntil(now, now.Add(cause.RetryAfter))
	}
}

// scheduleProbe pauses until the next probe, for twice as long after each one.
func (b *breaker) scheduleProbe(now time.Time, minPause, maxPause time.Duration) {
	pause := minPause
	for range b.probes {
		pause = min(2*pause, maxPause)
	}
	b.probes++
	b.pauseUntil(now, now.Add(pause))
}

// pauseUntil allows no request before the given time, and then one at a time. It never shortens a pause.
func (b *breaker) pauseUntil(now, until time.Time) {
	b.probing = true
	if until.After(b.pausedUntil) {
		b.pausedUntil, b.pausedAt = until, now
	}
}

// isProbe reports whether a request was sent to find out if a pause can end.
func (b *breaker) isProbe(started time.Time) bool {
	return b.probing && !b.pausedAt.IsZero() && !started.Before(b.pausedAt)
}
