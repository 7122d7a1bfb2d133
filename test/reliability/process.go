package reliability

import (
	"context"
	"sync"
	"time"

	"github.com/go-logr/logr"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/deepcall/deepcall-operator/internal/controller"
)

// process is one run of an environment's manager, from its start to a restart or crash.
type process struct {
	env        *environment
	number     int
	stop       context.CancelFunc
	stopped    chan struct{}
	reconciles *reconcileTracker
	pending    sync.WaitGroup // effects that were sent and have not ended

	// The fields below are guarded by the lock of the ledger.
	fenced           bool
	numbered         int
	fault            *fault
	requestsInFlight map[string]bool // by endpoint and agent
}

// startProcess runs a manager for the environment's namespaces, as cmd does.
func (env *environment) startProcess(number int) *process {
	ctx, cancel := context.WithCancel(context.WithoutCancel(env.ctx))
	p := &process{
		env: env, number: number, stop: cancel, stopped: make(chan struct{}),
		reconciles: newReconcileTracker(env.changes), requestsInFlight: map[string]bool{},
	}
	env.ledger.addProcess(p)
	restConfig := rest.CopyConfig(controlPlane.Config)
	restConfig.Wrap(p.wrapAPIServer)
	mgr, err := env.newManager(ctx, restConfig, env.log.logger(number), controller.Options{
		Tracing:       sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(p.reconciles)),
		WrapTransport: p.wrapDeepCall,
	})
	if err != nil {
		env.ledger.addViolation("the manager does not start: %v", err)
		close(p.stopped)
		return p
	}
	go func() {
		defer close(p.stopped)
		if err := mgr.Start(ctx); err != nil && !env.ledger.isFenced(p) {
			env.ledger.addViolation("the manager failed: %v", err)
		}
	}()
	return p
}

// newManager creates a manager with the operator's controllers for the environment's namespaces.
func (env *environment) newManager(
	ctx context.Context, restConfig *rest.Config, log logr.Logger, options controller.Options,
) (manager.Manager, error) {
	skipNameValidation := true
	namespaces := map[string]cache.Config{}
	for _, namespace := range env.namespaces {
		namespaces[namespace] = cache.Config{}
	}
	mgr, err := ctrl.NewManager(restConfig, ctrl.Options{
		Scheme:         scheme,
		MapperProvider: sharedMapper,
		Cache:          cache.Options{DefaultNamespaces: namespaces, NewInformer: env.options.newInformer},
		Metrics:        metricsserver.Options{BindAddress: "0"},
		Controller:     config.Controller{SkipNameValidation: &skipNameValidation},
		Logger:         log,
	})
	if err != nil {
		return nil, err
	}
	options.AllowInsecureEndpoints, options.MaxConcurrentReconciles, options.Scope.Namespaces = true, 4, env.namespaces
	return mgr, controller.Setup(ctx, mgr, options)
}

// reconcileTracker is a span processor that records which agents and accounts a process has reconciled, and
// when it was last active.
type reconcileTracker struct {
	changes *notifier

	mu         sync.Mutex
	running    int
	reconciled map[string]bool
	lastActive time.Time
}

func newReconcileTracker(n *notifier) *reconcileTracker {
	return &reconcileTracker{changes: n, reconciled: map[string]bool{}, lastActive: time.Now()}
}

// OnStart records the start of a span.
func (t *reconcileTracker) OnStart(context.Context, sdktrace.ReadWriteSpan) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running++
	t.lastActive = time.Now()
}

// OnEnd records a reconcile of "namespace/account" or "namespace/account/agent".
func (t *reconcileTracker) OnEnd(span sdktrace.ReadOnlySpan) {
	key := ""
	for _, attribute := range span.Attributes() {
		switch attribute.Key {
		case "deepcall.account.namespace":
			key = attribute.Value.AsString()
		case "deepcall.account.name", "deepcall.agent.id":
			key += "/" + attribute.Value.AsString()
		}
	}
	t.mu.Lock()
	t.running--
	t.reconciled[key] = true
	t.lastActive = time.Now()
	t.mu.Unlock()
	t.changes.notify()
}

// Shutdown implements [sdktrace.SpanProcessor].
func (*reconcileTracker) Shutdown(context.Context) error { return nil }

// ForceFlush implements [sdktrace.SpanProcessor].
func (*reconcileTracker) ForceFlush(context.Context) error { return nil }

// any reports whether anything was reconciled.
func (t *reconcileTracker) any() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.reconciled) > 0
}

// idleSince returns when the process was last active. It returns false while a reconcile runs, and until each of
// the keys was reconciled.
func (t *reconcileTracker) idleSince(keys []string) (time.Time, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, key := range keys {
		if !t.reconciled[key] {
			return time.Time{}, false
		}
	}
	return t.lastActive, t.running == 0
}
