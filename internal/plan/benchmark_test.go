package plan

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// BenchmarkComputeChanges plans the inputs of an agent, as at each reconcile.
func BenchmarkComputeChanges(b *testing.B) {
	for _, size := range sizes {
		for _, applied := range []bool{false, true} {
			inputs := size.inputs(applied)
			measure(b, fmt.Sprintf("%s,applied=%t", size, applied), func() { nextOf(inputs, computeChanges(inputs), false) })
		}
	}
}

func BenchmarkNewRequest(b *testing.B) {
	for _, size := range sizes {
		inputs := size.inputs(true)
		inputs[0].applied = nil
		changes := computeChanges(inputs)
		measure(b, size.String(), func() { newRequest(inputs, changes, 0) })
	}
}

func measure(b *testing.B, name string, run func()) {
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			run()
		}
	})
}

// agentSize is the number of mappings of an agent, and of groups of each mapping.
type agentSize struct{ mappings, groups int }

var sizes = []agentSize{{1, 3}, {1, 500}, {5, 3}, {5, 500}}

func (s agentSize) String() string { return fmt.Sprintf("mappings=%d,groups=%d", s.mappings, s.groups) }

// inputs returns inputs with different groups, which are new, or applied as desired.
func (s agentSize) inputs(applied bool) []input {
	inputs := make([]input, s.mappings)
	for i := range inputs {
		desired := Groups{}
		for group := range s.groups {
			desired[fmt.Sprint(1000*i+group)] = group%2 == 0
		}
		inputs[i] = input{name: fmt.Sprintf("support/mapping-%d", i), created: day(i + 1), desired: desired}
		if applied {
			inputs[i].applied, inputs[i].confirmedAt = desired, day(20)
		}
	}
	return inputs
}

// BenchmarkPlanSynced plans a mapping that is in sync, as at each reconcile without news.
func BenchmarkPlanSynced(b *testing.B) {
	for _, groups := range []int{3, 500} {
		m := syncedMapping(groups)
		snapshot := Snapshot{
			Now: m.Status.LastSyncTime.Add(time.Minute), Mappings: []Mapping{{AgentGroupMapping: m, Permitted: true}},
			Account: Account{Exists: true, Endpoint: endpoint, Reachable: true, CanRemove: true},
		}
		if decisions := Plan(snapshot, State{}); decisions.next != nil || len(decisions.Writes) > 0 {
			b.Fatalf("the mapping is not in sync: %+v", decisions)
		}
		measure(b, fmt.Sprintf("groups=%d", groups), func() { Plan(snapshot, State{}) })
	}
}

// BenchmarkMarkSynced computes the status after DeepCall accepted a request.
func BenchmarkMarkSynced(b *testing.B) {
	for _, groups := range []int{3, 500} {
		applied := toGroups(syncedMapping(groups).Spec.Groups)
		measure(b, fmt.Sprintf("groups=%d", groups), func() {
			Result{Endpoint: endpoint, At: day(1)}.markSynced(&v1alpha1.AgentGroupMappingStatus{}, applied)
		})
	}
}

// syncedMapping is a mapping that DeepCall has confirmed.
func syncedMapping(groups int) *v1alpha1.AgentGroupMapping {
	m := newMapping("asha", 1, "").AgentGroupMapping
	m.Finalizers = []string{v1alpha1.StopCallsFinalizer}
	m.Spec.ResyncInterval = &metav1.Duration{Duration: time.Hour}
	for group := range groups {
		m.Spec.Groups = append(m.Spec.Groups, v1alpha1.AgentGroup{GroupID: fmt.Sprint(1000 + group), ReceiveCall: group%2 == 0})
	}
	result := Result{Endpoint: endpoint, At: day(1)}
	result.Generation = 1
	result.markSynced(&m.Status, toGroups(m.Spec.Groups))
	return m
}
