// Package dispatch sends the requests of all accounts to DeepCall. It applies each account's credentials, rate limit and
// circuit breaker, and grants permits to agents by priority. It alone knows what is in flight.
//
// No caller waits for a permit: an agent that can't get one now is enqueued once it has one. So a slow or limited account
// never delays the requests of another account.
package dispatch

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// Options wire a Dispatcher to the work queues. The functions are called without any lock held.
type Options struct {
	Clock clock.WithDelayedExecution
	// Enqueue puts an agent on its work queue: it got a permit, or its request has ended.
	Enqueue func(key v1alpha1.AgentKey)
	// EnqueueLowPriority enqueues an agent that waits when its account becomes unusable, so that it reports that.
	EnqueueLowPriority func(key v1alpha1.AgentKey)
	// EnqueueAccount puts an account on its work queue: its health changed.
	EnqueueAccount func(name types.NamespacedName)
	// MaySend returns an error if no request may start now; nil if requests can always start.
	MaySend func() error
	// Observe wraps each request, for metrics and traces; nil for none.
	Observe func(ctx context.Context, key v1alpha1.AgentKey, send SendFunc) (deepcall.Answer, error)
}

// SendFunc sends one request.
type SendFunc = func(context.Context) (deepcall.Answer, error)

// Dispatcher grants permits to agents and sends their requests. Its methods are safe for concurrent use.
type Dispatcher struct {
	options  Options
	requests sync.WaitGroup

	mu       sync.Mutex
	accounts map[types.NamespacedName]*account
	// byTarget contains the accounts that can send requests to a target, by account.targetKey.
	byTarget map[string]map[types.NamespacedName]struct{}
	// inFlight holds the permits of the requests in flight, also of accounts that no longer exist.
	inFlight map[v1alpha1.AgentKey]*Permit
	// recoveries is where a new account begins to count. It is above the counts of removed accounts, so that the back-off of
	// an agent ends with the account.
	recoveries int
	// pending is enqueued once mu is released.
	pending keys
	closed  bool
}

// keys are the work queue keys that a change enqueues.
type keys struct {
	agents, lowPriority []v1alpha1.AgentKey
	accounts            []types.NamespacedName
}

// New returns a Dispatcher without accounts.
func New(options Options) *Dispatcher {
	if options.Observe == nil {
		options.Observe = func(ctx context.Context, _ v1alpha1.AgentKey, send SendFunc) (deepcall.Answer, error) {
			return send(ctx)
		}
	}
	if options.MaySend == nil {
		options.MaySend = func() error { return nil }
	}
	return &Dispatcher{
		options:  options,
		accounts: map[types.NamespacedName]*account{},
		byTarget: map[string]map[types.NamespacedName]struct{}{},
		inFlight: map[v1alpha1.AgentKey]*Permit{},
	}
}

// Configure puts the configuration of a new or changed account in force. Other credentials or another endpoint reset the
// account's health. A new revision, another CA bundle or other data of the Secret resets that of a denied or unreachable
// account, and ends a pause.
func (d *Dispatcher) Configure(name types.NamespacedName, config Config) Health {
	d.mu.Lock()
	defer d.unlock()
	a := d.accounts[name]
	if a == nil {
		a = newAccount(name, d.recoveries, d.options.Clock.Now())
		d.accounts[name] = a
	}
	before := a.targetKey
	d.update(a, func() { a.configure(config, d.options.Clock.Now()) })
	d.moveTarget(name, before, a.targetKey)
	return d.healthOf(a)
}

// Remove deletes an account that no longer exists, and enqueues the agents that wait for it.
// Requests in flight continue.
func (d *Dispatcher) Remove(name types.NamespacedName) {
	d.mu.Lock()
	defer d.unlock()
	a := d.accounts[name]
	if a == nil {
		return
	}
	delete(d.accounts, name)
	d.moveTarget(name, a.targetKey, "")
	d.recoveries = max(d.recoveries, a.recoveries+1)
	a.stop()
	d.pending.agents = append(d.pending.agents, a.waiting()...)
}

// Config returns the configuration in force.
func (d *Dispatcher) Config(name types.NamespacedName) (Config, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if a := d.accounts[name]; a != nil {
		return a.config, true
	}
	return Config{}, false
}

// Health returns the health of an account.
func (d *Dispatcher) Health(name types.NamespacedName) (Health, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if a := d.accounts[name]; a != nil {
		return d.healthOf(a), true
	}
	return Health{}, false
}

// HealthByAccount returns the health of all accounts.
func (d *Dispatcher) HealthByAccount() map[types.NamespacedName]Health {
	d.mu.Lock()
	defer d.mu.Unlock()
	health := make(map[types.NamespacedName]Health, len(d.accounts))
	for name, a := range d.accounts {
		health[name] = d.healthOf(a)
	}
	return health
}

// Has reports whether the account is configured.
func (d *Dispatcher) Has(name types.NamespacedName) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.accounts[name] != nil
}

// InFlight reports whether a request of the agent is in flight.
func (d *Dispatcher) InFlight(key v1alpha1.AgentKey) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.inFlight[key] != nil
}

// Close grants no further permits and starts no further requests. Requests in flight continue.
func (d *Dispatcher) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for _, a := range d.accounts {
		a.stop()
	}
}

// Abort closes the Dispatcher and cancels the requests in flight, since the lease is lost.
func (d *Dispatcher) Abort() {
	d.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, permit := range d.inFlight {
		permit.cancel()
	}
}

// Wait returns when no request is in flight. The Dispatcher must be closed, so that none starts meanwhile.
func (d *Dispatcher) Wait() {
	d.requests.Wait()
}

// update changes an account, grants the permits that this allows, and enqueues the account and its waiting agents if the
// change concerns them.
func (d *Dispatcher) update(a *account, change func()) {
	before := a.health()
	change()
	if a.health().Ready() && !before.Ready() {
		a.recoveries++
	}
	d.grantPermits(a)
	if a.health().makesWait(before) {
		d.pending.lowPriority = append(d.pending.lowPriority, a.waiting()...)
	}
	if a.health() != before {
		d.pending.accounts = append(d.pending.accounts, a.name)
	}
}

// unlock releases the lock and then enqueues the pending keys.
func (d *Dispatcher) unlock() {
	pending := d.pending
	d.pending = keys{}
	d.mu.Unlock()
	for _, key := range pending.agents {
		d.options.Enqueue(key)
	}
	for _, key := range pending.lowPriority {
		d.options.EnqueueLowPriority(key)
	}
	for _, name := range pending.accounts {
		d.options.EnqueueAccount(name)
	}
}
