package reliability

import (
	"testing"
	"time"
)

// viewsInQuickSweep is how many stale views the quick sweep takes, of all there are.
const viewsInQuickSweep = 120

func TestStaleSweep(t *testing.T) {
	if *replay != "" {
		v, err := parseStaleView(*replay)
		if err != nil {
			t.Fatal(err)
		}
		run := playStale(v)
		t.Logf("what the manager did:\n%s", run.story)
		if failure := run.failure(); failure != "" {
			t.Fatal(failure)
		}
		if !run.met() {
			t.Fatalf("there was no event %s=%d this time", v.kind, v.k)
		}
		return
	}

	var undisturbed []staleView
	for _, name := range chosen() {
		undisturbed = append(undisturbed, staleView{scenario: name})
	}
	began := time.Now()
	var all []staleView
	for _, run := range playAll(t, "clear views", undisturbed, playStale) {
		all = append(all, run.staleViews()...)
	}
	views := playAll(t, "stale views", sample(t, all, viewsInQuickSweep), playStale)
	t.Logf("%s sweep: %d scenarios, %d of %d stale views (seed %d), in %s",
		*sweep, len(undisturbed), len(views), len(all), *seed, time.Since(began).Round(time.Second))
}

// A new leader whose cache does not know a mapping yet that the former one applied makes no call without its groups,
// which would vanish if DeepCall reads a request as the whole. The sample of the quick sweep may leave this one out.
func TestANewLeaderLeavesNobodyOut(t *testing.T) {
	const name = "newcomer-before-a-retry@replace/mappings=4/older/since=2"
	v, err := parseStaleView(name)
	if err != nil {
		t.Fatal(err)
	}
	if failure := playStale(v).failure(); failure != "" {
		t.Error(failure)
	}
}
