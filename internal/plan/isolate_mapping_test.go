package plan

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestWhoIsToBlameForARefusal(t *testing.T) {
	for _, tc := range []struct {
		name     string
		vanish   string
		edit     string
		requests []string
		blamed   string // who is refused in the end
		excluded string // who rides along no more
	}{
		{
			"the change is, when the rest is still accepted", "9", "3=N 9=Y",
			[]string{"1=Y 2=Y 3=N 9=Y", "1=Y 2=Y 3=Y"},
			"c", "",
		},
		{
			"a single rider is, when all is accepted without it", "1", "3=N",
			[]string{"1=Y 2=Y 3=N", "1=Y 2=Y 3=Y", "2=Y 3=Y", "2=Y 3=N"},
			"a", "a",
		},
		{
			"so is a rider further on", "2", "3=N",
			[]string{"1=Y 2=Y 3=N", "1=Y 2=Y 3=Y", "2=Y 3=Y", "1=Y 3=Y", "1=Y 3=N"},
			"b", "b",
		},
		{
			"what was applied for the changed mapping itself is", "3", "3=N",
			[]string{"1=Y 2=Y 3=N", "1=Y 2=Y 3=Y", "2=Y 3=Y", "1=Y 3=Y", "1=Y 2=Y"},
			"c", "c",
		},
		{
			"several riders are, found by adding up", "1 2", "3=N",
			[]string{"1=Y 2=Y 3=N", "1=Y 2=Y 3=Y", "2=Y 3=Y", "1=Y 3=Y", "1=Y 2=Y", "1=Y", "2=Y", "3=Y", "3=N"},
			"a b", "a b",
		},
		{
			"what is accepted while adding up stays", "1 3", "3=N",
			[]string{"1=Y 2=Y 3=N", "1=Y 2=Y 3=Y", "2=Y 3=Y", "1=Y 3=Y", "1=Y 2=Y", "1=Y", "2=Y", "2=Y 3=Y"},
			"a c", "a c",
		},
	} {
		eachReading(t, tc.name, func(t *testing.T, replaces bool) {
			a := newAgent(replaces, newMapping("a", 1, "1=Y"), newMapping("b", 2, "2=Y"), newMapping("c", 3, "3=Y"))
			a.sent(t, "1=Y", "1=Y 2=Y", "1=Y 2=Y 3=Y")
			a.vanish(strings.Fields(tc.vanish)...)
			a.mappings[2].edit(tc.edit)
			a.sent(t, tc.requests...)
			var blamed, excluded []string
			for _, m := range a.mappings {
				if m.isRejected() {
					blamed = append(blamed, m.Name)
				}
				if len(m.applied()) > 0 && m.Status.AppliedEndpoint != endpoint {
					excluded = append(excluded, m.Name)
				}
			}
			expect(t, "refused", strings.Join(blamed, " "), tc.blamed)
			expect(t, "excluded", strings.Join(excluded, " "), tc.excluded)
		})
	}

	eachReading(t, "the guilty one rides along again once its spec is accepted", func(t *testing.T, replaces bool) {
		one, two := newMapping("one", 1, "1=Y 2=Y"), newMapping("two", 2, "3=Y")
		a := newAgent(replaces, one, two)
		a.sent(t, "1=Y 2=Y", "1=Y 2=Y 3=Y")
		a.vanish("1")
		two.edit("3=N")
		a.sent(t, "1=Y 2=Y 3=N", "1=Y 2=Y 3=Y", "3=Y", "3=N")
		one.edit("2=Y")
		a.sent(t, "1=N 2=Y 3=N", "2=Y 3=N")
		two.edit("3=Y")
		a.sent(t, "2=Y 3=Y")
	})

	eachReading(t, "a resync that is refused leaves out its own mapping too", func(t *testing.T, replaces bool) {
		one, two := newMapping("one", 1, "1=Y"), newMapping("two", 2, "2=Y")
		a := newAgent(replaces, one, two)
		a.sent(t, "1=Y", "1=Y 2=Y")
		a.vanish("2")
		one.resync(a.now)
		a.sent(t, "1=Y 2=Y", "2=Y", "1=Y", "1=Y")
	})

	eachReading(t, "an inquiry ends though all who rode along are gone meanwhile", func(t *testing.T, replaces bool) {
		one, two := newMapping("one", 1, "1=Y"), newMapping("two", 2, "2=Y")
		one.orphan()
		a := newAgent(replaces, one, two)
		a.sent(t, "1=Y", "1=Y 2=Y")
		a.vanish("1")
		three := newMapping("three", 0, "3=Y")
		a.mappings = append(a.mappings, three)
		a.step(answered, func() {}) // refused with the riders 1 and 2
		a.step(answered, func() {
			one.delete(a.now)
			two.edit("")
			two.orphan()
			two.Status.AppliedGroups = nil
		})
		a.sent(t, "3=Y")
	})
}

func TestNobodyIsLeftToSuspect(t *testing.T) {
	for step, name := range map[MappingStep]string{AsApplied: "after the set as it was", LeaveOneOut: "after leaving out the last one"} {
		t.Run(name+", an inquiry is closed, or has something to send", func(t *testing.T) {
			inputs := []input{{name: "me", desired: groups("90=Y")}}
			q := MappingIsolation{Step: step, Suspects: []string{"gone"}}.next(inputs, computeChanges(inputs), false)
			if q.Step != Concluded && len(q.Suspects) == 0 {
				t.Errorf("it goes on with step %d, and suspects nobody", q.Step)
			}
		})
	}
}

// A removal is taken apart by several calls; other mappings' calls come in between, and hand-overs.
func TestATrialAmongOthers(t *testing.T) {
	// begin has a mapping drop groups 1 and 2 of which 2 has vanished, up to the first single stop.
	begin := func(t *testing.T, replaces bool, edit string) (*agent, *mapping, *mapping) {
		t.Helper()
		m, other := newMapping("me", 1, "1=Y 2=Y 3=Y"), newMapping("other", 2, "4=Y")
		a := newAgent(replaces, m, other)
		a.sent(t, "1=Y 2=Y 3=Y", "1=Y 2=Y 3=Y 4=Y")
		a.vanish("2")
		m.edit(edit)
		for range 3 {
			a.step(answered, func() {})
		}
		return a, m, other
	}
	holds := func(t *testing.T, a *agent, want string) {
		t.Helper()
		if _, err := a.run(20); err != nil {
			t.Fatal(err)
		}
		for group, receives := range groups(want) {
			if a.groups[group] != receives {
				t.Errorf("group %s is at %v after\n%s", group, a.groups[group], lines(a.requests))
			}
		}
	}

	eachReading(t, "what it has changed already is not turned back by another's call", func(t *testing.T, replaces bool) {
		a, _, other := begin(t, replaces, "3=N")
		other.CreationTimestamp = metav1.NewTime(day(0))
		other.edit("4=N")
		holds(t, a, "1=N 3=N 4=N")
	})

	eachReading(t, "a group that it takes over meanwhile is confirmed before it counts as applied", func(t *testing.T, replaces bool) {
		a, m, other := begin(t, replaces, "3=N 4=N")
		other.edit("")
		holds(t, a, "1=N 3=N 4=N")
		expect(t, "the record", text(m.applied()), "3=N 4=N")
	})

	eachReading(t, "an addition that was accepted on the way is stopped when it is dropped and the next edit refused", func(t *testing.T, replaces bool) {
		a, m, _ := begin(t, replaces, "3=Y 5=Y")
		a.vanish("9")
		m.edit("3=Y 9=Y")
		if _, err := a.run(20); err != nil {
			t.Fatal(err)
		}
		m.edit("3=Y")
		holds(t, a, "1=N 3=Y 5=N")
	})

	eachReading(t, "groups are not taken for removed because of a vanished one that waits for its taker", func(t *testing.T, replaces bool) {
		m := newMapping("me", 1, "1=Y 2=Y 3=Y")
		a := newAgent(replaces, m)
		a.sent(t, "1=Y 2=Y 3=Y")
		a.vanish("1")
		m.delete(a.now)
		a.step(answered, func() {}) // all three stops are refused together
		taker := newMapping("taker", 2, "1=Y")
		a.mappings = append(a.mappings, taker)
		if _, err := a.run(20); err != nil {
			t.Fatal(err)
		}
		m.resync(a.now) // at its next resync at the latest
		holds(t, a, "2=N 3=N")
		if !m.gone {
			t.Error("the deletion has not ended")
		}
	})
}
