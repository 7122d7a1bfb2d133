package reliability

import (
	"testing"
	"time"
)

// quickStaleCases is the number of cases in the quick sweep.
const quickStaleCases = 120

func TestStaleSweep(t *testing.T) {
	if replayed(t, parseStaleCase, runStaleCase) {
		return
	}

	var undisturbed []staleCase
	for _, name := range selectedScenarios() {
		if s, _, _ := findScenario(name); s.otherNamespaces == 0 {
			undisturbed = append(undisturbed, staleCase{scenario: name})
		}
	}
	start := time.Now()
	var all []staleCase
	for _, result := range runAll(t, "undisturbed", undisturbed, runStaleCase) {
		all = append(all, result.staleCases()...)
	}
	results := runAll(t, "stale cache", sample(t, all, quickStaleCases), runStaleCase)
	t.Logf("%s sweep: %d scenarios, %d of %d stale caches (seed %d), in %s",
		*sweep, len(undisturbed), len(results), len(all), *seed, time.Since(start).Round(time.Second))
}

// A new leader whose cache does not contain a mapping yet does not leave out the mapping's groups, which DeepCall would
// remove if a request replaces all groups. The sample of the quick sweep may not contain this case.
func TestNewLeaderCarriesUnseenGroups(t *testing.T) {
	c, err := parseStaleCase("new-mapping-before-a-retry@replace/mappings=4/older/since=2")
	if err != nil {
		t.Fatal(err)
	}
	if failure := runStaleCase(c).failure(); failure != "" {
		t.Error(failure)
	}
}
