package plan

import (
	"strings"
	"testing"
	"time"
)

// The circumstances of an isolation can change between its steps.

func TestIsolateRemoval_begins_again_for_another_user(t *testing.T) {
	for _, c := range []struct {
		name, applied, vanished, want string
		requests                      int
	}{
		{"with a removal that was rejected alone", "1=Y 2=Y", "2", "1=Y 2=N", 1},
		{"with several removals", "1=Y 2=Y 3=Y 4=Y", "2 3 4", "1=Y 2=N 3=N 4=N", 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMapping("me", 1, c.applied)
			a := newAgent(false, m)
			a.setUser(user, false)
			a.runAll(t)
			groupsOfUser := a.groups
			a.setUser(anotherUser, true)
			a.runAll(t)
			for _, group := range strings.Fields(c.vanished) {
				a.vanish(group)
			}
			m.edit("1=Y")
			for range c.requests {
				a.step(answered, nothing)
			}
			for _, group := range strings.Fields(c.vanished) {
				delete(a.unknown, group)
			}
			a.groups = groupsOfUser
			a.setUser(user, false)
			a.runAll(t)
			a.expectGroups(t, c.want)
		})
	}
}

func TestIsolateRemoval_does_not_enable_groups_of_a_former_user(t *testing.T) {
	for name, interrupt := range map[string]func(a *agent, m *mapping){
		"if the mapping is suspended": func(_ *agent, m *mapping) { m.suspend(true) },
		"after a restart":             func(a *agent, _ *mapping) { a.restart() },
	} {
		t.Run(name, func(t *testing.T) {
			m, other := newMapping("me", 2, "1=Y 2=Y 3=Y"), newMapping("other", 1, "5=Y")
			a := newAgent(false, m, other)
			a.setUser(user, false)
			a.runAll(t)
			a.setUser(anotherUser, true)
			a.vanish("3")
			m.edit("1=Y")
			for range 10 {
				if m.Status.AppliedUserHash == anotherUser {
					break
				}
				a.step(answered, nothing)
			}
			if _, isolated := m.applied()["2"]; !isolated {
				t.Fatalf("group 2 is not being isolated: %s", text(m.applied()))
			}
			delete(a.unknown, "3")
			interrupt(a, m)
			other.edit("5=N")
			a.step(answered, nothing)
			if a.groups["2"] || a.groups["3"] {
				t.Errorf("the agent receives calls of a group that only the former user had: %s", text(a.groups))
			}
		})
	}
}

func TestIsolateRemoval_carries_the_groups_of_a_mapping_that_loses_its_permission(t *testing.T) {
	eachReading(t, "carries what it declares", func(t *testing.T, replaces bool) {
		m, other := newMapping("me", 1, "1=Y 2=Y 3=Y"), newMapping("other", 2, "5=Y")
		a := newAgent(replaces, m, other)
		a.runAll(t)
		a.vanish("3")
		m.edit("1=Y")
		a.step(answered, nothing) // rejected
		a.step(answered, nothing) // without the removals
		m.forbidden = true
		other.edit("5=N")
		a.runAll(t)
		if !a.groups["1"] {
			t.Errorf("the agent no longer receives calls of group 1: %s", text(a.groups))
		}
	})
}

func TestIsolateMapping_begins_again_after_an_interruption(t *testing.T) {
	eachReading(t, "finds no fault in a mapping whose groups DeepCall accepts", func(t *testing.T, replaces bool) {
		x, first, second := newMapping("x", 1, "1=Y"), newMapping("first", 2, "2=Y"), newMapping("second", 3, "3=Y")
		a := newAgent(replaces, x, first, second)
		a.runAll(t)
		a.vanish("3")
		x.resync(a.now)
		a.step(answered, nothing) // rejected
		a.step(answered, nothing) // without the first suspect, rejected
		for range 12 {            // an outage of two hours
			a.step(requestLost, nothing)
		}
		delete(a.unknown, "3") // meanwhile, the group was created again
		a.runAll(t)
		for _, m := range a.mappings {
			if m.isRejected() {
				t.Errorf("%s is rejected", m.Name)
			}
		}
		a.expectGroups(t, "1=Y 2=Y 3=Y")
	})
}

func TestIsolateMapping_begins_again_after_a_hold(t *testing.T) {
	for name, hold := range map[string]func(a *agent, x *mapping) (end func()){
		"without the requested resync": func(a *agent, x *mapping) func() {
			x.erase()
			return func() { x.resync(a.now) }
		},
		"without permission": func(_ *agent, x *mapping) func() {
			x.forbidden = true
			return func() { x.forbidden = false }
		},
		"during a pause of the account": func(a *agent, _ *mapping) func() {
			a.account.Paused = true
			return func() { a.account.Paused = false }
		},
	} {
		eachReading(t, name, func(t *testing.T, replaces bool) {
			x, first, second := newMapping("x", 1, "1=Y"), newMapping("first", 2, "2=Y"), newMapping("second", 3, "3=Y")
			a := newAgent(replaces, x, first, second)
			a.runAll(t)
			a.vanish("3")
			x.resync(a.now)
			a.step(answered, nothing) // rejected
			a.step(answered, nothing) // without the first suspect, rejected
			end := hold(a, x)
			a.reconcile()
			delete(a.unknown, "3") // meanwhile, the group was created again
			a.now = a.now.Add(24 * time.Hour)
			end()
			a.runAll(t)
			for _, m := range a.mappings {
				if m.isRejected() {
					t.Errorf("%s is rejected", m.Name)
				}
			}
			a.expectGroups(t, "1=Y 2=Y 3=Y")
		})
	}
}
