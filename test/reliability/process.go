package reliability

import (
	"context"
	"sync"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/deepcall/deepcall-operator/internal/controller"
)

// process is one life of a world's manager.
type process struct {
	world    *world
	number   int
	stop     context.CancelFunc
	stopped  chan struct{}
	diaries  *diary
	underway sync.WaitGroup // effects that have left

	// What follows is the ledger's, under its lock.
	fenced   bool
	count    int
	strike   *strike
	inFlight map[string]bool // calls, by endpoint and agent
}

// startProcess runs a manager for the world's namespaces, as cmd does.
func (w *world) startProcess(number int) *process {
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.context))
	p := &process{
		world: w, number: number, stop: cancel, stopped: make(chan struct{}),
		diaries: newDiary(w.bell), inFlight: map[string]bool{},
	}
	w.ledger.begin(p)
	shared := rest.CopyConfig(plane.Config)
	shared.Wrap(p.toAPIServer)
	skip := true
	watched := map[string]cache.Config{}
	for _, namespace := range w.namespaces {
		watched[namespace] = cache.Config{}
	}
	mgr, err := ctrl.NewManager(shared, ctrl.Options{
		Scheme:         scheme,
		MapperProvider: sharedMapper,
		Cache:          cache.Options{DefaultNamespaces: watched, NewInformer: w.options.newInformer},
		Metrics:        metricsserver.Options{BindAddress: "0"},
		Controller:     config.Controller{SkipNameValidation: &skip},
		Logger:         w.log.logger(number),
	})
	if err == nil {
		err = controller.Setup(ctx, mgr, controller.Options{
			AllowInsecureEndpoints: true, MaxConcurrentReconciles: 4, Namespaces: w.namespaces,
			Tracing:       sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(p.diaries)),
			WrapTransport: p.toDeepCall,
		})
	}
	if err != nil {
		w.ledger.violate("the manager can't start: %v", err)
		close(p.stopped)
		return p
	}
	go func() {
		defer close(p.stopped)
		if err := mgr.Start(ctx); err != nil && !w.ledger.isFenced(p) {
			w.ledger.violate("the manager ended: %v", err)
		}
	}()
	return p
}

// diary notes which agents and accounts a process reconciled, and when it was last at work. It reads
// that from the spans.
type diary struct {
	bell *bell

	mu      sync.Mutex
	running int
	seen    map[string]bool
	last    time.Time
}

func newDiary(b *bell) *diary { return &diary{bell: b, seen: map[string]bool{}, last: time.Now()} }

func (d *diary) OnStart(context.Context, sdktrace.ReadWriteSpan) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.running++
	d.last = time.Now()
}

// OnEnd notes a reconcile of "namespace/account" or "namespace/account/agent".
func (d *diary) OnEnd(span sdktrace.ReadOnlySpan) {
	key := ""
	for _, attribute := range span.Attributes() {
		switch attribute.Key {
		case "deepcall.account.namespace":
			key = attribute.Value.AsString()
		case "deepcall.account.name", "deepcall.agent.id":
			key += "/" + attribute.Value.AsString()
		}
	}
	d.mu.Lock()
	d.running--
	d.seen[key] = true
	d.last = time.Now()
	d.mu.Unlock()
	d.bell.ring()
}

func (*diary) Shutdown(context.Context) error   { return nil }
func (*diary) ForceFlush(context.Context) error { return nil }

// idleSince tells when the process was last at work; false while it is, or while it has not looked
// at each of the keys.
func (d *diary) idleSince(keys []string) (time.Time, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, key := range keys {
		if !d.seen[key] {
			return time.Time{}, false
		}
	}
	return d.last, d.running == 0
}
