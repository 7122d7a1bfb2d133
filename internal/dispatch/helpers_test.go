package dispatch

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// runInFakeTime runs a subtest in fake time.
func runInFakeTime(t *testing.T, name string, run func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, run) })
}

const (
	endpoint      = "https://deepcall.example"
	otherEndpoint = "https://other.example"
)

var (
	acme     = types.NamespacedName{Namespace: "support", Name: "acme"}
	generous = Limits{RequestsPerSecond: 1000, Burst: 1000, MaxInFlight: 1000}
	serial   = Limits{RequestsPerSecond: 100, Burst: 100, MaxInFlight: 1}
	edit     = Ask{Priority: Edit}
)

func agent(id string) v1alpha1.AgentKey { return v1alpha1.AgentKey{Account: acme, AgentID: id} }

// harness is a Dispatcher with the account acme and a fake DeepCall. Times are since its start.
type harness struct {
	*Dispatcher
	t     *testing.T
	begin time.Time

	mu              sync.Mutex
	answer          func(request) answer
	received        []request
	inFlight        int
	maxInFlight     int
	enqueued        []string
	healthChanges   int
	enqueueListener func(agentID string)
}

func newHarness(t *testing.T, limits Limits, answer func(request) answer) *harness {
	t.Helper()
	h := &harness{t: t, begin: time.Now(), answer: answer}
	h.Dispatcher = New(Options{
		Clock: clock.RealClock{}, Enqueue: h.enqueue, EnqueueLowPriority: h.enqueue, EnqueueAccount: h.enqueueAccount,
	})
	h.Configure(acme, h.config("1001", limits))
	t.Cleanup(func() {
		h.Close()
		h.Wait()
	})
	return h
}

// withHarness runs a subtest in fake time with a harness that answers all requests alike.
func withHarness(t *testing.T, name string, limits Limits, a answer, run func(t *testing.T, h *harness)) {
	t.Helper()
	runInFakeTime(t, name, func(t *testing.T) { run(t, newHarness(t, limits, always(a))) })
}

// withUsableHarness is withHarness with an account that has accepted a request of agent 0.
func withUsableHarness(t *testing.T, name string, limits Limits, a answer, run func(t *testing.T, h *harness)) {
	t.Helper()
	withHarness(t, name, limits, a, func(t *testing.T, h *harness) {
		h.send("0", edit)
		run(t, h)
	})
}

func (h *harness) config(user string, limits Limits) Config {
	h.t.Helper()
	return Config{Revision: "1", Endpoint: endpoint, Client: h.client(), Limits: limits, Credentials: credentials(h.t, user)}
}

// reconfigure changes a part of acme's configuration.
func (h *harness) reconfigure(change func(*Config)) {
	config, _ := h.Config(acme)
	change(&config)
	h.Configure(acme, config)
}

// recreateAccount replaces the account with one of the same name and configuration.
func (h *harness) recreateAccount() {
	config, _ := h.Config(acme)
	h.Remove(acme)
	h.Configure(acme, config)
}

// deleteSecret is a change for reconfigure.
func deleteSecret(c *Config) {
	c.Credentials, c.ConfigError = deepcall.Credentials{}, ConfigError{Reason: "SecretNotFound"}
}

func (h *harness) health() Health {
	health, _ := h.Health(acme)
	return health
}

func (h *harness) cause() string {
	if cause := h.health().Cause; cause != nil {
		return cause.Reason
	}
	return ""
}

func credentials(t *testing.T, user string) deepcall.Credentials {
	t.Helper()
	c, err := deepcall.ParseCredentials(map[string][]byte{"userId": []byte(user), "token": []byte("secret")})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (h *harness) enqueue(key v1alpha1.AgentKey) {
	h.mu.Lock()
	h.enqueued = append(h.enqueued, key.AgentID)
	listener := h.enqueueListener
	h.mu.Unlock()
	if listener != nil {
		listener(key.AgentID)
	}
}

func (h *harness) enqueueAccount(types.NamespacedName) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.healthChanges++
}

// takeEnqueued returns the agents enqueued since the last time.
func (h *harness) takeEnqueued() string {
	synctest.Wait()
	return h.takeEnqueuedNow()
}

// takeEnqueuedNow is takeEnqueued for goroutines of the Dispatcher.
func (h *harness) takeEnqueuedNow() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	enqueued := strings.Join(h.enqueued, " ")
	h.enqueued = nil
	return enqueued
}

func (h *harness) requests() []request {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]request(nil), h.received...)
}

// starts returns the times at which requests started.
func (h *harness) starts() string {
	var starts []string
	for _, r := range h.requests() {
		starts = append(starts, r.start.String())
	}
	return strings.Join(starts, " ")
}

// agentIDs returns the agents of the requests, in order.
func (h *harness) agentIDs() string {
	var ids []string
	for _, r := range h.requests() {
		ids = append(ids, r.agentID)
	}
	return strings.Join(ids, " ")
}

func (h *harness) acquire(agentID string, ask Ask) *Permit {
	return h.Acquire(agent(agentID), ask)
}

func (h *harness) release(agentID string) { h.Release(agent(agentID)) }

// start starts the request of a permit, which may be nil, and discards the result.
func (h *harness) start(permit *Permit) bool {
	return permit != nil && permit.Start(h.t.Context(), requestOf(permit.key.AgentID), func(Result) {})
}

func requestOf(agentID string) deepcall.Request {
	return deepcall.Request{AgentID: agentID, Groups: map[string]bool{"90": true}}
}

// launch starts a request that must be possible at once. The channel receives its result.
func (h *harness) launch(agentID string, ask Ask) <-chan Result {
	h.t.Helper()
	results := make(chan Result, 1)
	permit := h.acquire(agentID, ask)
	if permit == nil || !permit.Start(h.t.Context(), requestOf(agentID), func(r Result) { results <- r }) {
		h.t.Fatalf("agent %s got no permit at %s", agentID, time.Since(h.begin))
	}
	synctest.Wait()
	return results
}

// send sends a request that must be possible at once, and returns its result when it has ended.
func (h *harness) send(agentID string, ask Ask) Result {
	h.t.Helper()
	result := <-h.launch(agentID, ask)
	synctest.Wait()
	return result
}

// reconcileMany reconciles n agents, named by their number.
func (h *harness) reconcileMany(n int, ask Ask, retry bool) {
	agentIDs := make([]string, n)
	for i := range agentIDs {
		agentIDs[i] = fmt.Sprint(i)
	}
	h.reconcile(ask, retry, agentIDs...)
}

// reconcile sends one request for each agent, as the agents' reconciler does: whenever an agent is
// enqueued, it handles the last result and then acquires a permit. If retry is set, it repeats
// requests until they succeed.
func (h *harness) reconcile(ask Ask, retry bool, agentIDs ...string) {
	var mu sync.Mutex
	results, done := map[string]Result{}, map[string]bool{}
	reconcile := func(agentID string) {
		mu.Lock()
		defer mu.Unlock()
		if h.InFlight(agent(agentID)) {
			return
		}
		if result, ended := results[agentID]; ended {
			delete(results, agentID)
			done[agentID] = result.Err == nil || !retry
			h.release(agentID)
		}
		if done[agentID] {
			return
		}
		if permit := h.acquire(agentID, ask); permit != nil {
			permit.Start(h.t.Context(), requestOf(agentID), func(r Result) {
				mu.Lock()
				defer mu.Unlock()
				results[agentID] = r
			})
		}
	}
	h.mu.Lock()
	next := h.enqueueListener
	h.enqueueListener = func(agentID string) {
		if slices.Contains(agentIDs, agentID) {
			go reconcile(agentID)
		} else if next != nil {
			next(agentID)
		}
	}
	h.mu.Unlock()
	for _, agentID := range agentIDs {
		reconcile(agentID)
		synctest.Wait() // so that they ask in order
	}
}

// elapse lets fake time pass.
func elapse(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// until lets fake time pass up to a time since the start.
func (h *harness) until(at time.Duration) {
	elapse(at - time.Since(h.begin))
}

func expect[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
