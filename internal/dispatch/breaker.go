package dispatch

import (
	"context"
	"errors"
	"time"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// State says whether an account's calls may be made.
type State string

const (
	// Untried credentials have not been answered for yet: one call at a time.
	Untried State = "Untried"
	// Usable credentials were accepted by DeepCall.
	Usable State = "Usable"
	// Refused credentials are tried by a single call after 5 min, doubling to 1 h.
	Refused State = "Refused"
	// Unreachable is an endpoint that failed 5 times in a row: a single call from 1 s to 1 min apart.
	Unreachable State = "Unreachable"
)

const (
	failuresToUnreachable = 5
	firstRefusedProbe     = 5 * time.Minute
	lastRefusedProbe      = time.Hour
	firstUnreachableProbe = time.Second
	lastUnreachableProbe  = time.Minute
)

// breaker decides whether a call may start now, from how earlier ones ended (R10). It reads no
// clock and starts nothing.
//
//	             accepted, or an       5 failures      Denied
//	             answer on groups      in a row
//	Untried      Usable                Unreachable     Refused
//	Usable       Usable                Unreachable     Refused
//	Unreachable  Usable                (next probe)    Refused
//	Refused      Usable                (next probe)    (next probe)
//
// New credentials, or a change of the account, lead back to Untried from everywhere.
type breaker struct {
	state State
	// since is when the state was entered; what started before says nothing about it.
	since time.Time
	// failures in a row that say nothing about a mapping; those in flight together count once.
	failures    int
	lastFailure time.Time
	// probes made in this state without success.
	probes int
	// notBefore holds all calls, for a Retry-After or until the next probe. The hold began at
	// heldAt; what started before says nothing about it.
	notBefore, heldAt time.Time
	// probing allows one call at a time until one succeeds.
	probing bool
	// cause is the answer that led to the present state.
	cause *deepcall.Error
}

func newBreaker(now time.Time) breaker {
	return breaker{state: Untried, since: now, probing: true}
}

// wait is how long no call may start.
func (b *breaker) wait(now time.Time) time.Duration {
	return max(0, b.notBefore.Sub(now))
}

// settle takes in how a call ended that started at the given time.
func (b *breaker) settle(started, now time.Time, err error) {
	var failure *deepcall.Error
	switch {
	case err == nil:
		b.answered(started, now)
	case errors.Is(err, context.Canceled) || !errors.As(err, &failure):
	case failure.Class == deepcall.Denied:
		b.denied(now, failure)
	case failure.Unreachable:
		b.failed(started, now, failure)
	case failure.Class == deepcall.Rejected || failure.Answer != nil:
		b.answered(started, now)
	}
}

func (b *breaker) answered(started, now time.Time) {
	if started.Before(b.heldAt) {
		return
	}
	if b.state != Usable {
		b.state, b.since = Usable, now
	}
	b.failures, b.probes, b.probing, b.cause = 0, 0, false, nil
	b.notBefore = time.Time{}
}

func (b *breaker) denied(now time.Time, cause *deepcall.Error) {
	if b.state != Refused {
		b.state, b.since, b.probes = Refused, now, 0
	} else if now.Before(b.notBefore) {
		return // a call that was in flight when the refusal came
	}
	b.cause = cause
	b.pause(now, firstRefusedProbe, lastRefusedProbe)
}

func (b *breaker) failed(started, now time.Time, cause *deepcall.Error) {
	if !started.Before(b.lastFailure) {
		b.failures++
		b.lastFailure = now
	}
	switch {
	case b.state == Refused:
		if !started.Before(b.since) {
			b.pause(now, firstRefusedProbe, lastRefusedProbe)
		}
	case b.state == Unreachable && started.Before(b.since):
		// It was in flight when the state was entered.
	case b.failures >= failuresToUnreachable, b.isProbe(started):
		if b.state != Unreachable {
			b.state, b.since, b.probes, b.cause = Unreachable, now, 0, cause
		}
		b.pause(now, firstUnreachableProbe, lastUnreachableProbe)
	}
	if cause.RetryAfter > 0 {
		b.hold(now, now.Add(cause.RetryAfter))
	}
}

// pause holds all calls until the next probe: first, then twice as long each time, to last.
func (b *breaker) pause(now time.Time, first, last time.Duration) {
	delay := first
	for range b.probes {
		delay = min(2*delay, last)
	}
	b.probes++
	b.hold(now, now.Add(delay))
}

// hold lets no call start before a time, and then one at a time. It never shortens an earlier hold.
func (b *breaker) hold(now, until time.Time) {
	b.probing = true
	if until.After(b.notBefore) {
		b.notBefore, b.heldAt = until, now
	}
}

// isProbe is true for a call that was made to see whether a hold can end.
func (b *breaker) isProbe(started time.Time) bool {
	return b.probing && !b.heldAt.IsZero() && !started.Before(b.heldAt)
}
