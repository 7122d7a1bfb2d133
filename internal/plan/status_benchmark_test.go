package plan

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

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
		b.Run(fmt.Sprintf("groups=%d", groups), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Plan(snapshot, State{})
			}
		})
	}
}

// BenchmarkMarkSynced computes the status after DeepCall accepted a request.
func BenchmarkMarkSynced(b *testing.B) {
	for _, groups := range []int{3, 500} {
		applied := toGroups(syncedMapping(groups).Spec.Groups)
		b.Run(fmt.Sprintf("groups=%d", groups), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var status v1alpha1.AgentGroupMappingStatus
				Result{Endpoint: endpoint, At: day(1)}.markSynced(&status, applied)
			}
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
