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

// tb is what a world needs of a [testing.TB].
type tb interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
	Cleanup(cleanup func())
}

// options say how a world differs from the usual one.
type options struct {
	semantics  deepcalltest.Semantics
	neighbours int // further namespaces
	// newInformer replaces the informers of the manager's cache.
	newInformer func(toolscache.ListerWatcher, runtime.Object, time.Duration, toolscache.Indexers) toolscache.SharedIndexInformer
}

// quietAfter is longer than the manager gathers news of an account's mappings.
const quietAfter = 600 * time.Millisecond

// firstRetry is the longest that the first back-off takes.
const firstRetry = 1250 * time.Millisecond

// The credentials of every world, unlike anything else, so that they are found where they must not be.
var (
	userID    = testenv.Canary("userOfTheReliability77310")
	token     = testenv.Canary("t0kenOfTheReliabilityNow")
	nextToken = testenv.Canary("n3xtTokenOfTheReliability")
)

// patience is how long a run may take to come to what is declared. Retries take seconds, or more.
var patience = time.Minute

// world is what one run plays in: namespaces, a simulated DeepCall, and a manager that is started
// again whenever a strike kills it.
type world struct {
	t          tb
	options    options
	context    context.Context
	namespaces []string
	deepcall   *deepcalltest.Server
	url        string
	other      *deepcalltest.Server // at another endpoint; nil unless it is started
	bell       *bell
	ledger     *ledger
	history    *history
	log        *logs

	mu        sync.Mutex // of the processes
	processes []*process
	crashes   int
	closed    bool
}

// worlds is how many there were.
var worlds atomic.Int64

// newWorld makes a world in which nothing exists yet, and starts its manager.
func newWorld(t tb, o options) *world {
	t.Helper()
	worlds.Add(1)
	ctx, cancel := context.WithCancel(context.Background())
	b := newBell()
	w := &world{
		t: t, options: o, context: ctx, bell: b, ledger: &ledger{bell: b, began: time.Now()}, history: &history{bell: b}, log: &logs{},
	}
	w.deepcall, w.url = w.newDeepCall()
	var waits []func()
	t.Cleanup(func() {
		w.close()
		cancel()
		for _, wait := range waits {
			wait()
		}
	})
	for range 1 + o.neighbours {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "run-"}}
		w.must(admin.Create(ctx, namespace))
		w.namespaces = append(w.namespaces, namespace.Name)
		wait, err := w.history.follow(ctx, namespace.Name, func(err error) { w.ledger.violate("the test itself: %v", err) })
		waits = append(waits, wait)
		w.must(err)
	}
	w.start()
	return w
}

func (w *world) newDeepCall() (*deepcalltest.Server, string) {
	return deepcalltest.Start(w.t, deepcalltest.Options{
		Semantics: w.options.semantics,
		Accounts:  []deepcalltest.Account{{UserID: userID, Token: token}},
	})
}

// anotherDeepCall starts a DeepCall at another endpoint.
func (w *world) anotherDeepCall() (url string) {
	w.other, url = w.newDeepCall()
	return url
}

func (w *world) start() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.startLocked()
}

func (w *world) startLocked() {
	if !w.closed {
		w.processes = append(w.processes, w.startProcess(len(w.processes)+1))
	}
}

// running is the process that lives now.
func (w *world) running() *process {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.processes[len(w.processes)-1]
}

// crashed has a new process take over from one whose fence is down. The new one waits until the effects
// that had left are through, as a new leader waits for the lease: "in flight" is as the client sees it,
// and no call outlives the lease.
func (w *world) crashed(p *process) {
	w.ledger.fence(p)
	go func() {
		p.underway.Wait()
		p.stop()
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.processes[len(w.processes)-1] == p {
			w.crashes++
			w.startLocked()
		}
	}()
}

// crashedBefore is true once a process has died.
func (w *world) crashedBefore() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.crashes > 0
}

// crash kills the running process between two effects. Calls that hang in DeepCall go on there.
func (w *world) crash() {
	p := w.running()
	w.ledger.fence(p)
	w.release()
	w.crashed(p)
	w.until("a new process runs", func() string {
		if w.running() == p {
			return "not yet"
		}
		return ""
	})
}

// release lets the calls go on that hang in a DeepCall.
func (w *world) release() {
	for _, server := range w.deepCalls() {
		server.Release()
	}
}

// restart stops the running process in good order, and starts a new one.
func (w *world) restart() {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.processes[len(w.processes)-1]
	p.stop()
	<-p.stopped
	w.startLocked()
}

// close stops all processes, and waits for them.
func (w *world) close() {
	w.mu.Lock()
	w.closed = true
	all := w.processes
	w.mu.Unlock()
	for _, p := range all {
		p.stop()
	}
	w.release()
	for _, p := range all {
		<-p.stopped
	}
}

// until waits for a condition, which says what is still missing, or nothing. It is asked after every
// change.
func (w *world) until(what string, missing func() string) {
	w.t.Helper()
	if still := w.wait(missing); still != "" {
		w.t.Fatalf("waited in vain until %s: %s", what, still)
	}
}

// wait returns what is still missing when patience ends.
func (w *world) wait(missing func() string) string {
	end := time.NewTimer(patience)
	defer end.Stop()
	for {
		changed := w.bell.next()
		still := missing()
		if still == "" {
			return ""
		}
		select {
		case <-changed:
		case <-end.C:
			return still
		}
	}
}

// untilQuiet waits until the running process has looked at everything, and then had nothing to do
// for a while.
func (w *world) untilQuiet() {
	w.t.Helper()
	w.untilQuietFor(quietAfter)
}

func (w *world) untilQuietFor(pause time.Duration) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		changed := w.bell.next()
		rest := pause
		if since, idle := w.idleSince(); idle {
			rest = pause - time.Since(since)
		}
		if rest <= 0 {
			return
		}
		timer := time.NewTimer(rest)
		select {
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
	w.t.Fatalf("I9: the manager never came to rest")
}

func (w *world) idleSince() (time.Time, bool) {
	var keys []string
	for key := range w.history.accounts() {
		keys = append(keys, key.String())
	}
	for _, mapping := range w.history.mappings() {
		keys = append(keys, agentKey(mapping))
	}
	p := w.running()
	since, idle := p.diaries.idleSince(keys)
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	idle = idle && !p.fenced
	if w.ledger.last.After(since) {
		since = w.ledger.last
	}
	return since, idle
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("the test itself failed: %v", err)
	}
}

// key reads "name", of the world's first namespace, or "1/name", of its first neighbour.
func (w *world) key(name string) client.ObjectKey {
	for i, namespace := range w.namespaces {
		if rest, found := strings.CutPrefix(name, fmt.Sprintf("%d/", i)); found {
			return client.ObjectKey{Namespace: namespace, Name: rest}
		}
	}
	return client.ObjectKey{Namespace: w.namespaces[0], Name: name}
}
