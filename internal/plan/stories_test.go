package plan

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// eachReading runs a dialogue under both readings of DeepCall's page.
func eachReading(t *testing.T, name string, dialogue func(t *testing.T, replaces bool)) {
	t.Helper()
	t.Run(name+", where DeepCall merges", func(t *testing.T) { dialogue(t, false) })
	t.Run(name+", where DeepCall replaces", func(t *testing.T) { dialogue(t, true) })
}

// sent runs until nothing is left to send, and holds that these requests were made.
func (a *agent) sent(t *testing.T, requests ...string) {
	t.Helper()
	a.requests = nil
	if _, err := a.run(50); err != nil {
		t.Fatal(err)
	}
	expect(t, "the requests", strings.Join(a.requests, "; "), strings.Join(requests, "; "))
}

func TestOneCallPerChange(t *testing.T) {
	eachReading(t, "a new mapping, an edit, a removal and nothing at all", func(t *testing.T, replaces bool) {
		m := newMapping("me", 1, "1=Y 2=N")
		a := newAgent(replaces, m)
		a.sent(t, "1=Y 2=N")
		a.restart()
		a.sent(t)
		m.edit("1=Y 2=Y 3=Y")
		a.sent(t, "1=Y 2=Y 3=Y")
		m.edit("1=Y 2=Y 3=Y")
		a.sent(t)
		m.resync(a.now)
		a.sent(t, "1=Y 2=Y 3=Y")
		m.edit("1=Y")
		a.sent(t, "1=Y 2=N 3=N")
		m.delete(a.now)
		a.sent(t, "1=N")
		if !m.gone {
			t.Error("it is still there")
		}
	})

	eachReading(t, "N new mappings of an agent make N calls, the older first", func(t *testing.T, replaces bool) {
		a := newAgent(replaces, newMapping("c", 3, "3=Y"), newMapping("a", 1, "1=Y"), newMapping("b", 2, "2=N"))
		a.sent(t, "1=Y", "1=Y 2=N", "1=Y 2=N 3=Y")
		expect(t, "DeepCall", text(a.groups), "1=Y 2=N 3=Y")
	})

	eachReading(t, "what a trial left out is sent again when its change was refused and is taken back", func(t *testing.T, replaces bool) {
		m, other := newMapping("me", 1, "1=Y"), newMapping("other", 2, "3=Y")
		a := newAgent(replaces, m, other)
		a.vanish("9")
		a.sent(t, "1=Y", "1=Y 3=Y")
		m.edit("2=Y 9=Y")
		a.sent(t, "1=N 2=Y 3=Y 9=Y", "2=Y 3=Y 9=Y", "3=Y")
		m.edit("1=Y")
		a.sent(t, "1=Y 3=Y")
		expect(t, "DeepCall", text(a.groups), "1=Y 3=Y")
	})

	eachReading(t, "a suspended mapping is sent when it is resumed, and rides along before", func(t *testing.T, replaces bool) {
		m, other := newMapping("me", 1, "1=Y"), newMapping("other", 2, "2=Y")
		a := newAgent(replaces, m, other)
		a.sent(t, "1=Y", "1=Y 2=Y")
		m.suspend(true)
		m.edit("1=N")
		a.sent(t)
		other.edit("2=N")
		a.sent(t, "1=Y 2=N")
		m.suspend(false)
		a.sent(t, "1=N 2=N")
	})

	eachReading(t, "a refused mapping blocks no other", func(t *testing.T, replaces bool) {
		bad, good := newMapping("bad", 1, "9=Y"), newMapping("good", 2, "1=Y")
		a := newAgent(replaces, bad, good)
		a.vanish("9")
		a.sent(t, "9=Y", "1=Y")
		good.edit("1=N")
		a.sent(t, "1=N")
		bad.edit("2=Y")
		a.sent(t, "1=N 2=Y")
	})

	eachReading(t, "a lost answer is followed by the same request, and a dropped group is stopped all the same", func(t *testing.T, replaces bool) {
		m := newMapping("me", 1, "1=Y 2=Y")
		a := newAgent(replaces, m)
		a.step(lostOnReturn, func() {})
		m.edit("1=Y")
		a.sent(t, "1=Y 2=N")
		m.edit("1=N")
		a.step(lostOnReturn, func() {})
		m.edit("1=Y")
		a.sent(t, "1=Y")
		expect(t, "DeepCall", text(Groups{"1": a.groups["1"], "2": a.groups["2"]}), "1=Y 2=N")
	})

	eachReading(t, "what may have been stopped by a lost answer is not turned on again by others", func(t *testing.T, replaces bool) {
		m, other := newMapping("me", 1, "1=Y 2=Y"), newMapping("other", 2, "3=Y")
		a := newAgent(replaces, m, other)
		a.sent(t, "1=Y 2=Y", "1=Y 2=Y 3=Y")
		m.edit("1=N")
		a.step(lostOnReturn, func() {})
		m.markRejected() // or backs off: it waits
		other.edit("3=N")
		a.sent(t, "1=N 2=N 3=N")
		m.clearRejection()
		a.sent(t, "1=N 2=N 3=N")
	})

	eachReading(t, "an edit that was applied before a crash, and taken back after it, is taken back in DeepCall", func(t *testing.T, replaces bool) {
		m := newMapping("me", 1, "1=Y")
		a := newAgent(replaces, m)
		a.sent(t, "1=Y")
		m.edit("1=N 2=Y")
		a.step(crashed, func() {})
		m.edit("1=Y")
		a.sent(t, "1=Y 2=N")
	})
}

func TestAGroupIsHandedOverInOneRequest(t *testing.T) {
	for _, tc := range []struct {
		name    string
		from    func(holder, taker *mapping)
		request []string
		holds   string
	}{
		{"when the holder drops it", func(h, _ *mapping) { h.edit("1=Y") }, []string{"1=Y 2=N"}, "1=Y 2=N"},
		{"when the holder is removed", func(h, _ *mapping) { h.delete(day(21)) }, []string{"1=Y 2=N", "1=N 2=N"}, "1=N 2=N"},
		{
			"when the holder changes something else too", func(h, _ *mapping) { h.edit("1=N 3=Y") },
			[]string{"1=N 2=Y 3=Y", "1=N 2=N 3=Y"},
			"1=N 2=N 3=Y",
		},
	} {
		eachReading(t, tc.name, func(t *testing.T, replaces bool) {
			holder, taker := newMapping("holder", 1, "1=Y 2=Y"), newMapping("taker", 2, "2=N")
			a := newAgent(replaces, holder, taker)
			a.sent(t, "1=Y 2=Y")
			tc.from(holder, taker)
			if holder.DeletionTimestamp != nil {
				// The holder's own group is stopped, and group 2 waits for its taker.
				a.sent(t, "1=N 2=Y", "2=N")
				return
			}
			a.sent(t, tc.request...)
			expect(t, "the taker's record", text(taker.applied()), "2=N")
			expect(t, "DeepCall", text(a.groups), tc.holds)
		})
	}

	for name, hinder := range map[string]func(*mapping){
		"suspended":           func(m *mapping) { m.suspend(true) },
		"refused":             func(m *mapping) { m.markRejected() },
		"suspended meanwhile": func(m *mapping) { m.edit("2=N"); m.suspend(true) },
	} {
		eachReading(t, "but it is stopped when the taker is "+name, func(t *testing.T, replaces bool) {
			holder, taker := newMapping("holder", 1, "2=Y"), newMapping("taker", 2, "2=Y")
			a := newAgent(replaces, holder, taker)
			a.sent(t, "2=Y")
			hinder(taker)
			holder.delete(a.now)
			a.sent(t, "2=N")
			taker.suspend(false)
			taker.edit("2=Y")
			a.sent(t, "2=Y")
		})
	}

	eachReading(t, "and stopped when the taker is refused on its way", func(t *testing.T, replaces bool) {
		holder, taker := newMapping("holder", 1, "2=Y"), newMapping("taker", 2, "2=Y 9=Y")
		a := newAgent(replaces, holder, taker)
		a.vanish("9")
		a.sent(t, "2=Y", "2=Y 9=Y", "2=Y")
		holder.delete(a.now)
		taker.edit("2=Y 9=N")
		a.sent(t, "2=Y 9=N", "2=Y", "2=N")
		if !holder.gone {
			t.Error("the holder's deletion has not ended")
		}
	})

	eachReading(t, "and stopped when the taker of an attempted group is refused", func(t *testing.T, replaces bool) {
		first, taker := newMapping("first", 1, "1=Y 2=Y"), newMapping("taker", 2, "2=Y 9=Y")
		a := newAgent(replaces, first, taker)
		a.vanish("9")
		a.step(lostOnReturn, func() {}) // DeepCall has 2=Y, and nobody knows
		first.edit("1=Y")
		if _, err := a.run(20); err != nil {
			t.Fatal(err)
		}
		if a.groups["2"] {
			t.Errorf("group 2 is left at Y after\n%s", lines(a.requests))
		}
	})

	eachReading(t, "two mappings swap a group each, and neither group is stopped in between", func(t *testing.T, replaces bool) {
		one, two := newMapping("one", 1, "1=Y"), newMapping("two", 2, "2=Y")
		a := newAgent(replaces, one, two)
		a.sent(t, "1=Y", "1=Y 2=Y")
		one.edit("2=Y")
		two.edit("1=Y")
		a.sent(t, "1=Y 2=Y", "1=Y 2=Y")
		expect(t, "the records", text(one.applied())+", "+text(two.applied()), "2=Y, 1=Y")
		one.edit("2=N")
		a.sent(t, "1=Y 2=N")
	})
}

func TestOneGroupHasOneHolder(t *testing.T) {
	eachReading(t, "who yields takes over by itself when the holder lets go", func(t *testing.T, replaces bool) {
		holder, other := newMapping("holder", 2, "1=Y"), newMapping("other", 3, "1=N 2=Y")
		a := newAgent(replaces, holder, other)
		a.sent(t, "1=Y", "1=Y 2=Y")
		a.mappings = append(a.mappings, newMapping("oldest", 1, "1=N"))
		a.sent(t)
		holder.edit("")
		a.sent(t, "1=N 2=Y")
		expect(t, "the records", text(other.applied())+", "+text(a.mappings[2].applied()), "2=Y, 1=N")
	})

	eachReading(t, "who claims a group back while it is handed over comes too late", func(t *testing.T, replaces bool) {
		first, second := newMapping("first", 1, "1=Y 2=Y"), newMapping("second", 2, "1=N")
		a := newAgent(replaces, first, second)
		a.sent(t, "1=Y 2=Y")
		first.edit("2=N")
		a.step(answered, func() {}) // the first keeps group 1 until the second has it
		a.step(answered, func() { first.edit("1=Y 2=N") })
		if _, err := a.run(20); err != nil {
			t.Fatal(err)
		}
		owner := first
		if _, holds := first.applied()["1"]; !holds {
			owner = second
		}
		if got, want := a.groups["1"], owner.desired()["1"]; got != want {
			t.Errorf("%s is said to hold group 1 with %v, while DeepCall has %v", owner.Name, want, got)
		}
	})

	eachReading(t, "a loser that is refused does not turn its old group back", func(t *testing.T, replaces bool) {
		loser, owner, third := newMapping("loser", 1, "1=Y"), newMapping("owner", 2, "1=N"), newMapping("third", 3, "3=Y")
		a := newAgent(replaces, owner, loser, third)
		a.vanish("9")
		a.sent(t, "1=Y", "1=Y 3=Y")
		loser.edit("9=Y")
		a.sent(t, "1=Y 3=Y 9=Y", "1=Y 3=Y", "1=N 3=Y")
		third.edit("3=N")
		a.sent(t, "1=N 3=N")
	})

	eachReading(t, "a stopped group stays stopped while the rest of its removal is on trial", func(t *testing.T, replaces bool) {
		removed, other := newMapping("removed", 1, "1=Y"), newMapping("other", 2, "2=Y")
		a := newAgent(replaces, removed, other)
		a.sent(t, "1=Y", "1=Y 2=Y")
		removed.addPending("9") // by a request that never arrived
		a.vanish("9")
		removed.delete(a.now)
		for !a.stopped("1") {
			if !a.step(answered, func() {}) {
				t.Fatal("group 1 was never stopped")
			}
		}
		other.CreationTimestamp = metav1.NewTime(day(0))
		other.edit("2=N")
		if _, err := a.run(20); err != nil {
			t.Fatal(err)
		}
		if a.groups["1"] || !removed.gone {
			t.Errorf("group 1 is at %v, gone: %v, after\n%s", a.groups["1"], removed.gone, lines(a.requests))
		}
	})
}

func (a *agent) stopped(group string) bool { return !a.groups[group] }
