package reliability

import (
	"math/rand/v2"
	"regexp"
	"sync"
	"testing"
	"time"
)

// How many runs the quick sweep takes, of all there are.
const (
	singlesInQuickSweep = 400
	pairsInQuickSweep   = 60
)

func TestCrashSweep(t *testing.T) {
	if *replay != "" {
		p, err := parsePerturbation(*replay)
		if err != nil {
			t.Fatal(err)
		}
		result := play(p, options{})
		t.Logf("what the manager did:\n%s", result.story)
		if len(result.problems) > 0 {
			t.Fatal(result.report("TestCrashSweep"))
		}
		return
	}

	var undisturbed []perturbation
	for _, name := range played() {
		if regexp.MustCompile(*only).MatchString(name) {
			undisturbed = append(undisturbed, perturbation{scenario: name})
		}
	}
	began := time.Now()
	calm := playAll(t, "undisturbed", undisturbed)
	allSingles := singleStrikes(calm)
	singles := playAll(t, "one strike", sample(allSingles, singlesInQuickSweep))
	allPairs := pairsOfCrashes(singles)
	pairs := playAll(t, "two crashes", sample(allPairs, pairsInQuickSweep))
	t.Logf("%s sweep: %d scenarios, %d of %d runs with one strike, %d of %d with two crashes (seed %d), in %s",
		*sweep, len(calm), len(singles), len(allSingles), len(pairs), len(allPairs), *seed, time.Since(began).Round(time.Second))
}

// sample takes some of the runs, by the seed; in the full sweep all.
func sample(runs []perturbation, atMost int) []perturbation {
	if *sweep == "full" || len(runs) <= atMost {
		return runs
	}
	chance := rand.New(rand.NewPCG(*seed, *seed))
	chance.Shuffle(len(runs), func(i, j int) { runs[i], runs[j] = runs[j], runs[i] })
	return runs[:atMost]
}

// singleStrikes are all modes at all effects of the undisturbed runs.
func singleStrikes(calm []outcome) []perturbation {
	var all []perturbation
	for _, run := range calm {
		for k := 1; k <= run.effects; k++ {
			for _, m := range modes {
				all = append(all, perturbation{run.scenario, []strike{{k, m}}})
			}
		}
	}
	return all
}

// pairsOfCrashes adds, to each crash, a second one at every effect of the process that followed.
func pairsOfCrashes(singles []outcome) []perturbation {
	var all []perturbation
	for _, run := range singles {
		if !run.strikes[0].mode.crashes() {
			continue
		}
		for k := 1; k <= run.afterCrash; k++ {
			for _, m := range []mode{crashBefore, crashAfter} {
				all = append(all, perturbation{run.scenario, []strike{run.strikes[0], {k, m}}})
			}
		}
	}
	return all
}

// playAll plays several runs at a time, and reports those that fail.
func playAll(t *testing.T, what string, runs []perturbation) []outcome {
	t.Helper()
	outcomes := make([]outcome, len(runs))
	next := make(chan int)
	var playing sync.WaitGroup
	for range *workers {
		playing.Go(func() {
			for i := range next {
				outcomes[i] = play(runs[i], options{})
				if len(outcomes[i].problems) > 0 {
					t.Error(outcomes[i].report("TestCrashSweep"))
				}
			}
		})
	}
	began := time.Now()
	for i := range runs {
		next <- i
		if (i+1)%100 == 0 {
			t.Logf("%s: %d of %d runs after %s", what, i+1, len(runs), time.Since(began).Round(time.Second))
		}
	}
	close(next)
	playing.Wait()
	missed := 0
	for _, run := range outcomes {
		if run.fired < len(run.strikes) {
			missed++
		}
	}
	if len(runs) == 0 || missed*5 > len(runs) {
		t.Errorf("%s: of %d runs, %d had fewer effects than expected: the sweep proves little", what, len(runs), missed)
	}
	t.Logf("%s: %d runs, of which %d had fewer effects than expected, in %s", what, len(runs), missed, time.Since(began).Round(time.Second))
	return outcomes
}
