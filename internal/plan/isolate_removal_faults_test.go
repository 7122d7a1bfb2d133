package plan

import (
	"fmt"
	"strings"
	"testing"
)

// What others change in DeepCall while a removal is taken apart must not pass for the stop's own refusal.
func TestNothingElseMisleadsATrial(t *testing.T) {
	// start has some groups applied and some vanished, and an edit refused for that.
	start := func(t *testing.T, replaces bool, before, vanish, edit string) (*agent, *mapping) {
		m := newMapping("me", 1, before)
		a := newAgent(replaces, m)
		a.sent(t, before)
		a.vanish(strings.Fields(vanish)...)
		m.edit(edit)
		a.step(answered, func() {})
		return a, m
	}

	eachReading(t, "a group that returns after the first refusal", func(t *testing.T, replaces bool) {
		a, _ := start(t, replaces, "1=Y 2=Y 3=Y", "1", "1=N")
		delete(a.unknown, "1")
		a.sent(t, "1=N", "1=N 2=N", "1=N 3=N")
	})

	eachReading(t, "a group that returns after a lost answer", func(t *testing.T, replaces bool) {
		a, _ := start(t, replaces, "1=Y 2=Y", "1", "1=N")
		a.step(lostOnWay, func() {})
		delete(a.unknown, "1")
		a.sent(t, "1=N", "1=N 2=N")
	})

	eachReading(t, "a group that vanishes before a stop is sent by itself", func(t *testing.T, replaces bool) {
		a, m := start(t, replaces, "1=Y 2=Y 3=Y", "3", "1=N")
		a.step(answered, func() {}) // without the stops
		a.vanish("1")
		a.sent(t, "1=N 2=N", "1=N 3=N", "1=N")
		delete(a.unknown, "1")
		m.edit("1=Y")
		a.sent(t, "1=Y 2=N 3=N", "1=Y", "1=Y 2=N", "1=Y 3=N", "1=Y")
		expect(t, "DeepCall", text(Groups{"2": a.groups["2"]}), "2=N")
	})

	eachReading(t, "a group that returns while an answer is lost, and another that is taken over meanwhile", func(t *testing.T, replaces bool) {
		a, m := start(t, replaces, "1=Y 2=Y 3=Y", "1", "1=N")
		a.step(lostOnReturn, func() {})
		m.wait(true) // or backs off: it waits
		a.mappings = append(a.mappings, newMapping("other", 2, "2=Y"))
		a.run(50)
		delete(a.unknown, "1")
		m.wait(false)
		a.sent(t, "1=N 2=Y", "1=N 2=Y 3=N")
	})

	eachReading(t, "a time without answers after a stop was refused", func(t *testing.T, replaces bool) {
		a, _ := start(t, replaces, "1=Y 2=Y 3=Y", "2", "1=N")
		a.step(answered, func() {}) // without the stops
		a.step(answered, func() {}) // with the first, refused
		a.step(lostOnReturn, func() {})
		a.sent(t, "1=N", "1=N 2=N", "1=N 3=N")
	})
}

// Where an answer fails now and then, what is found out must add up all the same.
func TestATrialOfManyStopsEndsThoughAnswersFailNowAndThen(t *testing.T) {
	const vanished = 60
	before, vanish := "1=Y", []string{}
	for group := range vanished {
		vanish = append(vanish, fmt.Sprint(100+group))
		before += fmt.Sprintf(" %d=Y", 100+group)
	}
	m := newMapping("me", 1, before)
	a := newAgent(false, m)
	a.sent(t, before)
	a.vanish(vanish...)
	m.edit("1=Y")
	calls := 0
	for fails := false; a.step(map[bool]fate{false: answered, true: lostOnWay}[fails], func() {}); calls++ {
		if calls > 2*vanished {
			t.Fatalf("%d calls, and still %d groups on record", calls, len(m.applied()))
		}
		fails = calls%30 == 0
	}
	expect(t, "the record", text(m.applied()), "1=Y")
}
