package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// copyTo returns a copy of a mapping as another object, as a user or a backup makes it: with all metadata and perhaps the status.
func copyTo(m *mapping, name string, withStatus bool) *mapping {
	object := m.DeepCopy()
	object.Name, object.UID, object.Generation = name, types.UID(name), 1
	if !withStatus {
		object.Status = v1alpha1.AgentGroupMappingStatus{ObservedGeneration: -1}
	}
	return &mapping{AgentGroupMapping: object}
}

func TestPlan_trusts_only_the_records_of_the_object_itself(t *testing.T) {
	// original returns a mapping with group 90 applied, and 91 pending after a lost answer.
	original := func() *mapping {
		m := newMapping("original", 1, "90=Y")
		a := newAgent(false, m)
		a.runAll(t)
		m.edit("90=Y 91=Y")
		a.step(answerLost, nothing)
		return m
	}
	for name, c := range map[string]struct {
		mapping  func() *mapping
		requests string
		gone     bool
	}{
		"a copy without status sends what it declares": {
			func() *mapping { m := copyTo(original(), "copy", false); m.edit("92=Y"); return m }, "92=Y", false,
		},
		"a copy with status sends what it declares": {
			func() *mapping { m := copyTo(original(), "copy", true); m.edit("92=Y"); return m }, "92=Y", false,
		},
		"a copy with status sends what it declares though the status confirms it": {
			func() *mapping { return copyTo(original(), "copy", true) }, "90=Y 91=Y", false,
		},
		"a copy of a rejected mapping is sent": {
			func() *mapping { m := original(); m.markRejected(); return copyTo(m, "copy", true) }, "90=Y 91=Y", false,
		},
		"a copy that is deleted sends nothing": {
			func() *mapping { m := copyTo(original(), "copy", true); m.delete(day(21)); return m }, "", true,
		},
		"a mapping without permission sends nothing for its record": {
			func() *mapping {
				m := newMapping("forbidden", 1, "")
				m.addPending("90")
				m.Finalizers, m.forbidden = []string{v1alpha1.StopCallsFinalizer}, true
				m.delete(day(21))
				return m
			}, "", true,
		},
		"a mapping that lost the permission removes what its status proves": {
			func() *mapping {
				m := original()
				delete(m.Annotations, v1alpha1.AttemptedGroupsAnnotation)
				m.forbidden = true
				m.delete(day(21))
				return m
			}, "90=N 91=N", true,
		},
		"IDs that the CRD rejects are dropped": {
			func() *mapping {
				m := newMapping("asha", 1, "90=Y")
				m.addPending("../91", "", strings.Repeat("9", 65))
				return m
			}, "90=Y", false,
		},
		"a record of too many groups is dropped": {
			func() *mapping {
				m := newMapping("asha", 1, "90=Y")
				var groups []string
				for n := range maxPending + 1 {
					groups = append(groups, fmt.Sprint(n))
				}
				m.addPending(groups...)
				return m
			}, "90=Y", false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := c.mapping()
			a := newAgent(true, m)
			a.runAll(t)
			expect(t, "the requests", strings.Join(a.requests, "; "), c.requests)
			expect(t, "gone", m.gone, c.gone)
			if !m.gone {
				expect(t, "the applied groups", text(m.applied()), text(m.desired()))
			}
		})
	}
}

func TestPlan_replaces_the_status_of_another_object(t *testing.T) {
	m := newMapping("original", 1, "90=Y")
	newAgent(false, m).runAll(t)
	c := copyTo(m, "copy", true)
	c.suspend(true)
	a := newAgent(false, c)
	a.runAll(t)
	if c.Status.ObservedUID != "copy" || len(c.Status.AppliedGroups) > 0 || c.Status.LastSyncTime != nil {
		t.Errorf("the status is %+v", c.Status)
	}
	a.writes = 0
	a.runAll(t)
	expect(t, "more writes", a.writes, 0)
}

func TestPlan_removes_groups_although_their_record_is_erased(t *testing.T) {
	for name, erase := range map[string]func(a *agent, m *mapping){
		"erased after the failure was written": func(a *agent, m *mapping) {
			a.step(answerLost, nothing)
			m.erase()
			a.restart()
		},
		"erased while the request is in flight": func(a *agent, m *mapping) { a.step(answerLost, m.erase) },
	} {
		eachReading(t, name, func(t *testing.T, a *agent) {
			m := a.add("asha", 1, "90=Y")
			a.runAll(t)
			m.edit("90=Y 91=Y")
			erase(a, m)
			m.edit("90=Y")
			a.runAll(t)
			a.expectGroups(t, "91=N")
		})
	}
}

// While answers are lost, each edit may add groups. The record must stay within what the API server stores, and everything is
// removed in the end.
func TestPlan_bounds_what_it_records(t *testing.T) {
	desired := func(edit int) string {
		var fields []string
		for n := range 500 {
			fields = append(fields, fmt.Sprintf("%s%02d-%03d=Y", strings.Repeat("g", 58), edit, n))
		}
		return strings.Join(fields, " ")
	}
	checkBounds := func(t *testing.T, m *mapping) {
		t.Helper()
		if size := len(m.Annotations[v1alpha1.AttemptedGroupsAnnotation]); size > 100<<10 {
			t.Errorf("the record has %d bytes", size)
		}
		if len(m.Status.AppliedGroups) > maxApplied || len(m.Status.PendingGroups) > maxPending {
			t.Errorf("%d groups are applied, %d pending", len(m.Status.AppliedGroups), len(m.Status.PendingGroups))
		}
	}
	eachReading(t, "while answers are lost", func(t *testing.T, a *agent) {
		m := a.add("asha", 1, "1=Y")
		a.runAll(t)
		for edit := range 8 {
			m.edit(desired(edit))
			a.step(answerLost, nothing)
			checkBounds(t, m)
		}
		a.runAll(t)
		expect(t, "the applied groups", text(m.applied()), text(m.desired()))
		for group, receives := range a.groups {
			if _, declared := m.desired()[group]; receives && !declared {
				t.Fatalf("group %s receives calls", group)
			}
		}
	})
	eachReading(t, "while a removal is isolated", func(t *testing.T, a *agent) {
		m := a.add("asha", 1, desired(0))
		a.runAll(t)
		for group := range m.applied() {
			a.vanish(group)
			break
		}
		for edit := range 8 {
			m.edit(desired(edit + 1))
			for range edit + 2 {
				a.step(answered, nothing)
				checkBounds(t, m)
			}
		}
		for requests := 0; a.step(answered, nothing); requests++ {
			checkBounds(t, m)
			if requests > 50 {
				t.Fatalf("the isolation does not end: %d groups are applied", len(m.applied()))
			}
		}
		expect(t, "the applied groups", text(m.applied()), text(m.desired()))
		a.vanish(slices.Collect(maps.Keys(m.applied()))...)
		m.edit("")
		a.step(answered, nothing)
		m.orphan() // even with everything vanished, it can be released
		a.step(answered, nothing)
		checkBounds(t, m)
	})
}

// A group that another mapping took over leaves the record, or a later request would carry its old value.
func TestPlan_drops_a_group_that_was_taken_over(t *testing.T) {
	for name, tc := range map[string]struct {
		hold    func(guest *mapping)
		finally string // once the mapping has its permission
	}{
		"from a mapping that lost its permission": {func(guest *mapping) { guest.forbidden = true }, "90=Y"}, // it is declared again
		"from a suspended mapping": {func(guest *mapping) {
			guest.suspend(true)
			guest.Status.LastSyncTime = &metav1.MicroTime{Time: day(1)}
			guest.edit("91=Y")
		}, "90=N"},
	} {
		eachReading(t, name, func(t *testing.T, a *agent) {
			guest, host := a.add("guest", 2, "90=Y"), a.add("host", 1, "")
			a.runAll(t)
			tc.hold(guest)
			host.edit("90=N")
			a.runAll(t)
			host.delete(a.now)
			a.runAll(t)
			a.add("third", 3, "92=Y")
			a.runAll(t)
			a.expectGroups(t, "90=N 92=Y")
			guest.forbidden = false
			a.runAll(t)
			a.expectGroups(t, tc.finally)
		})
	}
}

// A mapping without permission keeps its groups, and is not sent when the permission returns. So no other mapping removes them.
func TestPlan_keeps_the_groups_of_a_mapping_without_permission(t *testing.T) {
	for name, release := range map[string]func(a *agent, host *mapping){
		"after an edit":     func(_ *agent, host *mapping) { host.edit("3=Y") },
		"after a deletion":  func(a *agent, host *mapping) { host.delete(a.now) },
		"while it isolates": func(a *agent, host *mapping) { a.vanish("2"); host.edit("3=Y") },
	} {
		eachReading(t, name, func(t *testing.T, a *agent) {
			host := a.add("host", 1, "1=Y 2=Y 3=Y")
			a.step(crashed, nothing) // group 1 is pending
			guest := a.add("guest", 2, "1=Y")
			host.edit("3=Y")
			host.pause(true)
			a.runAll(t) // guest applies group 1
			guest.forbidden = true
			host.pause(false)
			release(a, host)
			a.runAll(t)
			guest.forbidden = false
			a.runAll(t)
			a.expectGroups(t, "1=Y 2=N")
			guest.delete(a.now)
			a.runAll(t)
			a.expectGroups(t, "1=N")
		})
	}
}
