package plan

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// In each case, some groups of a mapping vanish in DeepCall after they were applied.
func TestIsolateRemoval(t *testing.T) {
	for _, tc := range []struct {
		name, applied, vanish, pending string
		edit                           string
		deleted                        bool
		requests                       string
		rejected                       bool
		groups                         string // in DeepCall
	}{
		{
			name:    "sends one request for an edit without vanished groups",
			applied: "1=Y 2=Y 3=Y", edit: "1=N", requests: "1=N 2=N 3=N", groups: "1=N 2=N 3=N",
		},
		{name: "sends an edit without a vanished group", applied: "1=Y 2=Y", vanish: "2", edit: "1=N", requests: "1=N 2=N; 1=N", groups: "1=N"},
		{
			name:    "removes the other groups of an edit one by one",
			applied: "1=Y 2=Y 3=Y 4=Y", vanish: "3", edit: "1=N", requests: "1=N 2=N 3=N 4=N; 1=N; 1=N 2=N; 1=N 3=N; 1=N 4=N", groups: "1=N 2=N 4=N",
		},
		{
			name:    "ends for an edit that removes only vanished groups",
			applied: "1=Y 2=Y 3=Y", vanish: "2 3", edit: "1=Y", requests: "1=Y 2=N 3=N; 1=Y; 1=Y 2=N; 1=Y 3=N; 1=Y", groups: "1=Y",
		},
		{
			name:    "removes the groups of an edit without a rest one by one",
			applied: "1=Y 2=Y 3=Y", vanish: "1", edit: "", requests: "1=N 2=N 3=N; 1=N; 2=N; 3=N", groups: "2=N 3=N",
		},
		{
			name:    "rejects an edit that adds an unknown group, beside removals",
			applied: "1=Y 2=Y", vanish: "9", edit: "1=Y 9=Y", requests: "1=Y 2=N 9=Y; 1=Y 9=Y", groups: "1=Y 2=Y", rejected: true,
		},
		{
			name:    "rejects an edit that adds an unknown group and removes none",
			applied: "1=Y", vanish: "9", edit: "1=Y 9=Y", requests: "1=Y 9=Y", groups: "1=Y", rejected: true,
		},
		{name: "sends one request for a deletion without vanished groups", applied: "1=Y 2=Y", deleted: true, requests: "1=N 2=N", groups: "1=N 2=N"},
		{name: "ends after one request for the deletion of a single vanished group", applied: "1=Y", vanish: "1", deleted: true, requests: "1=N"},
		{
			name:    "removes the other groups of a deletion one by one",
			applied: "1=Y 2=Y 3=Y", vanish: "2", deleted: true, requests: "1=N 2=N 3=N; 1=N; 2=N; 3=N", groups: "1=N 3=N",
		},
		{name: "ends for a deletion of vanished groups only", applied: "1=Y 2=Y", vanish: "1 2", deleted: true, requests: "1=N 2=N; 1=N; 2=N"},
		{
			name:    "removes the other groups of a deletion with a pending group that never existed",
			applied: "1=Y", vanish: "9", pending: "9", deleted: true, requests: "1=N 9=N; 1=N; 9=N", groups: "1=N",
		},
	} {
		eachReading(t, tc.name, func(t *testing.T, a *agent) {
			m := a.add("mapping", 1, tc.applied)
			a.expectRequests(t, tc.applied)
			a.vanish(strings.Fields(tc.vanish)...)
			if tc.pending != "" {
				m.addPending(tc.pending)
			}
			if tc.deleted {
				m.delete(a.now)
			} else {
				m.edit(tc.edit)
			}
			a.expectRequests(t, tc.requests)
			expect(t, "rejected", m.isRejected(), tc.rejected)
			expect(t, "gone", m.gone, tc.deleted)
			a.expectGroups(t, tc.groups)
			if !tc.deleted && !tc.rejected {
				expect(t, "the applied groups", text(m.applied()), tc.edit)
			}
		})
	}
}

// Another mapping changes while any request of an isolation is in flight. Its own request is the next one, and is not rejected
// because of a group that vanished.
func TestIsolateRemoval_delays_no_other_mapping(t *testing.T) {
	applied := "3=Y " + manyGroups(100, 20)
	for what, change := range map[string]func(a *agent, other *mapping){
		"an edit":     func(_ *agent, other *mapping) { other.edit("4=N 5=Y") },
		"a removal":   func(_ *agent, other *mapping) { other.edit("5=Y") },
		"a deletion":  func(a *agent, other *mapping) { other.delete(a.now) },
		"a takeover":  func(_ *agent, other *mapping) { other.edit("4=Y 119=Y") },
		"a new group": func(_ *agent, other *mapping) { other.edit("4=Y 5=Y 6=Y") },
	} {
		for _, rest := range []string{"", "3=N"} {
			eachReading(t, fmt.Sprintf("by %s, with the rest %q", what, rest), func(t *testing.T, a *agent) {
				for before := 0; ; before++ {
					a = newAgent(a.replaces)
					m, other := a.add("mapping", 1, applied), a.add("other", 2, "4=Y 5=Y")
					a.runAll(t)
					a.vanish("102", "113")
					m.edit(rest)
					for range before {
						a.step(answered, nothing)
					}
					if !a.step(answered, func() { change(a, other) }) {
						return // no request of the isolation is left
					}
					a.step(answered, nothing)
					if a.lastFor != other.Name || !a.lastAccepted {
						t.Errorf("after %d requests, the next one is %s, accepted: %v", before+1, a.lastFor, a.lastAccepted)
					}
					if _, err := a.run(60); err != nil {
						t.Fatal(err)
					}
					want := groups(rest)
					for group := range a.groups {
						want[group] = want[group] || other.DeletionTimestamp == nil && other.desired()[group]
					}
					a.expectGroups(t, text(want))
					if !other.gone {
						expect(t, "the applied groups of the other mapping", text(other.applied()), text(other.desired()))
					}
					expect(t, "the applied groups", text(m.applied()), rest)
				}
			})
		}
	}
}

// Other mappings' requests and handovers come between the requests of an isolation.
func TestIsolateRemoval_beside_other_mappings(t *testing.T) {
	// start removes groups 1 and 2 of a mapping up to the first single removal. Group 2 has vanished.
	start := func(t *testing.T, a *agent, edit string) (m, other *mapping) {
		t.Helper()
		m, other = a.add("mapping", 1, "1=Y 2=Y 3=Y"), a.add("other", 2, "4=Y")
		a.expectRequests(t, "1=Y 2=Y 3=Y", "1=Y 2=Y 3=Y 4=Y")
		a.vanish("2")
		m.edit(edit)
		for range 3 {
			a.step(answered, nothing)
		}
		return m, other
	}

	eachReading(t, "keeps what is changed already when another mapping is sent", func(t *testing.T, a *agent) {
		_, other := start(t, a, "3=N")
		other.CreationTimestamp = metav1.NewTime(day(0))
		other.edit("4=N")
		a.runAll(t)
		a.expectGroups(t, "1=N 3=N 4=N")
	})

	eachReading(t, "confirms a group that it takes over meanwhile before it counts as applied", func(t *testing.T, a *agent) {
		m, other := start(t, a, "3=N 4=N")
		other.edit("")
		a.runAll(t)
		a.expectGroups(t, "1=N 3=N 4=N")
		expect(t, "the applied groups", text(m.applied()), "3=N 4=N")
	})

	eachReading(t, "removes a group that was added meanwhile, after the next edit is rejected", func(t *testing.T, a *agent) {
		m, _ := start(t, a, "3=Y 5=Y")
		a.vanish("9")
		m.edit("3=Y 9=Y")
		a.runAll(t)
		m.edit("3=Y")
		a.runAll(t)
		a.expectGroups(t, "1=N 3=Y 5=N")
	})

	eachReading(t, "does not count groups as removed beside a vanished one that is handed over", func(t *testing.T, a *agent) {
		m := a.add("mapping", 1, "1=Y 2=Y 3=Y")
		a.expectRequests(t, "1=Y 2=Y 3=Y")
		a.vanish("1")
		m.delete(a.now)
		a.step(answered, nothing) // all three removals are rejected together
		a.add("other", 2, "1=Y")
		a.runAll(t)
		m.resync(a.now)
		a.runAll(t)
		a.expectGroups(t, "2=N 3=N")
		expect(t, "the deletion has ended", m.gone, true)
	})

	eachReading(t, "carries the groups of a mapping that loses its permission", func(t *testing.T, a *agent) {
		m, other := a.add("me", 1, "1=Y 2=Y 3=Y"), a.add("other", 2, "5=Y")
		a.runAll(t)
		a.vanish("3")
		m.edit("1=Y")
		a.step(answered, nothing) // rejected
		a.step(answered, nothing) // without the removals
		m.forbidden = true
		other.edit("5=N")
		a.runAll(t)
		a.expectGroups(t, "1=Y")
	})
}
