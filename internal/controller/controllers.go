// Package controller adds the controllers of agents and accounts to a manager.
package controller

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller/account"
	"github.com/deepcall/deepcall-operator/internal/controller/agent"
	"github.com/deepcall/deepcall-operator/internal/controller/enqueue"
	"github.com/deepcall/deepcall-operator/internal/controller/foreign"
	"github.com/deepcall/deepcall-operator/internal/controller/tenancy"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/dispatch"
	"github.com/deepcall/deepcall-operator/internal/leader"
	"github.com/deepcall/deepcall-operator/internal/metrics"
)

const (
	// countsDebounce is how long created and deleted mappings are collected before their account's status is updated.
	countsDebounce = 500 * time.Millisecond
	// recorderName is the reporting controller of events.
	recorderName = "deepcall-operator"
)

// Options are set by the manager's flags.
type Options struct {
	// AllowInsecureEndpoints allows http, and loopback and link-local addresses.
	AllowInsecureEndpoints bool
	// MaxConcurrentReconciles is how many agents are reconciled at the same time.
	MaxConcurrentReconciles int
	// Scope is what the cache contains.
	Scope tenancy.Scope
	// Metrics is where the operator's metrics are registered; nil for none.
	Metrics prometheus.Registerer
	// GroupMetrics adds a metric for each group of each account.
	GroupMetrics bool
	// Tracing creates the spans of reconciles and requests; nil for none.
	Tracing trace.TracerProvider
	// Fence keeps the controllers from acting without the lease; nil without leader election.
	Fence *leader.Fence
	// SecondOperatorGrace delays the detection of another operator; 0 for the default.
	SecondOperatorGrace time.Duration
	// Clock is nil for the real one.
	Clock clock.WithDelayedExecution
	// Proxy returns the proxy for an https endpoint, as http.ProxyFromEnvironment does; nil for none.
	Proxy func(*http.Request) (*url.URL, error)
	// WrapTransport decorates the transport of requests, which contain credentials; nil for none.
	WrapTransport func(http.RoundTripper) http.RoundTripper
}

// The manager's permissions in every namespace that it watches, from which config/rbac/role.yaml is generated. Its other
// permissions are in separate files next to that one.
//
// +kubebuilder:rbac:groups=telephony.deepcall.com,resources=agentgroupmappings,verbs=list;watch;patch
// +kubebuilder:rbac:groups=telephony.deepcall.com,resources=deepcallaccounts,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=telephony.deepcall.com,resources=agentgroupmappings/status;deepcallaccounts/status,verbs=update
// +kubebuilder:rbac:groups="",resources=configmaps;secrets,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create

// Setup adds both controllers to the manager. ctx ends when the manager is asked to stop.
func Setup(ctx context.Context, mgr ctrl.Manager, options Options) error {
	clk := cmp.Or[clock.WithDelayedExecution](options.Clock, clock.RealClock{})
	agentQueue, accountQueue := enqueue.New[v1alpha1.AgentKey](), enqueue.New[reconcile.Request]()
	enqueueAccount := func(name types.NamespacedName) { accountQueue.Add(reconcile.Request{NamespacedName: name}) }
	tracer := cmp.Or[trace.TracerProvider](options.Tracing, noop.NewTracerProvider()).Tracer(tracerName)
	counts := account.NewMappingCounts()

	var collectors *metrics.Metrics // declared first: the dispatcher and the collectors read each other
	dispatcher := dispatch.New(dispatch.Options{
		Clock:              clk,
		Enqueue:            agentQueue.Add,
		EnqueueLowPriority: agentQueue.AddLowPriority,
		EnqueueAccount:     enqueueAccount,
		MaySend:            options.Fence.Check,
		Observe: func(ctx context.Context, key v1alpha1.AgentKey, send dispatch.SendFunc) (deepcall.Answer, error) {
			return collectors.ObserveRequest(ctx, key.Account, traceRequest(tracer, key, send))
		},
	})
	sources := metrics.Sources{Clock: clk, IsLeader: isClosed(mgr.Elected()), Accounts: dispatcher, Mappings: counts}
	if options.GroupMetrics {
		receivers, err := countReceivers(ctx, mgr)
		if err != nil {
			return err
		}
		sources.Groups = receivers
	}
	collectors = metrics.New(sources)
	if options.Metrics != nil {
		if err := options.Metrics.Register(collectors); err != nil {
			return fmt.Errorf("register the metrics: %w", err)
		}
	}

	shared := newSharedCaches(mgr.GetClient(), counts)
	detector := foreign.New(cmp.Or(options.SecondOperatorGrace, foreign.Grace), reportSecondOperator(mgr, clk, collectors))
	if err := detector.SetupWithManager(ctx, mgr); err != nil {
		return err
	}
	fenced := leader.NewClient(detector.Client(mgr.GetClient()), options.Fence)
	namespaces := tenancy.New(mgr.GetClient(), options.Scope)
	agents := agent.NewReconciler(agent.Options{
		Client: fenced, APIReader: mgr.GetAPIReader(), Clock: clk, Fence: options.Fence, Dispatcher: dispatcher, Tenancy: namespaces,
		Mappings: shared.mappings, Accounts: shared.accounts, Recorder: mgr.GetEventRecorder(recorderName), Metrics: collectors,
		Enqueue: agentQueue.Add, EnqueueLowPriority: agentQueue.AddLowPriority, EnqueueAccount: enqueueAccount, Jitter: rand.Float64,
	})
	countsSynced, err := shared.watch(ctx, mgr, agents.Observe, func(name types.NamespacedName) {
		if shared.hasAccount(ctx, name) { // one that does not exist has no status, and its reconcile enqueues all its agents
			accountQueue.AddAfter(reconcile.Request{NamespacedName: name}, countsDebounce)
		}
	})
	if err != nil {
		return err
	}
	accounts := account.NewReconciler(account.Options{
		Client: fenced, APIReader: mgr.GetAPIReader(), Clock: clk, Dispatcher: dispatcher, Tenancy: namespaces,
		Mappings: shared.mappings, Accounts: shared.accounts, Recorder: mgr.GetEventRecorder(recorderName), Metrics: collectors,
		Counts: counts, CountsSynced: countsSynced, EnqueueAgents: agents.EnqueueAgentsOf,
		AllowInsecureEndpoints: options.AllowInsecureEndpoints, Proxy: options.Proxy, WrapTransport: options.WrapTransport,
		MaySend: options.Fence.Check,
	})

	wrapAgents := traceReconciles(tracer, "reconcile agent", agentAttributes)
	if err := agents.SetupWithManager(mgr, options.MaxConcurrentReconciles, agentQueue.Source(), wrapAgents); err != nil {
		return fmt.Errorf("set up the controller of agents: %w", err)
	}
	wrapAccounts := traceReconciles(tracer, "reconcile account", accountAttributes)
	if err := accounts.SetupWithManager(mgr, accountQueue.Source(), wrapAccounts); err != nil {
		return fmt.Errorf("set up the controller of accounts: %w", err)
	}
	if err := mgr.Add(agents.Shutdown(ctx.Done())); err != nil {
		return fmt.Errorf("add the shutdown: %w", err)
	}
	if options.Fence != nil {
		if err := mgr.Add(options.Fence); err != nil {
			return fmt.Errorf("add the fence: %w", err)
		}
	}
	return nil
}

// isClosed returns a function that reports whether the channel is closed.
func isClosed(c <-chan struct{}) func() bool {
	return func() bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
}
