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

// A group is released until a mapping applies it again.
func TestReleasedGroups(t *testing.T) {
	const url = "https://deepcall.test"
	applied := func(revision int, changes ...mutation) version {
		m := &v1alpha1.AgentGroupMapping{ObjectMeta: metav1.ObjectMeta{
			ResourceVersion: fmt.Sprint(revision), Finalizers: []string{v1alpha1.StopCallsFinalizer},
		}}
		m.Spec.AgentID, m.Spec.RemovalPolicy, m.Spec.Groups = "7", v1alpha1.RemovalPolicyStopCalls, specGroups("90=Y 91=N")
		m.Status.AppliedEndpoint, m.Status.AppliedGroups = url, specGroups("90=Y 91=N")
		for _, change := range changes {
			change(m)
		}
		return version{mapping: m}
	}
	for name, tc := range map[string]struct {
		v    version
		want []string
	}{
		"applied later":            {v: applied(11), want: nil},
		"applied before":           {v: applied(9), want: []string{"90"}},
		"another agent":            {v: applied(11, func(m *v1alpha1.AgentGroupMapping) { m.Spec.AgentID = "8" }), want: []string{"90"}},
		"another endpoint":         {v: applied(11, func(m *v1alpha1.AgentGroupMapping) { m.Status.AppliedEndpoint = "" }), want: []string{"90"}},
		"applied under Orphan":     {v: applied(11, setPolicy(v1alpha1.RemovalPolicyOrphan)), want: []string{"90"}},
		"without finalizer":        {v: applied(11, func(m *v1alpha1.AgentGroupMapping) { m.Finalizers = nil }), want: []string{"90"}},
		"declared, not applied":    {v: applied(11, func(m *v1alpha1.AgentGroupMapping) { m.Status.AppliedGroups = nil }), want: []string{"90"}},
		"applied, not declared":    {v: applied(11, dropGroup("90")), want: []string{"90"}},
		"applied with old value":   {v: applied(11, flipGroup("90")), want: []string{"90"}},
		"mapping is being deleted": {v: applied(11, func(m *v1alpha1.AgentGroupMapping) { m.DeletionTimestamp = &metav1.Time{} }), want: []string{"90"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newModel()
			m.release("7", "90", 10)
			if got := slices.Sorted(maps.Keys(m.releasedAt(primary, url, "7", []version{tc.v}))); !slices.Equal(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

// Isolation misjudges a removal only if DeepCall's groups change twice during it, or between its only two requests.
func TestMisjudgedRemoval(t *testing.T) {
	start := time.Now()
	at := func(second int, groups string, code int) deepcalltest.Request {
		s := start.Add(time.Duration(second) * time.Second)
		return deepcalltest.Request{Start: s, End: s.Add(time.Second / 2), Groups: parseGroups(groups), Code: code}
	}
	requests := func(list ...deepcalltest.Request) []deepcalltest.Request { return list }
	lost := at(3, "90=Y", 200)
	lost.Fault = "cut after"
	rejected := at(2, "90=Y 91=N", 1505)
	before, after := at(0, "90=Y", 200), at(8, "90=Y", 200)
	for name, tc := range map[string]struct {
		before, after []deepcalltest.Request
		changes       []int
		want          bool
	}{
		"rest accepted before the first and after the second change": {before: requests(before), after: requests(after), changes: []int{1, 5}, want: true},
		"rest accepted after a lost answer":                          {before: requests(before), after: requests(lost, after), changes: []int{1, 5}, want: true},
		"another removal rejected with the rest":                     {before: requests(before), after: requests(at(3, "90=Y 92=N", 1505), after), changes: []int{1, 5}, want: true},
		"another removal accepted before the second change":          {before: requests(before), after: requests(at(3, "90=Y 92=N", 200), after), changes: []int{1, 5}},
		"one change before the next request":                         {after: requests(after), changes: []int{5}, want: true},
		"one change after the next request":                          {after: requests(at(3, "90=Y", 200), after), changes: []int{5}},
		"one change after a lost next request":                       {after: requests(lost, after), changes: []int{5}},
		"one change alone":                                           {before: requests(before), after: requests(lost, after), changes: []int{5}},
		"second change too late":                                     {before: requests(before), after: requests(after), changes: []int{1, 9}},
		"rest not accepted before and not in the next request":       {after: requests(lost, after), changes: []int{1, 5}},
		"rest not accepted after":                                    {before: requests(before), changes: []int{1, 5}},
		"rest rejected in between":                                   {before: requests(before), after: requests(at(3, "90=Y", 1505), after), changes: []int{1, 5}},
		"removal accepted":                                           {before: requests(before), after: requests(at(3, "90=Y 91=N", 200), after), changes: []int{1, 5}},
		"rest with another value":                                    {before: requests(before), after: requests(at(8, "90=N", 200)), changes: []int{1, 5}},
		"more groups left out":                                       {before: requests(before), after: requests(at(8, "", 200)), changes: []int{1, 5}},
	} {
		t.Run(name, func(t *testing.T) {
			r := &runner{}
			for _, second := range tc.changes {
				moment := start.Add(time.Duration(second) * time.Second)
				r.groupChanges = append(r.groupChanges, groupChange{start: moment, end: moment})
			}
			if got := r.misjudged(rejected, "91", tc.before, tc.after); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

// An erasure releases the groups that only the erased records contained, and excuses a deletion without finalizer.
func TestErasedRecords(t *testing.T) {
	m := newModel()
	mapping := &v1alpha1.AgentGroupMapping{ObjectMeta: metav1.ObjectMeta{UID: "1", ResourceVersion: "5"}}
	mapping.Spec.AgentID, mapping.Spec.RemovalPolicy, mapping.Spec.Groups = "7", v1alpha1.RemovalPolicyStopCalls, specGroups("90=Y 91=Y 92=Y")
	m.recordSpec(mapping, 5)
	mapping.Status.AppliedGroups, mapping.Status.PendingGroups = specGroups("90=Y"), []string{"91"}
	released := func() []string { return slices.Sorted(maps.Keys(m.releasedAt(primary, "", "7", nil))) }

	m.recordErasure(mapping, 6)
	if got := released(); !slices.Equal(got, []string{"92"}) {
		t.Errorf("an erasure releases %v", got)
	}
	m.recordUnguardedDeletions([]version{{mapping: mapping, deleted: true}})
	if got := released(); !slices.Equal(got, []string{"90", "91", "92"}) {
		t.Errorf("a deletion releases %v", got)
	}
}
