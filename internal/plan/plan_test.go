package plan

import (
	"fmt"
	"testing"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

func TestPlan(t *testing.T) {
	eachReading(t, "sends one request for each change, and none without a change", func(t *testing.T, a *agent) {
		m := a.add("mapping", 1, "1=Y 2=N")
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
		expect(t, "the deletion has ended", m.gone, true)
	})

	eachReading(t, "sends one request for each new mapping of an agent, the oldest first", func(t *testing.T, a *agent) {
		a.add("c", 3, "3=Y")
		a.add("a", 1, "1=Y")
		a.add("b", 2, "2=N")
		a.expectRequests(t, "1=Y", "1=Y 2=N", "1=Y 2=N 3=Y")
		expect(t, "DeepCall", text(a.groups), "1=Y 2=N 3=Y")
	})

	eachReading(t, "sends groups again that an isolation omitted, when the rejected change is reverted", func(t *testing.T, a *agent) {
		m, _ := a.add("mapping", 1, "1=Y"), a.add("other", 2, "3=Y")
		a.vanish("9")
		a.expectRequests(t, "1=Y", "1=Y 3=Y")
		m.edit("2=Y 9=Y")
		a.expectRequests(t, "1=N 2=Y 3=Y 9=Y", "2=Y 3=Y 9=Y", "3=Y")
		m.edit("1=Y")
		a.expectRequests(t, "1=Y 3=Y")
		expect(t, "DeepCall", text(a.groups), "1=Y 3=Y")
	})

	eachReading(t, "carries the groups of a suspended mapping, and sends it when it is resumed", func(t *testing.T, a *agent) {
		m, other := a.add("mapping", 1, "1=Y"), a.add("other", 2, "2=Y")
		a.expectRequests(t, "1=Y", "1=Y 2=Y")
		m.suspend(true)
		m.edit("1=N")
		a.expectRequests(t)
		other.edit("2=N")
		a.expectRequests(t, "1=Y 2=N")
		m.suspend(false)
		a.expectRequests(t, "1=N 2=N")
	})

	eachReading(t, "sends other mappings after one is rejected", func(t *testing.T, a *agent) {
		bad, good := a.add("bad", 1, "9=Y"), a.add("good", 2, "1=Y")
		a.vanish("9")
		a.expectRequests(t, "9=Y", "1=Y")
		good.edit("1=N")
		a.expectRequests(t, "1=N")
		bad.edit("2=Y")
		a.expectRequests(t, "1=N 2=Y")
	})

	eachReading(t, "removes a group that was dropped after a lost answer", func(t *testing.T, a *agent) {
		m := a.add("mapping", 1, "1=Y 2=Y")
		a.step(answerLost, nothing)
		m.edit("1=Y")
		a.expectRequests(t, "1=Y 2=N")
		m.edit("1=N")
		a.step(answerLost, nothing)
		m.edit("1=Y")
		a.expectRequests(t, "1=Y")
		a.expectGroups(t, "1=Y 2=N")
	})

	eachReading(t, "does not enable groups again that a request without an answer may have disabled", func(t *testing.T, a *agent) {
		m, other := a.add("mapping", 1, "1=Y 2=Y"), a.add("other", 2, "3=Y")
		a.expectRequests(t, "1=Y 2=Y", "1=Y 2=Y 3=Y")
		m.edit("1=N")
		a.step(answerLost, nothing)
		m.markRejected()
		other.edit("3=N")
		a.expectRequests(t, "1=N 2=N 3=N")
		m.update(func(object *v1alpha1.AgentGroupMapping) { object.Status.Conditions = nil })
		a.expectRequests(t, "1=N 2=N 3=N")
	})

	eachReading(t, "reverts an edit that was applied before a crash and is reverted after it", func(t *testing.T, a *agent) {
		m := a.add("mapping", 1, "1=Y")
		a.expectRequests(t, "1=Y")
		m.edit("1=N 2=Y")
		a.step(crashed, nothing)
		m.edit("1=Y")
		a.expectRequests(t, "1=Y 2=N")
	})
}

func TestPlan_limits_the_writes_for_mappings_without_permission(t *testing.T) {
	a := newAgent(false, newMapping("host", 1, "90=Y"))
	for n := range 3 * maxOutsideWrites {
		guest := a.add(fmt.Sprint("guest", n), 2, "90=N")
		guest.Namespace, guest.forbidden = "tenant", true
	}
	other := a.add("other", 3, "90=N")
	other.Namespace, other.forbidden = "other", true

	expect(t, "writes before the request", len(Plan(a.snapshot(), a.state).Writes), maxOutsideWrites+1)
	a.expectRequests(t, "90=Y")
	expect(t, "writes", a.writes, 3*maxOutsideWrites+2)
}
