package account

import (
	"fmt"
	"maps"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/metrics"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

var acme = types.NamespacedName{Namespace: "support", Name: "acme"}

func newMapping(namespace, uid string, finalizers ...string) *v1alpha1.AgentGroupMapping {
	m := &v1alpha1.AgentGroupMapping{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: "asha", UID: types.UID(uid), Finalizers: finalizers,
	}}
	m.Spec.AccountRef = v1alpha1.AccountReference{Namespace: acme.Namespace, Name: acme.Name}
	return m
}

func deleting(m *v1alpha1.AgentGroupMapping) *v1alpha1.AgentGroupMapping {
	m.DeletionTimestamp = new(metav1.Now())
	return m
}

func applied(m *v1alpha1.AgentGroupMapping) *v1alpha1.AgentGroupMapping {
	m.Status.ObservedUID, m.Status.AppliedGroups = string(m.UID), []v1alpha1.AgentGroup{{GroupID: "90"}}
	return m
}

// pending returns a mapping whose last request had no answer.
func pending(m *v1alpha1.AgentGroupMapping) *v1alpha1.AgentGroupMapping {
	m.Status.ObservedUID, m.Status.PendingGroups = string(m.UID), []string{"90"}
	return m
}

// restored returns a mapping with the status of a former object of its name.
func restored(m *v1alpha1.AgentGroupMapping) *v1alpha1.AgentGroupMapping {
	applied(m).Status.ObservedUID = "former"
	return m
}

func TestMappingCounts_by_account(t *testing.T) {
	const finalizer = v1alpha1.StopCallsFinalizer
	c := NewMappingCounts()
	for _, step := range []struct {
		name    string
		event   func() bool
		changed bool
		want    string
	}{
		{"one is created", func() bool { return c.Set(newMapping("support", "1")) }, true, "map[support:{1 0 0}]"},
		{"another one is created", func() bool { return c.Set(newMapping("sales", "2")) }, true, "map[sales:{1 0 0} support:{1 0 0}]"},
		{"nothing changes", func() bool { return c.Set(newMapping("support", "1")) }, false, "map[sales:{1 0 0} support:{1 0 0}]"},
		{"one gets the finalizer", func() bool { return c.Set(newMapping("support", "1", finalizer)) }, true, "map[sales:{1 0 0} support:{1 1 0}]"},
		{"a request has no answer", func() bool { return c.Set(pending(newMapping("support", "1", finalizer))) }, true, "map[sales:{1 0 0} support:{1 1 1}]"},
		{"the request is rejected", func() bool { return c.Set(newMapping("support", "1", finalizer)) }, true, "map[sales:{1 0 0} support:{1 1 0}]"},
		{"DeepCall confirms its groups", func() bool { return c.Set(applied(newMapping("support", "1", finalizer))) }, true, "map[sales:{1 0 0} support:{1 1 1}]"},
		{"they are removed", func() bool { return c.Set(newMapping("support", "1", finalizer)) }, true, "map[sales:{1 0 0} support:{1 1 0}]"},
		{"the status of another object is restored", func() bool { return c.Set(restored(newMapping("support", "1", finalizer))) }, false, "map[sales:{1 0 0} support:{1 1 0}]"},
		{"its deletion begins", func() bool { return c.Set(deleting(newMapping("support", "1", finalizer))) }, false, "map[sales:{1 0 0} support:{1 1 0}]"},
		{"it is released", func() bool { return c.Set(deleting(newMapping("support", "1"))) }, true, "map[sales:{1 0 0}]"},
		{"it is deleted", func() bool { return c.Delete(deleting(newMapping("support", "1"))) }, false, "map[sales:{1 0 0}]"},
		{"the other one gets the finalizer", func() bool { return c.Set(newMapping("sales", "2", finalizer)) }, true, "map[sales:{1 1 0}]"},
		{"it is deleted, and its last version had no finalizer", func() bool { return c.Delete(newMapping("sales", "2")) }, true, "map[]"},
	} {
		if changed := step.event(); changed != step.changed {
			t.Errorf("%s: changed is %t", step.name, changed)
		}
		if got := fmt.Sprint(c.byNamespace(acme)); got != step.want {
			t.Errorf("%s: got %s, want %s", step.name, got, step.want)
		}
	}
	if len(c.byAccount)+len(c.counted)+len(c.byReadiness) != 0 {
		t.Errorf("still counted: %v, %v, %v", c.byAccount, c.counted, c.byReadiness)
	}
}

func TestMappingCounts_by_readiness(t *testing.T) {
	c := NewMappingCounts()
	expect := func(want map[metrics.Readiness]int) {
		t.Helper()
		if got := c.CountByReadiness(); !maps.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	unobserved, synced := metrics.Readiness{Ready: "Unknown", Reason: "Unobserved"}, metrics.Readiness{Ready: "True", Reason: "Synced"}
	asha, ravi := newMapping("support", "1"), newMapping("support", "2")
	c.Set(asha)
	c.Set(ravi)
	expect(map[metrics.Readiness]int{unobserved: 2})
	reason.SetConditions(&asha.Status.Conditions, reason.Synced(), 1, time.Unix(1, 0))
	c.Set(asha)
	c.Set(asha)
	expect(map[metrics.Readiness]int{unobserved: 1, synced: 1})
	// A user can write any reason, which must not become a label.
	reason.SetConditions(&ravi.Status.Conditions, reason.Summary{Reason: "Bored"}, 1, time.Unix(1, 0))
	c.Set(ravi)
	expect(map[metrics.Readiness]int{{Ready: "False", Reason: "Other"}: 1, synced: 1})
	c.Delete(asha)
	c.Delete(ravi)
	expect(nil)
}
