package plan

import (
	"fmt"
	"testing"
)

func TestPlan(t *testing.T) {
	eachReading(t, "sends one request for each change, and none without a change", func(t *testing.T, replaces bool) {
		m := newMapping("mapping", 1, "1=Y 2=N")
		a := newAgent(replaces, m)
		a.expectRequests(t, "1=Y 2=N")
		a.restart()
		a.expectRequests(t)
		m.edit("1=Y 2=Y 3=Y")
		a.expectRequests(t, "1=Y 2=Y 3=Y")
		m.edit("1=Y 2=Y 3=Y")
		a.expectRequests(t)
		m.resync(a.now)
		a.expectRequests(t, "1=Y 2=Y 3=Y")
		m.edit("1=Y")
		a.expectRequests(t, "1=Y 2=N 3=N")
		m.delete(a.now)
		a.expectRequests(t, "1=N")
		if !m.gone {
			t.Error("the deletion has not ended")
		}
	})

	eachReading(t, "sends one request for each new mapping of an agent, the oldest first", func(t *testing.T, replaces bool) {
		a := newAgent(replaces, newMapping("c", 3, "3=Y"), newMapping("a", 1, "1=Y"), newMapping("b", 2, "2=N"))
		a.expectRequests(t, "1=Y", "1=Y 2=N", "1=Y 2=N 3=Y")
		expect(t, "DeepCall", text(a.groups), "1=Y 2=N 3=Y")
	})

	eachReading(t, "sends groups again that an isolation omitted, when the rejected change is reverted", func(t *testing.T, replaces bool) {
		m, other := newMapping("mapping", 1, "1=Y"), newMapping("other", 2, "3=Y")
		a := newAgent(replaces, m, other)
		a.vanish("9")
		a.expectRequests(t, "1=Y", "1=Y 3=Y")
		m.edit("2=Y 9=Y")
		a.expectRequests(t, "1=N 2=Y 3=Y 9=Y", "2=Y 3=Y 9=Y", "3=Y")
		m.edit("1=Y")
		a.expectRequests(t, "1=Y 3=Y")
		expect(t, "DeepCall", text(a.groups), "1=Y 3=Y")
	})

	eachReading(t, "carries the groups of a suspended mapping, and sends it when it is resumed", func(t *testing.T, replaces bool) {
		m, other := newMapping("mapping", 1, "1=Y"), newMapping("other", 2, "2=Y")
		a := newAgent(replaces, m, other)
		a.expectRequests(t, "1=Y", "1=Y 2=Y")
		m.suspend(true)
		m.edit("1=N")
		a.expectRequests(t)
		other.edit("2=N")
		a.expectRequests(t, "1=Y 2=N")
		m.suspend(false)
		a.expectRequests(t, "1=N 2=N")
	})

	eachReading(t, "sends other mappings after one is rejected", func(t *testing.T, replaces bool) {
		bad, good := newMapping("bad", 1, "9=Y"), newMapping("good", 2, "1=Y")
		a := newAgent(replaces, bad, good)
		a.vanish("9")
		a.expectRequests(t, "9=Y", "1=Y")
		good.edit("1=N")
		a.expectRequests(t, "1=N")
		bad.edit("2=Y")
		a.expectRequests(t, "1=N 2=Y")
	})

	eachReading(t, "removes a group that was dropped after a lost answer", func(t *testing.T, replaces bool) {
		m := newMapping("mapping", 1, "1=Y 2=Y")
		a := newAgent(replaces, m)
		a.step(answerLost, nothing)
		m.edit("1=Y")
		a.expectRequests(t, "1=Y 2=N")
		m.edit("1=N")
		a.step(answerLost, nothing)
		m.edit("1=Y")
		a.expectRequests(t, "1=Y")
		a.expectGroups(t, "1=Y 2=N")
	})

	eachReading(t, "does not enable groups again that a request without an answer may have disabled", func(t *testing.T, replaces bool) {
		m, other := newMapping("mapping", 1, "1=Y 2=Y"), newMapping("other", 2, "3=Y")
		a := newAgent(replaces, m, other)
		a.expectRequests(t, "1=Y 2=Y", "1=Y 2=Y 3=Y")
		m.edit("1=N")
		a.step(answerLost, nothing)
		m.markRejected()
		other.edit("3=N")
		a.expectRequests(t, "1=N 2=N 3=N")
		m.clearRejection()
		a.expectRequests(t, "1=N 2=N 3=N")
	})

	eachReading(t, "reverts an edit that was applied before a crash and is reverted after it", func(t *testing.T, replaces bool) {
		m := newMapping("mapping", 1, "1=Y")
		a := newAgent(replaces, m)
		a.expectRequests(t, "1=Y")
		m.edit("1=N 2=Y")
		a.step(crashed, nothing)
		m.edit("1=Y")
		a.expectRequests(t, "1=Y 2=N")
	})
}

func TestPlan_limits_the_writes_for_mappings_without_permission(t *testing.T) {
	host := newMapping("host", 1, "90=Y")
	a := newAgent(false, host)
	for n := range 3 * maxOutsideWrites {
		guest := newMapping(fmt.Sprint("guest", n), 2, "90=N")
		guest.Namespace, guest.forbidden = "tenant", true
		a.mappings = append(a.mappings, guest)
	}
	other := newMapping("other", 3, "90=N")
	other.Namespace, other.forbidden = "other", true
	a.mappings = append(a.mappings, other)

	if n := len(Plan(a.snapshot(), a.state).Writes); n != maxOutsideWrites+1 {
		t.Errorf("%d writes before the request", n)
	}
	a.expectRequests(t, "90=Y")
	if a.writes != 3*maxOutsideWrites+2 {
		t.Errorf("%d writes", a.writes)
	}
}
