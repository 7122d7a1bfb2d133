package plan

import "testing"

func TestNextOf(t *testing.T) {
	changed := func(name string, age int, options ...func(*input)) input {
		return inputOf(name, name+"=Y", "", append(options, created(age))...)
	}
	synced := func(name string, age int, options ...func(*input)) input {
		return inputOf(name, name+"=Y", name+"=Y", append(options, created(age))...)
	}
	for _, tc := range []struct {
		name   string
		inputs []input
		want   string
	}{
		{"is none without mappings", nil, ""},
		{"is none if all groups are applied", []input{synced("a", 1)}, ""},
		{"is a change", []input{changed("a", 1)}, "a"},
		{"is the older of two changes", []input{changed("a", 2), changed("b", 1)}, "b"},
		{"is the lower name of two changes of the same age", []input{changed("b", 1), changed("a", 1)}, "a"},
		{"is a resync that is due", []input{synced("a", 1, due)}, "a"},
		{"is the older of two resyncs", []input{synced("a", 2, due), synced("b", 1, due)}, "b"},
		{"is a change before an older resync", []input{synced("a", 1, due), changed("b", 2)}, "b"},
		{"is no suspended change", []input{changed("a", 1, held(heldSuspended)), changed("b", 2)}, "b"},
		{"is no suspended resync", []input{synced("a", 1, due, held(heldSuspended))}, ""},
		{"is no suspended deletion", []input{inputOf("a", "", "90=Y", deleting, held(heldSuspended))}, ""},
		{"is no rejected change, which never blocks another one", []input{changed("a", 1, held(heldRejected)), changed("b", 2)}, "b"},
		{"is a deletion", []input{inputOf("a", "", "90=Y", deleting)}, "a"},
		{"is no deletion without removals, even if a resync is due", []input{inputOf("a", "", "", deleting, due)}, ""},
		{"is no deletion that waits for a handover, even if a resync is due", []input{inputOf("a", "", "b=Y", created(1), deleting, due), changed("b", 2)}, "b"},
		{"is no resync without groups", []input{inputOf("a", "", "", due)}, ""},
		{"is no resync of groups that another mapping owns", []input{synced("a", 1), inputOf("b", "a=Y", "", created(2), due)}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inBothOrders(t, tc.inputs, func(t *testing.T, inputs []input, changes []change) {
				got := ""
				if next := nextOf(inputs, changes, false); next >= 0 {
					got = inputs[next].name
				}
				expect(t, "the next mapping", got, tc.want)
			})
		})
	}
}

func TestNewRequest(t *testing.T) {
	mapping := func(desired, applied string, options ...func(*input)) input {
		return inputOf("mapping", desired, applied, options...)
	}
	other := func(desired, applied string, options ...func(*input)) input {
		return inputOf("other", desired, applied, options...)
	}
	oneRemoval := RemovalIsolation{Step: SomeRemovals, Batch: 1, Rest: groups("90=Y")}
	withOtherRest := RemovalIsolation{Step: SomeRemovals, Batch: 1, Rest: groups("90=N")}
	for _, tc := range []struct {
		name   string
		inputs []input
		want   string
	}{
		{"contains all desired groups, not only the changed ones", []input{mapping("90=Y 91=N", "90=Y 91=Y")}, "90=Y 91=N"},
		{"contains removals with N", []input{mapping("90=Y", "90=Y 91=Y")}, "90=Y 91=N"},
		{"carries other mappings' groups as last applied", []input{mapping("90=Y", ""), other("91=N 92=Y", "91=Y")}, "90=Y 91=Y"},
		{"carries the applied groups of a suspended mapping", []input{mapping("90=Y", ""), other("91=Y", "91=Y", held(heldSuspended))}, "90=Y 91=Y"},
		{"carries the applied groups of a rejected mapping", []input{mapping("90=Y", ""), other("91=N", "91=Y", held(heldRejected))}, "90=Y 91=Y"},
		{"carries groups of a deleted mapping that are not removed yet", []input{mapping("90=Y", ""), other("", "91=Y", deleting)}, "90=Y 91=Y"},
		{"omits pending groups of other mappings", []input{mapping("90=Y", ""), other("91=Y", "", pending("91"))}, "90=Y"},
		{"omits groups that other mappings applied at another endpoint", []input{mapping("90=Y", ""), other("91=Y", "91=Y", elsewhere)}, "90=Y"},
		{"omits groups that a deleted mapping applied at another endpoint", []input{mapping("90=Y", ""), other("", "91=Y", deleting, elsewhere)}, "90=Y"},
		{"contains a group that it takes over with its own value", []input{mapping("90=N", ""), other("", "90=Y")}, "90=N"},
		{"contains a group that is being handed over with its applied value", []input{mapping("91=Y", "90=Y 91=N"), other("90=N", "")}, "90=Y 91=Y"},
		{
			"carries a group in conflict with its owner's value",
			[]input{mapping("90=N 91=Y", "", created(2)), other("90=Y", "90=Y", created(1))},
			"90=Y 91=Y",
		},
		{
			"carries a group that two mappings have applied with its owner's value",
			[]input{
				mapping("91=Y", "", created(3)),
				inputOf("former", "99=Y", "90=Y", created(1), held(heldRejected)),
				inputOf("owner", "90=N", "90=N", created(2)),
			},
			"90=N 91=Y",
		},
		{
			"omits removals of another mapping that are being isolated, since one of them may be at fault",
			[]input{mapping("92=Y", ""), other("", "91=Y", deleting, isolating(RemovalIsolation{Step: SomeRemovals, Batch: 1, Removed: []string{"90"}}))},
			"92=Y",
		},
		{"omits its removals during WithoutRemovals", []input{mapping("90=Y", "91=Y 92=Y", isolating(RemovalIsolation{Step: WithoutRemovals}))}, "90=Y"},
		{"contains only the first removal during SomeRemovals", []input{mapping("90=Y", "91=Y 92=Y", isolating(oneRemoval))}, "90=Y 91=N"},
		{
			"contains the next removal after the first is removed",
			[]input{mapping("90=Y", "91=Y 92=Y", isolating(oneRemoval), func(in *input) { in.isolation.Removed = []string{"91"} })},
			"90=Y 92=N",
		},
		{"omits its removals if the rest differs from the accepted one", []input{mapping("90=Y", "91=Y 92=Y", isolating(withOtherRest))}, "90=Y"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inBothOrders(t, tc.inputs, func(t *testing.T, inputs []input, changes []change) {
				expect(t, "the request", text(newRequest(inputs, changes, indexOf(inputs, "mapping")).Groups), tc.want)
			})
		})
	}

	t.Run("leaves the inputs unchanged", func(t *testing.T) {
		inputs := []input{mapping("90=Y", "91=Y"), other("92=N", "92=Y")}
		newRequest(inputs, computeChanges(inputs), 0)
		expect(t, "mapping", text(inputs[0].desired)+", "+text(inputs[0].applied), "90=Y, 91=Y")
		expect(t, "other", text(inputs[1].desired)+", "+text(inputs[1].applied), "92=N, 92=Y")
	})
}
