package plan

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// Each sequence of events is run once without failures, and then again with each of its writes failing, once and several times
// in a row. The objects, the state and the requests are the same in the end (R16).
func TestApply_has_the_same_outcome_if_a_write_fails(t *testing.T) {
	for name, events := range map[string]func(a *agent, one, two *mapping){
		"of an accepted change": func(a *agent, one, two *mapping) {
			one.edit("1=N 4=Y")
			a.step(answered, nothing)
		},
		"of a rejected change": func(a *agent, one, two *mapping) {
			a.vanish("9")
			one.edit("1=Y 9=Y")
			a.run(50)
		},
		"of a transient failure": func(a *agent, one, two *mapping) {
			one.edit("1=N")
			a.step(requestLost, nothing)
		},
		"of repeated transient failures": func(a *agent, one, two *mapping) {
			one.edit("1=N")
			a.step(requestLost, nothing)
			a.step(requestLost, nothing)
			a.step(requestLost, nothing)
		},
		"of a denied account": func(a *agent, one, two *mapping) {
			one.edit("1=N 4=Y")
			a.step(denied, nothing)
		},
		"of a resync that fails": func(a *agent, one, two *mapping) {
			one.resync(a.now)
			a.step(answerLost, nothing)
		},
		"of a handover": func(a *agent, one, two *mapping) {
			one.edit("2=Y")
			two.edit("3=Y 1=N")
			a.step(answered, nothing)
			a.step(answered, nothing)
		},
		"of a handover whose answer is lost": func(a *agent, one, two *mapping) {
			one.edit("2=Y")
			two.edit("3=Y 1=N")
			a.step(answered, nothing)
			a.step(answerLost, nothing)
		},
		"of a deletion": func(a *agent, one, two *mapping) {
			one.delete(a.now)
			a.run(50)
		},
		"of a deletion that is denied": func(a *agent, one, two *mapping) {
			one.delete(a.now)
			a.step(denied, nothing)
		},
		"of the isolation of a removal": func(a *agent, one, two *mapping) {
			a.vanish("2")
			one.edit("")
			a.run(50)
		},
		"of the isolation of a removal, interrupted": func(a *agent, one, two *mapping) {
			a.vanish("2")
			one.edit("")
			a.step(answered, nothing)
			a.step(answered, nothing)
			a.step(requestLost, nothing)
		},
		"of the isolation of one mapping": func(a *agent, one, two *mapping) {
			a.vanish("3")
			one.edit("1=N 2=Y")
			a.run(50)
		},
		"of the isolation of a mapping that fails its own resync": func(a *agent, one, two *mapping) {
			a.vanish("1")
			one.resync(a.now)
			a.run(50)
		},
		"of the isolation of several mappings": func(a *agent, one, two *mapping) {
			a.vanish("1", "3")
			one.edit("1=N 2=Y")
			a.run(50)
		},
		"of an isolation during which its mapping is edited": func(a *agent, one, two *mapping) {
			a.vanish("3")
			one.edit("1=N 2=Y")
			a.step(answered, nothing)
			a.step(answered, func() { one.edit("1=N 2=N") })
			a.run(50)
		},
	} {
		for _, replaces := range []bool{false, true} {
			run := func(failsWrite func(n int) bool) *agent {
				one, two, three := newMapping("one", 1, "1=Y 2=Y"), newMapping("two", 2, "3=Y"), newMapping("three", 3, "5=Y")
				a := newAgent(replaces, one, two, three)
				a.runAll(t)
				a.requests, a.writes, a.failsWrite = nil, 0, failsWrite
				events(a, one, two)
				return a
			}
			want := run(nil)
			for _, failures := range []int{1, 3} {
				for first := 1; first <= want.writes; first++ {
					t.Run(fmt.Sprintf("%s, replaces=%t, %d failures of write %d", name, replaces, failures, first), func(t *testing.T) {
						expectSameOutcome(t, run(func(n int) bool { return n >= first && n < first+failures }), want)
					})
				}
			}
		}
	}
}

func expectSameOutcome(t *testing.T, got, want *agent) {
	t.Helper()
	expect(t, "the requests", lines(got.requests), lines(want.requests))
	expect(t, "DeepCall", text(got.groups), text(want.groups))
	if !reflect.DeepEqual(got.state, want.state) {
		t.Errorf("the state is\n%+v\nwant\n%+v", got.state, want.state)
	}
	for i, m := range got.mappings {
		other := want.mappings[i]
		if m.gone != other.gone || !equality.Semantic.DeepEqual(m.AgentGroupMapping, other.AgentGroupMapping) {
			t.Errorf("%s is\n%+v\nwant\n%+v", m.Name, m.AgentGroupMapping, other.AgentGroupMapping)
		}
	}
}

// If each failed status write counted as another failure, three of them would turn the first delay of 1 s into 8 s.
func TestApply_counts_a_failure_once(t *testing.T) {
	m := newMapping("mapping", 1, "1=Y")
	a := newAgent(false, m)
	next, _ := Plan(a.snapshot(), a.state).Next()
	a.state = a.state.WithResult(Result{Next: next, At: a.now, Failure: &deepcall.Error{Entry: deepcall.Entry{Reason: "Timeout", Class: deepcall.Transient}}})
	var applied Applied
	for range 4 {
		applied = Apply(a.snapshot(), a.state)
	}
	backoff := applied.State.Mappings[m.UID].Backoff
	expect(t, "failures", backoff.Failures, 1)
	expect(t, "the delay", backoff.Until.Sub(a.now), time.Second)
	if len(a.state.Mappings) != 0 || a.state.Result == nil {
		t.Errorf("Apply changed the state that it was given: %+v", a.state)
	}
}

// The writes of Plan and of Waiting concern the same statuses: the second must not undo the first.
func TestWaiting_keeps_what_Plan_wrote(t *testing.T) {
	one, other := newMapping("one", 1, "1=Y 2=Y"), newMapping("other", 2, "2=N")
	a := newAgent(false, one, other)
	a.runAll(t)
	one.edit("1=N 2=Y")
	a.step(requestLost, nothing) // one is Reconciling
	one.delete(a.now)
	other.Status.AppliedGroups = fromGroups(groups("2=N"))
	other.Status.AppliedEndpoint, other.Status.ObservedGeneration = endpoint, 1

	s := a.snapshot()
	a.write(s, Plan(s, a.state).Writes)
	s = a.snapshot()
	a.write(s, Waiting(s, a.state))
	expect(t, "the applied groups", text(one.applied()), "1=Y")
	s = a.snapshot()
	if writes := slices.Concat(Plan(s, a.state).Writes, Waiting(s, a.state)); len(writes) > 0 {
		t.Errorf("more writes follow: %+v", writes)
	}
}
