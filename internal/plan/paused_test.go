package plan

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// ready returns the reason of the condition Ready, and its message.
func (m *mapping) ready() reason.Summary {
	ready := meta.FindStatusCondition(m.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.ObservedGeneration != m.Generation {
		return reason.Summary{}
	}
	return reason.Summary{Reason: ready.Reason, Message: ready.Message}
}

func expectSummary(t *testing.T, m *mapping, want reason.Summary) {
	t.Helper()
	if got := m.ready(); got != want {
		t.Errorf("%s states\n%+v\nwant\n%+v", m.Name, got, want)
	}
}

func TestPlan_of_a_paused_account(t *testing.T) {
	edited, deleted, created := newMapping("edited", 1, "1=Y"), newMapping("deleted", 2, "2=Y"), newMapping("created", 3, "3=Y")
	unchanged, rejected := newMapping("unchanged", 4, "4=Y"), newMapping("rejected", 5, "5=Y")
	a := newAgent(false, edited, deleted, unchanged)
	a.runAll(t)
	edited.edit("1=N")
	deleted.delete(a.now)
	unchanged.resync(a.now)
	rejected.markRejected()
	rejection := rejected.ready()
	a.mappings = append(a.mappings, created, rejected)
	a.account.Paused = true
	a.reconcile()
	for _, m := range []*mapping{edited, created} {
		expectSummary(t, m, reason.Paused())
	}
	expectSummary(t, deleted, reason.Paused().BlocksDeletion())
	expectSummary(t, unchanged, reason.Synced())
	expectSummary(t, rejected, rejection)
	if _, ok := Plan(a.snapshot(), a.state).Next(); !ok {
		t.Error("no request waits for the end of the pause")
	}

	a.account.Reachable = false // the probe after an earlier pause failed
	a.reconcile()
	expectSummary(t, edited, reason.Paused())

	a.account.Paused, a.account.Reachable = false, true
	before := a.writes
	a.reconcile()
	if a.writes > before {
		t.Errorf("%d writes when the pause ends", a.writes-before)
	}
	a.runAll(t)
	expectSummary(t, edited, reason.Synced())
	expectSummary(t, created, reason.Synced())
	if !deleted.gone {
		t.Error("the deleted mapping is still there")
	}
}

func TestApply_states_the_pause_that_a_request_caused(t *testing.T) {
	m := newMapping("me", 1, "1=Y")
	a := newAgent(false, m)
	a.account.Paused = true
	a.step(requestLost, func() {})
	expectSummary(t, m, reason.Paused())
}

func TestApply_does_not_back_off_if_the_account_changed_meanwhile(t *testing.T) {
	for what, kind := range map[string]fate{"a denial": denied, "a request without an answer": requestLost} {
		t.Run("after "+what, func(t *testing.T) {
			a := newAgent(false, newMapping("me", 1, "1=Y"))
			a.step(kind, func() { a.account.Recoveries++ })
			a.now = day(20)
			if _, ok := Plan(a.snapshot(), a.state).Next(); !ok {
				t.Error("it is not sent to the changed account at once")
			}
		})
	}
}

func TestApply_backs_off_if_only_one_agent_is_denied(t *testing.T) {
	m := newMapping("me", 1, "1=Y")
	a := newAgent(false, m)
	for _, pause := range []time.Duration{5 * time.Minute, 10 * time.Minute} {
		if !a.step(denied, func() {}) {
			t.Fatal("nothing is sent")
		}
		expectSummary(t, m, reason.FromError(failure(invalidToken)))
		decisions := Plan(a.snapshot(), a.state)
		if _, ok := decisions.Next(); ok || decisions.RequeueAt.Sub(a.now) != pause {
			t.Errorf("it is sent again in %s (now: %t), want %s", decisions.RequeueAt.Sub(a.now), ok, pause)
		}
		a.now = decisions.RequeueAt
	}

	a.step(denied, func() {})
	a.account.Reachable = false
	a.reconcile()
	expectSummary(t, m, reason.AccountNotReady(m.AccountKey(), m.Namespace))
	if _, ok := Plan(a.snapshot(), a.state).Next(); !ok {
		t.Error("it does not wait for the probe of a denied account")
	}
	a.account.Reachable = true
	a.account.Recoveries++
	if _, ok := Plan(a.snapshot(), a.state).Next(); !ok {
		t.Error("it is not sent once the account recovered")
	}
	if reason.Rejected(m.Status.Conditions, m.Generation) || failure(invalidToken).Class != deepcall.Denied {
		t.Error("a denial counts as a rejection")
	}
}
