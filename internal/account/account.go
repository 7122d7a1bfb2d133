// Package account makes a DeepCallAccount usable: endpoint, credentials, limits and the
// breaker become turns to call DeepCall. Nobody waits in here. Who gets no turn at once is
// woken when it is there, so that no account holds up the work of another.
package account

import (
	"slices"
	"sync"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// Limits bound an account's calls.
type Limits struct {
	RequestsPerSecond, Burst, MaxInFlight int
}

// Settings are what a DeepCallAccount and its Secret come to.
type Settings struct {
	// UID is the object's. Of another one of the same name nothing is kept.
	UID types.UID
	// Revision identifies the account's spec and its request to be tried again. A new one gives
	// a refused account another chance.
	Revision string
	// Endpoint is the base URL; what was applied at another one does not count here.
	Endpoint string
	// Client calls the endpoint. Nil when the spec can't be used.
	Client *deepcall.Client
	// Limits bound the calls.
	Limits Limits
	// Credentials are zero when the Secret is missing or can't be used.
	Credentials deepcall.Credentials
	// Problem says why the account can't be used as configured; its zero value that it can.
	Problem Problem
	// SpecProblem is the part of Problem that comes from the spec alone.
	SpecProblem Problem
}

// Problem is a fault of the configuration, which only a person can mend.
type Problem struct {
	Reason, Message string
}

// Account is one usable account. Its methods are safe for concurrent use.
type Account struct {
	clock clock.WithDelayedExecution
	hooks Hooks

	mu       sync.Mutex
	settings Settings
	// last are the credentials last read, for removals after the Secret is gone.
	last    deepcall.Credentials
	limiter *rate.Limiter
	breaker breaker
	// answer led the breaker into its state.
	answer *deepcall.Answer
	queue  queue
	// turns are those that have not ended, by agent.
	turns map[string]*Turn
	timer clock.Timer
	// epoch counts how often the account became usable again.
	epoch  int
	closed bool
}

// Hooks are called without any lock held.
type Hooks struct {
	// Wake is called for an agent that got its turn.
	Wake func(agent string)
	// Tell is called for an agent that waits, when the account goes out of use. There may be
	// thousands of them, and none has anything to do but to say so.
	Tell func(agent string)
	// Changed is called when the standing changed.
	Changed func()
}

func newAccount(clk clock.WithDelayedExecution, hooks Hooks) *Account {
	return &Account{clock: clk, hooks: hooks, breaker: newBreaker(clk.Now()), turns: map[string]*Turn{}}
}

// Configure puts new settings in force. New credentials or another endpoint start afresh, and
// a new revision lifts a refusal.
func (a *Account) Configure(s Settings) {
	a.update(func() {
		old, first := a.settings, a.limiter == nil
		a.settings = s
		if first || old.Limits != s.Limits {
			a.limiter = rate.NewLimiter(rate.Limit(s.Limits.RequestsPerSecond), s.Limits.Burst)
		}
		fresh := old.Endpoint != s.Endpoint || (!s.Credentials.IsZero() && !s.Credentials.Equal(a.last))
		if !s.Credentials.IsZero() {
			a.last = s.Credentials
		} else if old.Endpoint != s.Endpoint || old.UID != s.UID {
			a.last = deepcall.Credentials{} // they were meant for another place
		}
		if !first && fresh || (old.Revision != s.Revision && !a.standing().Reachable()) {
			a.breaker, a.answer = newBreaker(a.clock.Now()), nil
			a.epoch++
		}
	})
}

// update changes the account, gives out the turns that this allows, and tells those concerned
// but for those who look for themselves.
func (a *Account) update(change func(), except ...string) {
	a.mu.Lock()
	before := a.standing()
	change()
	after := a.standing()
	if !before.Ready() && after.Ready() {
		a.epoch++
		after.Epoch = a.epoch
	}
	woken := a.pump()
	var told []string
	if before.Ready() && !after.Ready() {
		told = a.queue.agents()
	}
	a.mu.Unlock()

	for _, agent := range woken {
		if !slices.Contains(except, agent) {
			a.hooks.Wake(agent)
		}
	}
	for _, agent := range told {
		if !slices.Contains(except, agent) {
			a.hooks.Tell(agent)
		}
	}
	if before != after {
		a.hooks.Changed()
	}
}

// Standing is what can be said of an account.
type Standing struct {
	State State
	// Problem is set when the configuration is at fault.
	Problem Problem
	// Cause is the answer that led to Refused or Unreachable.
	Cause *deepcall.Error
	// Answer is the answer that led to the present state; nil when there was none.
	Answer *deepcall.Answer
	// Endpoint in force.
	Endpoint string
	// Authentication is UserToken, Session or empty.
	Authentication string
	// Epoch changes when the account becomes usable again: earlier back-offs are void.
	Epoch int
}

// Ready is true when the account's calls may be made.
func (s Standing) Ready() bool {
	return s.Problem == Problem{} && s.Reachable()
}

// Reachable is true when DeepCall neither refuses the account nor fails to answer.
func (s Standing) Reachable() bool {
	return s.State != Refused && s.State != Unreachable
}

// Standing tells the present state.
func (a *Account) Standing() Standing {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.standing()
}

func (a *Account) standing() Standing {
	return Standing{
		State: a.breaker.state, Problem: a.settings.Problem, Cause: a.breaker.cause, Answer: a.answer,
		Endpoint: a.settings.Endpoint, Authentication: a.settings.Credentials.Authentication(), Epoch: a.epoch,
	}
}

// Settings tells the settings in force.
func (a *Account) Settings() Settings {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.settings
}

// CanRemove is true when removals can still be told to DeepCall although the Secret is gone.
func (a *Account) CanRemove() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.settings.Client != nil && !a.last.IsZero()
}

// close gives no further turn, and returns who waited for one. Calls in flight end by themselves.
func (a *Account) close() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	if a.timer != nil {
		a.timer.Stop()
	}
	return a.queue.agents()
}
