package plan

import (
	"strings"
	"testing"
)

// The decision table of the package, row by row. "me" is the source looked at.
func TestWhatBecomesOfAGroup(t *testing.T) {
	const (
		able      = "able"
		suspended = "suspended"
		blocked   = "blocked"
	)
	taker := func(state, applied string) Claims {
		return Claims{
			Owner: "taker", Created: day(2), Declared: groups("90=N"), Applied: groups(applied),
			Suspended: state == suspended, Blocked: state == blocked,
		}
	}
	me := func(declared, applied string, more ...func(*Claims)) Claims {
		c := Claims{Owner: "me", Created: day(1), Declared: groups(declared), Applied: groups(applied)}
		for _, change := range more {
			change(&c)
		}
		return c
	}
	orphan := func(c *Claims) { c.Orphan = true }
	removing := func(c *Claims) { c.Removing, c.Declared = true, nil }
	younger := func(c *Claims) { c.Created = day(9) }
	attempted := func(c *Claims) { c.Attempted = []string{"90"} }
	gone := func(c *Claims) { c.Trial = Trial{Phase: OneStop, Gone: []string{"90"}} }

	for _, tc := range []struct {
		name    string
		me      Claims
		others  []Claims
		outcome string
	}{
		{"a group that I declare and nobody else does is sent as declared", me("90=Y 91=N", ""), nil, "send 90=Y 91=N; pending"},
		{"a group that I declare and have applied needs nothing", me("90=Y", "90=Y"), nil, "send 90=Y"},
		{"a group whose declared value changed is sent again", me("90=N", "90=Y"), nil, "send 90=N; pending"},
		{"a group that I only attempted is sent as declared", me("90=Y", "", attempted), nil, "send 90=Y; pending"},

		{"a group that another owns is a conflict and not sent", me("90=Y 91=Y", "", younger), []Claims{taker(able, "90=N")}, "send 91=Y; yield 90; pending"},
		{"a group in conflict alone leaves nothing to send", me("90=Y", "", younger), []Claims{taker(able, "90=N")}, "yield 90"},
		{"a group in conflict that I hold too is let go", me("90=Y", "90=Y", younger), []Claims{taker(able, "90=N")}, "yield 90; outdated"},

		{"a held group that nobody declares is stopped", me("91=Y", "90=Y 91=Y"), nil, "send 91=Y; stop 90; pending"},
		{"a held group that does not receive is stopped all the same", me("", "90=N"), nil, "stop 90; pending"},
		{"an attempted group that nobody declares is stopped", me("", "", attempted), nil, "stop 90; pending"},
		{"all groups are stopped when I am removed", me("", "90=Y 91=N", removing), nil, "stop 90 91; pending"},
		{"a group that is through, or that DeepCall no longer knows, is not stopped again", me("", "90=Y 91=N", removing, gone), nil, "stop 91; pending"},

		{"a held group that nobody declares is let go under Orphan", me("91=Y", "90=Y 91=Y", orphan), nil, "send 91=Y; outdated"},
		{"an attempted group that nobody declares is let go under Orphan", me("", "", orphan, attempted), nil, ""},
		{"all groups are let go when I am removed under Orphan", me("", "90=Y 91=N", orphan, removing), nil, "outdated"},

		{"a held group that its owner has applied is let go", me("", "90=Y"), []Claims{taker(able, "90=N")}, "outdated"},
		{"a held group that its owner has applied is let go though the owner is suspended", me("", "90=Y"), []Claims{taker(suspended, "90=N")}, "outdated"},
		{"a held group that its owner has applied is let go though the owner is blocked", me("", "90=Y"), []Claims{taker(blocked, "90=N")}, "outdated"},
		{"a held group that its owner has applied is let go when I am removed", me("", "90=Y", removing), []Claims{taker(able, "90=N")}, "outdated"},

		{"a held group that its owner can take now is kept as it is", me("", "90=Y"), []Claims{taker(able, "")}, "keep 90=Y"},
		{"a held group that its owner can take now is kept when I am removed", me("", "90=Y", removing), []Claims{taker(able, "")}, "keep 90=Y"},
		{"a held group that its owner can take now is kept under Orphan", me("", "90=Y", orphan), []Claims{taker(able, "")}, "keep 90=Y"},
		{"a group is kept beside what I send", me("91=Y", "90=Y"), []Claims{taker(able, "")}, "send 91=Y; keep 90=Y; pending"},

		{"a held group whose taker is suspended is stopped", me("", "90=Y"), []Claims{taker(suspended, "")}, "stop 90; pending"},
		{"a held group whose taker is refused or backs off is stopped", me("", "90=Y"), []Claims{taker(blocked, "")}, "stop 90; pending"},
		{"a held group whose taker is suspended is stopped when I am removed", me("", "90=Y", removing), []Claims{taker(suspended, "")}, "stop 90; pending"},
		{"an attempted group is not kept for its taker: what it stands at is not known", me("", "", attempted), []Claims{taker(able, "")}, "stop 90; pending"},
		{"an attempted group is let go under Orphan, whoever takes it", me("", "", orphan, attempted), []Claims{taker(able, "")}, ""},
		{"an attempted group whose taker is blocked is stopped", me("", "", attempted), []Claims{taker(blocked, "")}, "stop 90; pending"},
		{"a held group whose taker is suspended is let go under Orphan", me("", "90=Y", orphan), []Claims{taker(suspended, "")}, "outdated"},
		{"a held group whose taker is blocked is let go under Orphan", me("", "90=Y", orphan), []Claims{taker(blocked, "")}, "outdated"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			expectChange(t, append([]Claims{tc.me}, tc.others...), "me", tc.outcome)
		})
	}
}

func TestWhoOwnsAGroup(t *testing.T) {
	for _, tc := range []struct {
		name  string
		a, b  Claims
		owner string
	}{
		{
			"the holder keeps it against an older source",
			Claims{Owner: "a", Created: day(1)},
			Claims{Owner: "b", Created: day(2), Applied: groups("90=Y")},
			"b",
		},
		{
			"the holder keeps it whatever value it holds",
			Claims{Owner: "a", Created: day(1)},
			Claims{Owner: "b", Created: day(2), Applied: groups("90=N")},
			"b",
		},
		{
			"the holder keeps it though it is suspended",
			Claims{Owner: "a", Created: day(1)},
			Claims{Owner: "b", Created: day(2), Applied: groups("90=Y"), Suspended: true},
			"b",
		},
		{
			"the holder keeps it across a change of the endpoint",
			Claims{Owner: "a", Created: day(1), Elsewhere: true},
			Claims{Owner: "b", Created: day(2), Applied: groups("90=Y"), Elsewhere: true},
			"b",
		},
		{
			"holding another group does not count",
			Claims{Owner: "a", Created: day(1)},
			Claims{Owner: "b", Created: day(2), Applied: groups("91=Y")},
			"a",
		},
		{
			"an attempt is no hold",
			Claims{Owner: "a", Created: day(1)},
			Claims{Owner: "b", Created: day(2), Attempted: []string{"90"}},
			"a",
		},
		{
			"the older source owns what nobody holds",
			Claims{Owner: "b", Created: day(1)},
			Claims{Owner: "a", Created: day(2)},
			"b",
		},
		{
			"the older source owns it though it is refused now",
			Claims{Owner: "b", Created: day(1), Blocked: true},
			Claims{Owner: "a", Created: day(2)},
			"b",
		},
		{
			"the name decides between two of one age",
			Claims{Owner: "a", Created: day(1)},
			Claims{Owner: "b", Created: day(1)},
			"a",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.a.Declared, tc.b.Declared = groups("90=Y"), groups("90=N")
			inBothOrders(t, []Claims{tc.a, tc.b}, func(t *testing.T, sources []Claims, changes []Change) {
				for i, c := range changes {
					_, owns := c.Target["90"]
					yields := len(c.Conflicts) == 1
					if want := sources[i].Owner == tc.owner; owns != want || yields == want {
						t.Errorf("%s: owns %v, yields %v", sources[i].Owner, owns, yields)
					}
				}
			})
		})
	}

	t.Run("among three the holder keeps it, and the other two yield", func(t *testing.T) {
		sources := []Claims{
			{Owner: "a", Created: day(1), Declared: groups("90=Y")},
			{Owner: "b", Created: day(2), Declared: groups("90=Y")},
			{Owner: "c", Created: day(3), Declared: groups("90=Y"), Applied: groups("90=Y")},
		}
		expectChange(t, sources, "a", "yield 90")
		expectChange(t, sources, "b", "yield 90")
		expectChange(t, sources, "c", "send 90=Y")
	})

	t.Run("conflicts and stops are sorted", func(t *testing.T) {
		sources := []Claims{
			{Owner: "a", Created: day(1), Declared: groups("7=Y 5=Y 6=Y 8=Y")},
			{Owner: "b", Created: day(2), Declared: groups("8=Y 7=Y 6=Y 5=Y"), Applied: groups("4=Y 3=Y 2=Y 1=Y")},
		}
		expectChange(t, sources, "b", "stop 1 2 3 4; yield 5 6 7 8; pending")
	})
}

func TestWhenAChangeIsPending(t *testing.T) {
	for _, tc := range []struct {
		name string
		me   Claims
		want string
	}{
		{"nothing declared and nothing applied is not", Claims{}, ""},
		{"what is applied as declared is not", Claims{Declared: groups("90=Y"), Applied: groups("90=Y")}, "send 90=Y"},
		{
			"what may differ since an answer was lost is",
			Claims{Declared: groups("90=Y"), Applied: groups("90=Y"), Uncertain: true},
			"send 90=Y; pending",
		},
		{"an uncertain record without a group left is not", Claims{Uncertain: true}, ""},
		{
			"everything is at another endpoint, and what was dropped is stopped there too",
			Claims{Declared: groups("90=Y"), Applied: groups("90=Y 91=Y"), Elsewhere: true},
			"send 90=Y; stop 91; pending",
		},
		{
			"what was applied elsewhere and is declared no more is let go under Orphan",
			Claims{Applied: groups("90=Y"), Elsewhere: true, Orphan: true},
			"outdated",
		},
		{
			"what was attempted is stopped also at another endpoint",
			Claims{Applied: groups("90=Y"), Attempted: []string{"91"}, Elsewhere: true},
			"stop 90 91; pending",
		},
		{
			"a removal stops what was applied elsewhere too",
			Claims{Applied: groups("90=Y"), Elsewhere: true, Removing: true},
			"stop 90; pending",
		},
		{
			"a suspended source's change is, though it is not sent",
			Claims{Declared: groups("90=Y"), Suspended: true},
			"send 90=Y; pending",
		},
		{"a refused change stays so", Claims{Declared: groups("90=Y"), Blocked: true}, "send 90=Y; pending"},
		{"being due alone is no change", Claims{Declared: groups("90=Y"), Applied: groups("90=Y"), Due: true}, "send 90=Y"},
		{
			"an edit that only drops what is gone needs no call",
			Claims{Declared: groups("91=Y"), Applied: groups("90=Y 91=Y"), Trial: Trial{Phase: OneStop, Gone: []string{"90"}}},
			"send 91=Y; outdated",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.me.Owner = "me"
			expectChange(t, []Claims{tc.me}, "me", tc.want)
		})
	}
}

func TestWhatAChangeComesTo(t *testing.T) {
	for _, tc := range []struct {
		name    string
		change  Change
		applied string
		empty   bool
	}{
		{"a target alone is what will be applied", Change{Target: groups("90=Y")}, "90=Y", false},
		{"kept groups stay on the record", Change{Target: groups("90=Y"), Kept: groups("91=N")}, "90=Y 91=N", false},
		{"stopped groups leave the record, but are something to send", Change{Stops: []string{"90"}}, "", false},
		{"a removal waits for kept groups", Change{Kept: groups("90=Y")}, "90=Y", false},
		{"a conflict alone holds nothing", Change{Conflicts: []string{"90"}}, "", true},
		{"the zero change holds nothing", Change{}, "", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			expect(t, "applied", text(tc.change.Applied()), tc.applied)
			if tc.change.Empty() != tc.empty {
				t.Errorf("empty is %v", tc.change.Empty())
			}
		})
	}

	t.Run("the record is a copy", func(t *testing.T) {
		c := Change{Target: groups("90=Y"), Kept: groups("91=Y")}
		c.Applied()["92"] = true
		expect(t, "the change", describe(c), "send 90=Y; keep 91=Y")
	})
}

func TestAddsAreRecordedBeforeTheCall(t *testing.T) {
	for _, tc := range []struct {
		name string
		me   Claims
		want string
	}{
		{"a new source records all its groups, sorted", Claims{Declared: groups("92=Y 90=Y 91=N")}, "90 91 92"},
		{"an edit records only what it adds", Claims{Declared: groups("90=Y 91=Y"), Applied: groups("90=Y")}, "91"},
		{"another value is no addition", Claims{Declared: groups("90=N"), Applied: groups("90=Y")}, ""},
		{"what was attempted is recorded already", Claims{Declared: groups("90=Y 91=Y"), Attempted: []string{"91"}}, "90"},
		{"a group to be stopped is no addition", Claims{Applied: groups("90=Y")}, ""},
		{"what was applied elsewhere is on record already", Claims{Declared: groups("90=Y 91=Y"), Applied: groups("90=Y"), Elsewhere: true}, "91"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			changes := Plan([]Claims{tc.me})
			expect(t, "adds", strings.Join(Adds(tc.me, changes[0]), " "), tc.want)
		})
	}
}
