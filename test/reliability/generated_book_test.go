package reliability

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

// What may stay as it stands must stop once somebody holds it again, and not before.
func TestAGroupThatIsHeldAgainIsLooseNoMore(t *testing.T) {
	const url = "https://deepcall.test"
	held := func(revision int, changes ...func(*v1alpha1.AgentGroupMapping)) version {
		m := &v1alpha1.AgentGroupMapping{ObjectMeta: metav1.ObjectMeta{
			ResourceVersion: fmt.Sprint(revision), Finalizers: []string{v1alpha1.StopCallsFinalizer},
		}}
		m.Spec.AgentID, m.Spec.RemovalPolicy, m.Spec.Groups = "7", v1alpha1.RemovalPolicyStopCalls, groupsOf("90=Y 91=N")
		m.Status.AppliedEndpoint, m.Status.AppliedGroups = url, groupsOf("90=Y 91=N")
		for _, change := range changes {
			change(m)
		}
		return version{mapping: m}
	}
	for name, tc := range map[string]struct {
		v    version
		want []string
	}{
		"held later":              {v: held(11), want: nil},
		"held before":             {v: held(9), want: []string{"90"}},
		"held by another agent":   {v: held(11, func(m *v1alpha1.AgentGroupMapping) { m.Spec.AgentID = "8" }), want: []string{"90"}},
		"held elsewhere":          {v: held(11, func(m *v1alpha1.AgentGroupMapping) { m.Status.AppliedEndpoint = "" }), want: []string{"90"}},
		"held under Orphan":       {v: held(11, policy(v1alpha1.RemovalPolicyOrphan)), want: []string{"90"}},
		"held without finalizer":  {v: held(11, func(m *v1alpha1.AgentGroupMapping) { m.Finalizers = nil }), want: []string{"90"}},
		"declared, not applied":   {v: held(11, func(m *v1alpha1.AgentGroupMapping) { m.Status.AppliedGroups = nil }), want: []string{"90"}},
		"applied, not declared":   {v: held(11, drops("90")), want: []string{"90"}},
		"applied as it was":       {v: held(11, flips("90")), want: []string{"90"}},
		"held by one that leaves": {v: held(11, func(m *v1alpha1.AgentGroupMapping) { m.DeletionTimestamp = &metav1.Time{} }), want: []string{"90"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBook()
			b.loosen("7", "90", 10)
			if got := slices.Sorted(maps.Keys(b.looseAt(here, url, "7", []version{tc.v}))); !slices.Equal(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

// A trial is misled when DeepCall's groups become others and back again within it, or between its only two requests, and
// by nothing else.
func TestATrialIsMisledOnlyByTwoTurnsWithinIt(t *testing.T) {
	began := time.Now()
	at := func(second int, groups string, code int) deepcalltest.Call {
		start := began.Add(time.Duration(second) * time.Second)
		return deepcalltest.Call{Start: start, End: start.Add(time.Second / 2), Groups: parse(groups), Code: code}
	}
	lost := at(3, "90=Y", 200)
	lost.Fault = "cut after"
	refused := at(2, "90=Y 91=N", 1505)
	ok, again := []deepcalltest.Call{at(0, "90=Y", 200)}, []deepcalltest.Call{at(8, "90=Y", 200)}
	for name, tc := range map[string]struct {
		before, after []deepcalltest.Call
		turns         []int
		want          bool
	}{
		"the rest is accepted before one turn and after the other":    {before: ok, after: again, turns: []int{1, 5}, want: true},
		"so it is long after a lost answer":                           {before: ok, after: append([]deepcalltest.Call{lost}, again...), turns: []int{1, 5}, want: true},
		"another stop was refused with the rest":                      {before: ok, after: append([]deepcalltest.Call{at(3, "90=Y 92=N", 1505)}, again...), turns: []int{1, 5}, want: true},
		"another stop was taken with the rest before the second turn": {before: ok, after: append([]deepcalltest.Call{at(3, "90=Y 92=N", 200)}, again...), turns: []int{1, 5}},
		"a turn between the stop and the next request":                {after: again, turns: []int{5}, want: true},
		"a turn later than the next request":                          {after: append([]deepcalltest.Call{at(3, "90=Y", 200)}, again...), turns: []int{5}},
		"a turn before the next request that was lost":                {after: append([]deepcalltest.Call{lost}, again...), turns: []int{5}},
		"one turn alone":             {before: ok, after: append([]deepcalltest.Call{lost}, again...), turns: []int{5}},
		"the second turn came later": {before: ok, after: again, turns: []int{1, 9}},
		"the rest was not known to be accepted, and was not next": {after: append([]deepcalltest.Call{lost}, again...), turns: []int{1, 5}},
		"the rest was not accepted afterwards":                    {before: ok, turns: []int{1, 5}},
		"the rest was refused in between":                         {before: ok, after: append([]deepcalltest.Call{at(3, "90=Y", 1505)}, again...), turns: []int{1, 5}},
		"the stop was accepted":                                   {before: ok, after: append([]deepcalltest.Call{at(3, "90=Y 91=N", 200)}, again...), turns: []int{1, 5}},
		"the rest had another value":                              {before: ok, after: []deepcalltest.Call{at(8, "90=N", 200)}, turns: []int{1, 5}},
		"more than the stop was left out meanwhile":               {before: ok, after: []deepcalltest.Call{at(8, "", 200)}, turns: []int{1, 5}},
	} {
		t.Run(name, func(t *testing.T) {
			p := &stage{}
			for _, second := range tc.turns {
				moment := began.Add(time.Duration(second) * time.Second)
				p.turns = append(p.turns, turn{began: moment, ended: moment})
			}
			if got := p.mistaken(refused, "91", tc.before, tc.after); got != tc.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
