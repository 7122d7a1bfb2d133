package year

import (
	"flag"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
)

var (
	sweep   = flag.String("sweep", "quick", "the length of the run: quick is a month, full is a year")
	seed    = flag.Uint64("seed", 1, "the seed of the schedule")
	days    = flag.Int("days", 0, "the length of the run in days; overrides -sweep")
	verbose = flag.Bool("log-schedule", false, "log the schedule")
)

// minCoverageDays is the least length of a run in which every check is sure to apply.
const minCoverageDays = 30

func TestMain(m *testing.M) {
	flag.Parse()
	ctrl.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	utilruntime.ErrorHandlers = nil // one of them compares the clock of a bubble with the real one
	os.Exit(m.Run())
}

func TestYearHasNoDriftLeaksOrStorms(t *testing.T) {
	length := *days
	switch {
	case length > 0:
	case *sweep == "full":
		length = 365
	default:
		length = 30
	}
	t.Logf("%d days, seed %d", length, *seed)
	synctest.Test(t, func(t *testing.T) {
		e := newTestEnv(t, *seed)
		actions := newSchedule(*seed, length)
		total := e.run(actions, time.Duration(length)*day)
		t.Logf("totals: %+v", total)
		if err := total.checkCoverage(actions); err != nil && length >= minCoverageDays && !e.failed() {
			e.violate("the run doesn't cover enough: %v", err)
		}
		if len(e.violations) > 0 {
			t.Errorf("%s\n\nlast lines of the log:\n%s\n\nrepeat with: go test ./test/reliability/year -seed=%d -days=%d",
				strings.Join(e.violations, "\n"), e.log, *seed, length)
		}
	})
}

// run runs the actions, with checks every hour.
func (e *testEnv) run(actions []action, duration time.Duration) totals {
	start := time.Now()
	e.createObjects()
	e.start()
	e.advance(minute)
	e.mu.Lock()
	e.stats = newHourStats(time.Now())
	e.mu.Unlock()
	var total totals
	if *verbose {
		e.t.Log(summarize(actions))
	}
	for at := hour; at <= duration && !e.failed(); at += hour {
		for len(actions) > 0 && actions[0].at < at {
			e.advance(actions[0].at - time.Since(start))
			actions[0].run(e)
			actions = actions[1:]
			e.advance(10 * time.Second)
			e.recreateDeleted()
		}
		e.advance(at - time.Since(start))
		e.recreateDeleted()
		e.check(&total, at)
	}
	total.LeakCheckedRequests = e.process.leakChecked
	e.stop()
	for _, s := range e.simulators {
		s.server.Close()
	}
	return total
}

// check checks the past hour and, if the manager is idle, the present state.
func (e *testEnv) check(total *totals, at time.Duration) {
	idle := e.waitUntilIdle()
	e.finishHour(total)
	if !idle {
		return // checkRate bounds the hours in which a request is always in flight
	}
	e.checkInvariants()
	e.checkMetrics()
	if at%day == 0 {
		e.checkMemory()
	}
}

func (e *testEnv) failed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.violations) >= maxViolations
}
