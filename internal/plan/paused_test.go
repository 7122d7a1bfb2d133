package plan

import (
	"testing"
	"time"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

func TestPlan_of_a_paused_account(t *testing.T) {
	a := newAgent(false)
	edited, deleted, unchanged := a.add("edited", 1, "1=Y"), a.add("deleted", 2, "2=Y"), a.add("unchanged", 4, "4=Y")
	a.runAll(t)
	edited.edit("1=N")
	deleted.delete(a.now)
	unchanged.resync(a.now)
	created, rejected := a.add("created", 3, "3=Y"), a.add("rejected", 5, "5=Y")
	rejected.markRejected()
	rejection := rejected.summary()
	a.account.Paused = true
	a.reconcile()
	expect(t, "edited", edited.summary(), reason.Paused())
	expect(t, "created", created.summary(), reason.Paused())
	expect(t, "deleted", deleted.summary(), reason.Paused().BlocksDeletion())
	expect(t, "unchanged", unchanged.summary(), reason.Synced())
	expect(t, "rejected", rejected.summary(), rejection)
	expect(t, "a request waits for the end of the pause", a.hasRequest(), true)

	a.account.Reachable = false // the probe after an earlier pause failed
	a.reconcile()
	expect(t, "edited", edited.summary(), reason.Paused())

	a.account.Paused, a.account.Reachable = false, true
	a.writes = 0
	a.reconcile()
	expect(t, "writes when the pause ends", a.writes, 0)
	a.runAll(t)
	expect(t, "edited", edited.summary(), reason.Synced())
	expect(t, "created", created.summary(), reason.Synced())
	expect(t, "the deletion has ended", deleted.gone, true)
}

func TestApply_states_the_pause_that_a_request_caused(t *testing.T) {
	m := newMapping("me", 1, "1=Y")
	a := newAgent(false, m)
	a.account.Paused = true
	a.step(requestLost, nothing)
	expect(t, "summary", m.summary(), reason.Paused())
}

func TestApply_does_not_back_off_if_the_account_changed_meanwhile(t *testing.T) {
	for what, kind := range map[string]fate{"a denial": denied, "a request without an answer": requestLost} {
		t.Run("after "+what, func(t *testing.T) {
			a := newAgent(false, newMapping("me", 1, "1=Y"))
			a.step(kind, func() { a.account.Recoveries++ })
			a.now = day(20)
			expect(t, "it is sent to the changed account at once", a.hasRequest(), true)
		})
	}
}

func TestApply_backs_off_if_only_one_agent_is_denied(t *testing.T) {
	m := newMapping("me", 1, "1=Y")
	a := newAgent(false, m)
	for _, pause := range []time.Duration{5 * time.Minute, 10 * time.Minute} {
		expect(t, "it is sent", a.step(denied, nothing), true)
		expect(t, "summary", m.summary(), reason.FromError(failure(invalidToken)))
		expect(t, "it is sent again at once", a.hasRequest(), false)
		retryAt := Plan(a.snapshot(), a.state).RequeueAt
		expect(t, "it is sent again in", retryAt.Sub(a.now), pause)
		a.now = retryAt
	}

	a.step(denied, nothing)
	a.account.Reachable = false
	a.reconcile()
	expect(t, "summary", m.summary(), reason.AccountNotReady(m.AccountKey(), m.Namespace))
	expect(t, "it waits for the probe of a denied account", a.hasRequest(), true)
	a.account.Reachable = true
	a.account.Recoveries++
	expect(t, "it is sent once the account recovered", a.hasRequest(), true)
	expect(t, "a denial counts as a rejection", m.isRejected(), false)
	expect(t, "class of a denial", failure(invalidToken).Class, deepcall.Denied)
}
