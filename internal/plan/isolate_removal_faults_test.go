package plan

import (
	"fmt"
	"strings"
	"testing"
)

// Changes made directly in DeepCall during an isolation must not be mistaken for the rejection of a removal.
func TestIsolateRemoval_with_changes_in_DeepCall(t *testing.T) {
	// start applies groups, of which some vanish, and then sends an edit, which is rejected.
	start := func(t *testing.T, replaces bool, applied, vanish, edit string) (*agent, *mapping) {
		m := newMapping("mapping", 1, applied)
		a := newAgent(replaces, m)
		a.expectRequests(t, applied)
		a.vanish(strings.Fields(vanish)...)
		m.edit(edit)
		a.step(answered, nothing)
		return a, m
	}

	eachReading(t, "removes a group that returns after the first rejection", func(t *testing.T, replaces bool) {
		a, _ := start(t, replaces, "1=Y 2=Y 3=Y", "1", "1=N")
		delete(a.unknown, "1")
		a.expectRequests(t, "1=N", "1=N 2=N", "1=N 3=N")
	})

	eachReading(t, "removes a group that returns after a lost request", func(t *testing.T, replaces bool) {
		a, _ := start(t, replaces, "1=Y 2=Y", "1", "1=N")
		a.step(requestLost, nothing)
		delete(a.unknown, "1")
		a.expectRequests(t, "1=N", "1=N 2=N")
	})

	eachReading(t, "does not count removals as removed if another group vanishes", func(t *testing.T, replaces bool) {
		a, m := start(t, replaces, "1=Y 2=Y 3=Y", "3", "1=N")
		a.step(answered, nothing) // without the removals
		a.vanish("1")
		a.expectRequests(t, "1=N 2=N", "1=N 3=N", "1=N")
		delete(a.unknown, "1")
		m.edit("1=Y")
		a.expectRequests(t, "1=Y 2=N 3=N", "1=Y", "1=Y 2=N", "1=Y 3=N", "1=Y")
		a.expectGroups(t, "2=N")
	})

	eachReading(t, "removes a group that returns after a lost answer while another one is taken over", func(t *testing.T, replaces bool) {
		a, m := start(t, replaces, "1=Y 2=Y 3=Y", "1", "1=N")
		a.step(answerLost, nothing)
		m.pause(true)
		a.mappings = append(a.mappings, newMapping("other", 2, "2=Y"))
		a.runAll(t)
		delete(a.unknown, "1")
		m.pause(false)
		a.expectRequests(t, "1=N 2=Y", "1=N 2=Y 3=N")
	})

	eachReading(t, "sends a rejected removal again after a lost answer", func(t *testing.T, replaces bool) {
		a, _ := start(t, replaces, "1=Y 2=Y 3=Y", "2", "1=N")
		a.step(answered, nothing) // without the removals
		a.step(answered, nothing) // with the first, which is rejected
		a.step(answerLost, nothing)
		a.expectRequests(t, "1=N", "1=N 2=N", "1=N 3=N")
	})
}

// Results that a failure interrupts must add up over time.
func TestIsolateRemoval_ends_although_requests_fail_now_and_then(t *testing.T) {
	const vanished = 60
	applied, vanish := "1=Y", []string{}
	for group := range vanished {
		vanish = append(vanish, fmt.Sprint(100+group))
		applied += fmt.Sprintf(" %d=Y", 100+group)
	}
	m := newMapping("mapping", 1, applied)
	a := newAgent(false, m)
	a.expectRequests(t, applied)
	a.vanish(vanish...)
	m.edit("1=Y")
	requests := 0
	for result := answered; a.step(result, nothing); requests++ {
		if requests > 2*vanished {
			t.Fatalf("%d requests, and still %d applied groups", requests, len(m.applied()))
		}
		result = answered
		if requests%30 == 0 {
			result = requestLost
		}
	}
	expect(t, "the applied groups", text(m.applied()), "1=Y")
}
