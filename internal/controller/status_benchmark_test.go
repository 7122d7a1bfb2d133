package controller

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/plan"
)

// BenchmarkLook turns a Ready mapping into claims and plans them, as at each look at an agent.
func BenchmarkLook(b *testing.B) {
	for _, groups := range []int{3, 500} {
		mapping := readyMapping(groups)
		v := &view{now: mapping.Status.LastSyncTime.Add(time.Minute)}
		v.standing.Endpoint = mapping.Status.AppliedEndpoint
		v.members = []*member{{mapping: mapping, known: &recollection{}, permitted: true}}
		b.Run(fmt.Sprintf("groups=%d", groups), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				v.plan()
			}
		})
		if v.members[0].change.Pending {
			b.Fatal("the mapping is not what it should be: in sync")
		}
	}
}

// BenchmarkAccepted derives the status from DeepCall's yes, as after each call.
func BenchmarkAccepted(b *testing.B) {
	for _, groups := range []int{3, 500} {
		mapping := readyMapping(groups)
		applied := asMap(mapping.Spec.Groups)
		o := outcome{
			generation: 1, endpoint: mapping.Status.AppliedEndpoint, attempt: 1, at: day1,
			change: plan.Change{Target: applied}, answer: deepcall.Answer{Code: 200, Message: "Agent group mapping updated successfully"},
		}
		b.Run(fmt.Sprintf("groups=%d", groups), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var status v1alpha1.AgentGroupMappingStatus
				o.accepted(&status, applied)
			}
		})
	}
}

var day1 = time.Date(2026, time.March, 1, 9, 0, 0, 0, time.UTC)

// readyMapping is a mapping that is as DeepCall confirmed it.
func readyMapping(groups int) *v1alpha1.AgentGroupMapping {
	mapping := &v1alpha1.AgentGroupMapping{ObjectMeta: metav1.ObjectMeta{
		Namespace: "support", Name: "asha", UID: types.UID("0b1f"), Generation: 1,
		CreationTimestamp: metav1.NewTime(day1), Finalizers: []string{v1alpha1.StopCallsFinalizer},
	}}
	mapping.Spec.AccountRef.Name = "acme"
	mapping.Spec.AgentID = "7"
	mapping.Spec.ResyncInterval = &metav1.Duration{Duration: time.Hour}
	for group := range groups {
		mapping.Spec.Groups = append(mapping.Spec.Groups, v1alpha1.AgentGroup{GroupID: fmt.Sprint(1000 + group), ReceiveCall: group%2 == 0})
	}
	o := outcome{generation: 1, endpoint: "https://v4-api.deepcall.com", attempt: 1, at: day1}
	o.accepted(&mapping.Status, asMap(mapping.Spec.Groups))
	return mapping
}
