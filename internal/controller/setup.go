package controller

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/account"
)

// MaxRequestTimeout bounds a call. Lease and shutdown times must leave room for it (R14).
const MaxRequestTimeout = 9 * time.Second

// Options are what the manager's flags decide.
type Options struct {
	// AllowInsecureEndpoints allows http, and loopback and link-local addresses.
	AllowInsecureEndpoints bool
	// MaxConcurrentReconciles is how many agents are looked at, and written, at the same time.
	MaxConcurrentReconciles int
	// Namespaces are those watched; empty is all. With some, labels of namespaces are not read.
	Namespaces []string
	// Selector is of the labels of the mappings and accounts in the cache; nil is all.
	Selector labels.Selector
	// Metrics is where the operator's metrics are registered; nil for none.
	Metrics prometheus.Registerer
	// Tracing makes the spans of reconciles and calls; nil for none.
	Tracing trace.TracerProvider
	// Clock tells the time; nil for the real one.
	Clock clock.WithDelayedExecution
	// WrapTransport decorates the way to DeepCall, which carries credentials; nil for none.
	WrapTransport func(http.RoundTripper) http.RoundTripper
}

// The rights of the manager in every namespace that it watches, from which config/rbac/role.yaml is
// generated. What else it needs stands beside that file, each part in a file of its own.
//
// +kubebuilder:rbac:groups=telephony.deepcall.com,resources=agentgroupmappings,verbs=list;watch;patch
// +kubebuilder:rbac:groups=telephony.deepcall.com,resources=deepcallaccounts,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=telephony.deepcall.com,resources=agentgroupmappings/status;deepcallaccounts/status,verbs=update
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create

// Setup adds both reconcilers to the manager.
func Setup(ctx context.Context, mgr ctrl.Manager, options Options) error {
	agents, accounts := &waker[AgentKey]{}, &waker[reconcile.Request]{}
	remembered := newWritten(inCache(mgr.GetClient()))
	clk := options.Clock
	if clk == nil {
		clk = clock.RealClock{}
	}

	registry := account.NewRegistry(clk, func(name types.NamespacedName) account.Hooks {
		return account.Hooks{
			Wake:    func(agent string) { agents.wake(AgentKey{Account: name, Agent: agent}) },
			Tell:    func(agent string) { agents.wakeLater(AgentKey{Account: name, Agent: agent}) },
			Changed: func() { accounts.wake(reconcile.Request{NamespacedName: name}) },
		}
	})
	own, err := setupMetrics(ctx, mgr, options.Metrics, registry, clk)
	if err != nil {
		return err
	}
	access := Access{Watched: options.Namespaces, Selector: options.Selector}
	if len(options.Namespaces) == 0 {
		access.Namespaces = mgr.GetClient()
	}
	agentReconciler := &AgentReconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Clock: clk, Accounts: registry, Access: access,
		Written: remembered, Events: mgr.GetEventRecorder("deepcall-operator"), Spread: rand.Float64,
		Metrics: own, Tracer: tracerOf(options.Tracing),
		Wake:        agents.wake,
		WakeLater:   agents.wakeLater,
		WakeAccount: func(name types.NamespacedName) { accounts.wake(reconcile.Request{NamespacedName: name}) },
		memory:      newMemory(),
	}
	accountReconciler := &AccountReconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Clock: clk, Accounts: registry, Access: access,
		Written: remembered, Events: mgr.GetEventRecorder("deepcall-operator"), Metrics: own,
		NewClient:  clientFactory(options, clk),
		WakeAgents: agentReconciler.wakeAgentsOf,
	}
	counted, err := setupCache(ctx, mgr, remembered, func(name types.NamespacedName) {
		accounts.wakeAfter(reconcile.Request{NamespacedName: name}, usersDebounce)
	})
	if err != nil {
		return err
	}
	accountReconciler.Counted = counted
	if err := agentReconciler.setup(mgr, agents, options); err != nil {
		return fmt.Errorf("set up the agents' controller: %w", err)
	}
	if err := accountReconciler.setup(mgr, accounts, agentReconciler.Tracer); err != nil {
		return fmt.Errorf("set up the accounts' controller: %w", err)
	}
	if err := mgr.Add(manager.RunnableFunc(agentReconciler.compareEarly)); err != nil {
		return fmt.Errorf("add the comparison of the cache: %w", err)
	}
	if err := mgr.Add(newShutdown(ctx, agentReconciler)); err != nil {
		return fmt.Errorf("add the shutdown: %w", err)
	}
	return nil
}

// setupCache adds the indexes, and the handlers that count mappings and free remembered writes. It returns what tells
// when all mappings that were there at the start are counted.
func setupCache(
	ctx context.Context, mgr ctrl.Manager, remembered *written, changed func(account types.NamespacedName),
) (counted func() bool, err error) {
	indexes := []struct {
		obj   client.Object
		field string
		index client.IndexerFunc
	}{
		{&v1alpha1.AgentGroupMapping{}, agentIndex, indexAgent},
		{&v1alpha1.AgentGroupMapping{}, accountIndex, indexAccount},
		{&v1alpha1.DeepCallAccount{}, secretIndex, indexSecret},
	}
	for _, index := range indexes {
		if err := mgr.GetFieldIndexer().IndexField(ctx, index.obj, index.field, index.index); err != nil {
			return nil, fmt.Errorf("index %s: %w", index.field, err)
		}
	}
	take := func(obj client.Object) (toolscache.ResourceEventHandlerRegistration, error) {
		informer, err := mgr.GetCache().GetInformer(ctx, obj)
		if err != nil {
			return nil, fmt.Errorf("get the informer of %T: %w", obj, err)
		}
		return informer.AddEventHandler(remembered.handler(changed))
	}
	if _, err := take(&v1alpha1.DeepCallAccount{}); err != nil {
		return nil, fmt.Errorf("watch the accounts: %w", err)
	}
	mappings, err := take(&v1alpha1.AgentGroupMapping{})
	if err != nil {
		return nil, fmt.Errorf("watch the mappings: %w", err)
	}
	return mappings.HasSynced, nil
}

func (r *AgentReconciler) setup(mgr ctrl.Manager, agents *waker[AgentKey], options Options) error {
	toAgent := func(_ context.Context, obj client.Object) []AgentKey {
		mapping, ok := obj.(*v1alpha1.AgentGroupMapping)
		if !ok {
			return nil
		}
		return []AgentKey{agentOf(mapping)}
	}
	controlled := builder.TypedControllerManagedBy[AgentKey](mgr).
		Named("agent").
		Watches(&v1alpha1.AgentGroupMapping{}, handler.TypedEnqueueRequestsFromMapFunc(toAgent)).
		WatchesRawSource(agents.source())
	if r.Access.Namespaces != nil {
		controlled.WatchesMetadata(namespaceMetadata(), handler.TypedEnqueueRequestsFromMapFunc(r.agentsOfNamespace),
			builder.WithPredicates(predicate.Or(predicate.LabelChangedPredicate{}, endBegins)))
	}
	return controlled.
		WithOptions(controller.TypedOptions[AgentKey]{
			MaxConcurrentReconciles: options.MaxConcurrentReconciles,
			RateLimiter:             retries[AgentKey](),
		}).
		Complete(traced(r.Tracer, "reconcile agent", attributesOf, r))
}

func (r *AccountReconciler) setup(mgr ctrl.Manager, accounts *waker[reconcile.Request], tracer trace.Tracer) error {
	secret := &metav1.PartialObjectMetadata{}
	secret.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	return builder.ControllerManagedBy(mgr).
		Named("account").
		For(&v1alpha1.DeepCallAccount{}).
		WatchesMetadata(secret, handler.EnqueueRequestsFromMapFunc(r.accountsOfSecret)).
		WatchesRawSource(accounts.source()).
		WithOptions(controller.Options{MaxConcurrentReconciles: 4, RateLimiter: retries[reconcile.Request]()}).
		Complete(traced(tracer, "reconcile account", attributesOfAccount, r))
}

func (r *AccountReconciler) accountsOfSecret(ctx context.Context, secret client.Object) []reconcile.Request {
	var list v1alpha1.DeepCallAccountList
	if err := r.Client.List(ctx, &list, client.MatchingFields{secretIndex: client.ObjectKeyFromObject(secret).String()}); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "list the accounts of a Secret")
		return nil
	}
	requests := make([]reconcile.Request, 0, len(list.Items))
	for i := range list.Items {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
	}
	return requests
}

// endBegins passes a namespace whose deletion has begun.
var endBegins = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	return e.ObjectOld.GetDeletionTimestamp() == nil && e.ObjectNew.GetDeletionTimestamp() != nil
}}

// agentsOfNamespace are the agents that a namespace reaches through accounts of others, which may
// or may not allow it by its labels; once it ends, all its agents.
func (r *AgentReconciler) agentsOfNamespace(ctx context.Context, namespace client.Object) []AgentKey {
	var list v1alpha1.AgentGroupMappingList
	if err := r.Client.List(ctx, &list, client.InNamespace(namespace.GetName()), client.UnsafeDisableDeepCopy); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "list the mappings of a namespace")
		return nil
	}
	var keys []AgentKey
	for i := range list.Items {
		key := agentOf(&list.Items[i])
		if key.Account.Namespace != namespace.GetName() || namespace.GetDeletionTimestamp() != nil {
			keys = append(keys, key)
			r.WakeAccount(key.Account) // which counts the mappings that may use it
		}
	}
	return keys
}

// wakeAgentsOf brings all agents of an account back here.
func (r *AgentReconciler) wakeAgentsOf(ctx context.Context, name types.NamespacedName) error {
	var list v1alpha1.AgentGroupMappingList
	if err := r.Client.List(ctx, &list, client.MatchingFields{accountIndex: name.String()}, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list the account's mappings: %w", err)
	}
	for i := range list.Items {
		r.WakeLater(agentOf(&list.Items[i]))
	}
	return nil
}

// waker adds to a controller's queue from outside of its watches.
type waker[request comparable] struct {
	queue workqueue.TypedRateLimitingInterface[request]
	ready chan struct{}
}

func (w *waker[request]) source() source.TypedSource[request] {
	w.ready = make(chan struct{})
	return source.TypedFunc[request](func(_ context.Context, queue workqueue.TypedRateLimitingInterface[request]) error {
		w.queue = queue
		close(w.ready)
		return nil
	})
}

// wake adds a request. It is a matter of start-up only that it waits for the queue.
func (w *waker[request]) wake(r request) {
	<-w.ready
	w.queue.Add(r)
}

// wakeAfter adds a request once that time is over. As long as there is no queue, there is nothing to be woken: all are
// looked at once there is one.
func (w *waker[request]) wakeAfter(r request, wait time.Duration) {
	select {
	case <-w.ready:
		w.queue.AddAfter(r, wait)
	default:
	}
}

// wakeLater adds a request that any other one goes before.
func (w *waker[request]) wakeLater(r request) {
	<-w.ready
	low := handler.LowPriority
	if queue, ok := w.queue.(priorityqueue.PriorityQueue[request]); ok {
		queue.AddWithOpts(priorityqueue.AddOpts{Priority: &low}, r)
		return
	}
	w.queue.Add(r)
}

// retries is how failed reconciles, mostly API errors, are repeated: from 100 ms to 30 s, and all
// together no more than 50 a second.
func retries[request comparable]() workqueue.TypedRateLimiter[request] {
	return workqueue.NewTypedMaxOfRateLimiter(
		workqueue.NewTypedItemExponentialFailureRateLimiter[request](100*time.Millisecond, 30*time.Second),
		&workqueue.TypedBucketRateLimiter[request]{Limiter: rate.NewLimiter(50, 100)},
	)
}
