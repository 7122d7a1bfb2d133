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
	// minVisiblePause is the shortest Retry-After that Health reports: statuses state it.
	minVisiblePause = 30 * time.Second
)

// breaker decides from the results of earlier requests whether a request may start (R10). It reads
// no clock and starts nothing.
//
//	             accepted, or     5 failures      Denied
//	             rejected         in a row
//	Untried      Usable           Unreachable     Denied (*)
//	Usable       Usable           Unreachable     Denied
//	Unreachable  Usable           (next probe)    Denied
//	Denied       Usable           (next probe)    (next probe)
//
// A failure of one agent alone does not change the state while another agent waits: the other
// agent's request is sent next. If it fails, too, the failure is confirmed. If it succeeds, failures of
// the first agent don't count until one of its requests succeeds. (*) A denial needs no confirmation
// until DeepCall has accepted the credentials.
//
// Other credentials or another endpoint reset the breaker to Untried. Another change of a denied or unreachable account resets it, too,
// but keeps the order in which agents failed, so that an agent that fails alone is not the first one to be sent again.
type breaker struct {
	state State
	// since is when the state was entered. Failures of requests started before don't delay the next probe.
	since time.Time
	// accepted reports whether DeepCall has accepted the credentials since they were configured.
	accepted bool
	// failures counts consecutive failures. Requests that fail while in flight together count once.
	failures    int
	lastFailure time.Time
	// failedBy is the agent of the consecutive failures. severalFailed reports whether it is not the only one.
	failedBy      string
	severalFailed bool
	// unconfirmed is the failure of one agent that led to the state or is about to, until another agent confirms or refutes it.
	unconfirmed *agentFailure
	// failing holds the agents whose last request failed.
	failing map[string]failingAgent
	// lastTurn numbers the failed requests.
	lastTurn int
	// probes counts the unsuccessful probes in this state.
	probes int
	// pausedUntil is the end of a Retry-After, and probeAt when the next probe may start. Successes
	// of requests started before pausedAt end neither.
	pausedUntil, probeAt, pausedAt time.Time
	// paused reports a Retry-After of at least minVisiblePause, until the request after it has ended.
	paused bool
	// probing allows one request at a time until one succeeds.
	probing bool
	// cause is the error that led to the state.
	cause *deepcall.Error
}

// agentFailure is a failure of the requests of one agent.
type agentFailure struct {
	agentID string
	cause   *deepcall.Error
}

// failingAgent is an agent whose last request failed.
type failingAgent struct {
	// turn orders the agents by their last failure.
	turn int
	// refuted is the class of the failures that don't count against the account. Empty for none.
	refuted deepcall.Class
}

// sent is a request that has ended.
type sent struct {
	agentID        string
	started, ended time.Time
	// othersWait reports whether another agent waits that can confirm or refute a failure.
	othersWait bool
}

func newBreaker(now time.Time) breaker {
	return breaker{state: Untried, since: now, probing: true, failing: map[string]failingAgent{}}
}

// retry returns the breaker after a change without other credentials: the next request may start at once.
func (b *breaker) retry(now time.Time) breaker {
	next := newBreaker(now)
	next.accepted, next.lastTurn = b.accepted, b.lastTurn
	for agentID, agent := range b.failing {
		next.failing[agentID] = failingAgent{turn: agent.turn}
	}
	return next
}

// pause returns how long no request of the agent may start. An agent that can confirm or refute a
// failure does not wait for the next probe.
func (b *breaker) pause(agentID string, now time.Time) time.Duration {
	probeAt := b.probeAt
	if b.unconfirmed != nil && b.canConfirm(agentID) {
		probeAt = now
		if b.state == Unreachable {
			probeAt = b.pausedAt.Add(minUnreachablePause)
		}
	}
	return max(0, probeAt.Sub(now), b.pausedUntil.Sub(now))
}

// canConfirm reports whether the result of an agent can confirm or refute the failure of another one.
func (b *breaker) canConfirm(agentID string) bool {
	return (b.unconfirmed == nil || b.unconfirmed.agentID != agentID) && b.failing[agentID].refuted == ""
}

// record updates the breaker with the result of a request. A rejection by DeepCall shows that the account works.
func (b *breaker) record(r sent, err error) {
	var failure *deepcall.Error
	switch {
	case err == nil:
		b.recordSuccess(r)
	case errors.Is(err, context.Canceled) || !errors.As(err, &failure):
	case failure.Class == deepcall.Denied:
		b.recordDenied(r, failure)
	case failure.Unreachable:
		b.recordFailure(r, failure)
	case failure.Answer != nil:
		b.recordSuccess(r)
	case b.state == Denied || b.state == Unreachable: // the answer shows nothing about the account
		b.confirm(r.agentID)
		b.scheduleProbe(r.ended)
	}
}

func (b *breaker) recordSuccess(r sent) {
	if r.started.Before(b.pausedAt) {
		return
	}
	if b.state != Usable {
		b.state, b.since = Usable, r.ended
	}
	if f := b.unconfirmed; f != nil && f.agentID != r.agentID {
		b.failing[f.agentID] = failingAgent{turn: b.failing[f.agentID].turn, refuted: f.cause.Class}
	}
	delete(b.failing, r.agentID)
	b.accepted, b.unconfirmed, b.failedBy, b.severalFailed = true, nil, "", false
	b.failures, b.probes, b.probing, b.paused, b.cause = 0, 0, false, false, nil
	b.pausedUntil, b.probeAt = time.Time{}, time.Time{}
}

func (b *breaker) recordDenied(r sent, cause *deepcall.Error) {
	b.endTurn(r.agentID)
	switch {
	case b.state == Denied:
		b.confirm(r.agentID)
		if !r.ended.Before(b.probeAt) { // else it was in flight when the account was denied, or confirms that
			b.cause = cause
			b.scheduleProbe(r.ended)
		}
	case !b.accepted:
		b.unconfirmed = nil
		b.trip(r, cause)
	case b.tripsOn(r, cause):
		b.trip(r, b.unconfirmed.cause)
	case b.state == Unreachable:
		b.scheduleProbe(r.ended)
	}
}

func (b *breaker) recordFailure(r sent, cause *deepcall.Error) {
	b.endTurn(r.agentID)
	if b.failing[r.agentID].refuted != cause.Class {
		b.count(r)
	}
	switch {
	case b.state == Denied, b.state == Unreachable:
		b.confirm(r.agentID)
		if !r.started.Before(b.since) { // else it was in flight when the state was entered
			b.scheduleProbe(r.ended)
		}
	case b.failures < failuresToUnreachable && !b.isProbe(r.started) && b.unconfirmed == nil:
		// Too few failures.
	case b.severalFailed && b.unconfirmed == nil:
		b.trip(r, cause)
	case b.tripsOn(r, cause):
		b.trip(r, b.unconfirmed.cause)
	}
	if cause.RetryAfter > 0 {
		b.pauseUntil(&b.pausedUntil, r.ended, r.ended.Add(cause.RetryAfter))
	}
	b.paused = b.pausedUntil.After(r.ended) && (b.paused || cause.RetryAfter >= minVisiblePause)
}

// endTurn puts an agent behind the others that wait for a probe.
func (b *breaker) endTurn(agentID string) {
	b.lastTurn++
	b.failing[agentID] = failingAgent{turn: b.lastTurn, refuted: b.failing[agentID].refuted}
}

// count adds a failure to the consecutive ones.
func (b *breaker) count(r sent) {
	if b.failures == 0 {
		b.failedBy = r.agentID
	}
	b.severalFailed = b.severalFailed || b.failedBy != r.agentID
	if !r.started.Before(b.lastFailure) {
		b.failures++
		b.lastFailure = r.ended
	}
}

// tripsOn reports whether a failure of an agent is one of the account: it confirms that of
// another agent, or no other agent waits. Else the next request is one of another agent.
func (b *breaker) tripsOn(r sent, cause *deepcall.Error) bool {
	if b.failing[r.agentID].refuted == cause.Class {
		return false
	}
	if b.unconfirmed == nil || (b.unconfirmed.agentID == r.agentID && cause.Class == deepcall.Denied) {
		b.unconfirmed = &agentFailure{r.agentID, cause}
	}
	if b.unconfirmed.agentID == r.agentID && r.othersWait {
		b.pauseUntil(&b.probeAt, r.ended, r.ended)
		return false
	}
	return true
}

// confirm records that an agent confirms the failure of another one.
func (b *breaker) confirm(agentID string) {
	if b.unconfirmed != nil && b.canConfirm(agentID) {
		b.unconfirmed = nil
	}
}

// trip enters the state that the cause leads to.
func (b *breaker) trip(r sent, cause *deepcall.Error) {
	b.confirm(r.agentID)
	state := Unreachable
	if cause.Class == deepcall.Denied {
		state = Denied
	}
	if b.state != state {
		b.state, b.since, b.probes, b.cause = state, r.ended, 0, cause
	}
	b.scheduleProbe(r.ended)
}

// scheduleProbe pauses until the next probe, for twice as long after each one.
func (b *breaker) scheduleProbe(now time.Time) {
	pause, maxPause := minUnreachablePause, maxUnreachablePause
	if b.state == Denied {
		pause, maxPause = minDeniedPause, maxDeniedPause
	}
	for range b.probes {
		pause = min(2*pause, maxPause)
	}
	b.probes++
	b.pauseUntil(&b.probeAt, now, now.Add(pause))
}

// pauseUntil moves one of the times before which no request starts; then one starts at a time. It never shortens a pause.
func (b *breaker) pauseUntil(end *time.Time, now, until time.Time) {
	b.probing = true
	if until.After(*end) {
		*end, b.pausedAt = until, now
	}
}

// endPause ends a Retry-After. The next request is a probe.
func (b *breaker) endPause() {
	b.pausedUntil = time.Time{}
}

// isProbe reports whether a request was sent to find out if a pause can end.
func (b *breaker) isProbe(started time.Time) bool {
	return b.probing && !b.pausedAt.IsZero() && !started.Before(b.pausedAt)
}
