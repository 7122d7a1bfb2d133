package plan

import "testing"

func TestWhoseChangeIsNext(t *testing.T) {
	changed := func(owner string, age int) Claims {
		return Claims{Owner: owner, Created: day(age), Declared: groups(owner + "=Y")}
	}
	due := func(owner string, age int) Claims {
		c := changed(owner, age)
		c.Applied, c.Due = c.Declared, true
		return c
	}
	with := func(c Claims, change func(*Claims)) Claims {
		change(&c)
		return c
	}
	for _, tc := range []struct {
		name    string
		sources []Claims
		want    string
	}{
		{"nobody's when there is no source", nil, ""},
		{"nobody's when everything is applied", []Claims{with(due("a", 1), func(c *Claims) { c.Due = false })}, ""},
		{"a change", []Claims{changed("a", 1)}, "a"},
		{"the older of two changes", []Claims{changed("a", 2), changed("b", 1)}, "b"},
		{"by name between two of one age", []Claims{changed("b", 1), changed("a", 1)}, "a"},
		{"a repetition that is due", []Claims{due("a", 1)}, "a"},
		{"the older of two repetitions", []Claims{due("a", 2), due("b", 1)}, "b"},
		{"a change before an older repetition", []Claims{due("a", 1), changed("b", 2)}, "b"},
		{"not a suspended change", []Claims{with(changed("a", 1), func(c *Claims) { c.Suspended = true }), changed("b", 2)}, "b"},
		{"not a suspended repetition", []Claims{with(due("a", 1), func(c *Claims) { c.Suspended = true })}, ""},
		{"not a suspended removal", []Claims{{Owner: "a", Applied: groups("90=Y"), Removing: true, Suspended: true}}, ""},
		{"not a refused change, which never blocks a good one", []Claims{with(changed("a", 1), func(c *Claims) { c.Blocked = true }), changed("b", 2)}, "b"},
		{"a removal", []Claims{{Owner: "a", Applied: groups("90=Y"), Removing: true}}, "a"},
		{"not a removal with nothing to stop, due or not", []Claims{{Owner: "a", Removing: true, Due: true}}, ""},
		{
			"not a removal that waits for the taker, due or not",
			[]Claims{{Owner: "a", Created: day(1), Applied: groups("b=Y"), Removing: true, Due: true}, changed("b", 2)},
			"b",
		},
		{"not a repetition of nothing", []Claims{{Owner: "a", Due: true}}, ""},
		{"not a repetition of what another owns", []Claims{
			with(due("a", 1), func(c *Claims) { c.Due = false }),
			{Owner: "b", Created: day(2), Declared: groups("a=Y"), Due: true},
		}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) { expectNext(t, tc.sources, tc.want) })
	}
}

func TestWhatARequestCarries(t *testing.T) {
	for _, tc := range []struct {
		name    string
		sources []Claims
		want    string
	}{
		{
			"all that is declared, not only what changed",
			[]Claims{{Owner: "me", Declared: groups("90=Y 91=N"), Applied: groups("90=Y 91=Y")}},
			"90=Y 91=N",
		},
		{"the stops with N", []Claims{{Owner: "me", Declared: groups("90=Y"), Applied: groups("90=Y 91=Y")}}, "90=Y 91=N"},
		{
			"the others as last applied, not as they would change",
			[]Claims{{Owner: "me", Declared: groups("90=Y")}, {Owner: "other", Declared: groups("91=N 92=Y"), Applied: groups("91=Y")}},
			"90=Y 91=Y",
		},
		{
			"what a suspended source has applied",
			[]Claims{{Owner: "me", Declared: groups("90=Y")}, {Owner: "other", Declared: groups("91=Y"), Applied: groups("91=Y"), Suspended: true}},
			"90=Y 91=Y",
		},
		{
			"what a refused source has applied",
			[]Claims{{Owner: "me", Declared: groups("90=Y")}, {Owner: "other", Declared: groups("91=N"), Applied: groups("91=Y"), Blocked: true}},
			"90=Y 91=Y",
		},
		{
			"what a source under removal has not stopped yet",
			[]Claims{{Owner: "me", Declared: groups("90=Y")}, {Owner: "other", Applied: groups("91=Y"), Removing: true}},
			"90=Y 91=Y",
		},
		{
			"nothing that others only attempted",
			[]Claims{{Owner: "me", Declared: groups("90=Y")}, {Owner: "other", Declared: groups("91=Y"), Attempted: []string{"91"}}},
			"90=Y",
		},
		{
			"nothing that others applied at another endpoint",
			[]Claims{{Owner: "me", Declared: groups("90=Y")}, {Owner: "other", Declared: groups("91=Y"), Applied: groups("91=Y"), Elsewhere: true}},
			"90=Y",
		},
		{
			"nothing that a source under removal applied at another endpoint",
			[]Claims{{Owner: "me", Declared: groups("90=Y")}, {Owner: "other", Applied: groups("91=Y"), Removing: true, Elsewhere: true}},
			"90=Y",
		},
		{
			"a group taken over, with the taker's value",
			[]Claims{{Owner: "me", Declared: groups("90=N")}, {Owner: "other", Applied: groups("90=Y")}},
			"90=N",
		},
		{
			"a group kept for its taker, with the holder's value",
			[]Claims{{Owner: "me", Declared: groups("91=Y"), Applied: groups("90=Y 91=N")}, {Owner: "other", Declared: groups("90=N")}},
			"90=Y 91=Y",
		},
		{
			"a group in conflict, with its owner's value",
			[]Claims{{Owner: "me", Created: day(2), Declared: groups("90=N 91=Y")}, {Owner: "other", Created: day(1), Declared: groups("90=Y"), Applied: groups("90=Y")}},
			"90=Y 91=Y",
		},
		{
			"a group that an outdated record still names, with its owner's value",
			[]Claims{
				{Owner: "me", Created: day(3), Declared: groups("91=Y")},
				{Owner: "loser", Created: day(1), Declared: groups("99=Y"), Applied: groups("90=Y"), Blocked: true},
				{Owner: "owner", Created: day(2), Declared: groups("90=N"), Applied: groups("90=N")},
			},
			"90=N 91=Y",
		},
		{
			"nothing of a removal under trial: one of its groups may be what DeepCall refuses",
			[]Claims{
				{Owner: "me", Declared: groups("92=Y")},
				{Owner: "other", Applied: groups("91=Y"), Removing: true, Trial: Trial{Phase: OneStop, Gone: []string{"90"}}},
			},
			"92=Y",
		},
		{
			"no stops while a trial leaves them out",
			[]Claims{{Owner: "me", Declared: groups("90=Y"), Applied: groups("91=Y 92=Y"), Trial: Trial{Phase: WithoutStops}}},
			"90=Y",
		},
		{
			"the first stop alone while a trial goes one by one",
			[]Claims{{Owner: "me", Declared: groups("90=Y"), Applied: groups("91=Y 92=Y"), Trial: Trial{Phase: OneStop, Base: groups("90=Y")}}},
			"90=Y 91=N",
		},
		{
			"the next stop once the first is through",
			[]Claims{{Owner: "me", Declared: groups("90=Y"), Applied: groups("91=Y 92=Y"), Trial: Trial{Phase: OneStop, Base: groups("90=Y"), Gone: []string{"91"}}}},
			"90=Y 92=N",
		},
		{
			"no stop again while the rest differs from what was accepted",
			[]Claims{{Owner: "me", Declared: groups("90=Y"), Applied: groups("91=Y 92=Y"), Trial: Trial{Phase: OneStop, Base: groups("90=N")}}},
			"90=Y",
		},
	} {
		t.Run(tc.name, func(t *testing.T) { expectRequest(t, tc.sources, "me", tc.want) })
	}

	t.Run("and the sources stay as they were", func(t *testing.T) {
		sources := []Claims{
			{Owner: "me", Declared: groups("90=Y"), Applied: groups("91=Y")},
			{Owner: "other", Declared: groups("92=N"), Applied: groups("92=Y")},
		}
		Request(sources, Plan(sources), 0)
		expect(t, "me", text(sources[0].Declared)+", "+text(sources[0].Applied), "90=Y, 91=Y")
		expect(t, "other", text(sources[1].Declared)+", "+text(sources[1].Applied), "92=N, 92=Y")
	})
}
