package plan

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// TestComputeChanges follows the table in the comment of change, row by row.
func TestComputeChanges(t *testing.T) {
	mapping := func(desired, applied string, options ...func(*input)) input {
		return inputOf("mapping", desired, applied, slices.Insert(options, 0, created(1))...)
	}
	younger := created(9)
	removed := isolating(RemovalIsolation{Step: SomeRemovals, Removed: []string{"90"}})
	// other declares group 90.
	other := func(applied string, h hold) []input {
		return []input{inputOf("other", "90=N", applied, created(2), held(h))}
	}

	for _, tc := range []struct {
		name    string
		mapping input
		others  []input
		want    string
	}{
		{"sends the groups that no other mapping declares", mapping("90=Y 91=N", ""), nil, "send 90=Y 91=N; pending"},
		{"sends nothing that is applied as declared", mapping("90=Y", "90=Y"), nil, "send 90=Y"},
		{"sends a group whose declared value changed", mapping("90=N", "90=Y"), nil, "send 90=N; pending"},
		{"sends a group that a request without an answer may have added", mapping("90=Y", "", pending("90")), nil, "send 90=Y; pending"},
		{"sends applied groups again after an answer was lost", mapping("90=Y", "90=Y", unconfirmed), nil, "send 90=Y; pending"},
		{"sends nothing after an answer was lost if no group is left", mapping("", "", unconfirmed), nil, ""},
		{"sends nothing without groups", mapping("", ""), nil, ""},
		{"sends no group because a resync is due", mapping("90=Y", "90=Y", due), nil, "send 90=Y"},
		{"keeps the change of a suspended mapping pending", mapping("90=Y", "", held(heldSuspended)), nil, "send 90=Y; pending"},
		{"keeps a rejected change pending", mapping("90=Y", "", held(heldRejected)), nil, "send 90=Y; pending"},

		{"omits a group that another mapping owns", mapping("90=Y 91=Y", "", younger), other("90=N", notHeld), "send 91=Y; conflict 90; pending"},
		{"has nothing to send if another mapping owns all groups", mapping("90=Y", "", younger), other("90=N", notHeld), "conflict 90"},
		{"drops an applied group in conflict", mapping("90=Y", "90=Y", younger), other("90=N", notHeld), "conflict 90; status only"},

		{"removes an applied group that no mapping declares", mapping("91=Y", "90=Y 91=Y"), nil, "send 91=Y; remove 90; pending"},
		{"removes a group that does not receive calls", mapping("", "90=N"), nil, "remove 90; pending"},
		{"removes a pending group that no mapping declares", mapping("", "", pending("90")), nil, "remove 90; pending"},
		{"removes all groups of a mapping that is being deleted", mapping("", "90=Y 91=N", deleting), nil, "remove 90 91; pending"},
		{"removes no group twice", mapping("", "90=Y 91=N", deleting, removed), nil, "remove 91; pending"},
		{"drops a removed group without a request", mapping("91=Y", "90=Y 91=Y", removed), nil, "send 91=Y; status only"},

		{"drops an applied group that no mapping declares under Orphan", mapping("91=Y", "90=Y 91=Y", orphan), nil, "send 91=Y; status only"},
		{"drops a pending group that no mapping declares under Orphan", mapping("", "", orphan, pending("90")), nil, ""},
		{"drops all groups of a deleted mapping under Orphan", mapping("", "90=Y 91=N", orphan, deleting), nil, "status only"},

		{"sends all groups to another endpoint, removals too", mapping("90=Y", "90=Y 91=Y", elsewhere), nil, "send 90=Y; remove 91; pending"},
		{"removes pending groups at another endpoint, too", mapping("", "90=Y", elsewhere, pending("91")), nil, "remove 90 91; pending"},
		{"removes groups of a deleted mapping at another endpoint, too", mapping("", "90=Y", elsewhere, deleting), nil, "remove 90; pending"},
		{"drops groups applied at another endpoint under Orphan", mapping("", "90=Y", elsewhere, orphan), nil, "status only"},

		{"drops a group that its owner has applied", mapping("", "90=Y"), other("90=N", notHeld), "status only"},
		{"drops a group that its suspended owner has applied", mapping("", "90=Y"), other("90=N", heldSuspended), "status only"},
		{"drops a group that its rejected owner has applied", mapping("", "90=Y"), other("90=N", heldRejected), "status only"},
		{"drops a group of a deleted mapping that its owner has applied", mapping("", "90=Y", deleting), other("90=N", notHeld), "status only"},

		{"hands over a group that its owner can take over", mapping("", "90=Y"), other("", notHeld), "hand over 90=Y"},
		{"hands over a group of a deleted mapping", mapping("", "90=Y", deleting), other("", notHeld), "hand over 90=Y"},
		{"hands over a group under Orphan", mapping("", "90=Y", orphan), other("", notHeld), "hand over 90=Y"},
		{"hands over a group beside a change", mapping("91=Y", "90=Y"), other("", notHeld), "send 91=Y; hand over 90=Y; pending"},

		{"drops a group that a mapping without permission has applied", mapping("", "90=Y"), []input{{name: "other", applied: groups("90=N"), hold: heldNotPermitted}}, "status only"},
		{"drops a group that a suspended mapping has applied, whose spec changed", mapping("91=Y", "90=Y"), []input{{name: "other", applied: groups("90=N"), hold: heldSuspended}}, "send 91=Y; pending"},
		{"removes a group that a suspended mapping leaves at its deletion", mapping("", "90=Y"), []input{{name: "other", deleting: true, applied: groups("90=N"), hold: heldSuspended}}, "remove 90; pending"},
		{"drops a group of a suspended mapping that another one has applied since, and removes now", mapping("", "90=Y", held(heldNotPermitted)), []input{{name: "other", applied: groups("90=N"), confirmedAt: day(9)}}, "status only"},
		{"removes a group that it has applied since a suspended mapping did", mapping("", "90=Y", func(in *input) { in.confirmedAt = day(9) }), []input{{name: "other", applied: groups("90=N"), hold: heldSuspended}}, "remove 90; pending"},
		{"leaves no group of a suspended mapping to another suspended one", mapping("", "90=Y", held(heldSuspended)), []input{{name: "other", applied: groups("90=N"), hold: heldSuspended}}, "remove 90; pending"},

		{"removes a group whose owner is suspended", mapping("", "90=Y"), other("", heldSuspended), "remove 90; pending"},
		{"removes a group whose owner is rejected", mapping("", "90=Y"), other("", heldRejected), "remove 90; pending"},
		{"removes a group of a deleted mapping whose owner is suspended", mapping("", "90=Y", deleting), other("", heldSuspended), "remove 90; pending"},
		{"removes a pending group, whose value is not known, instead of handing it over", mapping("", "", pending("90")), other("", notHeld), "remove 90; pending"},
		{"removes a pending group whose owner is rejected", mapping("", "", pending("90")), other("", heldRejected), "remove 90; pending"},
		{"drops a pending group under Orphan, whether or not it has an owner", mapping("", "", orphan, pending("90")), other("", notHeld), ""},
		{"drops a group whose owner is suspended under Orphan", mapping("", "90=Y", orphan), other("", heldSuspended), "status only"},
		{"drops a group whose owner is rejected under Orphan", mapping("", "90=Y", orphan), other("", heldRejected), "status only"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			expectChange(t, append([]input{tc.mapping}, tc.others...), "mapping", tc.want)
		})
	}

	t.Run("sorts conflicts and removals", func(t *testing.T) {
		inputs := []input{inputOf("a", "7=Y 5=Y 6=Y 8=Y", "", created(1)), inputOf("b", "8=Y 7=Y 6=Y 5=Y", "4=Y 3=Y 2=Y 1=Y", created(2))}
		expectChange(t, inputs, "b", "remove 1 2 3 4; conflict 5 6 7 8; pending")
	})
}

func TestComputeOwners(t *testing.T) {
	for _, tc := range []struct {
		name string
		a, b input
		want string
	}{
		{"prefers the mapping that has applied the group to an older one", input{created: day(1)}, input{created: day(2), applied: groups("90=Y")}, "b"},
		{"prefers it with another value", input{created: day(1)}, input{created: day(2), applied: groups("90=N")}, "b"},
		{"prefers it while it is suspended", input{created: day(1)}, input{created: day(2), applied: groups("90=Y"), hold: heldSuspended}, "b"},
		{"prefers it after the endpoint changed", input{created: day(1), appliedElsewhere: true}, input{created: day(2), applied: groups("90=Y"), appliedElsewhere: true}, "b"},
		{"ignores another applied group", input{created: day(1)}, input{created: day(2), applied: groups("91=Y")}, "a"},
		{"ignores a pending group", input{created: day(1)}, input{created: day(2), pendingAdds: []string{"90"}}, "a"},
		{"prefers the older mapping if none has applied the group", input{created: day(2)}, input{created: day(1)}, "b"},
		{"prefers the older mapping while it is rejected", input{created: day(2)}, input{created: day(1), hold: heldRejected}, "b"},
		{"prefers the lower name of two mappings of the same age", input{created: day(1)}, input{created: day(1)}, "a"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.a.name, tc.b.name = "a", "b"
			tc.a.desired, tc.b.desired = groups("90=Y"), groups("90=N")
			inBothOrders(t, []input{tc.a, tc.b}, func(t *testing.T, inputs []input, changes []change) {
				for i, c := range changes {
					_, owns := c.desired["90"]
					expect(t, inputs[i].name+" owns the group", owns, inputs[i].name == tc.want)
					expect(t, inputs[i].name+" is in conflict", len(c.conflicts) == 1, inputs[i].name != tc.want)
				}
			})
		})
	}

	t.Run("prefers the mapping that has applied the group among three", func(t *testing.T) {
		inputs := []input{inputOf("a", "90=Y", "", created(1)), inputOf("b", "90=Y", "", created(2)), inputOf("c", "90=Y", "90=Y", created(3))}
		expectChange(t, inputs, "a", "conflict 90")
		expectChange(t, inputs, "b", "conflict 90")
		expectChange(t, inputs, "c", "send 90=Y")
	})
}

// The metrics and the plugin show the owner by v1alpha1.ConfirmedGroups.
func TestComputeOwners_agrees_with_ConfirmedGroups(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 2000 {
		var mappings []*v1alpha1.AgentGroupMapping
		var inputs []input
		for _, n := range r.Perm(1 + r.IntN(4)) {
			m := newMapping(fmt.Sprint("m", n), 1+r.IntN(2), "90=Y").AgentGroupMapping
			m.Namespace = []string{"a", "a-b", "b"}[r.IntN(3)]
			m.Status.ObservedUID = []string{"another", m.Name, m.Name}[r.IntN(3)]
			m.Status.AppliedGroups = fromGroups(groups([]string{"90=Y", "90=N", "91=Y"}[r.IntN(3)]))
			if confirmed := r.IntN(3); confirmed > 0 {
				m.Status.LastSyncTime = &metav1.MicroTime{Time: day(2 + confirmed)}
			}
			mappings = append(mappings, m)
			inputs = append(inputs, newInput(Snapshot{Now: day(9)}, NewMapping(m, true, day(9)), MappingState{}))
		}
		isApplied := slices.ContainsFunc(mappings, func(m *v1alpha1.AgentGroupMapping) bool {
			return m.OwnsStatus() && m.Status.AppliedGroups[0].GroupID == "90"
		})
		got := v1alpha1.ConfirmedGroups(mappings)["90"].Owner
		if (got != nil) != isApplied {
			t.Fatalf("seed %d: group 90 has the owner %v, although applied is %t", seed, got, isApplied)
		}
		if got == nil {
			continue // the planner's owner is one that only declares the group
		}
		if want := mappings[computeOwners(inputs)["90"]]; got != want {
			t.Fatalf("seed %d: got %s/%s, the planner's owner is %s/%s", seed, got.Namespace, got.Name, want.Namespace, want.Name)
		}
	}
}

func TestChange(t *testing.T) {
	for _, tc := range []struct {
		name    string
		change  change
		applied string
		empty   bool
	}{
		{"applies the desired groups", change{desired: groups("90=Y")}, "90=Y", false},
		{"leaves groups applied that are being handed over", change{desired: groups("90=Y"), handingOver: groups("91=N")}, "90=Y 91=N", false},
		{"applies no removals, which are not empty", change{removals: []string{"90"}}, "", false},
		{"is not empty during a handover", change{handingOver: groups("90=Y")}, "90=Y", false},
		{"is empty with nothing but conflicts", change{conflicts: []string{"90"}}, "", true},
		{"is empty as zero value", change{}, "", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			expect(t, "applied", text(tc.change.applied()), tc.applied)
			expect(t, "empty", tc.change.empty(), tc.empty)
		})
	}

	t.Run("returns a copy of the applied groups", func(t *testing.T) {
		c := change{desired: groups("90=Y"), handingOver: groups("91=Y")}
		c.applied()["92"] = true
		expect(t, "the change", describe(c), "send 90=Y; hand over 91=Y")
	})
}

func TestAdds(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   input
		want string
	}{
		{"contains all groups of a new mapping, sorted", input{desired: groups("92=Y 90=Y 91=N")}, "90 91 92"},
		{"contains only what an edit adds", input{desired: groups("90=Y 91=Y"), applied: groups("90=Y")}, "91"},
		{"omits a group whose value changes", input{desired: groups("90=N"), applied: groups("90=Y")}, ""},
		{"omits a pending group", input{desired: groups("90=Y 91=Y"), pendingAdds: []string{"91"}}, "90"},
		{"omits a removal", input{applied: groups("90=Y")}, ""},
		{"omits a group applied at another endpoint", input{desired: groups("90=Y 91=Y"), applied: groups("90=Y"), appliedElsewhere: true}, "91"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			changes := computeChanges([]input{tc.in})
			expect(t, "adds", strings.Join(adds(tc.in, changes[0]), " "), tc.want)
		})
	}
}
