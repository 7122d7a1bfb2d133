package reliability

import (
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
		if failure := result.failure(); failure != "" {
			t.Fatal(failure)
		}
		if !result.met() {
			t.Fatalf("only %d of the strikes fell this time", result.fired)
		}
		return
	}

	var undisturbed []perturbation
	for _, name := range chosen() {
		undisturbed = append(undisturbed, perturbation{scenario: name})
	}
	strike := func(p perturbation) outcome { return play(p, options{}) }
	began := time.Now()
	calm := playAll(t, "undisturbed", undisturbed, strike)
	allSingles := singleStrikes(calm)
	singles := playAll(t, "one strike", sample(t, allSingles, singlesInQuickSweep), strike)
	allPairs := pairsOfCrashes(singles)
	pairs := playAll(t, "two crashes", sample(t, allPairs, pairsInQuickSweep), strike)
	t.Logf("%s sweep: %d scenarios, %d of %d runs with one strike, %d of %d with two crashes (seed %d), in %s",
		*sweep, len(calm), len(singles), len(allSingles), len(pairs), len(allPairs), *seed, time.Since(began).Round(time.Second))
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
