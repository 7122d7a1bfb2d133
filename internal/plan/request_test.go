package plan

import "testing"

func TestNextOf(t *testing.T) {
	changed := func(name string, age int) input {
		return input{name: name, created: day(age), desired: groups(name + "=Y")}
	}
	due := func(name string, age int) input {
		in := changed(name, age)
		in.applied, in.resyncDue = in.desired, true
		return in
	}
	synced := func(name string, age int) input {
		in := due(name, age)
		in.resyncDue = false
		return in
	}
	held := func(in input, h hold) input {
		in.hold = h
		return in
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
		{"is a resync that is due", []input{due("a", 1)}, "a"},
		{"is the older of two resyncs", []input{due("a", 2), due("b", 1)}, "b"},
		{"is a change before an older resync", []input{due("a", 1), changed("b", 2)}, "b"},
		{"is no suspended change", []input{held(changed("a", 1), heldSuspended), changed("b", 2)}, "b"},
		{"is no suspended resync", []input{held(due("a", 1), heldSuspended)}, ""},
		{"is no suspended deletion", []input{{name: "a", applied: groups("90=Y"), deleting: true, hold: heldSuspended}}, ""},
		{"is no rejected change, which never blocks another one", []input{held(changed("a", 1), heldRejected), changed("b", 2)}, "b"},
		{"is a deletion", []input{{name: "a", applied: groups("90=Y"), deleting: true}}, "a"},
		{"is no deletion without removals, even if a resync is due", []input{{name: "a", deleting: true, resyncDue: true}}, ""},
		{
			"is no deletion that waits for a handover, even if a resync is due",
			[]input{{name: "a", created: day(1), applied: groups("b=Y"), deleting: true, resyncDue: true}, changed("b", 2)},
			"b",
		},
		{"is no resync without groups", []input{{name: "a", resyncDue: true}}, ""},
		{
			"is no resync of groups that another mapping owns",
			[]input{synced("a", 1), {name: "b", created: day(2), desired: groups("a=Y"), resyncDue: true}},
			"",
		},
	} {
		t.Run(tc.name, func(t *testing.T) { expectNext(t, tc.inputs, tc.want) })
	}
}

func TestNewRequest(t *testing.T) {
	for _, tc := range []struct {
		name   string
		inputs []input
		want   string
	}{
		{
			"contains all desired groups, not only the changed ones",
			[]input{{name: "mapping", desired: groups("90=Y 91=N"), applied: groups("90=Y 91=Y")}},
			"90=Y 91=N",
		},
		{"contains removals with N", []input{{name: "mapping", desired: groups("90=Y"), applied: groups("90=Y 91=Y")}}, "90=Y 91=N"},
		{
			"carries other mappings' groups as last applied",
			[]input{{name: "mapping", desired: groups("90=Y")}, {name: "other", desired: groups("91=N 92=Y"), applied: groups("91=Y")}},
			"90=Y 91=Y",
		},
		{
			"carries the applied groups of a suspended mapping",
			[]input{{name: "mapping", desired: groups("90=Y")}, {name: "other", desired: groups("91=Y"), applied: groups("91=Y"), hold: heldSuspended}},
			"90=Y 91=Y",
		},
		{
			"carries the applied groups of a rejected mapping",
			[]input{{name: "mapping", desired: groups("90=Y")}, {name: "other", desired: groups("91=N"), applied: groups("91=Y"), hold: heldRejected}},
			"90=Y 91=Y",
		},
		{
			"carries groups of a deleted mapping that are not removed yet",
			[]input{{name: "mapping", desired: groups("90=Y")}, {name: "other", applied: groups("91=Y"), deleting: true}},
			"90=Y 91=Y",
		},
		{
			"omits pending groups of other mappings",
			[]input{{name: "mapping", desired: groups("90=Y")}, {name: "other", desired: groups("91=Y"), pendingAdds: []string{"91"}}},
			"90=Y",
		},
		{
			"omits groups that other mappings applied at another endpoint",
			[]input{{name: "mapping", desired: groups("90=Y")}, {name: "other", desired: groups("91=Y"), applied: groups("91=Y"), appliedElsewhere: true}},
			"90=Y",
		},
		{
			"omits groups that a deleted mapping applied at another endpoint",
			[]input{{name: "mapping", desired: groups("90=Y")}, {name: "other", applied: groups("91=Y"), deleting: true, appliedElsewhere: true}},
			"90=Y",
		},
		{
			"contains a group that it takes over with its own value",
			[]input{{name: "mapping", desired: groups("90=N")}, {name: "other", applied: groups("90=Y")}},
			"90=N",
		},
		{
			"contains a group that is being handed over with its applied value",
			[]input{{name: "mapping", desired: groups("91=Y"), applied: groups("90=Y 91=N")}, {name: "other", desired: groups("90=N")}},
			"90=Y 91=Y",
		},
		{
			"carries a group in conflict with its owner's value",
			[]input{{name: "mapping", created: day(2), desired: groups("90=N 91=Y")}, {name: "other", created: day(1), desired: groups("90=Y"), applied: groups("90=Y")}},
			"90=Y 91=Y",
		},
		{
			"carries a group that two mappings have applied with its owner's value",
			[]input{
				{name: "mapping", created: day(3), desired: groups("91=Y")},
				{name: "former", created: day(1), desired: groups("99=Y"), applied: groups("90=Y"), hold: heldRejected},
				{name: "owner", created: day(2), desired: groups("90=N"), applied: groups("90=N")},
			},
			"90=N 91=Y",
		},
		{
			"omits removals of another mapping that are being isolated, since one of them may be at fault",
			[]input{
				{name: "mapping", desired: groups("92=Y")},
				{name: "other", applied: groups("91=Y"), deleting: true, isolation: RemovalIsolation{Step: SomeRemovals, Batch: 1, Removed: []string{"90"}}},
			},
			"92=Y",
		},
		{
			"omits its removals during WithoutRemovals",
			[]input{{name: "mapping", desired: groups("90=Y"), applied: groups("91=Y 92=Y"), isolation: RemovalIsolation{Step: WithoutRemovals}}},
			"90=Y",
		},
		{
			"contains only the first removal during SomeRemovals",
			[]input{{name: "mapping", desired: groups("90=Y"), applied: groups("91=Y 92=Y"), isolation: RemovalIsolation{Step: SomeRemovals, Batch: 1, Rest: groups("90=Y")}}},
			"90=Y 91=N",
		},
		{
			"contains the next removal after the first is removed",
			[]input{{name: "mapping", desired: groups("90=Y"), applied: groups("91=Y 92=Y"), isolation: RemovalIsolation{Step: SomeRemovals, Batch: 1, Rest: groups("90=Y"), Removed: []string{"91"}}}},
			"90=Y 92=N",
		},
		{
			"omits its removals if the rest differs from the accepted one",
			[]input{{name: "mapping", desired: groups("90=Y"), applied: groups("91=Y 92=Y"), isolation: RemovalIsolation{Step: SomeRemovals, Batch: 1, Rest: groups("90=N")}}},
			"90=Y",
		},
	} {
		t.Run(tc.name, func(t *testing.T) { expectRequest(t, tc.inputs, "mapping", tc.want) })
	}

	t.Run("leaves the inputs unchanged", func(t *testing.T) {
		inputs := []input{
			{name: "mapping", desired: groups("90=Y"), applied: groups("91=Y")},
			{name: "other", desired: groups("92=N"), applied: groups("92=Y")},
		}
		newRequest(inputs, computeChanges(inputs), 0)
		expect(t, "mapping", text(inputs[0].desired)+", "+text(inputs[0].applied), "90=Y, 91=Y")
		expect(t, "other", text(inputs[1].desired)+", "+text(inputs[1].applied), "92=N, 92=Y")
	})
}
