package plan

import (
	"fmt"
	"testing"
)

// In each case, the vanished groups are spread evenly. The numbers of requests are the maxima over their positions.
func TestIsolateRemoval_needs_few_requests(t *testing.T) {
	for _, tc := range []struct{ groups, vanished, deletion, edit int }{
		{1, 0, 1, 1},
		{200, 0, 1, 1},
		{1, 1, 1, 2},
		{2, 1, 3, 5},
		{10, 1, 9, 10},
		{200, 1, 18, 19},
		{500, 1, 20, 21},
		{200, 2, 30, 31},
		{200, 5, 60, 61},
		{2, 2, 3, 5},
		{10, 10, 13, 15},
		{100, 20, 125, 126},
		{100, 50, 155, 156},
		{100, 100, 106, 117},
	} {
		period := tc.groups / max(1, tc.vanished)
		for what, want := range map[string]int{"deletion": tc.deletion, "edit": tc.edit} {
			eachReading(t, fmt.Sprintf("%d of %d groups, %s", tc.vanished, tc.groups, what), func(t *testing.T, a *agent) {
				most := 0
				for first := range min(period, 3) { // later ones take fewer requests
					most = max(most, countIsolation(t, newAgent(a.replaces), what == "deletion", tc.groups, tc.vanished, first))
				}
				expect(t, "the most requests", most, want)
			})
		}
	}
}

// countIsolation returns the number of requests that remove n groups. Some of them have vanished, beginning with the first.
func countIsolation(t *testing.T, a *agent, deleted bool, n, vanished, first int) int {
	t.Helper()
	applied := manyGroups(1000, n)
	if !deleted {
		applied += "1=Y"
	}
	m := a.add("mapping", 1, applied)
	a.runAll(t)
	for i := range vanished {
		a.vanish(fmt.Sprint(1000 + first + i*(n/vanished)))
	}
	if deleted {
		m.delete(a.now)
	} else {
		m.edit("1=Y")
	}
	requests, err := a.run(2*n + 20)
	if err != nil {
		t.Fatal(err)
	}
	for group, receives := range a.groups {
		expect(t, "DeepCall's value of group "+group, receives, group == "1")
	}
	expect(t, "gone", m.gone, deleted)
	if !deleted {
		expect(t, "the number of applied groups", len(m.applied()), 1)
	}
	return requests
}
