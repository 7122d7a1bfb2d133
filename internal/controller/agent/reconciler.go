// Package agent reconciles DeepCall agents. An agent is identified by its account and its ID; all mappings of the agent are
// reconciled together.
package agent

import (
	"context"
	"errors"
	"fmt"
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
	// staleRequeueDelay is when an agent is reconciled again after a conflict, should the watch event that resolves it not come.
	staleRequeueDelay = 200 * time.Millisecond
	// cacheLagLimit is how long the cache can take at most to receive a new account.
	cacheLagLimit = 5 * time.Second
)

// Options are what a Reconciler depends on.
type Options struct {
	// Client reads from the cache, and writes. APIReader reads from the API server.
	Client    client.Client
	APIReader client.Reader
	Clock     clock.PassiveClock
	// Fence reports whether this process is the leader.
	Fence *leader.Fence
	// Dispatcher sends the requests.
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
	// Jitter returns a random number in [0,1) that keeps the retries of different agents apart.
	Jitter func() float64
}

// Reconciler brings DeepCall in line with the mappings of an agent.
type Reconciler struct {
	Options
	states    *stateStore
	freshness *freshness
	gate      gate
}

// NewReconciler returns a Reconciler that has not sent any request.
func NewReconciler(options Options) *Reconciler {
	return &Reconciler{Options: options, states: newStateStore(), freshness: newFreshness(options)}
}

// Reconcile brings an agent one step further: it persists the result of the last request, reports what needs no request, and
// sends the next one. A request occupies no worker; its end enqueues the agent again.
func (r *Reconciler) Reconcile(ctx context.Context, key v1alpha1.AgentKey) (reconcile.Result, error) {
	if !r.gate.enter() {
		return reconcile.Result{}, nil // the manager is stopping
	}
	defer r.gate.leave()
	if r.Dispatcher.InFlight(key) {
		return reconcile.Result{}, nil
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
	if !snap.configured {
		return r.awaitAccount(snap), nil
	}
	state := r.states.commit(key, r.states.get(key).Prune(snap.Snapshot))
	if len(snap.Mappings) == 0 {
		r.freshness.forget(key)
	}
	decisions := plan.Plan(snap.Snapshot, state)
	unreported := r.write(ctx, snap, decisions.Writes) // of one mapping: the others do not wait for it
	if snap.dropReleased() {
		decisions = plan.Plan(snap.Snapshot, state)
	}
	unsent := r.sendNext(ctx, snap, decisions)
	if err := errors.Join(unreported, unsent); err != nil {
		return r.requeue(ctx, key, err)
	}
	r.Metrics.Resyncs.SetDue(key.Account, key.AgentID, decisions.ResyncAt)
	return requeueAt(snap.Now, decisions.RequeueAt), nil
}

// applyResult writes what the result of the last request changes, and only then commits the new state. Until then, no other
// request is sent.
func (r *Reconciler) applyResult(ctx context.Context, snap *snapshot) error {
	for state := r.states.get(snap.Key); state.Result != nil; {
		next := plan.Apply(snap.Snapshot, state)
		if err := r.write(ctx, snap, next.Writes); err != nil {
			return err
		}
		state = r.states.commit(snap.Key, next.State)
	}
	return nil
}

// awaitAccount waits until the account's own reconciler has configured the present version, which enqueues the agent again.
func (r *Reconciler) awaitAccount(snap *snapshot) reconcile.Result {
	r.Dispatcher.Release(snap.Key)
	if !snap.accountCached {
		return reconcile.Result{RequeueAfter: staleRequeueDelay}
	}
	r.EnqueueAccount(snap.Key.Account)
	return reconcile.Result{}
}

// sendNext sends the next request, if there is one and the agent has a permit.
func (r *Reconciler) sendNext(ctx context.Context, snap *snapshot, decisions plan.Decisions) error {
	next, ok := decisions.Next()
	if !ok {
		r.Dispatcher.Release(snap.Key)
		return nil
	}
	if !snap.account.InUse() && snap.account.DeletionTimestamp == nil {
		r.Dispatcher.Release(snap.Key)
		r.EnqueueAccount(snap.Key.Account) // which adds the finalizer that keeps the account, and enqueues the agent
		return nil
	}
	permit := r.Dispatcher.Acquire(snap.Key, dispatch.Ask{Priority: dispatchPriority(next.Priority), Removal: next.Deleting})
	if permit == nil {
		return r.write(ctx, snap, decisions.Waiting()) // the agent is enqueued when it has a permit
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

// requeue repeats a reconcile after an error, with back-off. A conflict or an outdated cache resolves itself and needs none,
// but it never hides another error.
func (r *Reconciler) requeue(ctx context.Context, key v1alpha1.AgentKey, err error) (reconcile.Result, error) {
	r.Dispatcher.Release(key)
	if failed := withoutStale(err); failed != nil {
		return reconcile.Result{}, failed
	}
	log.FromContext(ctx).V(1).Info("The object has changed meanwhile", "cause", err.Error())
	return reconcile.Result{RequeueAfter: staleRequeueDelay}, nil
}

// withoutStale returns err without the errors that an object causes which is outdated or gone.
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

// EnqueueAgentsOf enqueues all agents of an account.
func (r *Reconciler) EnqueueAgentsOf(ctx context.Context, name types.NamespacedName) error {
	var list v1alpha1.AgentGroupMappingList
	if err := r.Client.List(ctx, &list, client.MatchingFields{AccountIndex: name.String()}, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list the account's mappings: %w", err)
	}
	for i := range list.Items {
		r.EnqueueLowPriority(list.Items[i].AgentKey())
	}
	return nil
}

func dispatchPriority(p plan.Priority) dispatch.Priority {
	switch p {
	case plan.PriorityEdit:
		return dispatch.Edit
	case plan.PriorityRetry:
		return dispatch.Retry
	case plan.PriorityRequestedResync:
		return dispatch.RequestedResync
	default:
		return dispatch.PeriodicResync
	}
}
