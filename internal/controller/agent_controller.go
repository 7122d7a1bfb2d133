package controller

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/deepcall/deepcall-operator/internal/account"
	"github.com/deepcall/deepcall-operator/internal/metrics"
	"github.com/deepcall/deepcall-operator/internal/plan"
)

// AgentReconciler makes DeepCall agree with the mappings of an agent.
type AgentReconciler struct {
	// Client reads from the cache, and writes.
	Client client.Client
	// Live reads from the API server.
	Live     client.Reader
	Clock    clock.WithDelayedExecution
	Accounts *account.Registry
	Access   Access
	Written  *written
	Events   events.EventRecorder
	Metrics  *metrics.Metrics
	Tracer   trace.Tracer
	// Wake brings an agent back to this reconciler, WakeLater behind all others that wait, and
	// WakeAccount an account to its own.
	Wake        func(AgentKey)
	WakeLater   func(AgentKey)
	WakeAccount func(types.NamespacedName)
	// Spread returns a random number in [0,1) that keeps retries apart.
	Spread func() float64

	memory    *memory
	inherited inherited
	// calls lives until the lease is lost, or for ever: a call in flight is not cut by a stop.
	calls context.Context
	// running is held shared by every run, and wholly once the manager stops.
	running sync.RWMutex
	stopped bool
}

// Reconcile brings an agent one step on: gather, settle the last call, plan, report what needs no
// call, and start the next call. A call takes no worker; its end leads back here.
func (r *AgentReconciler) Reconcile(ctx context.Context, key AgentKey) (reconcile.Result, error) {
	r.running.RLock()
	defer r.running.RUnlock()
	if r.stopped || r.memory.calling(key) {
		return reconcile.Result{}, nil
	}
	v, err := r.gather(ctx, key)
	if err != nil {
		return r.again(ctx, key, err)
	}
	if err := r.settle(ctx, v); err != nil {
		return r.again(ctx, key, err)
	}
	if v.unknown {
		return r.acquaint(v), nil
	}
	v.plan()
	unreported := r.report(ctx, v) // of one mapping: the others must not wait for it
	if v.anyReleased() {
		v.plan()
	}
	if err := errors.Join(unreported, r.call(ctx, v)); err != nil {
		return r.again(ctx, key, err)
	}
	r.memory.keep(key, v.remembered())
	r.Metrics.Resyncs.Set(key.Account, key.Agent, v.resyncAt())
	return v.result(), nil
}

// result has the agent looked at again when a member wants it, behind all that is news. An agent that waits keeps that
// place also if it is woken meanwhile with all others of its account.
func (v *view) result() reconcile.Result {
	behind := handler.LowPriority
	return reconcile.Result{RequeueAfter: until(v.now, v.wakeAt()), Priority: &behind}
}

// giveBack ends the turn of an agent that can't use it now, or whose call is over.
func (r *AgentReconciler) giveBack(key AgentKey) {
	if a := r.Accounts.Get(key.Account); a != nil {
		a.Leave(key.Agent)
	}
}

// acquaint has the account's reconciler look at the account, which leads back here.
func (r *AgentReconciler) acquaint(v *view) reconcile.Result {
	r.giveBack(v.key)
	if !v.cached {
		return reconcile.Result{RequeueAfter: staleAfter}
	}
	r.WakeAccount(v.key.Account)
	return reconcile.Result{}
}

// call starts the next call, if one is due and its turn has come.
func (r *AgentReconciler) call(ctx context.Context, v *view) error {
	if v.account == nil || v.runtime == nil {
		r.giveBack(v.key)
		return nil
	}
	claims, changes := v.claims()
	next := v.next(claims, changes)
	if next < 0 {
		v.runtime.Leave(v.key.Agent)
		return nil
	}
	if !held(v.account) {
		v.runtime.Leave(v.key.Agent)
		r.WakeAccount(v.key.Account) // which comes back here once the account can't vanish under a call
		return nil
	}
	m := v.members[next]
	turn := v.runtime.Turn(v.key.Agent, m.want())
	if turn == nil {
		return r.sayRemovalsWait(ctx, v) // it comes back here with its turn
	}
	if m.known.inquiry != nil && m.known.inquiry.outdated(claims, changes) {
		m.known.inquiry = nil
	}
	request := plan.Request(claims, changes, next)
	if m.known.inquiry != nil {
		request = plan.Call{Groups: m.known.inquiry.Request(claims, changes)}
	} else if err := r.record(ctx, m); err != nil {
		return err
	}
	// After the record: its write shows that the mapping is current, which a new one needs not be asked for.
	if err := r.assertCurrent(ctx, v); err != nil {
		return err
	}
	r.start(ctx, v, m, turn, request)
	return nil
}

// next is whose change is to be sent now. While the credentials are gone, only removals can be sent.
func (v *view) next(claims []plan.Claims, changes []plan.Change) int {
	if v.standing.Problem.Reason != "" {
		removals := slices.Clone(claims)
		for i := range removals {
			removals[i].Suspended = removals[i].Suspended || !removals[i].Removing
		}
		if next := plan.Next(removals, changes); next >= 0 {
			return next
		}
	}
	return plan.Next(claims, changes)
}

// again says what follows a failure: a conflict or a lag means that newer news is on its way.
func (r *AgentReconciler) again(ctx context.Context, key AgentKey, err error) (reconcile.Result, error) {
	if !r.memory.calling(key) {
		r.giveBack(key)
	}
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) || errors.Is(err, errNotCurrent) {
		log.FromContext(ctx).V(1).Info("the object changed meanwhile", "cause", err.Error())
		return reconcile.Result{RequeueAfter: staleAfter}, nil
	}
	return reconcile.Result{}, err
}

// staleAfter is when to look again after a conflict, should the cache's own news fail to come.
const staleAfter = 200 * time.Millisecond

// remembered are the mappings of which more is known than their status tells.
func (v *view) remembered() map[types.UID]bool {
	needed := map[types.UID]bool{}
	for _, m := range v.members {
		needed[m.uid()] = !m.known.empty()
	}
	return needed
}

func until(now, at time.Time) time.Duration {
	if at.IsZero() {
		return 0
	}
	return max(at.Sub(now), time.Millisecond)
}
