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
		eachReading(t, name, func(t *testing.T, replaces bool) {
			me, other := newMapping("me", 1, "4=Y"), newMapping("other", 2, "5=Y")
			a := newAgent(replaces, me, other)
			a.runAll(t)
			run(t, a, me, other)
			a.runAll(t)
			other.edit("5=N")
			a.runAll(t)
			a.expectGroups(t, "4=N 5=N")
			if value, has := me.applied()["4"]; has && value {
				t.Errorf("the applied groups are %s", text(me.applied()))
			}
		})
	}
}

func TestApply_records_a_removal_of_a_group_that_another_mapping_has_applied(t *testing.T) {
	eachReading(t, "also if that one is suspended meanwhile", func(t *testing.T, replaces bool) {
		me, other := newMapping("me", 3, "4=Y"), newMapping("other", 2, "4=Y 5=Y")
		a := newAgent(replaces, other)
		a.step(crashed, nothing) // groups 4 and 5 are pending
		other.edit("5=Y")
		other.pause(true)
		a.mappings = append(a.mappings, me)
		a.runAll(t)
		other.pause(false)
		me.edit("6=Y")
		a.step(answered, func() { me.suspend(true) }) // removes group 4
		a.runAll(t)
		other.edit("5=N")
		a.runAll(t)
		a.expectGroups(t, "4=N 5=N")
	})
}

func TestApply_records_the_groups_of_a_mapping_that_gets_its_permission_back(t *testing.T) {
	eachReading(t, "so that they are sent again", func(t *testing.T, replaces bool) {
		me, other := newMapping("me", 1, "4=Y"), newMapping("other", 2, "5=Y")
		a := newAgent(replaces, me, other)
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
		before := a.writes
		other.edit(edit.desired)
		a.runAll(t)
		if writes := a.writes - before; writes != edit.writes {
			t.Errorf("%d writes for %s instead of %d", writes, edit.desired, edit.writes)
		}
	}
}
