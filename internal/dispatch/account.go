package dispatch

import (
	"errors"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// Limits bound the requests of an account.
type Limits struct {
	RequestsPerSecond, Burst, MaxInFlight int
}

// Config is the configuration of an account, from its DeepCallAccount and Secret.
type Config struct {
	// UID is the DeepCallAccount's. Credentials are not kept for another one of the same name.
	UID types.UID
	// Revision identifies the account's spec and requested resync. A new one retries a denied or unreachable account at once.
	Revision string
	// Endpoint is the base URL. Groups that were applied at another endpoint don't count as applied at this one.
	Endpoint string
	// Client sends requests to the endpoint. Nil if the spec is invalid.
	Client *deepcall.Client
	Limits Limits
	// Credentials are zero if the Secret is missing or invalid.
	Credentials deepcall.Credentials
	// ConfigError describes why the account can't be used as configured. Zero if it can be used.
	ConfigError ConfigError
	// SpecError is the part of ConfigError that comes from the spec alone.
	SpecError ConfigError
}

// ConfigError is an error in the configuration that lasts until a user corrects it.
type ConfigError struct {
	Reason, Message string
}

// account is the state of one account. The Dispatcher's lock guards it.
type account struct {
	name   types.NamespacedName
	config Config
	// lastCredentials are the last valid ones that were configured. After the Secret is deleted, removals are sent with them.
	lastCredentials deepcall.Credentials
	limiter         *rate.Limiter
	breaker         breaker
	// answer is DeepCall's answer that led to the breaker's state; nil if there was none.
	answer     *deepcall.Answer
	recoveries int // how often the account became usable again
	queue      queue
	// permits holds the current permit of each agent, by agent ID.
	permits map[string]*Permit
	// timer grants permits once the breaker and the limiter allow the next one.
	timer clock.Timer
}

func newAccount(name types.NamespacedName, now time.Time) *account {
	return &account{name: name, breaker: newBreaker(now), permits: map[string]*Permit{}}
}

func (a *account) key(agentID string) v1alpha1.AgentKey {
	return v1alpha1.AgentKey{Account: a.name, AgentID: agentID}
}

func (a *account) configure(config Config, now time.Time) {
	old, isNew := a.config, a.limiter == nil
	a.config = config
	if isNew || old.Limits != config.Limits {
		a.limiter = rate.NewLimiter(rate.Limit(config.Limits.RequestsPerSecond), config.Limits.Burst)
	}
	moved := !deepcall.SameEndpoint(old.Endpoint, config.Endpoint)
	rotated := !config.Credentials.IsZero() && !config.Credentials.Equal(a.lastCredentials)
	switch {
	case !config.Credentials.IsZero():
		a.lastCredentials = config.Credentials
	case moved, old.UID != config.UID:
		a.lastCredentials = deepcall.Credentials{} // they were meant for the former endpoint or object
	}
	retry := old.Revision != config.Revision && !a.health().Reachable()
	if !isNew && (moved || rotated || retry) {
		a.breaker, a.answer = newBreaker(now), nil
		a.recoveries++
	}
}

func (a *account) stop() {
	if a.timer != nil {
		a.timer.Stop()
	}
}

// canSend reports whether the account has an endpoint and credentials, if only the last ones for removals.
func (a *account) canSend() bool {
	return a.config.Client != nil && !a.lastCredentials.IsZero()
}

// waiting returns the agents that wait for a permit.
func (a *account) waiting() []v1alpha1.AgentKey {
	var agents []v1alpha1.AgentKey
	for _, agentID := range a.queue.agentIDs() {
		agents = append(agents, a.key(agentID))
	}
	return agents
}

// tryStart takes a token of the limiter if a request can start now.
func (a *account) tryStart(ask Ask, now time.Time) bool {
	inFlight := a.countPermits().inFlight
	switch {
	case a.breaker.pause(now) > 0, a.breaker.probing && inFlight > 0, inFlight >= a.config.Limits.MaxInFlight:
		return false
	case a.config.Client == nil, a.config.ConfigError != ConfigError{} && !ask.Removal:
		return false
	}
	return a.limiter.AllowN(now, 1)
}

// availableIn returns how long until another permit can be granted. It returns false if one has to end first. Resyncs leave
// half of MaxInFlight to other requests, and are sent no faster than their results are written.
func (a *account) availableIn(ask Ask, now time.Time) (time.Duration, bool) {
	limit, n := a.config.Limits.MaxInFlight, a.countPermits()
	switch active := n.unused + n.inFlight; {
	case active >= limit, a.breaker.probing && active > 0:
		return 0, false
	case ask.Priority.isResync() && n.resyncs >= max(limit/2, 1):
		return 0, false
	}
	missing := float64(n.unused+1) - a.limiter.TokensAt(now)
	untilToken := time.Duration(missing / float64(a.limiter.Limit()) * float64(time.Second))
	return max(a.breaker.pause(now), untilToken, 0), true
}

// counts are the numbers of unused permits, of requests in flight, and of the permits of resyncs, whether ended or not.
type counts struct{ unused, inFlight, resyncs int }

func (a *account) countPermits() counts {
	var n counts
	for _, permit := range a.permits {
		switch permit.state {
		case permitUnused:
			n.unused++
		case permitInFlight:
			n.inFlight++
		}
		if permit.ask.Priority.isResync() {
			n.resyncs++
		}
	}
	return n
}

// recordResult updates the breaker with the result of a request, unless that was sent with former credentials or to a
// former endpoint.
func (a *account) recordResult(p *Permit, result Result) {
	if !p.credentials.Equal(a.lastCredentials) || p.client != a.config.Client {
		return
	}
	before := a.breaker.state
	a.breaker.record(p.startedAt, result.Time, result.Err)
	if a.breaker.state != before {
		a.answer = answerOf(result)
	}
}

// answerOf returns DeepCall's answer, or nil if it could not be read.
func answerOf(result Result) *deepcall.Answer {
	if failure, ok := errors.AsType[*deepcall.Error](result.Err); ok {
		return failure.Answer
	}
	return &result.Answer
}
