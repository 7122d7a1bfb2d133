package dispatch

import (
	"context"
	"errors"
	"time"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// Turn is the permission to make one call for an agent. It lasts until the call has ended. That of a resync lasts until
// the agent leaves or asks for another, which is when what came of the call is written, or that has failed.
type Turn struct {
	account  *Account
	agent    string
	want     Want
	used     bool      // its call was started
	answered bool      // its call has ended
	asked    time.Time // when the agent asked for a turn
	given    time.Time // and when it got this one
	// client, endpoint and credentials are those in force when the turn was taken.
	client      *deepcall.Client
	endpoint    string
	credentials deepcall.Credentials
}

// Turn asks for a turn. Nil means not now: the agent is woken when the turn is there, and asks
// again. An agent has one turn at a time; while its call is in flight there is no other.
func (a *Account) Turn(agent string, want Want) *Turn {
	a.update(func() {
		if turn := a.turns[agent]; turn == nil || turn.answered {
			delete(a.turns, agent)
			a.queue.put(agent, want, a.clock.Now())
		}
	}, agent)
	a.mu.Lock()
	defer a.mu.Unlock()
	turn := a.turns[agent]
	if turn == nil || turn.used {
		return nil
	}
	turn.want = want
	return turn
}

// Waited is how long the agent waited for the turn.
func (t *Turn) Waited() time.Duration { return t.given.Sub(t.asked) }

// Endpoint is where the call goes, once the turn is in use: the account may have moved since it was looked at.
func (t *Turn) Endpoint() string { return t.endpoint }

// Leave withdraws an agent that needs no call, and ends its turn unless a call is in flight.
func (a *Account) Leave(agent string) {
	a.update(func() {
		a.queue.remove(agent)
		if turn := a.turns[agent]; turn != nil && (!turn.used || turn.answered) {
			delete(a.turns, agent)
		}
	})
}

// Use takes the turn, after which Call must follow. False means that the turn is void: the account
// went out of use since it was given, or the manager is stopping. The agent waits for another one.
func (t *Turn) Use() bool {
	a, taken := t.account, false
	a.update(func() {
		if t.used || a.turns[t.agent] != t {
			return
		}
		taken = a.take(t.want)
		t.used, t.client, t.endpoint, t.credentials = taken, a.settings.Client, a.settings.Endpoint, a.last
		if !taken {
			delete(a.turns, t.agent)
			a.queue.put(t.agent, t.want, t.asked)
		}
	})
	return taken
}

// take takes a token, if a call that is wanted may start at this moment.
func (a *Account) take(want Want) bool {
	now := a.clock.Now()
	inFlight := a.count().inFlight
	switch {
	case a.closed, a.breaker.wait(now) > 0, a.breaker.probing && inFlight > 0, inFlight >= a.settings.Limits.MaxInFlight:
		return false
	case a.settings.Client == nil, a.settings.Problem != Problem{} && !want.Removal:
		return false
	}
	return a.limiter.AllowN(now, 1)
}

// Call makes the call of a turn that is in use. The error is a *deepcall.Error.
func (t *Turn) Call(ctx context.Context, request deepcall.Request) (deepcall.Answer, error) {
	a, started := t.account, t.account.clock.Now()
	answer, err := t.client.UpdateAgentGroupMapping(ctx, t.credentials, request)

	a.update(func() {
		if t.credentials.Equal(a.last) && t.client == a.settings.Client {
			state := a.breaker.state
			a.breaker.settle(started, a.clock.Now(), err)
			if state != a.breaker.state {
				a.answer = answerOf(answer, err)
			}
		}
		t.answered = true
		if t.want.Priority != Resync {
			delete(a.turns, t.agent)
		}
	})
	return answer, err
}

// tally is how many turns are not used yet, how many have their call in flight, and how many are of resyncs, also of
// those that are answered.
type tally struct{ unused, inFlight, resyncs int }

func (a *Account) count() tally {
	var n tally
	for _, turn := range a.turns {
		switch {
		case !turn.used:
			n.unused++
		case !turn.answered:
			n.inFlight++
		}
		if turn.want.Priority == Resync {
			n.resyncs++
		}
	}
	return n
}

// pump gives turns to those who wait, as far as breaker, limiter and cap allow, and sets the
// timer for the next look. It returns who got one.
func (a *Account) pump() []string {
	var woken []string
	for !a.closed && a.settings.Client != nil && !a.last.IsZero() {
		agent, waits := a.queue.first(a.settings.Problem != Problem{})
		if !waits {
			break
		}
		wait, open := a.free(a.queue.want(agent))
		if !open {
			break
		}
		if wait > 0 {
			a.lookAgain(wait)
			break
		}
		asked := a.queue.since(agent)
		a.turns[agent] = &Turn{account: a, agent: agent, want: a.queue.remove(agent), asked: asked, given: a.clock.Now()}
		woken = append(woken, agent)
	}
	return woken
}

// free says how long until one more turn can be given; not open means that a turn must end first. Resyncs leave half
// of the calls in flight to others, and are made no faster than what comes of them is written.
func (a *Account) free(want Want) (wait time.Duration, open bool) {
	now, most, n := a.clock.Now(), a.settings.Limits.MaxInFlight, a.count()
	switch taken := n.unused + n.inFlight; {
	case taken >= most, a.breaker.probing && taken > 0:
		return 0, false
	case want.Priority == Resync && n.resyncs >= max(most/2, 1):
		return 0, false
	}
	missing := float64(n.unused+1) - a.limiter.TokensAt(now)
	token := time.Duration(missing / float64(a.limiter.Limit()) * float64(time.Second))
	return max(a.breaker.wait(now), token, 0), true
}

func (a *Account) lookAgain(after time.Duration) {
	if a.timer != nil {
		a.timer.Stop()
	}
	a.timer = a.clock.AfterFunc(after, func() { a.update(func() {}) })
}

// answerOf is DeepCall's answer, if one could be read.
func answerOf(answer deepcall.Answer, err error) *deepcall.Answer {
	var failure *deepcall.Error
	if errors.As(err, &failure) {
		return failure.Answer
	}
	return &answer
}
