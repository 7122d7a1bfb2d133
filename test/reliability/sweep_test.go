package reliability

import (
	"math/rand/v2"
	"regexp"
	"sync"
	"testing"
	"time"
)

// caseResult is the result of a case.
type caseResult interface {
	// effectLog lists the manager's effects.
	effectLog() string
	// failure returns the failures and a command that repeats the run, or nothing.
	failure() string
	// injected reports whether all faults of the case were injected.
	injected() bool
}

// replayed runs the case of -replay and reports whether there is one.
func replayed[C any, R caseResult](t *testing.T, parse func(string) (C, error), run func(C) R) bool {
	t.Helper()
	if *replay == "" {
		return false
	}
	c, err := parse(*replay)
	if err != nil {
		t.Fatal(err)
	}
	result := run(c)
	t.Logf("effects of the manager:\n%s", result.effectLog())
	if failure := result.failure(); failure != "" {
		t.Fatal(failure)
	}
	if !result.injected() {
		t.Fatal("not all faults were injected")
	}
	return true
}

// runAll runs the cases concurrently and reports those that fail. A case whose faults were not injected proves nothing: on
// a busy machine the manager can take another order of steps. Such a case runs a second time, and runAll fails if many
// miss their faults again.
func runAll[C any, R caseResult](t *testing.T, title string, cases []C, run func(C) R) []R {
	t.Helper()
	results := make([]R, len(cases))
	next := make(chan int)
	var running sync.WaitGroup
	for range *workers {
		running.Go(func() {
			for i := range next {
				results[i] = run(cases[i])
				if results[i].failure() == "" && !results[i].injected() {
					results[i] = run(cases[i])
				}
				if failure := results[i].failure(); failure != "" {
					t.Error(failure)
				}
			}
		})
	}
	start := time.Now()
	for i := range cases {
		next <- i
		if (i+1)%100 == 0 {
			t.Logf("%s: %d of %d runs after %s", title, i+1, len(results), time.Since(start).Round(time.Second))
		}
	}
	close(next)
	running.Wait()
	var missed []C
	for i, r := range results {
		if !r.injected() {
			missed = append(missed, cases[i])
		}
	}
	t.Logf("%s: %d runs, %d of them without their faults %v, in %s",
		title, len(results), len(missed), missed, time.Since(start).Round(time.Second))
	if len(results) == 0 || len(missed) > maxMissed(len(results)) {
		t.Errorf("%s: too few runs with their faults", title)
	}
	return results
}

// maxMissed returns how many runs are allowed to miss their faults: one in twenty and two, since a small sample can be
// unlucky, or one in five if only some scenarios run, since these can be the ones that often miss them.
func maxMissed(runs int) int {
	if *only != "" {
		return runs / 5
	}
	return runs/20 + 2
}

// selectedScenarios returns the names of the scenarios to run.
func selectedScenarios() []string {
	var names []string
	for _, name := range scenarioNames() {
		if regexp.MustCompile(*only).MatchString(name) {
			names = append(names, name)
		}
	}
	return names
}

// sample selects cases by the seed, or all cases in the full sweep.
func sample[C any](t *testing.T, all []C, most int) []C {
	t.Helper()
	if *sweep == "full" {
		return all
	}
	if *only == "" && len(all) < most {
		t.Errorf("there are only %d cases to select %d from", len(all), most)
	}
	random := rand.New(rand.NewPCG(*seed, *seed))
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:min(len(all), most)]
}

func TestQuickSweepSize(t *testing.T) {
	if n := quickSingleFaults + quickCrashPairs + quickStaleCases; n < 500 {
		t.Errorf("the quick sweeps take %d runs instead of at least 500", n)
	}
}
