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
			a.vanish(strings.Fields(c.vanished)...)
			m.edit("1=Y")
			for range c.requests {
				a.step(answered, nothing)
			}
			clear(a.unknown)
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
			a.expectGroups(t, "2=N 3=N") // which only the former user had
		})
	}
}

func TestIsolateMapping_begins_again_after_an_interruption(t *testing.T) {
	for name, interrupt := range map[string]func(a *agent, x *mapping) (end func()){
		"by an outage of two hours": func(a *agent, _ *mapping) func() {
			for range 12 {
				a.step(requestLost, nothing)
			}
			return nothing
		},
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
		eachReading(t, name, func(t *testing.T, a *agent) {
			x := a.add("x", 1, "1=Y")
			a.add("first", 2, "2=Y")
			a.add("second", 3, "3=Y")
			a.runAll(t)
			a.vanish("3")
			x.resync(a.now)
			a.step(answered, nothing) // rejected
			a.step(answered, nothing) // without the first suspect, rejected
			end := interrupt(a, x)
			a.reconcile()
			delete(a.unknown, "3") // meanwhile, the group was created again
			a.now = a.now.Add(24 * time.Hour)
			end()
			a.runAll(t)
			for _, m := range a.mappings { // no fault is found in a mapping whose groups DeepCall accepts
				expect(t, m.Name+" is rejected", m.isRejected(), false)
			}
			a.expectGroups(t, "1=Y 2=Y 3=Y")
		})
	}
}
