package plan

import (
	"strings"
	"testing"
)

// The decision table of the package, row by row. "me" is the source looked at.
func TestWhatBecomesOfAGroup(t *testing.T) {
	other := func(held hold, applied string) input {
		return input{name: "other", created: day(2), desired: groups("90=N"), applied: groups(applied), hold: held}
	}
	me := func(declared, applied string, more ...func(*input)) input {
		c := input{name: "me", created: day(1), desired: groups(declared), applied: groups(applied)}
		for _, change := range more {
			change(&c)
		}
		return c
	}
	orphan := func(c *input) { c.orphan = true }
	removing := func(c *input) { c.deleting, c.desired = true, nil }
	younger := func(c *input) { c.created = day(9) }
	attempted := func(c *input) { c.pendingAdds = []string{"90"} }
	gone := func(c *input) { c.isolation = RemovalIsolation{Step: OneRemoval, Removed: []string{"90"}} }

	for _, tc := range []struct {
		name    string
		me      input
		others  []input
		outcome string
	}{
		{"a group that I declare and nobody else does is sent as declared", me("90=Y 91=N", ""), nil, "send 90=Y 91=N; pending"},
		{"a group that I declare and have applied needs nothing", me("90=Y", "90=Y"), nil, "send 90=Y"},
		{"a group whose declared value changed is sent again", me("90=N", "90=Y"), nil, "send 90=N; pending"},
		{"a group that I only attempted is sent as declared", me("90=Y", "", attempted), nil, "send 90=Y; pending"},

		{"a group that another owns is a conflict and not sent", me("90=Y 91=Y", "", younger), []input{other(notHeld, "90=N")}, "send 91=Y; yield 90; pending"},
		{"a group in conflict alone leaves nothing to send", me("90=Y", "", younger), []input{other(notHeld, "90=N")}, "yield 90"},
		{"a group in conflict that I hold too is let go", me("90=Y", "90=Y", younger), []input{other(notHeld, "90=N")}, "yield 90; outdated"},

		{"a held group that nobody declares is stopped", me("91=Y", "90=Y 91=Y"), nil, "send 91=Y; stop 90; pending"},
		{"a held group that does not receive is stopped all the same", me("", "90=N"), nil, "stop 90; pending"},
		{"an attempted group that nobody declares is stopped", me("", "", attempted), nil, "stop 90; pending"},
		{"all groups are stopped when I am removed", me("", "90=Y 91=N", removing), nil, "stop 90 91; pending"},
		{"a group that is through, or that DeepCall no longer knows, is not stopped again", me("", "90=Y 91=N", removing, gone), nil, "stop 91; pending"},

		{"a held group that nobody declares is let go under Orphan", me("91=Y", "90=Y 91=Y", orphan), nil, "send 91=Y; outdated"},
		{"an attempted group that nobody declares is let go under Orphan", me("", "", orphan, attempted), nil, ""},
		{"all groups are let go when I am removed under Orphan", me("", "90=Y 91=N", orphan, removing), nil, "outdated"},

		{"a held group that its owner has applied is let go", me("", "90=Y"), []input{other(notHeld, "90=N")}, "outdated"},
		{"a held group that its owner has applied is let go though the owner is suspended", me("", "90=Y"), []input{other(heldSuspended, "90=N")}, "outdated"},
		{"a held group that its owner has applied is let go though the owner is blocked", me("", "90=Y"), []input{other(heldRejected, "90=N")}, "outdated"},
		{"a held group that its owner has applied is let go when I am removed", me("", "90=Y", removing), []input{other(notHeld, "90=N")}, "outdated"},

		{"a held group that its owner can take now is kept as it is", me("", "90=Y"), []input{other(notHeld, "")}, "keep 90=Y"},
		{"a held group that its owner can take now is kept when I am removed", me("", "90=Y", removing), []input{other(notHeld, "")}, "keep 90=Y"},
		{"a held group that its owner can take now is kept under Orphan", me("", "90=Y", orphan), []input{other(notHeld, "")}, "keep 90=Y"},
		{"a group is kept beside what I send", me("91=Y", "90=Y"), []input{other(notHeld, "")}, "send 91=Y; keep 90=Y; pending"},

		{"a held group whose taker is suspended is stopped", me("", "90=Y"), []input{other(heldSuspended, "")}, "stop 90; pending"},
		{"a held group whose taker is refused or backs off is stopped", me("", "90=Y"), []input{other(heldRejected, "")}, "stop 90; pending"},
		{"a held group whose taker is suspended is stopped when I am removed", me("", "90=Y", removing), []input{other(heldSuspended, "")}, "stop 90; pending"},
		{"an attempted group is not kept for its taker: what it stands at is not known", me("", "", attempted), []input{other(notHeld, "")}, "stop 90; pending"},
		{"an attempted group is let go under Orphan, whoever takes it", me("", "", orphan, attempted), []input{other(notHeld, "")}, ""},
		{"an attempted group whose taker is blocked is stopped", me("", "", attempted), []input{other(heldRejected, "")}, "stop 90; pending"},
		{"a held group whose taker is suspended is let go under Orphan", me("", "90=Y", orphan), []input{other(heldSuspended, "")}, "outdated"},
		{"a held group whose taker is blocked is let go under Orphan", me("", "90=Y", orphan), []input{other(heldRejected, "")}, "outdated"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			expectChange(t, append([]input{tc.me}, tc.others...), "me", tc.outcome)
		})
	}
}

func TestWhoOwnsAGroup(t *testing.T) {
	for _, tc := range []struct {
		name  string
		a, b  input
		owner string
	}{
		{
			"the holder keeps it against an older source",
			input{name: "a", created: day(1)},
			input{name: "b", created: day(2), applied: groups("90=Y")},
			"b",
		},
		{
			"the holder keeps it whatever value it holds",
			input{name: "a", created: day(1)},
			input{name: "b", created: day(2), applied: groups("90=N")},
			"b",
		},
		{
			"the holder keeps it though it is suspended",
			input{name: "a", created: day(1)},
			input{name: "b", created: day(2), applied: groups("90=Y"), hold: heldSuspended},
			"b",
		},
		{
			"the holder keeps it across a change of the endpoint",
			input{name: "a", created: day(1), appliedElsewhere: true},
			input{name: "b", created: day(2), applied: groups("90=Y"), appliedElsewhere: true},
			"b",
		},
		{
			"holding another group does not count",
			input{name: "a", created: day(1)},
			input{name: "b", created: day(2), applied: groups("91=Y")},
			"a",
		},
		{
			"an attempt is no hold",
			input{name: "a", created: day(1)},
			input{name: "b", created: day(2), pendingAdds: []string{"90"}},
			"a",
		},
		{
			"the older source owns what nobody holds",
			input{name: "b", created: day(1)},
			input{name: "a", created: day(2)},
			"b",
		},
		{
			"the older source owns it though it is refused now",
			input{name: "b", created: day(1), hold: heldRejected},
			input{name: "a", created: day(2)},
			"b",
		},
		{
			"the name decides between two of one age",
			input{name: "a", created: day(1)},
			input{name: "b", created: day(1)},
			"a",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.a.desired, tc.b.desired = groups("90=Y"), groups("90=N")
			inBothOrders(t, []input{tc.a, tc.b}, func(t *testing.T, inputs []input, changes []change) {
				for i, c := range changes {
					_, owns := c.desired["90"]
					yields := len(c.conflicts) == 1
					if want := inputs[i].name == tc.owner; owns != want || yields == want {
						t.Errorf("%s: owns %v, yields %v", inputs[i].name, owns, yields)
					}
				}
			})
		})
	}

	t.Run("among three the holder keeps it, and the other two yield", func(t *testing.T) {
		inputs := []input{
			{name: "a", created: day(1), desired: groups("90=Y")},
			{name: "b", created: day(2), desired: groups("90=Y")},
			{name: "c", created: day(3), desired: groups("90=Y"), applied: groups("90=Y")},
		}
		expectChange(t, inputs, "a", "yield 90")
		expectChange(t, inputs, "b", "yield 90")
		expectChange(t, inputs, "c", "send 90=Y")
	})

	t.Run("conflicts and stops are sorted", func(t *testing.T) {
		inputs := []input{
			{name: "a", created: day(1), desired: groups("7=Y 5=Y 6=Y 8=Y")},
			{name: "b", created: day(2), desired: groups("8=Y 7=Y 6=Y 5=Y"), applied: groups("4=Y 3=Y 2=Y 1=Y")},
		}
		expectChange(t, inputs, "b", "stop 1 2 3 4; yield 5 6 7 8; pending")
	})
}

func TestWhenAChangeIsPending(t *testing.T) {
	for _, tc := range []struct {
		name string
		me   input
		want string
	}{
		{"nothing declared and nothing applied is not", input{}, ""},
		{"what is applied as declared is not", input{desired: groups("90=Y"), applied: groups("90=Y")}, "send 90=Y"},
		{
			"what may differ since an answer was lost is",
			input{desired: groups("90=Y"), applied: groups("90=Y"), unconfirmed: true},
			"send 90=Y; pending",
		},
		{"an uncertain record without a group left is not", input{unconfirmed: true}, ""},
		{
			"everything is at another endpoint, and what was dropped is stopped there too",
			input{desired: groups("90=Y"), applied: groups("90=Y 91=Y"), appliedElsewhere: true},
			"send 90=Y; stop 91; pending",
		},
		{
			"what was applied elsewhere and is declared no more is let go under Orphan",
			input{applied: groups("90=Y"), appliedElsewhere: true, orphan: true},
			"outdated",
		},
		{
			"what was attempted is stopped also at another endpoint",
			input{applied: groups("90=Y"), pendingAdds: []string{"91"}, appliedElsewhere: true},
			"stop 90 91; pending",
		},
		{
			"a removal stops what was applied elsewhere too",
			input{applied: groups("90=Y"), appliedElsewhere: true, deleting: true},
			"stop 90; pending",
		},
		{
			"a suspended source's change is, though it is not sent",
			input{desired: groups("90=Y"), hold: heldSuspended},
			"send 90=Y; pending",
		},
		{"a refused change stays so", input{desired: groups("90=Y"), hold: heldRejected}, "send 90=Y; pending"},
		{"being due alone is no change", input{desired: groups("90=Y"), applied: groups("90=Y"), resyncDue: true}, "send 90=Y"},
		{
			"an edit that only drops what is gone needs no call",
			input{desired: groups("91=Y"), applied: groups("90=Y 91=Y"), isolation: RemovalIsolation{Step: OneRemoval, Removed: []string{"90"}}},
			"send 91=Y; outdated",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.me.name = "me"
			expectChange(t, []input{tc.me}, "me", tc.want)
		})
	}
}

func TestWhatAChangeComesTo(t *testing.T) {
	for _, tc := range []struct {
		name    string
		change  change
		applied string
		empty   bool
	}{
		{"a target alone is what will be applied", change{desired: groups("90=Y")}, "90=Y", false},
		{"kept groups stay on the record", change{desired: groups("90=Y"), handingOver: groups("91=N")}, "90=Y 91=N", false},
		{"stopped groups leave the record, but are something to send", change{removals: []string{"90"}}, "", false},
		{"a removal waits for kept groups", change{handingOver: groups("90=Y")}, "90=Y", false},
		{"a conflict alone holds nothing", change{conflicts: []string{"90"}}, "", true},
		{"the zero change holds nothing", change{}, "", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			expect(t, "applied", text(tc.change.applied()), tc.applied)
			if tc.change.empty() != tc.empty {
				t.Errorf("empty is %v", tc.change.empty())
			}
		})
	}

	t.Run("the record is a copy", func(t *testing.T) {
		c := change{desired: groups("90=Y"), handingOver: groups("91=Y")}
		c.applied()["92"] = true
		expect(t, "the change", describe(c), "send 90=Y; keep 91=Y")
	})
}

func TestAddsAreRecordedBeforeTheCall(t *testing.T) {
	for _, tc := range []struct {
		name string
		me   input
		want string
	}{
		{"a new source records all its groups, sorted", input{desired: groups("92=Y 90=Y 91=N")}, "90 91 92"},
		{"an edit records only what it adds", input{desired: groups("90=Y 91=Y"), applied: groups("90=Y")}, "91"},
		{"another value is no addition", input{desired: groups("90=N"), applied: groups("90=Y")}, ""},
		{"what was attempted is recorded already", input{desired: groups("90=Y 91=Y"), pendingAdds: []string{"91"}}, "90"},
		{"a group to be stopped is no addition", input{applied: groups("90=Y")}, ""},
		{"what was applied elsewhere is on record already", input{desired: groups("90=Y 91=Y"), applied: groups("90=Y"), appliedElsewhere: true}, "91"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			changes := computeChanges([]input{tc.me})
			expect(t, "adds", strings.Join(adds(tc.me, changes[0]), " "), tc.want)
		})
	}
}
