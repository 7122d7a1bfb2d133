package plan

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// requestResync requests a resync of all mappings of the account. Only the identity of at counts.
func (a *agent) requestResync(at time.Time) {
	a.account.ResyncRequested = &metav1.MicroTime{Time: at}
}

func TestPlan_of_a_requested_resync_of_the_account(t *testing.T) {
	far := day(20).AddDate(10, 0, 0)
	// The agent has two mappings, whose groups 1 and 2 are applied.
	for name, c := range map[string]struct {
		before   func(t *testing.T, a *agent, m *mapping)
		at       time.Time
		after    func(t *testing.T, a *agent, m *mapping)
		requests []string // nil for one of each mapping
	}{
		"sends each mapping once":                          {},
		"sends each mapping once for a time in the future": {at: far},
		"sends each mapping once for a time in the past":   {at: day(1)},
		"sends each mapping once although its times are in the future": {
			before: func(_ *testing.T, _ *agent, m *mapping) {
				m.update(func(object *v1alpha1.AgentGroupMapping) { object.Status.LastSyncTime = &metav1.MicroTime{Time: far} })
			},
		},
		"sends each mapping once again for another request": {
			before: func(t *testing.T, a *agent, _ *mapping) {
				a.requestResync(day(3))
				a.runAll(t)
			},
		},
		"sends a mapping once for which one is requested, too": {
			before: func(_ *testing.T, a *agent, m *mapping) { m.resync(a.now) },
		},
		"retries a rejected mapping once": {
			before: func(t *testing.T, a *agent, m *mapping) {
				a.vanish("9")
				m.edit("1=Y 9=Y")
				a.runAll(t)
			},
			requests: []string{"1=Y 2=Y 9=Y", "1=Y 2=Y", "1=Y 2=Y"}, // the second one isolates the rejection
		},
		"does not send a mapping again that was sent since": {
			after: func(t *testing.T, a *agent, m *mapping) {
				m.edit("1=N")
				a.step(answered, nothing)
			},
			requests: []string{"1=N 2=Y", "1=N 2=Y"},
		},
		"does not send a mapping again that was rejected since": {
			after: func(t *testing.T, a *agent, m *mapping) {
				a.vanish("9")
				m.edit("1=Y 9=Y")
				a.step(answered, nothing)
			},
			requests: []string{"1=Y 2=Y 9=Y", "1=Y 2=Y", "1=Y 2=Y"},
		},
		"sends a mapping again whose request was in flight": {
			before: func(_ *testing.T, a *agent, m *mapping) {
				m.edit("1=N")
				a.step(answered, func() { a.requestResync(day(2)) })
			},
			at: day(2), requests: []string{"1=N 2=Y", "1=N 2=Y"},
		},
		"sends the rest after a restart": {
			after: func(_ *testing.T, a *agent, _ *mapping) {
				a.step(answered, nothing)
				a.restart()
			},
		},
		"repeats a request without an answer": {
			after:    func(_ *testing.T, a *agent, _ *mapping) { a.step(answerLost, nothing) },
			requests: []string{"1=Y 2=Y", "1=Y 2=Y", "1=Y 2=Y"},
		},
		"sends a new mapping once": {
			after:    func(_ *testing.T, a *agent, _ *mapping) { a.add("new", 3, "3=Y") },
			requests: []string{"1=Y 2=Y 3=Y", "1=Y 2=Y 3=Y", "1=Y 2=Y 3=Y"},
		},
		"sends a copy of a mapping once": {
			after: func(_ *testing.T, a *agent, m *mapping) {
				m.delete(a.now)
				m.gone = true
				a.mappings = append(a.mappings, copyTo(m, "copy", true))
				a.mappings[2].DeletionTimestamp = nil
				a.mappings[2].edit("1=Y")
			},
		},
		"does not send a suspended mapping until it is resumed": {
			before: func(_ *testing.T, _ *agent, m *mapping) { m.suspend(true) },
			after: func(t *testing.T, a *agent, m *mapping) {
				a.runAll(t)
				m.suspend(false)
			},
		},
		"does not send a mapping that is not permitted": {
			before: func(_ *testing.T, a *agent, m *mapping) {
				m.update(func(object *v1alpha1.AgentGroupMapping) { object.Spec.RemovalPolicy = v1alpha1.RemovalPolicyOrphan })
				m.forbidden = true
			},
			requests: []string{"1=Y 2=Y"}, // for the other one
		},
		"does not send a mapping that declares no groups": {
			before: func(t *testing.T, a *agent, m *mapping) {
				m.edit("")
				a.runAll(t)
			},
			requests: []string{"2=Y"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMapping("mapping", 1, "1=Y")
			a := newAgent(false, m, newMapping("other", 2, "2=Y"))
			a.runAll(t)
			if c.before != nil {
				c.before(t, a, m)
			}
			a.requests = nil
			if a.requestResync(c.at); c.at.IsZero() {
				a.requestResync(a.now)
			}
			if c.after != nil {
				c.after(t, a, m)
			}
			a.runAll(t)
			if c.requests == nil {
				c.requests = []string{"1=Y 2=Y", "1=Y 2=Y"}
			}
			expect(t, "the requests", lines(a.requests), lines(c.requests))
			a.restart()
			a.expectRequests(t)
			a.account.ResyncRequested = nil // the account is recreated
			a.expectRequests(t)
		})
	}
}

func TestPlan_of_a_requested_resync_of_the_account_has_its_priority(t *testing.T) {
	m := newMapping("mapping", 1, "1=Y")
	a := newAgent(false, m)
	a.runAll(t)
	m.Spec.ResyncInterval = &metav1.Duration{Duration: time.Hour}
	a.now = a.now.Add(2 * time.Hour)
	expectPriority := func(want Priority) {
		t.Helper()
		next, ok := Plan(a.snapshot(), a.state).Next()
		expect(t, "a request is next", ok, true)
		expect(t, "its priority", next.Priority, want)
	}
	expectPriority(PriorityPeriodicResync)
	a.requestResync(a.now)
	expectPriority(PriorityRequestedResync)
	m.markRejected()
	expectPriority(PriorityRequestedResync)
	m.edit("1=N")
	expectPriority(PriorityEdit)
}

func TestPlan_of_a_requested_resync_of_the_account_writes_each_mapping_once(t *testing.T) {
	a := newAgent(false, newMapping("mapping", 1, "1=Y"), newMapping("other", 2, "2=Y"))
	a.runAll(t)
	a.requestResync(a.now)
	a.writes = 0
	a.runAll(t)
	expect(t, "writes for 2 mappings", a.writes, 2)
}
