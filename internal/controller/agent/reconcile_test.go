package agent

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller/assume"
	"github.com/deepcall/deepcall-operator/internal/controller/tenancy"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/dispatch"
	"github.com/deepcall/deepcall-operator/internal/metrics"
	"github.com/deepcall/deepcall-operator/internal/plan"
)

// cacheClient reads one agent from memory.
type cacheClient struct {
	client.Client
	mappings []*v1alpha1.AgentGroupMapping
	account  *v1alpha1.DeepCallAccount
	// fails returns the error of a write of the named mapping.
	fails            func(name string) error
	patched, updated []string
}

func (c *cacheClient) Get(_ context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	if a, ok := obj.(*v1alpha1.DeepCallAccount); ok && c.account != nil {
		c.account.DeepCopyInto(a)
		return nil
	}
	return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
}

func (c *cacheClient) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	for _, m := range c.mappings {
		full := list.(*v1alpha1.AgentGroupMappingList)
		full.Items = append(full.Items, *m.DeepCopy())
	}
	return nil
}

func (c *cacheClient) Patch(_ context.Context, obj client.Object, _ client.Patch, _ ...client.PatchOption) error {
	c.patched = append(c.patched, obj.GetName())
	return c.fails(obj.GetName())
}

type statusWriter struct {
	client.SubResourceWriter
	cache *cacheClient
}

func (c *cacheClient) Status() client.SubResourceWriter { return statusWriter{cache: c} }

func (w statusWriter) Update(_ context.Context, obj client.Object, _ ...client.SubResourceUpdateOption) error {
	err := w.cache.fails(obj.GetName())
	if err == nil {
		w.cache.updated = append(w.cache.updated, obj.GetName())
	}
	return err
}

var unavailable = apierrors.NewServiceUnavailable("the API server is starting")

// failWritesOf lets all writes of a mapping fail.
func (c *cacheClient) failWritesOf(bad string, err error) {
	c.fails = func(name string) error {
		if name == bad {
			return err
		}
		return nil
	}
}

// reconcileEnv is a reconciler whose account is configured for one request at a time.
type reconcileEnv struct {
	*Reconciler
	cache      *cacheClient
	dispatcher *dispatch.Dispatcher
	enqueued   []string
}

func newReconcileEnv(t *testing.T) *reconcileEnv {
	t.Helper()
	deepcallClient, err := deepcall.NewClient(deepcall.Config{Endpoint: "https://deepcall.example", Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := deepcall.ParseCredentials(map[string][]byte{"ssid": []byte("s3ss10n")})
	if err != nil {
		t.Fatal(err)
	}
	e := &reconcileEnv{cache: &cacheClient{account: newAccount(1), fails: func(string) error { return nil }}}
	e.cache.account.Finalizers = []string{v1alpha1.InUseFinalizer}
	e.dispatcher = dispatch.New(dispatch.Options{
		Clock: clock.RealClock{}, Enqueue: func(key v1alpha1.AgentKey) { e.enqueued = append(e.enqueued, key.AgentID) },
		EnqueueLowPriority: func(v1alpha1.AgentKey) {}, EnqueueAccount: func(types.NamespacedName) {},
	})
	e.dispatcher.Configure(client.ObjectKeyFromObject(e.cache.account), dispatch.Config{
		UID: e.cache.account.UID, Revision: e.cache.account.Revision(), Client: deepcallClient, Credentials: credentials,
		Endpoint: "https://deepcall.example", Limits: dispatch.Limits{RequestsPerSecond: 10, Burst: 10, MaxInFlight: 1},
	})
	reader := &cacheClient{}
	e.Reconciler = NewReconciler(Options{
		Client: e.cache, APIReader: &apiServer{version: "1"}, Clock: clock.RealClock{}, Dispatcher: e.dispatcher,
		Tenancy:  tenancy.New(e.cache, tenancy.Scope{}),
		Mappings: assume.New(assume.InCache[v1alpha1.AgentGroupMapping](reader), func(*v1alpha1.AgentGroupMapping) []string { return nil }),
		Accounts: assume.New(assume.InCache[v1alpha1.DeepCallAccount](reader), func(*v1alpha1.DeepCallAccount) []string { return nil }),
		Recorder: &events.FakeRecorder{}, EnqueueLowPriority: func(v1alpha1.AgentKey) {}, EnqueueAccount: func(types.NamespacedName) {},
		Metrics: metrics.New(metrics.Sources{Clock: clock.RealClock{}, IsLeader: func() bool { return true }, Accounts: e.dispatcher}),
		Jitter:  func() float64 { return 0 },
	})
	return e
}

func (e *reconcileEnv) reconcile(t *testing.T, key v1alpha1.AgentKey) (reconcile.Result, error) {
	t.Helper()
	return e.Reconcile(log.IntoContext(t.Context(), logr.Discard()), key)
}

// agentKey returns the key of another agent of the account.
func (e *reconcileEnv) agentKey(id string) v1alpha1.AgentKey {
	return v1alpha1.AgentKey{Account: client.ObjectKeyFromObject(e.cache.account), AgentID: id}
}

// The account enqueues only the agents of existing mappings. So nothing else drops the state of an agent whose last mapping was
// deleted while the account was not configured.
func TestReconcile_drops_the_state_of_deleted_mappings_before_the_account_is_configured(t *testing.T) {
	e := newReconcileEnv(t)
	key := newMapping("asha", "1", "1").AgentKey()
	e.states.commit(key, plan.State{Mappings: map[types.UID]plan.MappingState{"1": {CertainAttempt: 1}}})
	e.freshness.agents[key] = struct{}{}
	e.cache.account.Generation++ // not configured yet
	if _, err := e.reconcile(t, key); err != nil {
		t.Fatal(err)
	}
	if len(e.states.states) > 0 || len(e.freshness.agents) > 0 {
		t.Errorf("%d states and %d records are left", len(e.states.states), len(e.freshness.agents))
	}
}

// If a write for one mapping fails, the agent waits for the permit of another mapping's request nevertheless. Else it would never
// get one while other agents of the account wait, too (R3).
func TestReconcile_keeps_waiting_for_a_permit_if_another_write_fails(t *testing.T) {
	e := newReconcileEnv(t)
	other := e.agentKey("8")
	if e.dispatcher.Acquire(other, dispatch.Ask{}) == nil {
		t.Fatal("the other agent must have the permit")
	}
	bad, good := declaring(newMapping("bad", "1", "1")), declaring(newMapping("good", "2", "2"), "90")
	e.cache.mappings = []*v1alpha1.AgentGroupMapping{bad, good}
	e.cache.failWritesOf("bad", unavailable)
	if _, err := e.reconcile(t, good.AgentKey()); err == nil {
		t.Fatal("the write must fail")
	}
	e.dispatcher.Release(other)
	if !slices.Equal(e.enqueued, []string{"7"}) {
		t.Errorf("got permits: %v, want agent 7", e.enqueued)
	}
}

// An agent whose record can't be written passes its permit on, and is next when it asks again. Else each failed write would cost it its
// place, and it would wait behind every agent that asked after it (R11).
func TestReconcile_keeps_the_place_of_an_agent_whose_write_fails(t *testing.T) {
	e := newReconcileEnv(t)
	edit := dispatch.Ask{Priority: dispatch.Edit}
	second, third := e.agentKey("8"), e.agentKey("9")
	m := declaring(newMapping("asha", "1", "1"), "90")
	e.cache.mappings = []*v1alpha1.AgentGroupMapping{m}
	e.cache.failWritesOf("asha", unavailable)
	if e.dispatcher.Acquire(m.AgentKey(), edit) == nil || e.dispatcher.Acquire(second, edit) != nil || e.dispatcher.Acquire(third, edit) != nil {
		t.Fatal("the agent must have the permit, and the others must wait")
	}
	if _, err := e.reconcile(t, m.AgentKey()); err == nil {
		t.Fatal("the write must fail")
	}
	if e.dispatcher.Acquire(second, edit) == nil {
		t.Fatal("the permit is not passed on")
	}
	if _, err := e.reconcile(t, m.AgentKey()); err != nil { // it asks again
		t.Fatal(err)
	}
	e.enqueued = nil
	e.dispatcher.Release(second)
	if !slices.Equal(e.enqueued, []string{"7"}) {
		t.Errorf("got permits: %v, want agent 7", e.enqueued)
	}
}

// A policy that changes to StopCalls together with the groups needs one write of the finalizer (R15).
func TestReconcile_adds_the_finalizer_once(t *testing.T) {
	e := newReconcileEnv(t)
	m := newMapping("asha", "1", "1")
	m.Generation, m.Status.ObservedGeneration = 2, 1
	m.Spec.Groups = []v1alpha1.AgentGroup{{GroupID: "90"}}
	m.Status.AppliedGroups = []v1alpha1.AgentGroup{{GroupID: "90", ReceiveCall: true}}
	m.Status.AppliedEndpoint = "https://deepcall.example"
	e.cache.mappings = []*v1alpha1.AgentGroupMapping{m}
	if _, err := e.reconcile(t, m.AgentKey()); err != nil {
		t.Fatal(err)
	}
	if len(e.cache.patched) != 1 {
		t.Errorf("%d patches, want 1", len(e.cache.patched))
	}
}
