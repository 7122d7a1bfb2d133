package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
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
	"github.com/deepcall/deepcall-operator/internal/controller/transform"
	"github.com/deepcall/deepcall-operator/internal/dispatch"
	"github.com/deepcall/deepcall-operator/internal/metrics"
)

const simNamespace = "support"

// simAPI is an API server. Its versions are global, and log contains all of them in order.
type simAPI struct {
	mu       sync.Mutex
	version  int
	mappings map[string]*v1alpha1.AgentGroupMapping
	accounts map[string]*v1alpha1.DeepCallAccount
	secret   bool
	log      []simEvent
	// fails returns the error of a write or read; nil for none.
	fails  func(what string) error
	writes int
}

type simEvent struct {
	obj     client.Object
	deleted bool
}

func notFound(name string) error {
	return apierrors.NewNotFound(schema.GroupResource{Resource: "objects"}, name)
}

// put stores a new version, and deletes the object if nothing keeps it.
func (s *simAPI) put(obj client.Object) {
	if obj.GetDeletionTimestamp() != nil && len(obj.GetFinalizers()) == 0 {
		s.remove(obj)
		return
	}
	s.version++
	obj.SetResourceVersion(strconv.Itoa(s.version))
	switch obj := obj.(type) {
	case *v1alpha1.AgentGroupMapping:
		s.mappings[obj.Name] = obj
	case *v1alpha1.DeepCallAccount:
		s.accounts[obj.Name] = obj
	}
	s.log = append(s.log, simEvent{obj: obj.DeepCopyObject().(client.Object)})
}

func (s *simAPI) remove(obj client.Object) {
	s.version++
	switch obj := obj.(type) {
	case *v1alpha1.AgentGroupMapping:
		delete(s.mappings, obj.Name)
	case *v1alpha1.DeepCallAccount:
		delete(s.accounts, obj.Name)
	}
	gone := obj.DeepCopyObject().(client.Object)
	gone.SetResourceVersion(strconv.Itoa(s.version))
	s.log = append(s.log, simEvent{obj: gone, deleted: true})
}

func (s *simAPI) live(obj client.Object) client.Object {
	switch obj := obj.(type) {
	case *v1alpha1.AgentGroupMapping:
		if m := s.mappings[obj.Name]; m != nil {
			return m.DeepCopy()
		}
	case *v1alpha1.DeepCallAccount:
		if a := s.accounts[obj.Name]; a != nil {
			return a.DeepCopy()
		}
	}
	return nil
}

// liveReader reads from the API server.
type liveReader struct {
	client.Reader
	*simAPI
}

func (r liveReader) Get(_ context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.fails("get"); err != nil {
		return err
	}
	switch obj := obj.(type) {
	case *v1alpha1.DeepCallAccount:
		a := r.accounts[key.Name]
		if a == nil {
			return notFound(key.Name)
		}
		a.DeepCopyInto(obj)
	case *corev1.Secret:
		if !r.secret {
			return notFound(key.Name)
		}
		obj.Data = map[string][]byte{"ssid": []byte("s3ss10n")}
	}
	return nil
}

func (r liveReader) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.fails("list"); err != nil {
		return err
	}
	list.SetResourceVersion(strconv.Itoa(r.version))
	full, ok := list.(*v1alpha1.AgentGroupMappingList)
	if !ok {
		return nil
	}
	listOptions := (&client.ListOptions{}).ApplyOptions(options)
	for _, m := range r.mappings {
		if listOptions.FieldSelector.Matches(fields.Set{"spec.agentID": m.Spec.AgentID, "spec.accountRef.name": m.Spec.AccountRef.Name}) {
			full.Items = append(full.Items, *m.DeepCopy())
		}
	}
	return nil
}

// simCache is the cache of one process, with the client that reads from it.
type simCache struct {
	client.Client
	api        *simAPI
	mu         sync.Mutex
	next       int
	mappings   map[string]*v1alpha1.AgentGroupMapping
	accounts   map[string]*v1alpha1.DeepCallAccount
	handle     func(before, after client.Object)
	delivering sync.Mutex
}

func (c *simCache) Get(_ context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch obj := obj.(type) {
	case *v1alpha1.DeepCallAccount:
		if a := c.accounts[key.Name]; a != nil {
			a.DeepCopyInto(obj)
			return nil
		}
	case *v1alpha1.AgentGroupMapping:
		if m := c.mappings[key.Name]; m != nil {
			m.DeepCopyInto(obj)
			return nil
		}
	}
	return notFound(key.Name)
}

func (c *simCache) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if accounts, ok := list.(*v1alpha1.DeepCallAccountList); ok {
		for _, a := range c.accounts {
			accounts.Items = append(accounts.Items, *a.DeepCopy())
		}
		return nil
	}
	selector := (&client.ListOptions{}).ApplyOptions(options).FieldSelector
	for _, m := range c.mappings {
		if selector.Matches(fields.Set{agentIndex: m.AgentKey().String(), accountIndex: m.AccountKey().String()}) || matchesOne(selector, m) {
			mappings := list.(*v1alpha1.AgentGroupMappingList)
			mappings.Items = append(mappings.Items, *m.DeepCopy())
		}
	}
	return nil
}

// The indexes of the mappings, as the controller of agents names them.
const (
	agentIndex   = "agent"
	accountIndex = "account"
)

func matchesOne(selector fields.Selector, m *v1alpha1.AgentGroupMapping) bool {
	agentKey, byAgent := selector.RequiresExactMatch(agentIndex)
	accountKey, byAccount := selector.RequiresExactMatch(accountIndex)
	return byAgent && agentKey == m.AgentKey().String() || byAccount && accountKey == m.AccountKey().String()
}

func (c *simCache) Patch(ctx context.Context, obj client.Object, patch client.Patch, _ ...client.PatchOption) error {
	data, err := patch.Data(obj)
	if err != nil {
		return err
	}
	var change struct {
		Metadata struct {
			ResourceVersion string
			Finalizers      *[]string
			Annotations     map[string]*string
		}
	}
	if err := json.Unmarshal(data, &change); err != nil {
		return err
	}
	noFinalizers := strings.Contains(string(data), `"finalizers":null`)
	return c.write(ctx, "patch", obj, change.Metadata.ResourceVersion, func(live client.Object) {
		if change.Metadata.Finalizers != nil {
			live.SetFinalizers(*change.Metadata.Finalizers)
		} else if noFinalizers {
			live.SetFinalizers(nil)
		}
		annotations := live.GetAnnotations()
		for name, value := range change.Metadata.Annotations {
			if annotations == nil {
				annotations = map[string]string{}
			}
			if value == nil {
				delete(annotations, name)
			} else {
				annotations[name] = *value
			}
		}
		live.SetAnnotations(annotations)
	})
}

type statusWriter struct {
	client.SubResourceWriter
	cache *simCache
}

func (c *simCache) Status() client.SubResourceWriter { return statusWriter{cache: c} }

func (w statusWriter) Update(ctx context.Context, obj client.Object, _ ...client.SubResourceUpdateOption) error {
	return w.cache.write(ctx, "status", obj, obj.GetResourceVersion(), func(live client.Object) {
		switch live := live.(type) {
		case *v1alpha1.AgentGroupMapping:
			obj.(*v1alpha1.AgentGroupMapping).Status.DeepCopyInto(&live.Status)
		case *v1alpha1.DeepCallAccount:
			obj.(*v1alpha1.DeepCallAccount).Status.DeepCopyInto(&live.Status)
		}
	})
}

func (c *simCache) write(ctx context.Context, what string, obj client.Object, version string, change func(client.Object)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s := c.api
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fails(what); err != nil {
		return err
	}
	live := s.live(obj)
	switch {
	case live == nil:
		return notFound(obj.GetName())
	case live.GetResourceVersion() != version:
		return apierrors.NewConflict(schema.GroupResource{Resource: "objects"}, obj.GetName(), errors.New("changed"))
	}
	s.writes++
	change(live)
	s.put(live)
	switch obj := obj.(type) {
	case *v1alpha1.AgentGroupMapping:
		live.(*v1alpha1.AgentGroupMapping).DeepCopyInto(obj)
	case *v1alpha1.DeepCallAccount:
		live.(*v1alpha1.DeepCallAccount).DeepCopyInto(obj)
	}
	return s.fails("answer of " + what)
}

// deliver delivers up to n events of the watch, in order.
func (c *simCache) deliver(n int) {
	c.delivering.Lock()
	defer c.delivering.Unlock()
	for range n {
		c.api.mu.Lock()
		if c.next == len(c.api.log) {
			c.api.mu.Unlock()
			return
		}
		e := c.api.log[c.next]
		c.next++
		c.api.mu.Unlock()
		before, after := c.apply(e)
		if c.handle != nil {
			c.handle(before, after)
		}
	}
}

func (c *simCache) apply(e simEvent) (before, after client.Object) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch obj := e.obj.DeepCopyObject().(type) {
	case *v1alpha1.AgentGroupMapping:
		_, _ = transform.Mapping(obj)
		if old := c.mappings[obj.Name]; old != nil {
			before = old
		}
		if e.deleted {
			delete(c.mappings, obj.Name)
			return before, nil
		}
		c.mappings[obj.Name] = obj
		return before, obj
	case *v1alpha1.DeepCallAccount:
		if old := c.accounts[obj.Name]; old != nil {
			before = old
		}
		if e.deleted {
			delete(c.accounts, obj.Name)
			return before, nil
		}
		c.accounts[obj.Name] = obj
		return before, obj
	}
	return nil, nil
}

// simDeepCall is DeepCall.
type simDeepCall struct {
	mu       sync.Mutex
	replaces bool
	groups   map[string]map[string]bool // by agent
	inFlight map[string]int
	errs     []string
	requests []string
	// respond returns the latency, whether the request is applied, and the answer.
	respond func() (latency time.Duration, applied bool, status int, body string, err error)
	// removals is how many mappings of each agent were created, edited and deleted.
	removals map[string]int
	// expected requests may repeat what DeepCall has.
	mayRepeat func(agent string) bool
}

const (
	bodySuccess  = `{"status":"success","code":200,"message":"ok"}`
	bodyRejected = `{"status":"error","code":1000,"message":"no"}`
)

func (d *simDeepCall) RoundTrip(r *http.Request) (*http.Response, error) {
	var body struct {
		AgentID string
		Group   map[string]struct {
			Receive string `json:"receive_call"`
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return nil, err
	}
	d.mu.Lock()
	if d.inFlight[body.AgentID]++; d.inFlight[body.AgentID] > 1 {
		d.errs = append(d.errs, "two requests in flight for agent "+body.AgentID)
	}
	latency, applied, status, text, err := d.respond()
	d.mu.Unlock()
	ended := false
	select {
	case <-time.After(latency):
	case <-r.Context().Done():
		ended = true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.inFlight[body.AgentID]--
	if ended {
		return nil, r.Context().Err()
	}
	request := fmt.Sprintf("agent %s: %v", body.AgentID, body.Group)
	d.requests = append(d.requests, fmt.Sprintf("%s: %d %v %v", request, status, applied, err))
	if applied {
		have, want := d.groups[body.AgentID], map[string]bool{}
		changes := have == nil
		for id, g := range body.Group {
			want[id] = g.Receive == "Y"
			if value, has := have[id]; !has || value != want[id] {
				changes = true
			}
		}
		if d.replaces && len(have) != len(want) {
			changes = true
		}
		if !changes && !d.mayRepeat(body.AgentID) {
			// A removal can send what DeepCall has, once.
			if d.removals[body.AgentID]--; d.removals[body.AgentID] < 0 {
				d.errs = append(d.errs, "repeats "+request)
			}
		}
		if d.replaces || have == nil {
			d.groups[body.AgentID] = want
		} else {
			maps.Copy(have, want)
		}
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
}

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
	p.cache = &simCache{api: api, mappings: map[string]*v1alpha1.AgentGroupMapping{}, accounts: map[string]*v1alpha1.DeepCallAccount{}}
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
	namespaces := tenancy.New(p.cache, nil, nil)
	live := liveReader{simAPI: api}
	p.agents = agent.NewReconciler(agent.Options{
		Client: p.cache, APIReader: live, Clock: clk, Dispatcher: p.dispatcher, Tenancy: namespaces,
		Mappings: shared.mappings, Accounts: shared.accounts, Recorder: &events.FakeRecorder{}, Metrics: collectors,
		EnqueueLowPriority: agentQueue.AddLowPriority, EnqueueAccount: enqueueAccount, Jitter: rand.Float64,
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
	ms, as := maps.Clone(p.cache.mappings), maps.Clone(p.cache.accounts)
	p.cache.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(ms)) {
		p.cache.handle(nil, ms[name])
	}
	for _, name := range slices.Sorted(maps.Keys(as)) {
		p.cache.handle(nil, as[name])
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

// Random processes, whose caches lag, work while users change objects, writes and requests fail, and the process is replaced. In
// the end DeepCall has the declared groups, all statuses state so, nothing is sent or written any more, and no request repeats
// what DeepCall has unless something failed.
func TestSimulation(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	for n := range uint64(simulations) {
		for _, mode := range []string{"no faults", "failing writes", "failing requests", "everything fails"} {
			ok := t.Run(fmt.Sprintf("%s %d %d", mode, seed, n), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { simulate(t, rand.New(rand.NewPCG(seed, n)), mode) })
			})
			if !ok {
				return
			}
		}
	}
}

const simulations = 5 // per mode

type simulation struct {
	t       *testing.T
	mu      sync.Mutex
	r       *rand.Rand
	api     *simAPI
	dc      *simDeepCall
	p       *simProcess
	log     []string
	names   int
	faults  atomic.Bool // whether the API server and DeepCall fail
	repeats atomic.Bool // whether requests can repeat what DeepCall has
}

func (s *simulation) intn(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.r.IntN(n)
}

func (s *simulation) logf(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, fmt.Sprintf(format, args...))
}

func simulate(t *testing.T, r *rand.Rand, mode string) {
	s := &simulation{t: t, r: r}
	s.faults.Store(true)
	s.api = &simAPI{mappings: map[string]*v1alpha1.AgentGroupMapping{}, accounts: map[string]*v1alpha1.DeepCallAccount{}, secret: true}
	failsWrites := mode == "failing writes" || mode == "everything fails"
	failsRequests := mode == "failing requests" || mode == "everything fails"
	s.api.fails = func(what string) error {
		if !s.faults.Load() || !failsWrites || s.intn(6) > 0 {
			return nil
		}
		if strings.HasPrefix(what, "answer") && mode == "failing writes" && s.intn(2) == 0 {
			return nil
		}
		return apierrors.NewInternalError(errors.New("the API server fails"))
	}
	s.dc = &simDeepCall{replaces: s.intn(2) == 0, groups: map[string]map[string]bool{}, inFlight: map[string]int{}, removals: map[string]int{}}
	s.dc.mayRepeat = func(string) bool { return failsRequests || s.repeats.Load() }
	s.dc.respond = func() (time.Duration, bool, int, string, error) {
		latency := time.Duration(s.intn(1500)) * time.Millisecond
		if s.faults.Load() && failsRequests {
			switch s.intn(8) {
			case 0:
				return latency, false, 0, "", errors.New("connection refused")
			case 1:
				return latency, true, 0, "", errors.New("connection reset")
			case 2:
				return latency, false, 200, bodyRejected, nil
			case 3:
				return latency, false, 503, "", nil
			case 4:
				return latency, false, 200, `{"status":"error","code":1015,"message":"no"}`, nil
			}
		}
		return latency, true, 200, bodySuccess, nil
	}
	s.createAccount()
	s.p = startProcess(t, s.api, s.dc, 1)
	stopDelivery := make(chan struct{})
	var deliveries sync.WaitGroup
	deliveries.Go(func() {
		for {
			select {
			case <-stopDelivery:
				return
			case <-time.After(time.Duration(1+s.intn(700)) * time.Millisecond):
				s.mu.Lock()
				p := s.p
				s.mu.Unlock()
				p.cache.deliver(1 + s.intn(4))
			}
		}
	})
	for range 5 + s.intn(40) {
		s.event(mode)
		<-time.After(time.Duration(s.intn(3000)) * time.Millisecond)
	}
	s.repair()
	<-time.After(3 * time.Hour)
	s.p.busyMu.Lock()
	busy := maps.Clone(s.p.busy)
	s.p.busyMu.Unlock()
	s.api.mu.Lock()
	writes := s.api.writes
	s.api.mu.Unlock()
	s.dc.mu.Lock()
	requests := len(s.dc.requests)
	s.dc.mu.Unlock()
	<-time.After(time.Hour)
	s.check(busy, writes, requests)
	close(stopDelivery)
	deliveries.Wait()
	if err := s.p.stop(true); err != nil {
		t.Errorf("stop: %v", err)
	}
	if t.Failed() {
		t.Logf("replaces=%v\n%s\nrequests:\n%s", s.dc.replaces, strings.Join(s.log, "\n"), strings.Join(s.dc.requests, "\n"))
	}
}

func (s *simulation) createAccount() {
	s.names++
	a := &v1alpha1.DeepCallAccount{ObjectMeta: metav1.ObjectMeta{
		Namespace: simNamespace, Name: "acme", UID: types.UID(fmt.Sprintf("account%d", s.names)), Generation: 1, CreationTimestamp: metav1.Now(),
	}}
	a.Spec.Endpoint = "https://deepcall.example"
	a.Spec.CredentialsSecretRef.Name = "acme"
	a.Spec.Limits = v1alpha1.Limits{RequestsPerSecond: 5, Burst: 5, MaxInFlight: 3}
	s.api.mu.Lock()
	defer s.api.mu.Unlock()
	s.api.put(a)
}

func (s *simulation) randomGroups() []v1alpha1.AgentGroup {
	var groups []v1alpha1.AgentGroup
	for id := range 4 {
		if s.intn(2) == 0 {
			groups = append(groups, v1alpha1.AgentGroup{GroupID: fmt.Sprint(id), ReceiveCall: s.intn(2) == 0})
		}
	}
	return groups
}

func (s *simulation) event(mode string) {
	s.api.mu.Lock()
	names := slices.Sorted(maps.Keys(s.api.mappings))
	acme := s.api.accounts["acme"]
	s.api.mu.Unlock()
	user := func(name string, change func(*v1alpha1.AgentGroupMapping)) {
		s.api.mu.Lock()
		defer s.api.mu.Unlock()
		m := s.api.mappings[name]
		if m == nil {
			return
		}
		generation := m.Generation
		m = m.DeepCopy()
		change(m)
		s.api.put(m)
		if m.Generation > generation {
			s.dc.mu.Lock()
			s.dc.removals[m.Spec.AgentID]++
			s.dc.mu.Unlock()
		}
	}
	kind := s.intn(20)
	if len(names) == 0 || kind < 5 {
		name := fmt.Sprintf("m%d", s.intn(6))
		groups := s.randomGroups()
		s.api.mu.Lock()
		defer s.api.mu.Unlock()
		if s.api.mappings[name] != nil {
			return
		}
		s.names++
		m := &v1alpha1.AgentGroupMapping{ObjectMeta: metav1.ObjectMeta{
			Namespace: simNamespace, Name: name, UID: types.UID(fmt.Sprintf("%s-%d", name, s.names)), Generation: 1, CreationTimestamp: metav1.Now(),
		}}
		m.Spec.AgentID = fmt.Sprint(s.intn(3))
		m.Spec.AccountRef.Name = "acme"
		m.Spec.RemovalPolicy = v1alpha1.RemovalPolicyStopCalls
		m.Spec.Groups = groups
		m.Status.ObservedGeneration = -1
		s.api.put(m)
		s.dc.mu.Lock()
		s.dc.removals[m.Spec.AgentID]++
		s.dc.mu.Unlock()
		s.logf("%s %s of agent %s is created: %v", time.Now().Format("04:05.000"), name, m.Spec.AgentID, m.Spec.Groups)
		return
	}
	name := names[s.intn(len(names))]
	at := time.Now().Format("04:05.000")
	switch {
	case kind < 9:
		groups := s.randomGroups()
		s.logf("%s %s is edited: %v", at, name, groups)
		user(name, func(m *v1alpha1.AgentGroupMapping) { m.Spec.Groups = groups; m.Generation++ })
	case kind < 12:
		s.logf("%s %s is deleted", at, name)
		user(name, func(m *v1alpha1.AgentGroupMapping) {
			if m.DeletionTimestamp == nil {
				m.DeletionTimestamp = &metav1.Time{Time: time.Now()}
				m.Generation++
			}
		})
	case kind == 12:
		s.logf("%s %s is labelled", at, name)
		user(name, func(m *v1alpha1.AgentGroupMapping) { m.Labels = map[string]string{"n": fmt.Sprint(s.intn(100))} })
	case kind == 13 && acme != nil:
		s.logf("%s the account is edited", at)
		s.api.mu.Lock()
		a := s.api.accounts["acme"].DeepCopy()
		a.Generation++
		s.api.put(a)
		s.api.mu.Unlock()
	case kind == 14 && acme != nil && acme.DeletionTimestamp == nil:
		s.logf("%s the account is deleted", at)
		s.api.mu.Lock()
		a := s.api.accounts["acme"].DeepCopy()
		a.DeletionTimestamp = &metav1.Time{Time: time.Now()}
		s.api.put(a)
		s.api.mu.Unlock()
	case kind == 15 && acme == nil:
		s.logf("%s the account is created", at)
		s.createAccount()
	case kind == 16:
		s.api.mu.Lock()
		s.api.secret = !s.api.secret
		s.api.mu.Unlock()
		s.logf("%s the Secret exists: %v", at, s.api.secret)
		s.touchAccount()
	case kind == 17:
		s.failover(true)
	case kind == 18 && mode != "no faults" && mode != "failing writes":
		s.repeats.Store(true)
		s.failover(false)
	case kind == 19:
		s.logf("%s a resync of %s is requested", at, name)
		s.repeats.Store(true) // it repeats
		user(name, func(m *v1alpha1.AgentGroupMapping) {
			metav1.SetMetaDataAnnotation(&m.ObjectMeta, v1alpha1.ReconcileRequestedAtAnnotation, time.Now().Format(time.RFC3339Nano))
		})
	}
}

// touchAccount stands for the watch of the Secret.
func (s *simulation) touchAccount() {
	label := fmt.Sprint(s.intn(100))
	s.api.mu.Lock()
	defer s.api.mu.Unlock()
	if a := s.api.accounts["acme"]; a != nil {
		a = a.DeepCopy()
		a.Labels = map[string]string{"n": label}
		s.api.put(a)
	}
}

// failover replaces the process by another one, whose cache lags.
func (s *simulation) failover(graceful bool) {
	s.logf("%s the process is replaced, graceful: %v", time.Now().Format("04:05.000"), graceful)
	old := s.p
	if err := old.stop(graceful); err != nil {
		s.logf("stop: %v", err)
		s.repeats.Store(true)
	}
	s.api.mu.Lock()
	from := max(1, len(s.api.log)-s.intn(12))
	s.api.mu.Unlock()
	p := startProcess(s.t, s.api, s.dc, from)
	s.mu.Lock()
	s.p = p
	s.mu.Unlock()
}

func (s *simulation) repair() {
	s.logf("%s everything is repaired", time.Now().Format("04:05.000"))
	s.faults.Store(false)
	s.api.mu.Lock()
	s.api.secret = true
	s.api.mu.Unlock()
	s.repeats.Store(true) // resyncs are requested
	s.touchAccount()
	for range 100 { // the account is recreated if it was deleted
		s.api.mu.Lock()
		acme := s.api.accounts["acme"]
		s.api.mu.Unlock()
		if acme == nil {
			s.createAccount()
			break
		}
		if acme.DeletionTimestamp == nil {
			s.api.mu.Lock()
			a := s.api.accounts["acme"].DeepCopy()
			a.Generation++
			s.api.put(a)
			s.api.mu.Unlock()
			break
		}
		s.api.mu.Lock()
		for _, m := range s.api.mappings {
			m = m.DeepCopy()
			if m.DeletionTimestamp == nil {
				m.DeletionTimestamp = &metav1.Time{Time: time.Now()}
				m.Generation++
				s.api.put(m)
			}
		}
		s.api.mu.Unlock()
		<-time.After(time.Hour)
	}
	s.api.mu.Lock()
	defer s.api.mu.Unlock()
	for _, m := range s.api.mappings {
		m = m.DeepCopy()
		metav1.SetMetaDataAnnotation(&m.ObjectMeta, v1alpha1.ReconcileRequestedAtAnnotation, time.Now().Format(time.RFC3339Nano))
		s.api.put(m)
	}
}

func (s *simulation) check(busy map[string]int, writes, requests int) {
	s.dc.mu.Lock()
	defer s.dc.mu.Unlock()
	s.api.mu.Lock()
	defer s.api.mu.Unlock()
	for _, err := range s.dc.errs {
		s.t.Error(err)
	}
	if s.api.writes != writes || len(s.dc.requests) != requests {
		s.t.Errorf("%d writes and %d requests although nothing changes", s.api.writes-writes, len(s.dc.requests)-requests)
	}
	s.p.busyMu.Lock()
	for what, n := range s.p.busy {
		if more := n - busy[what]; more > 20 {
			s.t.Errorf("%d reconciles of %s although nothing changes", more, what)
		}
	}
	s.p.busyMu.Unlock()
	declared := map[string]map[string]bool{}
	for _, m := range s.api.mappings {
		if m.DeletionTimestamp != nil {
			s.t.Errorf("%s is not deleted: %+v", m.Name, m.Status)
			continue
		}
		ready := meta.FindStatusCondition(m.Status.Conditions, v1alpha1.ConditionReady)
		if ready == nil || ready.ObservedGeneration != m.Generation || (ready.Status != metav1.ConditionTrue && ready.Reason != v1alpha1.ReasonConflict) {
			s.t.Errorf("%s is not ready: %+v", m.Name, ready)
		}
		for _, g := range m.Spec.Groups {
			if declared[m.Spec.AgentID] == nil {
				declared[m.Spec.AgentID] = map[string]bool{}
			}
			declared[m.Spec.AgentID][g.GroupID] = true
		}
		for _, g := range m.Status.AppliedGroups {
			if value, has := s.dc.groups[m.Spec.AgentID][g.GroupID]; !has || value != g.ReceiveCall {
				s.t.Errorf("%s has applied %s=%v, DeepCall has %v (%v)", m.Name, g.GroupID, g.ReceiveCall, value, has)
			}
		}
	}
	for id, groups := range s.dc.groups {
		for group, receives := range groups {
			if receives && !declared[id][group] {
				s.t.Errorf("agent %s receives calls of group %s", id, group)
			}
		}
	}
}
