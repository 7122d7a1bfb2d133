package year

import (
	"flag"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var leaderRuns = flag.Int("runs", 0, "the number of runs of TestSweepOfTwoLeaders; overrides -sweep")

// TestSweepOfTwoLeaders pauses and ends the processes of two replicas and deletes their lease, all at random. Each run has a seed of
// its own.
func TestSweepOfTwoLeaders(t *testing.T) {
	runs := 10
	switch {
	case *leaderRuns > 0:
		runs = *leaderRuns
	case *sweep == "full":
		runs = 300
	}
	var total leaderStats
	start := time.Now()
	for n := range runs {
		synctest.Test(t, func(t *testing.T) {
			e := newLeadersEnv(t, *seed+uint64(n))
			violations := e.run()
			total.add(e.stats)
			if len(violations) > 0 {
				t.Errorf("run with seed %d:\n%s\n\n%s\n\nlast lines of the log:\n%s\n\nrepeat with: go test ./test/reliability/year -run=%s -seed=%d -runs=1",
					e.seed, strings.Join(violations, "\n"), strings.Join(e.trace, "\n"), e.log, t.Name(), e.seed)
			}
		})
	}
	t.Logf("%d runs in %s: %+v", runs, time.Since(start).Round(time.Second), total)
	if err := total.checkCoverage(runs); err != nil && runs >= 10 {
		t.Error(err)
	}
}
