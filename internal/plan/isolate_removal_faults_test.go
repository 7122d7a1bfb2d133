package plan

import (
	"fmt"
	"strings"
	"testing"
)

// Changes made directly in DeepCall during an isolation must not be mistaken for the rejection of a removal.
func TestIsolateRemoval_with_changes_in_DeepCall(t *testing.T) {
	// start applies groups, lets some vanish, and then sends an edit, which is rejected.
	start := func(t *testing.T, a *agent, applied, vanish, edit string) *mapping {
		m := a.add("mapping", 1, applied)
		a.expectRequests(t, applied)
		a.vanish(strings.Fields(vanish)...)
		m.edit(edit)
		a.step(answered, nothing)
		return m
	}

	eachReading(t, "removes a group that returns after the first rejection", func(t *testing.T, a *agent) {
		start(t, a, "1=Y 2=Y 3=Y", "1", "1=N")
		delete(a.unknown, "1")
		a.expectRequests(t, "1=N", "1=N 2=N", "1=N 3=N")
	})

	eachReading(t, "removes a group that returns after a lost request", func(t *testing.T, a *agent) {
		start(t, a, "1=Y 2=Y", "1", "1=N")
		a.step(requestLost, nothing)
		delete(a.unknown, "1")
		a.expectRequests(t, "1=N", "1=N 2=N")
	})

	eachReading(t, "does not count removals as removed if another group vanishes", func(t *testing.T, a *agent) {
		m := start(t, a, "1=Y 2=Y 3=Y", "3", "1=N")
		a.step(answered, nothing) // without the removals
		a.vanish("1")
		a.expectRequests(t, "1=N 2=N", "1=N 3=N", "1=N")
		delete(a.unknown, "1")
		m.edit("1=Y")
		a.expectRequests(t, "1=Y 2=N 3=N", "1=Y", "1=Y 2=N", "1=Y 3=N", "1=Y")
		a.expectGroups(t, "2=N")
	})

	eachReading(t, "removes a group that returns after a lost answer while another one is taken over", func(t *testing.T, a *agent) {
		m := start(t, a, "1=Y 2=Y 3=Y", "1", "1=N")
		a.step(answerLost, nothing)
		m.pause(true)
		a.add("other", 2, "2=Y")
		a.runAll(t)
		delete(a.unknown, "1")
		m.pause(false)
		a.expectRequests(t, "1=N 2=Y", "1=N 2=Y 3=N")
	})

	eachReading(t, "sends a rejected removal again after a lost answer", func(t *testing.T, a *agent) {
		start(t, a, "1=Y 2=Y 3=Y", "2", "1=N")
		a.step(answered, nothing) // without the removals
		a.step(answered, nothing) // with the first, which is rejected
		a.step(answerLost, nothing)
		a.expectRequests(t, "1=N", "1=N 2=N", "1=N 3=N")
	})
}

// Results that a failure or a restart interrupts must add up over time, also while the agent's other mapping is edited.
func TestIsolateRemoval_ends_in_spite_of_interruptions(t *testing.T) {
	const removals = 60
	applied := "1=Y " + manyGroups(100, removals)
	for _, tc := range []struct {
		name     string
		vanished int
		// interrupt comes before every n-th request.
		every     int
		interrupt func(a *agent, other *mapping)
		limit     int
	}{
		{"one vanished, every 3rd request is lost", 1, 3, func(a *agent, _ *mapping) { a.step(requestLost, nothing) }, 40},
		{"one vanished, every 3rd answer is lost", 1, 3, func(a *agent, _ *mapping) { a.step(answerLost, nothing) }, 40},
		{"one vanished, a restart every 10 requests", 1, 10, func(a *agent, _ *mapping) { a.restart() }, 40},
		{"one vanished, a crash every 10 requests", 1, 10, func(a *agent, _ *mapping) { a.step(crashed, nothing) }, 40},
		{"one vanished, an edit every 4 requests", 1, 4, edit, 40},
		{"all vanished, every 15th request is lost", removals, 15, func(a *agent, _ *mapping) { a.step(requestLost, nothing) }, 150},
		{"all vanished, every 30th request is lost", removals, 30, func(a *agent, _ *mapping) { a.step(requestLost, nothing) }, 100},
		{"all vanished, an edit every 15 requests", removals, 15, edit, 150},
	} {
		eachReading(t, tc.name, func(t *testing.T, a *agent) {
			m, other := a.add("mapping", 1, applied), a.add("other", 2, "2=Y")
			a.runAll(t)
			for group := range tc.vanished {
				a.vanish(fmt.Sprint(102 + (group+removals-2)%removals))
			}
			m.edit("1=Y")
			requests := 0
			for ; a.step(answered, nothing); requests++ {
				if requests > 500 {
					t.Fatalf("%d requests, and still %d applied groups", requests, len(m.applied()))
				}
				if requests%tc.every == tc.every-1 {
					tc.interrupt(a, other)
				}
			}
			if requests > tc.limit {
				t.Errorf("%d requests, want at most %d", requests, tc.limit)
			}
			expect(t, "the applied groups", text(m.applied()), "1=Y")
			for group, receives := range a.groups {
				expect(t, "DeepCall's value of group "+group, receives, group == "1" || other.desired()[group])
			}
		})
	}
}

// edit turns the other mapping's group on or off.
func edit(a *agent, other *mapping) {
	other.edit(map[bool]string{true: "2=N", false: "2=Y"}[other.desired()["2"]])
}
