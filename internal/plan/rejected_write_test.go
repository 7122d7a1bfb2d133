package plan

import (
	"testing"
	"time"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// pass lets time pass until a back-off has ended.
func (a *agent) pass() { a.now = a.now.Add(MaxRetry) }

func TestRejectedWrite(t *testing.T) {
	eachReading(t, "of a record sends no request for the mapping, and does not delay others", func(t *testing.T, a *agent) {
		bad, good := a.add("bad", 1, "1=Y"), a.add("good", 2, "2=Y")
		a.rejects[Metadata]["bad"] = true
		a.expectRequests(t, "2=Y")
		expect(t, "bad", bad.summary().Reason, v1alpha1.ReasonWriteRejected)
		expect(t, "good", good.summary().Reason, v1alpha1.ReasonSynced)
		a.pass()
		a.expectRequests(t)
		a.rejects = nil
		a.expectRequests(t)
		a.pass()
		a.expectRequests(t, "1=Y 2=Y")
		expect(t, "bad", bad.summary().Reason, v1alpha1.ReasonSynced)
	})

	eachReading(t, "of a record keeps the mapping's applied groups in the requests of others", func(t *testing.T, a *agent) {
		bad, good := a.add("bad", 1, "1=Y"), a.add("good", 2, "2=Y")
		a.runAll(t)
		a.rejects[Metadata]["bad"] = true
		bad.edit("1=Y 3=Y")
		good.edit("2=N")
		a.expectRequests(t, "1=Y 2=N")
		bad.edit("1=N") // adds no group, so nothing is recorded
		a.expectRequests(t, "1=N 2=N")
	})

	eachReading(t, "of a status does not lose what DeepCall confirmed", func(t *testing.T, a *agent) {
		bad, _ := a.add("bad", 1, "1=Y"), a.add("good", 2, "2=Y")
		a.rejects[Status]["bad"] = true
		a.expectRequests(t, "1=Y", "1=Y 2=Y")
		expect(t, "bad", bad.summary().Reason, "")
		a.rejects = nil
		a.expectRequests(t)
		expect(t, "bad during the back-off", bad.summary().Reason, "")
		a.pass()
		a.expectRequests(t)
		expect(t, "bad", bad.summary().Reason, v1alpha1.ReasonSynced)
		expect(t, "bad has applied", text(bad.applied()), "1=Y")
		expect(t, "the number of mappings with a state", len(a.state.Mappings), 0)
	})

	eachReading(t, "of a status does not delay edits, whose records contain the groups that it lacks", func(t *testing.T, a *agent) {
		m := a.add("mapping", 1, "1=Y")
		a.rejects[Status]["mapping"] = true
		a.expectRequests(t, "1=Y")
		m.edit("1=Y 2=Y")
		a.expectRequests(t, "1=Y 2=Y")
		a.restart()
		m.edit("3=Y")
		a.expectRequests(t, "1=N 2=N 3=Y")
		a.restart()
		a.rejects = nil
		a.expectRequests(t, "1=N 2=N 3=Y")
		a.expectRequests(t)
	})

	eachReading(t, "of a status does not delay the deletion", func(t *testing.T, a *agent) {
		m := a.add("mapping", 1, "1=Y")
		a.rejects[Status]["mapping"] = true
		a.expectRequests(t, "1=Y")
		m.delete(a.now)
		a.expectRequests(t, "1=N")
		expect(t, "the deletion has ended", m.gone, true)
	})

	eachReading(t, "of the finalizer's removal is reported, and removes the groups once", func(t *testing.T, a *agent) {
		m, other := a.add("mapping", 1, "1=Y"), a.add("other", 2, "2=Y")
		a.runAll(t)
		a.rejects[Metadata]["mapping"] = true
		m.delete(a.now)
		a.expectRequests(t, "1=N 2=Y")
		expect(t, "mapping", m.summary().Reason, v1alpha1.ReasonWriteRejected)
		expect(t, "mapping has applied", text(m.applied()), "")
		other.edit("2=N")
		a.expectRequests(t, "2=N")
		a.restart()
		a.expectRequests(t)
		a.rejects = nil
		a.pass()
		a.expectRequests(t)
		expect(t, "the deletion has ended", m.gone, true)
	})

	eachReading(t, "of the finalizer's removal and the status does not enable groups again", func(t *testing.T, a *agent) {
		m, other := a.add("mapping", 1, "1=Y"), a.add("other", 2, "2=Y")
		a.runAll(t)
		a.rejects[Metadata]["mapping"], a.rejects[Status]["mapping"] = true, true
		m.delete(a.now)
		a.expectRequests(t, "1=N 2=Y")
		other.edit("2=N")
		a.expectRequests(t, "2=N")
	})

	eachReading(t, "does not hide that DeepCall rejected the mapping", func(t *testing.T, a *agent) {
		m := a.add("mapping", 1, "1=Y 9=Y")
		a.vanish("9")
		a.expectRequests(t, "1=Y 9=Y")
		a.rejects[Metadata]["mapping"] = true // the finalizer is not needed any more
		for range 3 {
			a.pass()
			a.expectRequests(t)
			expect(t, "rejected", m.isRejected(), true)
		}
	})
}

// A write is repeated with back-off, and its identical rejection writes nothing (R15).
func TestRejectedWrite_is_repeated_with_back_off(t *testing.T) {
	for _, part := range []Part{Metadata, Status} {
		t.Run(string(part), func(t *testing.T) {
			m := newMapping("mapping", 1, "1=Y")
			a := newAgent(false, m)
			a.rejects[part]["mapping"] = true
			a.runAll(t)
			delay := time.Second
			for n := 1; n <= 10; n++ {
				until := Plan(a.snapshot(), a.state).RequeueAt
				expect(t, "the delay", until.Sub(a.now), delay)
				a.now = until.Add(-time.Millisecond)
				a.writes = 0
				a.runAll(t)
				expect(t, "writes before its end", a.writes, 0)
				a.now = until
				version := m.DeepCopy()
				a.runAll(t)
				expect(t, "rejections", a.failures(m, part), n+1)
				expect(t, "reason", m.summary().Reason, map[Part]string{Metadata: v1alpha1.ReasonWriteRejected, Status: ""}[part])
				if part == Metadata && !m.Status.Conditions[0].LastTransitionTime.Equal(&version.Status.Conditions[0].LastTransitionTime) {
					t.Fatal("the status changes")
				}
				delay = min(2*delay, MaxRetry)
			}
			for name, change := range map[string]func(){
				"the spec changes":      func() { m.suspend(false) },
				"a resync is requested": func() { m.resync(a.now) },
			} {
				change()
				a.runAll(t)
				if failures := a.failures(m, part); failures < 1 || failures > 2 { // before and after the request
					t.Errorf("after %s: %d rejections", name, failures)
				}
			}
		})
	}
}

func (a *agent) failures(m *mapping, part Part) int {
	writes := a.state.Mappings[m.UID].Writes
	return map[Part]int{Metadata: writes.Metadata.Failures, Status: writes.Status.Failures}[part]
}

// Other mappings' results change the status of a mapping whose status is not written now.
func TestApply_keeps_a_status_that_is_not_to_be_written_yet(t *testing.T) {
	a := newAgent(true)
	bad, other := a.add("bad", 1, "9=Y"), a.add("other", 2, "2=Y")
	a.rejects[Status]["bad"] = true
	a.expectRequests(t, "9=Y", "2=Y 9=Y")
	a.vanish("9")
	other.edit("2=N")
	a.expectRequests(t, "2=N 9=Y", "2=Y 9=Y", "2=Y", "2=N")
	a.rejects = nil
	a.pass()
	a.reconcile()
	expect(t, "rejected", bad.isRejected(), true)
	expect(t, "the endpoint of the applied groups", bad.Status.AppliedEndpoint, "")
}

// Messages of webhooks can contain the time or the object's version. They must not change the status with each attempt, also not
// after a restart.
func TestRejectedWrite_keeps_its_message(t *testing.T) {
	m := newMapping("mapping", 1, "1=Y")
	a := newAgent(false, m)
	reject := func(message string) reason.Summary {
		a.pass()
		a.reconcile()
		a.commit(a.snapshot(), a.state, WriteResult{Metadata: true, Rejected: Metadata, Message: message})
		a.reconcile()
		return m.summary()
	}
	first := reject("denied at 12:00:01, version 41")
	expect(t, "reason", first.Reason, v1alpha1.ReasonWriteRejected)
	expect(t, "message", reject("denied at 12:01:02, version 42").Message, first.Message)
	a.restart()
	expect(t, "message after a restart", reject("denied at 13:01:02, version 43").Message, first.Message)
	expect(t, "another message", reject("a quota is exceeded").Message, reason.WriteRejected("a quota is exceeded").Message)
}
