package plan

import "testing"

func TestApply_records_values_sent_for_other_mappings(t *testing.T) {
	for name, run := range map[string]func(t *testing.T, a *agent, me, other *mapping){
		"of a mapping whose edit is rejected, and which is then suspended": func(t *testing.T, a *agent, me, other *mapping) {
			a.vanish("9")
			me.edit("9=Y")
			a.runAll(t)
			other.edit("5=N")
			a.runAll(t)
			me.suspend(true)
			other.edit("5=Y")
		},
		"while the account has another user": func(t *testing.T, a *agent, me, other *mapping) {
			a.setUser(user, false)
			a.runAll(t)
			a.vanish("9")
			me.edit("9=Y")
			a.runAll(t)
			other.edit("5=N")
			a.step(answered, func() { a.account.UserHash = anotherUser; a.account.Recoveries++ })
			me.suspend(true)
			a.account.UserHash = user
			a.account.Recoveries++
			other.edit("5=Y")
		},
		"of a group that its new owner released meanwhile": func(t *testing.T, a *agent, me, other *mapping) {
			a.rejects[Metadata]["me"] = true
			me.edit("8=Y") // can't be recorded, so it is held
			a.runAll(t)
			other.edit("4=N 5=Y")
			a.step(answered, func() { other.edit("5=Y") })
		},
	} {
		eachReading(t, name, func(t *testing.T, a *agent) {
			me, other := a.add("me", 1, "4=Y"), a.add("other", 2, "5=Y")
			a.runAll(t)
			run(t, a, me, other)
			a.runAll(t)
			other.edit("5=N")
			a.runAll(t)
			a.expectGroups(t, "4=N 5=N")
			expect(t, "group 4 counts as applied with Y", me.applied()["4"], false)
		})
	}

	eachReading(t, "with a removal of a group that another mapping has applied, and is suspended meanwhile", func(t *testing.T, a *agent) {
		other := a.add("other", 2, "4=Y 5=Y")
		a.step(crashed, nothing) // groups 4 and 5 are pending
		other.edit("5=Y")
		other.pause(true)
		me := a.add("me", 3, "4=Y")
		a.runAll(t)
		other.pause(false)
		me.edit("6=Y")
		a.step(answered, func() { me.suspend(true) }) // removes group 4
		a.runAll(t)
		other.edit("5=N")
		a.runAll(t)
		a.expectGroups(t, "4=N 5=N")
	})

	eachReading(t, "of a mapping that gets its permission back, so that they are sent again", func(t *testing.T, a *agent) {
		me, other := a.add("me", 1, "4=Y"), a.add("other", 2, "5=Y")
		a.runAll(t)
		me.forbidden = true
		a.runAll(t)
		other.edit("4=N 5=Y")
		a.step(answered, func() { me.forbidden = false; other.edit("5=Y") })
		a.runAll(t)
		a.expectGroups(t, "4=Y 5=Y")
	})
}

func TestApply_records_carried_values_once(t *testing.T) {
	me, other := newMapping("me", 1, "4=Y"), newMapping("other", 2, "5=Y")
	a := newAgent(false, me, other)
	a.runAll(t)
	a.vanish("9")
	me.edit("9=Y")
	a.runAll(t)
	for _, edit := range []struct {
		desired string
		writes  int
	}{{"5=N", 2}, {"5=Y", 1}} {
		a.writes = 0
		other.edit(edit.desired)
		a.runAll(t)
		expect(t, "writes for "+edit.desired, a.writes, edit.writes)
	}
}
