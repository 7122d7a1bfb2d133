package plan

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// The metrics and the plugin show the owner by v1alpha1.ConfirmedGroups.
func TestComputeOwners_agrees_with_ConfirmedGroups(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 2000 {
		var mappings []*v1alpha1.AgentGroupMapping
		var inputs []input
		for _, n := range r.Perm(1 + r.IntN(4)) {
			m := newMapping(fmt.Sprint("m", n), 1+r.IntN(2), "90=Y").AgentGroupMapping
			m.Namespace = []string{"a", "a-b", "b"}[r.IntN(3)]
			m.Status.ObservedUID = []string{"another", m.Name, m.Name}[r.IntN(3)]
			m.Status.AppliedGroups = fromGroups(groups([]string{"90=Y", "90=N", "91=Y"}[r.IntN(3)]))
			if confirmed := r.IntN(3); confirmed > 0 {
				m.Status.LastSyncTime = &metav1.MicroTime{Time: day(2 + confirmed)}
			}
			mappings = append(mappings, m)
			inputs = append(inputs, newInput(Snapshot{Now: day(9)}, NewMapping(m, true, day(9)), MappingState{}))
		}
		isApplied := slices.ContainsFunc(mappings, func(m *v1alpha1.AgentGroupMapping) bool {
			return m.OwnsStatus() && m.Status.AppliedGroups[0].GroupID == "90"
		})
		got := v1alpha1.ConfirmedGroups(mappings)["90"].Owner
		if (got != nil) != isApplied {
			t.Fatalf("seed %d: group 90 has the owner %v, although applied is %t", seed, got, isApplied)
		}
		if got == nil {
			continue // the planner's owner is one that only declares the group
		}
		if want := mappings[computeOwners(inputs)["90"]]; got != want {
			t.Fatalf("seed %d: got %s/%s, the planner's owner is %s/%s", seed, got.Namespace, got.Name, want.Namespace, want.Name)
		}
	}
}
