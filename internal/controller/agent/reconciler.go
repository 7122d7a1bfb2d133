// Package agent reconciles DeepCall agents. An agent is identified by its account and its ID; all mappings of the agent are
// reconciled together.
package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller/assume"
	"github.com/deepcall/deepcall-operator/internal/controller/tenancy"
	"github.com/deepcall/deepcall-operator/internal/dispatch"
	"github.com/deepcall/deepcall-operator/internal/leader"
	"github.com/deepcall/deepcall-operator/internal/metrics"
	"github.com/deepcall/deepcall-operator/internal/plan"
)

const (
	// staleRequeueDelay is the delay after a conflict or a stale cache, in case no watch event enqueues the agent earlier.
	staleRequeueDelay = 200 * time.Millisecond
	// cacheLagLimit is the age below which an account that is missing from the cache is expected to arrive there.
	cacheLagLimit = 5 * time.Second
)

// Options are what a Reconciler depends on.
type Options struct {
	// Client reads from the cache and writes to the API server. APIReader reads from the API server.
	Client    client.Client
	APIReader client.Reader
	Clock     clock.PassiveClock
	// Fence reports whether this process is the leader.
	Fence      *leader.Fence
	Dispatcher *dispatch.Dispatcher
	Tenancy    tenancy.Tenancy
	// Mappings and Accounts are the assumed objects.
	Mappings *assume.Cache[*v1alpha1.AgentGroupMapping]
	Accounts *assume.Cache[*v1alpha1.DeepCallAccount]
	Recorder events.EventRecorder
	Metrics  *metrics.Metrics
	// Enqueue and EnqueueLowPriority enqueue an agent, EnqueueAccount an account.
	Enqueue, EnqueueLowPriority func(v1alpha1.AgentKey)
	EnqueueAccount              func(types.NamespacedName)
	// Jitter returns a random number in [0,1). It keeps the retries of different agents apart.
	Jitter func() float64
}

// Reconciler keeps the groups of agents in DeepCall in line with their mappings.
type Reconciler struct {
	Options
	states    *stateStore
	freshness *freshness

	// mu guards stopped, which is set for good when the manager stops. After that, underWay counts no further reconcile.
	mu       sync.Mutex
	stopped  bool
	underWay sync.WaitGroup
}

// NewReconciler returns a Reconciler without any state.
func NewReconciler(options Options) *Reconciler {
	return &Reconciler{Options: options, states: newStateStore(), freshness: newFreshness(options)}
}

// Reconcile applies the result of the agent's last request, makes the writes that need no request, and sends the next request
// without waiting for its end.
func (r *Reconciler) Reconcile(ctx context.Context, key v1alpha1.AgentKey) (reconcile.Result, error) {
	if !r.begin() {
		return reconcile.Result{}, nil // the manager is stopping
	}
	defer r.underWay.Done()
	if r.Dispatcher.InFlight(key) {
		return reconcile.Result{}, nil // the end of the request enqueues the agent
	}
	if err := r.Fence.Check(); err != nil {
		return r.requeue(ctx, key, err) // until the lease is renewed, or the manager ends
	}
	snap, err := r.loadSnapshot(ctx, key)
	if err != nil {
		return r.requeue(ctx, key, err)
	}
	if err := r.applyResult(ctx, snap); err != nil {
		return r.requeue(ctx, key, err) // the state is unchanged: repeating is safe
	}
	state := r.states.commit(key, r.states.get(key).Prune(snap.Snapshot))
	if len(snap.Mappings) == 0 {
		r.freshness.forget(key)
		r.Metrics.Resyncs.SetDue(key.Account, key.AgentID, time.Time{})
	}
	if !snap.configured {
		return r.awaitAccount(snap), nil
	}
	decisions := plan.Plan(snap.Snapshot, state)
	writeErr := r.report(ctx, snap, decisions.Writes) // returned later, so that one mapping does not block the others' requests
	unreleased := snap.Unreleased()
	if len(unreleased.Mappings) < len(snap.Mappings) || errors.Is(writeErr, errWriteRejected) {
		snap.Snapshot = unreleased
		decisions = plan.Plan(snap.Snapshot, r.states.get(key))
	}
	sendErr := r.sendNext(ctx, snap, decisions)
	if sendErr != nil {
		return r.requeue(ctx, key, errors.Join(writeErr, sendErr))
	}
	if writeErr != nil {
		return r.repeat(ctx, writeErr) // the agent keeps waiting for a permit, or the permit of a request in flight
	}
	r.Metrics.Resyncs.SetDue(key.Account, key.AgentID, decisions.ResyncAt)
	return requeueAt(snap.Now, decisions.RequeueAt), nil
}

// applyResult writes the statuses that the result of the last request changes, and then commits the new state.
func (r *Reconciler) applyResult(ctx context.Context, snap *snapshot) error {
	for state := r.states.get(snap.Key); state.Result != nil; {
		next := plan.Apply(snap.Snapshot, state)
		results, err := r.write(ctx, snap, next.Writes)
		if err != nil {
			return err
		}
		_ = r.commitWrites(snap, next.State, results) // a rejection counts as done
		state = r.states.get(snap.Key)
	}
	return nil
}

// awaitAccount enqueues the account, whose reconciler configures the dispatcher for its current version and then enqueues the
// agent. If the cache does not have the account yet, it requeues the agent.
func (r *Reconciler) awaitAccount(snap *snapshot) reconcile.Result {
	r.Dispatcher.Release(snap.Key)
	if !snap.accountCached {
		return reconcile.Result{RequeueAfter: staleRequeueDelay}
	}
	r.EnqueueAccount(snap.Key.Account)
	return reconcile.Result{}
}

// sendNext sends the next request if there is one and the agent gets a permit.
func (r *Reconciler) sendNext(ctx context.Context, snap *snapshot, decisions plan.Decisions) error {
	next, ok := decisions.Next()
	if !ok {
		r.Dispatcher.Release(snap.Key)
		return nil
	}
	if !snap.account.InUse() && snap.account.DeletionTimestamp == nil {
		r.Dispatcher.Release(snap.Key)
		r.EnqueueAccount(snap.Key.Account) // its reconciler adds the finalizer, and enqueues the agent
		return nil
	}
	permit := r.Dispatcher.Acquire(snap.Key, dispatch.Ask{Priority: dispatch.Priority(next.Priority), Removal: next.Deleting})
	if permit == nil {
		return r.report(ctx, snap, plan.Waiting(snap.Snapshot, r.states.get(snap.Key))) // a permit enqueues the agent
	}
	if err := r.recordAttempt(ctx, snap, next); err != nil {
		return err
	}
	if err := r.freshness.verify(ctx, snap); err != nil {
		return err
	}
	r.send(ctx, snap, next, permit)
	return nil
}

// requeue repeats a reconcile with back-off after an error. Conflicts and a stale cache alone resolve without back-off. The agent
// passes its permit on, and keeps its place among the agents that wait.
func (r *Reconciler) requeue(ctx context.Context, key v1alpha1.AgentKey, err error) (reconcile.Result, error) {
	r.Dispatcher.Postpone(key)
	return r.repeat(ctx, err)
}

// repeat repeats a reconcile as requeue does, and leaves the agent's permit as it is.
func (r *Reconciler) repeat(ctx context.Context, err error) (reconcile.Result, error) {
	if errors.Is(err, errWriteRejected) {
		return reconcile.Result{RequeueAfter: time.Millisecond}, nil // planned again, without the write
	}
	if failed := withoutStale(err); failed != nil {
		return reconcile.Result{}, failed
	}
	log.FromContext(ctx).V(1).Info("Requeued after a conflict or with a stale cache", "cause", err.Error())
	return reconcile.Result{RequeueAfter: staleRequeueDelay}, nil
}

// withoutStale returns err without conflicts, deleted objects and stale caches.
func withoutStale(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var failed []error
		for _, each := range joined.Unwrap() {
			failed = append(failed, withoutStale(each))
		}
		return errors.Join(failed...)
	}
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) || errors.Is(err, errStale) {
		return nil
	}
	return err
}

// requeueAt requeues an agent at its earliest deadline, with low priority so that new events go first.
func requeueAt(now, at time.Time) reconcile.Result {
	low := handler.LowPriority
	result := reconcile.Result{Priority: &low}
	if !at.IsZero() {
		result.RequeueAfter = max(at.Sub(now), time.Millisecond)
	}
	return result
}

// EnqueueAgentsOf enqueues all agents of an account, with low priority unless they have an edit or a deletion.
func (r *Reconciler) EnqueueAgentsOf(ctx context.Context, name types.NamespacedName) error {
	var list v1alpha1.AgentGroupMappingList
	if err := r.Client.List(ctx, &list, client.MatchingFields{accountIndex: name.String()}, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list the account's mappings: %w", err)
	}
	for i := range list.Items {
		enqueue := r.EnqueueLowPriority
		if isUnobserved(&list.Items[i]) {
			enqueue = r.Enqueue
		}
		enqueue(list.Items[i].AgentKey())
	}
	return nil
}
