package account

import (
	"fmt"
	"maps"
	"strconv"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/metrics"
)

// receiving returns a mapping of an agent for which DeepCall confirmed these groups at a minute.
func receiving(uid, agent string, minute int, groups map[string]bool) *v1alpha1.AgentGroupMapping {
	m := newMapping("support", uid)
	m.Spec.AgentID = agent
	m.Status.ObservedUID = uid
	m.Status.LastSyncTime = &metav1.MicroTime{Time: time.Unix(int64(60*minute), 0)}
	for id, receives := range groups {
		m.Status.AppliedGroups = append(m.Status.AppliedGroups, v1alpha1.AgentGroup{GroupID: id, ReceiveCall: receives})
	}
	return m
}

func TestGroupReceivers(t *testing.T) {
	r := NewGroupReceivers()
	asha := func() *v1alpha1.AgentGroupMapping {
		return receiving("1", "7", 1, map[string]bool{"90": true, "91": false})
	}
	other := func(minute int, receives bool) *v1alpha1.AgentGroupMapping { // of the same agent
		return receiving("3", "7", minute, map[string]bool{"90": receives})
	}
	copied := asha()
	copied.UID = "4" // but not its status
	declared := newMapping("support", "5")
	declared.Spec.Groups = []v1alpha1.AgentGroup{{GroupID: "99", ReceiveCall: true}}
	elsewhere := receiving("6", "7", 1, map[string]bool{"90": true})
	elsewhere.Spec.AccountRef.Name = "globex"
	for _, step := range []struct {
		name  string
		event func()
		want  string // support/acme unless globex
	}{
		{"one is confirmed", func() { r.Set(asha()) }, "map[90:1 91:0]"},
		{"it is observed again", func() { r.Set(asha()) }, "map[90:1 91:0]"},
		{"another agent is confirmed", func() { r.Set(receiving("2", "8", 1, map[string]bool{"90": true})) }, "map[90:2 91:0]"},
		{"a second mapping of the first agent gets the same group", func() { r.Set(other(2, true)) }, "map[90:2 91:0]"},
		{"it turns the calls off, later", func() { r.Set(other(3, false)) }, "map[90:1 91:0]"},
		{"it is older than the first one's confirmation", func() { r.Set(other(0, false)) }, "map[90:2 91:0]"},
		{"a second account has the same IDs", func() { r.Set(elsewhere) }, "map[90:2 91:0 globex/90:1]"},
		{"a status is copied to another object", func() { r.Set(copied) }, "map[90:2 91:0 globex/90:1]"},
		{"a group is only declared", func() { r.Set(declared) }, "map[90:2 91:0 globex/90:1]"},
		{"the first one is deleted", func() { r.Delete(asha()) }, "map[90:1 globex/90:1]"},
		{"its deletion is observed twice", func() { r.Delete(asha()) }, "map[90:1 globex/90:1]"},
		{"one that waits for its removal", func() { r.Set(deleting(withFinalizer(asha()))) }, "map[90:2 91:0 globex/90:1]"},
		{"it is released", func() { r.Set(deleting(asha())) }, "map[90:1 globex/90:1]"},
		{"DeepCall confirms that the last receiver gets no calls", func() { r.Set(receiving("2", "8", 4, map[string]bool{"90": false})) }, "map[90:0 globex/90:1]"},
		{"its groups are removed", func() { r.Set(receiving("2", "8", 5, nil)) }, "map[90:0 globex/90:1]"},
		{"the others are deleted", func() { r.Delete(other(0, false)); r.Delete(elsewhere); r.Delete(copied); r.Delete(declared) }, "map[]"},
	} {
		step.event()
		got := map[string]int{}
		for group, n := range r.ReceiversByGroup() {
			got[map[types.NamespacedName]string{acme: "", {Namespace: "support", Name: "globex"}: "globex/"}[group.Account]+group.ID] = n
		}
		if fmt.Sprint(got) != step.want {
			t.Errorf("%s: got %v, want %s", step.name, got, step.want)
		}
	}
	if len(r.applied)+len(r.byGroup) != 0 {
		t.Errorf("still counted: %v, %v", r.applied, r.byGroup)
	}
}

func withFinalizer(m *v1alpha1.AgentGroupMapping) *v1alpha1.AgentGroupMapping {
	m.Finalizers = []string{v1alpha1.StopCallsFinalizer}
	return m
}

// TestGroupReceivers_do_not_depend_on_the_order_of_events checks that a restart counts as before.
func TestGroupReceivers_do_not_depend_on_the_order_of_events(t *testing.T) {
	first := receiving("1", "7", 1, map[string]bool{"90": true})
	second := receiving("2", "7", 1, map[string]bool{"90": false})
	second.CreationTimestamp = metav1.NewTime(time.Unix(1, 0)) // the younger one, confirmed at the same time
	for _, order := range [][]*v1alpha1.AgentGroupMapping{{first, second}, {second, first}} {
		r := NewGroupReceivers()
		for _, m := range order {
			r.Set(m)
		}
		if got, want := r.ReceiversByGroup(), (map[metrics.Group]int{{Account: acme, ID: "90"}: 1}); !maps.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

// manyMappings returns 100,000 mappings of as many agents, each with 3 of 300 groups.
func manyMappings() []*v1alpha1.AgentGroupMapping {
	mappings := make([]*v1alpha1.AgentGroupMapping, 100_000)
	for i := range mappings {
		id := strconv.Itoa(i)
		mappings[i] = receiving(id, id, 1, map[string]bool{
			strconv.Itoa(i % 300): true, strconv.Itoa((i + 1) % 300): true, strconv.Itoa((i + 2) % 300): false,
		})
		mappings[i].Name = "agent-" + id
	}
	return mappings
}

// BenchmarkGroupReceivers measures a scrape with 100,000 mappings, and what counting adds to a watch event.
func BenchmarkGroupReceivers(b *testing.B) {
	mappings, r := manyMappings(), NewGroupReceivers()
	for _, m := range mappings {
		r.Set(m)
	}
	b.Run("scrape", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.ReceiversByGroup()
		}
	})
	b.Run("event", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			r.Set(mappings[i%len(mappings)])
		}
	})
	b.Run("start", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			fresh := NewGroupReceivers()
			for _, m := range mappings {
				fresh.Set(m)
			}
		}
	})
}
