package year

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

const (
	leaderAgents = 6
	// The time that DeepCall takes for a request is less than the accounts' time-out, so that also the request of a process that is
	// paused or killed ends in time.
	minLatency, maxLatency = 100 * time.Millisecond, 7900 * time.Millisecond
	restartDelay           = 2 * time.Second
)

var leaseKey = types.NamespacedName{Namespace: "deepcall-system", Name: "deepcall-operator"}

// leadersEnv is the environment of one run: two replicas, an API server and a DeepCall. Every process that ends is replaced.
type leadersEnv struct {
	t         *testing.T
	seed      uint64
	rng       *rand.Rand // of the goroutine that runs the steps
	apiServer *apiServer
	admin     client.Client
	deepcall  *deepcalltest.Server
	log       *logBuffer
	slots     sync.WaitGroup
	edits     int

	mu        sync.Mutex
	replicas  [2]*replica
	closed    bool
	requests  []*leaderRequest
	slow      bool // DeepCall takes up to maxLatency
	latencies *rand.Rand
	stats     leaderStats
	trace     []string
}

// leaderRequest is a request to DeepCall.
type leaderRequest struct {
	replica, agent string
	start, end     time.Time // the end in DeepCall, also if the client is gone
}

func newLeadersEnv(t *testing.T, seed uint64) *leadersEnv {
	server := newAPIServer(seed)
	admin, err := newAdmin(server)
	if err != nil {
		t.Fatal(err)
	}
	return &leadersEnv{
		t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 7)), apiServer: server, admin: admin, log: &logBuffer{},
		deepcall:  deepcalltest.New(deepcalltest.Options{Accounts: []deepcalltest.Account{{UserID: "user", Token: "token"}}}),
		latencies: rand.New(rand.NewPCG(seed, 8)),
	}
}

// setSlow changes the latency of later requests.
func (e *leadersEnv) setSlow(slow bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.slow = slow
}

// start runs the replicas and creates the objects. On a fresh installation, the lease is deleted while the first leader has not
// written anything yet.
func (e *leadersEnv) start() {
	fresh := e.rng.IntN(3) == 0
	if !fresh {
		e.createObjects()
	}
	for slot := range e.replicas {
		e.slots.Go(func() { e.runSlot(slot) })
	}
	if !fresh {
		return
	}
	e.advance(4*time.Second + e.random(4*time.Second))
	if first := e.replicaNamed(e.leaseHolder()); first != nil {
		first.gate.pause(beforeAPIWrite, e.random(4*time.Second))
	}
	e.createObjects()
	e.advance(e.random(time.Second))
	e.deleteLease()
}

func (e *leadersEnv) createObjects() {
	e.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "support"}})
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "support", Name: "acme-deepcall"}}
	secret.Data = map[string][]byte{"userId": []byte("user"), "token": []byte("token")}
	e.create(secret)
	e.create(testenv.Account("acme", "https://acme.deepcall.test").In("support").Limits(10, 20, 4).Timeout(8 * time.Second).Build())
	for agent := range leaderAgents {
		mapping := testenv.Mapping(fmt.Sprintf("m%d", agent)).In("support").Agent(fmt.Sprint(agent)).AccountIn("support", "acme").
			Resync(hour).Build()
		mapping.Spec.RemovalPolicy = v1alpha1.RemovalPolicyStopCalls // the CRD's default
		mapping.Spec.Groups = encodeEdit(agent, 0)
		e.create(mapping)
	}
}

// runSlot runs one process after the other.
func (e *leadersEnv) runSlot(slot int) {
	rng := rand.New(rand.NewPCG(e.seed, uint64(100+slot)))
	for n := 1; ; n++ {
		r, err := e.newReplica(fmt.Sprintf("%c%d", 'A'+slot, n), rng)
		if err != nil {
			e.t.Errorf("create a replica: %v", err)
			return
		}
		if !e.setReplica(slot, r) {
			return
		}
		err = r.run()
		r.stop()
		r.gate.kill()
		e.record("%s ends: %v", r.name, err)
		_ = sleep(nil, restartDelay)
	}
}

func (e *leadersEnv) setReplica(slot int, r *replica) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		r.stop()
		return false
	}
	e.replicas[slot] = r
	return true
}

// close shuts the replicas down.
func (e *leadersEnv) close() {
	e.mu.Lock()
	replicas := e.replicas
	e.mu.Unlock()
	for _, r := range replicas {
		r.gate.resumeNow()
	}
	e.advance(minute) // until each of them can be stopped
	e.mu.Lock()
	e.closed = true
	for _, r := range e.replicas {
		r.stop()
	}
	e.mu.Unlock()
	e.slots.Wait()
	e.deepcall.Close()
	e.advance(minute)
}

func (e *leadersEnv) advance(d time.Duration) {
	_ = sleep(nil, d)
	synctest.Wait()
}

func (e *leadersEnv) create(o client.Object) { e.must(e.admin.Create(e.t.Context(), o)) }

func (e *leadersEnv) must(err error) {
	e.t.Helper()
	if err != nil {
		e.t.Fatalf("%s: the test itself failed: %v", formatTime(time.Now()), err)
	}
}

// leaseHolder returns the name of the process that has the lease.
func (e *leadersEnv) leaseHolder() string {
	lease, err := e.apiServer.get(leaseKind, leaseKey)
	if err != nil {
		return ""
	}
	holder, _, _ := unstructured.NestedString(lease, "spec", "holderIdentity")
	return holder
}

// record adds a line to the trace of the run.
func (e *leadersEnv) record(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.recordLocked(format, args...)
}

func (e *leadersEnv) recordLocked(format string, args ...any) {
	e.trace = append(e.trace, formatTime(time.Now())+" "+fmt.Sprintf(format, args...))
}

func (e *leadersEnv) recordPause(r *replica, at point, d time.Duration) {
	holder := e.leaseHolder()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.recordLocked("%s is paused for %s %s; the lease is held by %s", r.name, d, at, holder)
	e.stats.Pauses++
	if holder == r.name {
		e.stats.LeaderPauses++
		if d > leaseDuration {
			e.stats.LongPauses++
		}
	}
}

// transportOf sends the requests of a replica to DeepCall. DeepCall drops a request whose time-out closes the connection. If the
// process ends, DeepCall continues.
func (e *leadersEnv) transportOf(r *replica) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		if _, err := r.gate.pass(beforeRequest); err != nil {
			return nil, err
		}
		body, err := io.ReadAll(request.Body)
		if err != nil {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.stats.RequestsStopped++
			return nil, err
		}
		sent := request.Clone(context.WithoutCancel(request.Context()))
		sent.Body = io.NopCloser(bytes.NewReader(body))
		latency, end := e.recordRequest(r, body)
		disconnected := make(chan struct{})
		served := make(chan *http.Response, 1)
		go func() {
			defer end()
			if sleep(disconnected, latency) == nil {
				served <- serve(e.deepcall, sent)
			}
		}()
		select {
		case response := <-served:
			_, err := r.gate.pass(afterRequest)
			return response, err
		case <-request.Context().Done():
		}
		_, err = r.gate.pass(afterRequest)
		select {
		case response := <-served: // during a pause
			return response, err
		default:
		}
		if err == nil {
			err = request.Context().Err()
		}
		if errors.Is(err, context.DeadlineExceeded) {
			close(disconnected)
		}
		return nil, err
	})
}

// recordRequest records the start of a request. It returns how long DeepCall works on it, and a function that records its end.
func (e *leadersEnv) recordRequest(r *replica, body []byte) (latency time.Duration, end func()) {
	var decoded struct {
		AgentID string `json:"agentId"`
		Group   map[string]struct {
			ReceiveCall string `json:"receive_call"`
		} `json:"group"`
	}
	if err := json.Unmarshal(body, &decoded); err != nil {
		e.t.Errorf("a request is not JSON: %v", err)
	}
	groups := map[string]string{}
	for id, group := range decoded.Group {
		groups[id] = group.ReceiveCall
	}
	request := &leaderRequest{replica: r.name, agent: decoded.AgentID, start: time.Now()}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.requests = append(e.requests, request)
	e.recordLocked("%s sends edit %d of agent %s", r.name, decodeEdit(groups), request.agent)
	latency = minLatency
	if e.slow {
		latency += time.Duration(e.latencies.Int64N(int64(maxLatency - minLatency)))
	}
	return latency, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		request.end = time.Now()
		e.recordLocked("DeepCall ends the request of %s for agent %s", r.name, request.agent)
	}
}
