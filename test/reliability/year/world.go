package year

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

var scheme = func() *runtime.Scheme {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(s); err != nil {
			panic(err)
		}
	}
	return s
}()

// world is what a year plays in. One goroutine plays the people and checks; the manager tells of what
// it does through hooks, for which there is the lock.
type world struct {
	t       *testing.T
	seed    uint64
	context context.Context
	kube    *kube
	admin   client.Client
	roles   []role
	brands  map[string]*brand
	process *process
	log     *ring

	mu sync.Mutex
	// windows in which an account is in trouble, by account, in order.
	windows map[string][]window
	// wrong is since when a declared group stands wrong in DeepCall, by agent and group.
	wrong map[string]map[string]time.Time
	// lost are the groups that DeepCall does not know, or knows again, by group.
	lost map[string]window
	// touched is when a person last changed a mapping, held until when one was suspended.
	touched, held map[types.NamespacedName]time.Time
	// leaving are mappings that were deleted, to be made again once they are gone.
	leaving map[types.NamespacedName]*v1alpha1.AgentGroupMapping
	answers map[string]*answers
	tally   *tally
	calls   int // since the beginning
	// active is when the manager last called or wrote, changed when a person last changed something, or
	// the manager was started in the midst of a trouble.
	active, changed time.Time

	violations []string
}

func newWorld(t *testing.T, seed uint64) *world {
	k := newKube(seed)
	admin, err := newAdmin(k)
	if err != nil {
		t.Fatal(err)
	}
	return &world{
		t: t, seed: seed, context: context.Background(), kube: k, admin: admin, roles: roles(),
		brands: map[string]*brand{}, log: &ring{},
		windows: map[string][]window{}, wrong: map[string]map[string]time.Time{}, lost: map[string]window{},
		touched: map[types.NamespacedName]time.Time{}, held: map[types.NamespacedName]time.Time{},
		leaving: map[types.NamespacedName]*v1alpha1.AgentGroupMapping{},
		answers: map[string]*answers{"acme": {}, "beta": {}}, tally: newTally(time.Now()),
	}
}

// rest lets time pass.
func (w *world) rest(d time.Duration) {
	if d > 0 {
		_ = pause(nil, d)
	}
	synctest.Wait()
}

// settle waits until the manager has done nothing for two seconds; false when it goes on and on.
func (w *world) settle() bool {
	for range 120 {
		synctest.Wait()
		busy := false
		for _, b := range w.brands {
			busy = busy || b.busy()
		}
		w.mu.Lock()
		idle := time.Since(w.active)
		w.mu.Unlock()
		if !busy && idle >= 2*time.Second {
			return true
		}
		w.rest(time.Second)
	}
	return false
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("%s: the test itself failed: %v", stamp(time.Now()), err)
	}
}

// mostViolations are enough to understand what is wrong.
const mostViolations = 20

func (w *world) violate(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.violateLocked(format, args...)
}

func (w *world) violateLocked(format string, args ...any) {
	if len(w.violations) < mostViolations {
		w.violations = append(w.violations, stamp(time.Now())+": "+fmt.Sprintf(format, args...))
	}
}

// stamp tells a time as day and time of day. A bubble's clock begins at the turn of the millennium.
func stamp(at time.Time) string {
	begin := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	return fmt.Sprintf("day %d %s", int(at.Sub(begin)/day), at.UTC().Format("15:04:05.000"))
}

// ring holds the last lines of the log.
type ring struct {
	mu    sync.Mutex
	lines []string
}

func (r *ring) logger() logr.Logger {
	return funcr.New(func(prefix, args string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.lines = append(r.lines, stamp(time.Now())+" "+prefix+" "+args)
		if len(r.lines) > 60 {
			r.lines = append([]string(nil), r.lines[30:]...)
		}
	}, funcr.Options{})
}

func (r *ring) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.lines, "\n")
}
