package plan

import "testing"

func TestApply_records_what_a_request_carried_for_another_mapping(t *testing.T) {
	eachReading(t, "does not enable a removed group again once the mapping is suspended", func(t *testing.T, replaces bool) {
		m, other := newMapping("me", 1, "4=Y"), newMapping("other", 2, "5=Y")
		a := newAgent(replaces, m, other)
		a.runAll(t)
		a.vanish("9")
		m.edit("9=Y")
		a.runAll(t)
		if !m.isRejected() {
			t.Fatal("the edit is not rejected")
		}
		other.edit("5=N")
		a.runAll(t)
		expect(t, "the applied groups", text(m.applied()), "4=N")
		m.suspend(true)
		other.edit("5=Y")
		a.expectRequests(t, "4=N 5=Y")
	})
}

func TestApply_records_what_a_request_carried_only_once(t *testing.T) {
	m, other := newMapping("me", 1, "4=Y"), newMapping("other", 2, "5=Y")
	a := newAgent(false, m, other)
	a.runAll(t)
	a.vanish("9")
	m.edit("9=Y")
	a.runAll(t)
	for _, edit := range []struct {
		desired string
		writes  int
	}{{"5=N", 2}, {"5=Y", 1}} {
		before := a.writes
		other.edit(edit.desired)
		a.runAll(t)
		if writes := a.writes - before; writes != edit.writes {
			t.Errorf("%d writes for %s instead of %d", writes, edit.desired, edit.writes)
		}
	}
}
