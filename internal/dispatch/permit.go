package dispatch

import (
	"context"
	"slices"
	"time"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// Permit allows one request of an agent, and ends with it. That of a resync is held until the result is written or the
// write has failed: then the agent asks for another permit or releases this one.
type Permit struct {
	dispatcher *Dispatcher
	key        v1alpha1.AgentKey
	place      place
	grantedAt  time.Time

	// The Dispatcher's lock guards ask and state.
	ask   Ask
	state permitState

	// Start sets the rest. The request goes to the endpoint that is in force at its start.
	startedAt   time.Time
	client      *deepcall.Client
	endpoint    string
	userHash    string
	credentials deepcall.Credentials
	recoveries  int
	// accepted reports whether DeepCall had accepted the credentials before.
	accepted bool
	cancel   context.CancelFunc
}

// leaseRetry is the delay of the next permit after a request that the lease did not allow.
const leaseRetry = time.Second

type permitState int

const (
	permitUnused permitState = iota
	permitInFlight
	permitEnded
)

// Result is the result of a request.
type Result struct {
	// Endpoint is where the request was sent. The account may have another one by now.
	Endpoint string
	// UserHash identifies the user of its credentials, see deepcall.Target.
	UserHash string
	// Recoveries is the account's Health.Recoveries when the request started.
	Recoveries int
	// Answer is DeepCall's answer if it accepted the request.
	Answer deepcall.Answer
	// Err is nil if DeepCall accepted the request, else a *deepcall.Error.
	Err error
	// Time is when the request ended.
	Time time.Time
}

// Acquire returns the agent's permit, or nil if there is none now: the account has no capacity or can't be used, or a
// request of the agent is in flight. The agent is enqueued when it gets a permit or its request ends, and then asks again.
// While it waits it can change what it asks for. If the account is unknown, the agent does not wait.
func (d *Dispatcher) Acquire(key v1alpha1.AgentKey, ask Ask) *Permit {
	d.mu.Lock()
	defer d.unlock()
	a := d.accounts[key.Account]
	if a == nil || d.inFlight[key] != nil {
		return nil
	}
	if permit := a.permits[key.AgentID]; permit != nil && permit.state == permitUnused {
		permit.ask = ask
	} else {
		delete(a.permits, key.AgentID)
		a.queue.put(key.AgentID, ask, d.options.Clock.Now())
	}
	d.grantPermits(a)
	d.pending.agents = slices.DeleteFunc(d.pending.agents, func(granted v1alpha1.AgentKey) bool { return granted == key })
	return a.permits[key.AgentID]
}

// Release withdraws an agent that needs no request. It ends the agent's permit unless its request is in flight.
func (d *Dispatcher) Release(key v1alpha1.AgentKey) {
	d.mu.Lock()
	defer d.unlock()
	a := d.accounts[key.Account]
	if a == nil {
		return
	}
	a.queue.remove(key.AgentID)
	if permit := a.permits[key.AgentID]; permit != nil && permit.state != permitInFlight {
		delete(a.permits, key.AgentID)
	}
	d.grantPermits(a)
}

// Postpone withdraws an agent as Release does. If it asks again, it has its former place: an agent whose writes fail does not wait
// behind all those that asked after it.
func (d *Dispatcher) Postpone(key v1alpha1.AgentKey) {
	d.mu.Lock()
	defer d.unlock()
	a := d.accounts[key.Account]
	if a == nil {
		return
	}
	if w := a.queue.byAgentID[key.AgentID]; w != nil {
		a.queue.remove(key.AgentID)
		a.queue.keep(key.AgentID, w.place)
	}
	if permit := a.permits[key.AgentID]; permit != nil && permit.state != permitInFlight {
		delete(a.permits, key.AgentID)
		if permit.state == permitUnused {
			a.queue.keep(key.AgentID, permit.place)
		}
	}
	d.grantPermits(a)
}

// grantPermits grants permits to waiting agents as far as the breaker and the limits allow, enqueues these agents, and sets
// the timer for the next one.
func (d *Dispatcher) grantPermits(a *account) {
	for !d.closed && a.canSend() {
		now := d.options.Clock.Now()
		next := a.next(now)
		if next == nil {
			d.expirePause(a, now)
			return
		}
		wait, ok := a.availableIn(next, now)
		if !ok {
			return
		}
		if wait > 0 {
			d.grantAfter(a, wait)
			return
		}
		a.queue.remove(next.agentID)
		key := a.key(next.agentID)
		a.permits[next.agentID] = &Permit{dispatcher: d, key: key, ask: next.ask, place: next.place, grantedAt: now}
		d.pending.agents = append(d.pending.agents, key)
	}
}

// expirePause ends a pause that is over although no agent waits whose request would end it.
func (d *Dispatcher) expirePause(a *account, now time.Time) {
	n := a.countPermits()
	if !a.breaker.paused || n.unused+n.inFlight > 0 {
		return
	}
	if wait := a.breaker.pause("", now); wait > 0 {
		d.grantAfter(a, wait)
		return
	}
	a.breaker.paused = false
	d.pending.accounts = append(d.pending.accounts, a.name)
}

func (d *Dispatcher) grantAfter(a *account, wait time.Duration) {
	a.stop()
	a.timer = d.options.Clock.AfterFunc(wait, func() {
		d.mu.Lock()
		defer d.unlock()
		if d.accounts[a.name] == a {
			d.grantPermits(a)
		}
	})
}

// Waited returns how long the agent waited for the permit.
func (p *Permit) Waited() time.Duration { return p.grantedAt.Sub(p.place.since) }

// Start sends the request in a goroutine of its own, with the logger and trace of ctx but without its cancellation. It
// calls done with the result before InFlight becomes false; then the agent is enqueued.
//
// It returns false if the permit has become void because the account can no longer be used, the Dispatcher is closed, or no
// request may start. The agent then waits for another permit, unless it has released this one or the account was removed.
func (p *Permit) Start(ctx context.Context, request deepcall.Request, done func(Result)) bool {
	d := p.dispatcher
	d.mu.Lock()
	defer d.unlock()
	a := d.accounts[p.key.Account]
	if a == nil || a.permits[p.key.AgentID] != p || p.state != permitUnused {
		return false
	}
	now := d.options.Clock.Now()
	maySend := !d.closed && d.options.MaySend() == nil
	if !maySend || !a.tryStart(p, now) {
		delete(a.permits, p.key.AgentID)
		a.queue.keep(p.key.AgentID, p.place)
		a.queue.put(p.key.AgentID, p.ask, now)
		if !maySend {
			if !d.closed {
				d.grantAfter(a, leaseRetry) // at once, the agent would be reconciled in a loop
			}
			return false
		}
		if health := a.health(); !health.Ready() || health.Paused {
			d.pending.lowPriority = append(d.pending.lowPriority, p.key) // its reconcile writes why it waits
		}
		d.grantPermits(a)
		return false
	}
	p.state, p.startedAt = permitInFlight, now
	p.client, p.endpoint = a.config.Client, a.config.Endpoint
	p.credentials, p.userHash = a.lastCredentials, a.userHash
	p.recoveries, p.accepted = a.recoveries, a.breaker.accepted
	ctx, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	d.inFlight[p.key] = p
	d.requests.Go(func() {
		result := p.send(ctx, request)
		done(result)
		d.finish(p, result)
	})
	return true
}

func (p *Permit) send(ctx context.Context, request deepcall.Request) Result {
	answer, err := p.dispatcher.options.Observe(ctx, p.key, func(ctx context.Context) (deepcall.Answer, error) {
		answer, err := p.client.UpdateAgentGroupMapping(ctx, p.credentials, request)
		if p.accepted {
			err = deepcall.WithAcceptedCredentials(err)
		}
		return answer, err
	})
	return Result{
		Endpoint: p.endpoint, UserHash: p.userHash, Recoveries: p.recoveries,
		Answer: answer, Err: err, Time: p.dispatcher.options.Clock.Now(),
	}
}

// finish ends the request of a permit, and enqueues the agent.
func (d *Dispatcher) finish(p *Permit, result Result) {
	d.mu.Lock()
	defer d.unlock()
	p.cancel()
	p.state = permitEnded
	delete(d.inFlight, p.key)
	if a := d.accounts[p.key.Account]; a != nil && a.permits[p.key.AgentID] == p { // else the account was removed
		d.update(a, func() {
			a.recordResult(p, result)
			if !p.ask.Priority.isResync() {
				delete(a.permits, p.key.AgentID)
			}
		})
	}
	d.pending.agents = append(d.pending.agents, p.key)
}
