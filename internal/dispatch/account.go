package dispatch

import (
	"bytes"
	"cmp"
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
	// UID is the DeepCallAccount's. Credentials are not kept for another one of the same name. It is the salt of the user's hash.
	UID types.UID
	// Revision identifies the account's spec and requested resync of all mappings. A new one retries a denied or unreachable
	// account at once, and ends a pause.
	Revision string
	// Endpoint is the base URL. Groups that were applied at another endpoint don't count as applied at this one.
	Endpoint string
	// Client sends requests to the endpoint. Nil if the spec is invalid, or if there is no valid CA bundle.
	Client *deepcall.Client
	Limits Limits
	// CABundle is what the ConfigMap or Secret of CABundleRef contained when it was last read; nil if there is none. Another one
	// counts as a new revision.
	CABundle    []byte
	CABundleRef v1alpha1.CABundleReference
	// Credentials are zero if the Secret is missing or invalid.
	Credentials deepcall.Credentials
	// SecretHash changes with the Secret's data. 0 if the Secret can't be read. Another one makes a denied or
	// unreachable account retry at once.
	SecretHash uint64
	// ConfigError describes why the account can't be used as configured. Zero if it can be used.
	ConfigError ConfigError
	// SpecError is the part of ConfigError that comes from the spec and from the content of CABundle.
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
	// userHash identifies the user of the last credentials, and targetKey is the TargetKey at the endpoint. It is empty if no
	// request can be sent.
	userHash, targetKey string
	// lastSecretHash is the last one that is not 0.
	lastSecretHash uint64
	limiter        *rate.Limiter
	breaker        breaker
	// answer is DeepCall's answer that led to the breaker's state; nil if there was none.
	answer *deepcall.Answer
	// recoveries counts how often the account became usable again, or changed in a way that can make it so.
	recoveries int
	queue      queue
	// permits holds the current permit of each agent, by agent ID.
	permits map[string]*Permit
	// timer grants permits once the breaker and the limiter allow the next one.
	timer clock.Timer
}

func newAccount(name types.NamespacedName, recoveries int, now time.Time) *account {
	return &account{name: name, recoveries: recoveries, breaker: newBreaker(now), permits: map[string]*Permit{}}
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
	a.userHash, a.targetKey = a.lastCredentials.UserHash(string(config.UID)), ""
	if config.Client != nil {
		a.targetKey = a.lastCredentials.TargetKey(config.Endpoint)
	}
	edited := old.Revision != config.Revision || !bytes.Equal(old.CABundle, config.CABundle)
	secretChanged := a.rememberSecret()
	changed := edited || secretChanged
	if isNew {
		return
	}
	switch {
	case moved, rotated:
		a.breaker, a.answer = newBreaker(now), nil
		a.recoveries++
	case changed && !a.health().Reachable() && a.canSend():
		a.breaker, a.answer = a.breaker.retry(now), nil
		a.recoveries++
	case edited:
		a.breaker.endPause()
		a.recoveries++ // results of requests in flight don't count for the account, so they must not delay their agents
	case changed:
		a.breaker.endPause()
	}
}

// rememberSecret remembers the Secret's data, and reports whether it has other data than when it was last read.
func (a *account) rememberSecret() bool {
	last, hash := a.lastSecretHash, a.config.SecretHash
	if hash == 0 {
		return false
	}
	a.lastSecretHash = hash
	return hash != last
}

func (a *account) stop() {
	if a.timer != nil {
		a.timer.Stop()
	}
}

// canSend reports whether the account has an endpoint and credentials, if only the last ones for removals. Credentials that
// DeepCall denied don't count once the Secret is gone: nothing would end the denial.
func (a *account) canSend() bool {
	if a.config.Credentials.IsZero() && a.breaker.state == Denied {
		return false
	}
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

// isSendable reports whether the configuration allows a request. With an error, only removals are sent.
func (a *account) isSendable(ask Ask) bool {
	return a.config.ConfigError == ConfigError{} || ask.Removal
}

// next returns the waiter that gets the next permit. Probes are sent for the waiting agents in turn.
func (a *account) next(now time.Time) *waiter {
	b, n := &a.breaker, a.countPermits()
	if !b.probing || n.unused+n.inFlight > 0 || (b.unconfirmed == nil && b.pause("", now) > 0) {
		return a.queue.first(a.config.ConfigError != ConfigError{})
	}
	return a.queue.min(func(v, w *waiter) int {
		return cmp.Or(
			cmp.Compare(b.pause(v.agentID, now), b.pause(w.agentID, now)),
			cmp.Compare(b.failing[v.agentID].turn, b.failing[w.agentID].turn),
		)
	}, a.isSendable)
}

// othersWait reports whether another agent waits that can confirm or refute a failure of this one.
func (a *account) othersWait(agentID string) bool {
	for _, permit := range a.permits {
		if permit.state == permitUnused && permit.key.AgentID != agentID && a.breaker.canConfirm(permit.key.AgentID) {
			return true
		}
	}
	for other, w := range a.queue.byAgentID {
		if other != agentID && a.isSendable(w.ask) && a.breaker.canConfirm(other) {
			return true
		}
	}
	return false
}

// tryStart takes a token of the limiter if a request of the permit may start now.
func (a *account) tryStart(p *Permit, now time.Time) bool {
	inFlight := a.countPermits().inFlight
	switch {
	case a.breaker.pause(p.key.AgentID, now) > 0, a.breaker.probing && inFlight > 0, inFlight >= a.config.Limits.MaxInFlight:
		return false
	case !a.canSend(), !a.isSendable(p.ask):
		return false
	}
	return a.limiter.AllowN(now, 1)
}

// availableIn returns how long until the waiter can get a permit. It returns false if another one has to end first. Resyncs
// leave half of MaxInFlight to other requests, and are sent no faster than their results are written.
func (a *account) availableIn(w *waiter, now time.Time) (time.Duration, bool) {
	limit, n := a.config.Limits.MaxInFlight, a.countPermits()
	switch active := n.unused + n.inFlight; {
	case active >= limit, a.breaker.probing && active > 0:
		return 0, false
	case w.ask.Priority.isResync() && n.resyncs >= max(limit/2, 1):
		return 0, false
	}
	missing := float64(n.unused+1) - a.limiter.TokensAt(now)
	untilToken := time.Duration(missing / float64(a.limiter.Limit()) * float64(time.Second))
	return max(a.breaker.pause(w.agentID, now), untilToken, 0), true
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
	r := sent{agentID: p.key.AgentID, started: p.startedAt, ended: result.Time, othersWait: a.othersWait(p.key.AgentID)}
	a.breaker.record(r, result.Err)
	switch {
	case a.breaker.state == before:
	case a.breaker.cause != nil:
		a.answer = a.breaker.cause.Answer
	default:
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
