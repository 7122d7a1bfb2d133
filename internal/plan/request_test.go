package plan

import "testing"

func TestWhoseChangeIsNext(t *testing.T) {
	changed := func(owner string, age int) input {
		return input{name: owner, created: day(age), desired: groups(owner + "=Y")}
	}
	due := func(owner string, age int) input {
		c := changed(owner, age)
		c.applied, c.resyncDue = c.desired, true
		return c
	}
	with := func(c input, change func(*input)) input {
		change(&c)
		return c
	}
	for _, tc := range []struct {
		name   string
		inputs []input
		want   string
	}{
		{"nobody's when there is no source", nil, ""},
		{"nobody's when everything is applied", []input{with(due("a", 1), func(c *input) { c.resyncDue = false })}, ""},
		{"a change", []input{changed("a", 1)}, "a"},
		{"the older of two changes", []input{changed("a", 2), changed("b", 1)}, "b"},
		{"by name between two of one age", []input{changed("b", 1), changed("a", 1)}, "a"},
		{"a repetition that is due", []input{due("a", 1)}, "a"},
		{"the older of two repetitions", []input{due("a", 2), due("b", 1)}, "b"},
		{"a change before an older repetition", []input{due("a", 1), changed("b", 2)}, "b"},
		{"not a suspended change", []input{with(changed("a", 1), func(c *input) { c.hold = heldSuspended }), changed("b", 2)}, "b"},
		{"not a suspended repetition", []input{with(due("a", 1), func(c *input) { c.hold = heldSuspended })}, ""},
		{"not a suspended removal", []input{{name: "a", applied: groups("90=Y"), deleting: true, hold: heldSuspended}}, ""},
		{"not a refused change, which never blocks a good one", []input{with(changed("a", 1), func(c *input) { c.hold = heldRejected }), changed("b", 2)}, "b"},
		{"a removal", []input{{name: "a", applied: groups("90=Y"), deleting: true}}, "a"},
		{"not a removal with nothing to stop, due or not", []input{{name: "a", deleting: true, resyncDue: true}}, ""},
		{
			"not a removal that waits for the taker, due or not",
			[]input{{name: "a", created: day(1), applied: groups("b=Y"), deleting: true, resyncDue: true}, changed("b", 2)},
			"b",
		},
		{"not a repetition of nothing", []input{{name: "a", resyncDue: true}}, ""},
		{"not a repetition of what another owns", []input{
			with(due("a", 1), func(c *input) { c.resyncDue = false }),
			{name: "b", created: day(2), desired: groups("a=Y"), resyncDue: true},
		}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) { expectNext(t, tc.inputs, tc.want) })
	}
}

func TestWhatARequestCarries(t *testing.T) {
	for _, tc := range []struct {
		name   string
		inputs []input
		want   string
	}{
		{
			"all that is declared, not only what changed",
			[]input{{name: "me", desired: groups("90=Y 91=N"), applied: groups("90=Y 91=Y")}},
			"90=Y 91=N",
		},
		{"the stops with N", []input{{name: "me", desired: groups("90=Y"), applied: groups("90=Y 91=Y")}}, "90=Y 91=N"},
		{
			"the others as last applied, not as they would change",
			[]input{{name: "me", desired: groups("90=Y")}, {name: "other", desired: groups("91=N 92=Y"), applied: groups("91=Y")}},
			"90=Y 91=Y",
		},
		{
			"what a suspended source has applied",
			[]input{{name: "me", desired: groups("90=Y")}, {name: "other", desired: groups("91=Y"), applied: groups("91=Y"), hold: heldSuspended}},
			"90=Y 91=Y",
		},
		{
			"what a refused source has applied",
			[]input{{name: "me", desired: groups("90=Y")}, {name: "other", desired: groups("91=N"), applied: groups("91=Y"), hold: heldRejected}},
			"90=Y 91=Y",
		},
		{
			"what a source under removal has not stopped yet",
			[]input{{name: "me", desired: groups("90=Y")}, {name: "other", applied: groups("91=Y"), deleting: true}},
			"90=Y 91=Y",
		},
		{
			"nothing that others only attempted",
			[]input{{name: "me", desired: groups("90=Y")}, {name: "other", desired: groups("91=Y"), pendingAdds: []string{"91"}}},
			"90=Y",
		},
		{
			"nothing that others applied at another endpoint",
			[]input{{name: "me", desired: groups("90=Y")}, {name: "other", desired: groups("91=Y"), applied: groups("91=Y"), appliedElsewhere: true}},
			"90=Y",
		},
		{
			"nothing that a source under removal applied at another endpoint",
			[]input{{name: "me", desired: groups("90=Y")}, {name: "other", applied: groups("91=Y"), deleting: true, appliedElsewhere: true}},
			"90=Y",
		},
		{
			"a group taken over, with the taker's value",
			[]input{{name: "me", desired: groups("90=N")}, {name: "other", applied: groups("90=Y")}},
			"90=N",
		},
		{
			"a group kept for its taker, with the holder's value",
			[]input{{name: "me", desired: groups("91=Y"), applied: groups("90=Y 91=N")}, {name: "other", desired: groups("90=N")}},
			"90=Y 91=Y",
		},
		{
			"a group in conflict, with its owner's value",
			[]input{{name: "me", created: day(2), desired: groups("90=N 91=Y")}, {name: "other", created: day(1), desired: groups("90=Y"), applied: groups("90=Y")}},
			"90=Y 91=Y",
		},
		{
			"a group that an outdated record still names, with its owner's value",
			[]input{
				{name: "me", created: day(3), desired: groups("91=Y")},
				{name: "loser", created: day(1), desired: groups("99=Y"), applied: groups("90=Y"), hold: heldRejected},
				{name: "owner", created: day(2), desired: groups("90=N"), applied: groups("90=N")},
			},
			"90=N 91=Y",
		},
		{
			"nothing of a removal under trial: one of its groups may be what DeepCall refuses",
			[]input{
				{name: "me", desired: groups("92=Y")},
				{name: "other", applied: groups("91=Y"), deleting: true, isolation: RemovalIsolation{Step: OneRemoval, Removed: []string{"90"}}},
			},
			"92=Y",
		},
		{
			"no stops while a trial leaves them out",
			[]input{{name: "me", desired: groups("90=Y"), applied: groups("91=Y 92=Y"), isolation: RemovalIsolation{Step: WithoutRemovals}}},
			"90=Y",
		},
		{
			"the first stop alone while a trial goes one by one",
			[]input{{name: "me", desired: groups("90=Y"), applied: groups("91=Y 92=Y"), isolation: RemovalIsolation{Step: OneRemoval, Rest: groups("90=Y")}}},
			"90=Y 91=N",
		},
		{
			"the next stop once the first is through",
			[]input{{name: "me", desired: groups("90=Y"), applied: groups("91=Y 92=Y"), isolation: RemovalIsolation{Step: OneRemoval, Rest: groups("90=Y"), Removed: []string{"91"}}}},
			"90=Y 92=N",
		},
		{
			"no stop again while the rest differs from what was accepted",
			[]input{{name: "me", desired: groups("90=Y"), applied: groups("91=Y 92=Y"), isolation: RemovalIsolation{Step: OneRemoval, Rest: groups("90=N")}}},
			"90=Y",
		},
	} {
		t.Run(tc.name, func(t *testing.T) { expectRequest(t, tc.inputs, "me", tc.want) })
	}

	t.Run("and the inputs stay as they were", func(t *testing.T) {
		inputs := []input{
			{name: "me", desired: groups("90=Y"), applied: groups("91=Y")},
			{name: "other", desired: groups("92=N"), applied: groups("92=Y")},
		}
		newRequest(inputs, computeChanges(inputs), 0)
		expect(t, "me", text(inputs[0].desired)+", "+text(inputs[0].applied), "90=Y, 91=Y")
		expect(t, "other", text(inputs[1].desired)+", "+text(inputs[1].applied), "92=N, 92=Y")
	})
}
