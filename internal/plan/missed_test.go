package plan

import (
	"strings"
	"testing"

	"github.com/deepcall/deepcall-operator/internal/reason"
)

// Edits that change no group are made while the operator is down. A former process can have sent a request for the first of them
// that changed a value, and crashed: so the groups are sent again once, as soon as they can be.
func TestPlan_after_missed_generations(t *testing.T) {
	suspend := func(m *mapping) { m.suspend(true) }
	resume := func(m *mapping) { m.suspend(false) }
	orphan := func(m *mapping) { m.orphan() }
	for _, tc := range []struct {
		name     string
		edits    []func(m *mapping)
		want     reason.Summary
		requests string
		// resumed are the requests once the mapping is resumed.
		resumed string
	}{
		{"sends nothing for one edit", []func(m *mapping){orphan}, reason.Synced(), "", ""},
		{"sends nothing for a suspension", []func(m *mapping){suspend}, reason.Synced(), "", ""},
		{"sends the groups again after two edits", []func(m *mapping){orphan, orphan}, reason.Synced(), "1=Y 2=N", ""},
		{"stays synced if the second edit suspends the mapping", []func(m *mapping){orphan, suspend}, reason.Synced(), "", "1=Y 2=N"},
		{"stays synced if a third edit follows", []func(m *mapping){orphan, suspend, orphan}, reason.Synced(), "", "1=Y 2=N"},
		{"states a suspension with a change", []func(m *mapping){suspend, func(m *mapping) { m.edit("1=N 2=N") }}, reason.Suspended(), "", "1=N 2=N"},
		{"sends the groups again after a suspension and its end", []func(m *mapping){suspend, resume}, reason.Synced(), "1=Y 2=N", ""},
	} {
		eachReading(t, tc.name, func(t *testing.T, replaces bool) {
			m := newMapping("mapping", 1, "1=Y 2=N")
			a := newAgent(replaces, m)
			a.runAll(t)
			a.restart()
			for _, edit := range tc.edits {
				edit(m)
			}
			expectAll := func(want reason.Summary, requests string) {
				t.Helper()
				a.requests = nil
				a.runAll(t)
				expect(t, "the requests", strings.Join(a.requests, "; "), requests)
				expectSummary(t, m, want)
			}
			expectAll(tc.want, tc.requests)
			a.restart()
			orphan(m)
			expectAll(tc.want, "")
			resume(m)
			expectAll(reason.Synced(), tc.resumed)
		})
	}
}

func TestPlan_of_a_suspended_mapping_after_a_lost_answer_is_not_synced(t *testing.T) {
	for _, suspended := range []bool{false, true} {
		m := newMapping("mapping", 1, "1=Y")
		a := newAgent(false, m)
		a.runAll(t)
		m.edit("1=N")
		a.step(answerLost, nothing)
		if suspended {
			m.suspend(true)
			a.reconcile()
		}
		m.edit("1=Y")
		m.suspend(true)
		a.restart()
		a.runAll(t)
		expectSummary(t, m, reason.Suspended())
		m.suspend(false)
		a.runAll(t)
		a.expectGroups(t, "1=Y")
		expectSummary(t, m, reason.Synced())
	}
}

func TestPlan_sends_a_value_again_that_a_crashed_process_can_have_changed(t *testing.T) {
	for _, suspended := range []bool{false, true} {
		m := newMapping("mapping", 1, "1=Y")
		a := newAgent(false, m)
		a.runAll(t)
		m.edit("1=N")
		a.step(crashed, func() {
			m.edit("1=Y")
			m.suspend(suspended)
		})
		m.suspend(false)
		a.runAll(t)
		a.expectGroups(t, "1=Y")
	}
}
