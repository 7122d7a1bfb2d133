package controller

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller/account"
	"github.com/deepcall/deepcall-operator/internal/controller/agent"
	"github.com/deepcall/deepcall-operator/internal/controller/enqueue"
	"github.com/deepcall/deepcall-operator/internal/controller/tenancy"
	"github.com/deepcall/deepcall-operator/internal/dispatch"
	"github.com/deepcall/deepcall-operator/internal/metrics"
)

// simProcess is one process of the operator.
type simProcess struct {
	cache      *simCache
	agents     *agent.Reconciler
	dispatcher *dispatch.Dispatcher
	cancel     context.CancelFunc
	queues     []interface{ ShutDown() }
	workers    sync.WaitGroup
	busy       map[string]int
	busyMu     sync.Mutex
	shutdown   manager.RunnableFunc
	stopping   chan struct{}
}

func run[key comparable](p *simProcess, ctx context.Context, what string, q *enqueue.Queue[key], r reconcile.TypedReconciler[key]) {
	queue := priorityqueue.New(what, func(o *priorityqueue.Opts[key]) { o.RateLimiter = enqueue.RateLimiter[key]() })
	if err := q.Source().Start(ctx, queue); err != nil {
		panic(err)
	}
	p.queues = append(p.queues, queue)
	for range 3 {
		p.workers.Go(func() {
			for {
				k, stop := queue.Get()
				if stop {
					return
				}
				p.busyMu.Lock()
				p.busy[what]++
				p.busyMu.Unlock()
				result, err := r.Reconcile(ctx, k)
				switch {
				case err != nil:
					queue.AddRateLimited(k)
				case result.RequeueAfter > 0:
					queue.Forget(k)
					queue.AddAfter(k, result.RequeueAfter)
				default:
					queue.Forget(k)
				}
				queue.Done(k)
			}
		})
	}
}

// startProcess starts a process whose cache begins at a position of the log.
func startProcess(t *testing.T, api *simAPI, dc *simDeepCall, from int) *simProcess {
	ctx, cancel := context.WithCancel(log.IntoContext(context.Background(), logr.Discard()))
	p := &simProcess{cancel: cancel, busy: map[string]int{}, stopping: make(chan struct{})}
	p.cache = &simCache{api: api, objects: simObjects{}}
	p.cache.deliver(from)
	agentQueue, accountQueue := enqueue.New[v1alpha1.AgentKey](), enqueue.New[reconcile.Request]()
	enqueueAccount := func(name types.NamespacedName) { accountQueue.Add(reconcile.Request{NamespacedName: name}) }
	counts := account.NewMappingCounts()
	var clk clock.WithDelayedExecution = clock.RealClock{}
	p.dispatcher = dispatch.New(dispatch.Options{
		Clock: clk, Enqueue: agentQueue.Add, EnqueueLowPriority: agentQueue.AddLowPriority, EnqueueAccount: enqueueAccount,
	})
	collectors := metrics.New(metrics.Sources{Clock: clk, IsLeader: func() bool { return true }, Accounts: p.dispatcher, Mappings: counts})
	shared := newSharedCaches(p.cache, counts)
	namespaces := tenancy.New(p.cache, tenancy.Scope{})
	live := liveReader{simAPI: api}
	p.agents = agent.NewReconciler(agent.Options{
		Client: p.cache, APIReader: live, Clock: clk, Dispatcher: p.dispatcher, Tenancy: namespaces,
		Mappings: shared.mappings, Accounts: shared.accounts, Recorder: &events.FakeRecorder{}, Metrics: collectors,
		Enqueue: agentQueue.Add, EnqueueLowPriority: agentQueue.AddLowPriority, EnqueueAccount: enqueueAccount, Jitter: rand.Float64,
	})
	accounts := account.NewReconciler(account.Options{
		Client: p.cache, APIReader: live, Clock: clk, Dispatcher: p.dispatcher, Tenancy: namespaces,
		Mappings: shared.mappings, Accounts: shared.accounts, Recorder: &events.FakeRecorder{}, Metrics: collectors,
		Counts: counts, CountsSynced: func() bool { return true }, EnqueueAgents: p.agents.EnqueueAgentsOf,
		WrapTransport: func(http.RoundTripper) http.RoundTripper { return dc },
	})
	run(p, ctx, "agent", agentQueue, p.agents)
	run[reconcile.Request](p, ctx, "account", accountQueue, accounts)
	mappingHandler := shared.mappingHandler(p.agents.Observe, func(name types.NamespacedName) {
		accountQueue.AddAfter(reconcile.Request{NamespacedName: name}, countsDebounce)
	})
	accountHandler := handler[*v1alpha1.DeepCallAccount]{set: func(a *v1alpha1.DeepCallAccount) { shared.accounts.Observe(a) }, delete: shared.accounts.Forget}
	p.cache.handle = func(before, after client.Object) {
		obj := after
		if obj == nil {
			obj = before
		}
		switch obj := obj.(type) {
		case *v1alpha1.AgentGroupMapping:
			dispatchEvent(mappingHandler, before, after)
			agentQueue.Add(obj.AgentKey())
		case *v1alpha1.DeepCallAccount:
			dispatchEvent(accountHandler, before, after)
			enqueueAccount(client.ObjectKeyFromObject(obj))
		}
	}
	p.cache.mu.Lock()
	cached := objectsOf[client.Object](p.cache.objects)
	p.cache.mu.Unlock()
	for _, obj := range cached {
		p.cache.handle(nil, obj)
	}
	p.shutdown = p.agents.Shutdown(p.stopping)
	return p
}

func dispatchEvent[T client.Object](h handler[T], before, after client.Object) {
	switch {
	case before == nil:
		h.OnAdd(after, false)
	case after == nil:
		h.OnDelete(before)
	default:
		h.OnUpdate(before, after)
	}
}

// stop stops the process, as on SIGTERM, or as if it lost its lease.
func (p *simProcess) stop(graceful bool) error {
	if graceful {
		close(p.stopping)
	}
	p.cancel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := p.shutdown.Start(ctx)
	for _, q := range p.queues {
		q.ShutDown()
	}
	p.workers.Wait()
	return err
}
