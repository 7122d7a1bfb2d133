package reliability

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// tb is the part of [testing.TB] that an environment uses.
type tb interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
	Cleanup(cleanup func())
}

// environmentOptions configure an environment.
type environmentOptions struct {
	semantics       deepcalltest.Semantics
	otherNamespaces int
	// newInformer replaces the informers of the manager's cache.
	newInformer func(toolscache.ListerWatcher, runtime.Object, time.Duration, toolscache.Indexers) toolscache.SharedIndexInformer
}

// The credentials of every environment. They are unique, so that they are found where they must not be.
var (
	userID    = testenv.Canary("userOfTheReliability77310")
	token     = testenv.Canary("t0kenOfTheReliabilityNow")
	nextToken = testenv.Canary("n3xtTokenOfTheReliability")
)

// environment is where one run takes place: namespaces, a simulated DeepCall, and a manager that is
// replaced whenever a fault crashes it.
type environment struct {
	t             tb
	options       environmentOptions
	ctx           context.Context
	namespaces    []string
	deepcall      *deepcalltest.Server
	url           string
	otherDeepCall *deepcalltest.Server // at another endpoint; nil unless it is started
	changes       *notifier
	ledger        *ledger
	history       *history
	log           *logBuffer

	// rejected is the end of the paths of writes that the API server rejects; nil or empty for none. A restart holds mu while the
	// manager writes.
	rejected atomic.Pointer[string]

	mu        sync.Mutex // guards the fields below
	processes []*process
	crashes   int
	closed    bool
}

// environmentCount counts the environments that were created.
var environmentCount atomic.Int64

// newEnvironment creates an environment without objects and starts its manager.
func newEnvironment(t tb, o environmentOptions) *environment {
	t.Helper()
	environmentCount.Add(1)
	ctx, cancel := context.WithCancel(context.Background())
	n := newNotifier()
	env := &environment{
		t: t, options: o, ctx: ctx, changes: n, ledger: &ledger{changes: n, started: time.Now()}, history: &history{changes: n}, log: &logBuffer{},
	}
	env.deepcall, env.url = env.startDeepCall()
	var waits []func()
	t.Cleanup(func() {
		env.close()
		cancel()
		for _, wait := range waits {
			wait()
		}
	})
	for range 1 + o.otherNamespaces {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "run-"}}
		env.must(k8sClient.Create(ctx, namespace))
		env.namespaces = append(env.namespaces, namespace.Name)
		wait, err := env.history.follow(ctx, namespace.Name, func(err error) { env.ledger.addViolation("test failure: %v", err) })
		waits = append(waits, wait)
		env.must(err)
	}
	env.start()
	return env
}

func (env *environment) startDeepCall() (*deepcalltest.Server, string) {
	return deepcalltest.Start(env.t, deepcalltest.Options{
		Semantics: env.options.semantics,
		Accounts:  []deepcalltest.Account{{UserID: userID, Token: token}},
	})
}

// startOtherDeepCall starts a DeepCall at another endpoint.
func (env *environment) startOtherDeepCall() (url string) {
	env.otherDeepCall, url = env.startDeepCall()
	return url
}

// servers returns all DeepCalls of the environment.
func (env *environment) servers() []*deepcalltest.Server {
	if env.otherDeepCall == nil {
		return []*deepcalltest.Server{env.deepcall}
	}
	return []*deepcalltest.Server{env.deepcall, env.otherDeepCall}
}

func (env *environment) start() {
	env.mu.Lock()
	defer env.mu.Unlock()
	env.startLocked()
}

func (env *environment) startLocked() {
	if !env.closed {
		env.processes = append(env.processes, env.startProcess(len(env.processes)+1))
	}
}

// current returns the running process.
func (env *environment) current() *process {
	env.mu.Lock()
	defer env.mu.Unlock()
	return env.processes[len(env.processes)-1]
}

// replaceCrashed fences a process and starts a new one. The new process waits until the effects that were
// already sent have ended, as a new leader waits for the lease: "in flight" is as the client sees it, and
// no request outlives the lease.
func (env *environment) replaceCrashed(p *process) {
	env.ledger.fence(p)
	go func() {
		p.pending.Wait()
		p.stop()
		env.mu.Lock()
		defer env.mu.Unlock()
		if env.processes[len(env.processes)-1] == p {
			env.crashes++
			env.startLocked()
		}
	}()
}

// hasCrashed reports whether a process has crashed.
func (env *environment) hasCrashed() bool {
	env.mu.Lock()
	defer env.mu.Unlock()
	return env.crashes > 0
}

// unknownResults returns how many times the manager may not know the result of a request.
func (env *environment) unknownResults() int {
	env.mu.Lock()
	defer env.mu.Unlock()
	env.ledger.mu.Lock()
	defer env.ledger.mu.Unlock()
	return env.crashes + env.ledger.requestFaults
}

// crash kills the running process between two effects. Requests that hang in DeepCall are completed there.
func (env *environment) crash() {
	p := env.current()
	env.ledger.fence(p)
	env.releaseHangs()
	env.replaceCrashed(p)
	env.waitFor("a new process runs", func() string {
		if env.current() == p {
			return "not yet"
		}
		return ""
	})
}

// releaseHangs completes the requests that hang in a DeepCall.
func (env *environment) releaseHangs() {
	for _, server := range env.servers() {
		server.Release()
	}
}

// restart shuts the running process down gracefully and starts a new one.
func (env *environment) restart() {
	env.mu.Lock()
	defer env.mu.Unlock()
	p := env.processes[len(env.processes)-1]
	p.stop()
	<-p.stopped
	env.startLocked()
}

// close stops all processes and waits for them.
func (env *environment) close() {
	env.mu.Lock()
	env.closed = true
	all := env.processes
	env.mu.Unlock()
	for _, p := range all {
		p.stop()
	}
	env.releaseHangs()
	for _, p := range all {
		<-p.stopped
	}
}

func (env *environment) must(err error) {
	env.t.Helper()
	if err != nil {
		env.t.Fatalf("test failure: %v", err)
	}
}

// key parses "name" in the first namespace, or "1/name" in the first other one.
func (env *environment) key(name string) client.ObjectKey {
	for i, namespace := range env.namespaces {
		if rest, found := strings.CutPrefix(name, fmt.Sprintf("%d/", i)); found {
			return client.ObjectKey{Namespace: namespace, Name: rest}
		}
	}
	return client.ObjectKey{Namespace: env.namespaces[0], Name: name}
}
