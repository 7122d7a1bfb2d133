// Package year runs the operator for a simulated year of resyncs, drift, edits, rotations, outages, denied
// accounts and restarts. The real manager runs in a testing/synctest bubble, between an API server and a
// DeepCall that are both in memory, because a bubble has no sockets. TestSweepOfTwoLeaders runs two managers there, which
// compete for a lease and are paused.
package year

import (
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

// testEnv is the environment of one run. A single goroutine runs the schedule and the checks. Hooks record
// the manager's requests and writes, so the fields after mu are shared.
type testEnv struct {
	t          *testing.T
	apiServer  *apiServer
	admin      client.Client
	fixtures   []fixture
	simulators map[string]*simulator // by account
	process    *process
	log        *logBuffer

	mu sync.Mutex
	// faults are the fault windows of each account, in order.
	faults map[string][]faultWindow
	// mismatches are the times since which a declared group differs in DeepCall, by agent and group.
	mismatches map[string]map[string]time.Time
	// deletedGroups are the groups that DeepCall doesn't know, or knows again.
	deletedGroups map[string]faultWindow
	// editedAt is the time of a mapping's last edit, suspendedUntil the end of its last suspension.
	editedAt, suspendedUntil map[types.NamespacedName]time.Time
	// recreations are the mappings to create again once their deletion has finished.
	recreations map[types.NamespacedName]*v1alpha1.AgentGroupMapping
	denials     map[string]*denial // by account
	// failedGenerations are the newest generations of mappings whose request failed.
	failedGenerations map[types.UID]int64
	stats             *hourStats
	requests          int // since the start
	// lastActivity is the time of the manager's last request or write. lastChange is the time of the last
	// change by a user, or of the last restart during a fault.
	lastActivity, lastChange time.Time

	violations []string
}

func newTestEnv(t *testing.T, seed uint64) *testEnv {
	server := newAPIServer(seed)
	admin, err := newAdmin(server)
	if err != nil {
		t.Fatal(err)
	}
	return &testEnv{
		t: t, apiServer: server, admin: admin, fixtures: fixtures(),
		simulators: map[string]*simulator{}, log: &logBuffer{},
		faults: map[string][]faultWindow{}, mismatches: map[string]map[string]time.Time{}, deletedGroups: map[string]faultWindow{},
		editedAt: map[types.NamespacedName]time.Time{}, suspendedUntil: map[types.NamespacedName]time.Time{},
		recreations:       map[types.NamespacedName]*v1alpha1.AgentGroupMapping{},
		failedGenerations: map[types.UID]int64{},
		denials:           map[string]*denial{"acme": {}, "beta": {}}, stats: newHourStats(time.Now()),
	}
}

// advance lets d pass on the fake clock.
func (e *testEnv) advance(d time.Duration) {
	if d > 0 {
		_ = sleep(nil, d)
	}
	synctest.Wait()
}

// waitUntilIdle waits until the manager has been idle for two seconds. It returns false if that doesn't
// happen within two minutes.
func (e *testEnv) waitUntilIdle() bool {
	for range 120 {
		synctest.Wait()
		busy := false
		for _, s := range e.simulators {
			busy = busy || s.busy()
		}
		e.mu.Lock()
		idle := time.Since(e.lastActivity)
		e.mu.Unlock()
		if !busy && idle >= 2*time.Second {
			return true
		}
		e.advance(time.Second)
	}
	return false
}

func (e *testEnv) must(err error) {
	e.t.Helper()
	if err != nil {
		e.t.Fatalf("%s: the test itself failed: %v", formatTime(time.Now()), err)
	}
}

// maxViolations ends the run: they are enough to find the cause.
const maxViolations = 20

func (e *testEnv) violate(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.violateLocked(format, args...)
}

func (e *testEnv) violateLocked(format string, args ...any) {
	if len(e.violations) < maxViolations {
		e.violations = append(e.violations, formatTime(time.Now())+": "+fmt.Sprintf(format, args...))
	}
}

// formatTime formats a time as day and time of day. The clock of a bubble starts in the year 2000.
func formatTime(at time.Time) string {
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	return fmt.Sprintf("day %d %s", int(at.Sub(start)/day), at.UTC().Format("15:04:05.000"))
}

// logBuffer keeps the last lines of the log.
type logBuffer struct {
	mu    sync.Mutex
	lines []string
}

func (b *logBuffer) logger() logr.Logger {
	return funcr.New(func(prefix, args string) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.lines = append(b.lines, formatTime(time.Now())+" "+prefix+" "+args)
		if len(b.lines) > 60 {
			b.lines = append([]string(nil), b.lines[30:]...)
		}
	}, funcr.Options{})
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.lines, "\n")
}
