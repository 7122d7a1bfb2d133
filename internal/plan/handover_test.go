package plan

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

func TestHandover(t *testing.T) {
	for _, tc := range []struct {
		name             string
		event            func(former *mapping)
		requests, groups string
	}{
		{"takes one request if the former owner drops the group", func(m *mapping) { m.edit("1=Y") }, "1=Y 2=N", "1=Y 2=N"},
		{
			"takes one request if the former owner has another change",
			func(m *mapping) { m.edit("1=N 3=Y") }, "1=N 2=Y 3=Y; 1=N 2=N 3=Y", "1=N 2=N 3=Y",
		},
		{
			"takes one request if the former owner is deleted", // after its other group is removed
			func(m *mapping) { m.delete(day(21)) }, "1=N 2=Y; 2=N", "1=N 2=N",
		},
	} {
		eachReading(t, tc.name, func(t *testing.T, a *agent) {
			former, next := a.add("former", 1, "1=Y 2=Y"), a.add("next", 2, "2=N")
			a.expectRequests(t, "1=Y 2=Y")
			tc.event(former)
			a.expectRequests(t, tc.requests)
			expect(t, "the applied groups", text(next.applied()), "2=N")
			a.expectGroups(t, tc.groups)
		})
	}

	for name, hold := range map[string]func(*mapping){
		"suspended":            func(m *mapping) { m.suspend(true) },
		"rejected":             func(m *mapping) { m.markRejected() },
		"suspended and edited": func(m *mapping) { m.edit("2=N"); m.suspend(true) },
	} {
		eachReading(t, "is a removal if the next owner is "+name, func(t *testing.T, a *agent) {
			former, next := a.add("former", 1, "2=Y"), a.add("next", 2, "2=Y")
			a.expectRequests(t, "2=Y")
			hold(next)
			former.delete(a.now)
			a.expectRequests(t, "2=N")
			next.suspend(false)
			next.edit("2=Y")
			a.expectRequests(t, "2=Y")
		})
	}

	eachReading(t, "becomes a removal if the request of the next owner is rejected", func(t *testing.T, a *agent) {
		former, next := a.add("former", 1, "2=Y"), a.add("next", 2, "2=Y 9=Y")
		a.vanish("9")
		a.expectRequests(t, "2=Y", "2=Y 9=Y", "2=Y")
		former.delete(a.now)
		next.edit("2=Y 9=N")
		a.expectRequests(t, "2=Y 9=N", "2=Y", "2=N")
		expect(t, "the deletion has ended", former.gone, true)
	})

	eachReading(t, "becomes a removal if the next owner of a pending group is rejected", func(t *testing.T, a *agent) {
		first, _ := a.add("first", 1, "1=Y 2=Y"), a.add("next", 2, "2=Y 9=Y")
		a.vanish("9")
		a.step(answerLost, nothing) // DeepCall has 2=Y, and no status contains it
		first.edit("1=Y")
		a.runAll(t)
		a.expectGroups(t, "2=N")
	})

	eachReading(t, "swaps groups of two mappings without removing them in between", func(t *testing.T, a *agent) {
		one, two := a.add("one", 1, "1=Y"), a.add("two", 2, "2=Y")
		a.expectRequests(t, "1=Y", "1=Y 2=Y")
		one.edit("2=Y")
		two.edit("1=Y")
		a.expectRequests(t, "1=Y 2=Y", "1=Y 2=Y")
		expect(t, "the applied groups", text(one.applied())+", "+text(two.applied()), "2=Y, 1=Y")
		one.edit("2=N")
		a.expectRequests(t, "1=Y 2=N")
	})

	eachReading(t, "of a vanished group does not keep a deletion from ending", func(t *testing.T, a *agent) {
		former, owner := a.add("former", 1, "4=Y 5=Y"), a.add("owner", 2, "3=Y")
		a.runAll(t)
		former.edit("1=Y 4=Y 5=Y")
		a.step(requestLost, nothing) // group 1 is pending
		a.vanish("4", "5")
		owner.edit("5=Y")
		former.delete(a.now)
		a.runAll(t)
		expect(t, "the deletion has ended", former.gone, true)
	})
}

func TestOwnership(t *testing.T) {
	eachReading(t, "passes to the oldest mapping in conflict when the owner drops the group", func(t *testing.T, a *agent) {
		former, other := a.add("former", 2, "1=Y"), a.add("other", 3, "1=N 2=Y")
		a.expectRequests(t, "1=Y", "1=Y 2=Y")
		a.add("oldest", 1, "1=N")
		a.expectRequests(t)
		former.edit("")
		a.expectRequests(t, "1=N 2=Y")
		expect(t, "the applied groups", text(other.applied())+", "+text(a.mappings[2].applied()), "2=Y, 1=N")
	})

	eachReading(t, "is where the group was applied last if it is declared again during a handover", func(t *testing.T, a *agent) {
		first, second := a.add("first", 1, "1=Y 2=Y"), a.add("second", 2, "1=N")
		a.expectRequests(t, "1=Y 2=Y")
		first.edit("2=N")
		a.step(answered, nothing) // first keeps group 1 until second has applied it
		a.step(answered, func() { first.edit("1=Y 2=N") })
		a.runAll(t)
		owner := first
		if _, has := first.applied()["1"]; !has {
			owner = second
		}
		expect(t, "DeepCall's value of group 1, which belongs to "+owner.Name, a.groups["1"], owner.desired()["1"])
	})

	eachReading(t, "does not return to a mapping in conflict that is rejected", func(t *testing.T, a *agent) {
		a.add("owner", 2, "1=N")
		former, third := a.add("former", 1, "1=Y"), a.add("third", 3, "3=Y")
		a.vanish("9")
		a.expectRequests(t, "1=Y", "1=Y 3=Y")
		former.edit("9=Y")
		a.expectRequests(t, "1=Y 3=Y 9=Y", "1=Y 3=Y", "1=N 3=Y")
		third.edit("3=N")
		a.expectRequests(t, "1=N 3=N")
	})

	eachReading(t, "ends with a removal while the others are being isolated", func(t *testing.T, a *agent) {
		deleted, other := a.add("deleted", 1, "1=Y"), a.add("other", 2, "2=Y")
		a.expectRequests(t, "1=Y", "1=Y 2=Y")
		deleted.addPending("9") // by a request that never arrived
		a.vanish("9")
		deleted.delete(a.now)
		for a.groups["1"] {
			if !a.step(answered, nothing) {
				t.Fatal("group 1 was not removed")
			}
		}
		other.CreationTimestamp = metav1.NewTime(day(0))
		other.edit("2=N")
		a.runAll(t)
		a.expectGroups(t, "1=N")
		expect(t, "the deletion has ended", deleted.gone, true)
	})
}

func TestHandover_to_a_mapping_that_waits_for_the_Secret_is_reported(t *testing.T) {
	former, owner := newMapping("former", 1, "5=Y"), newMapping("owner", 2, "5=Y")
	a := newAgent(false, former, owner)
	a.runAll(t)
	a.account.Misconfigured = true
	former.delete(a.now)
	a.reconcile()
	got := former.summary()
	expect(t, "reason", got.Reason, v1alpha1.ReasonAccountNotReady)
	expect(t, "summary", got, got.BlocksDeletion())
}
