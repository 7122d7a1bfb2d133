package plan

import "testing"

// The hashes of two users, and of the first one after the account was recreated.
const user, anotherUser, userOfRecreated = "5a17-1001", "5a17-1002", "07e4-1001"

// setUser changes the user of the account's credentials; "" for a session or none. Another user has nothing in DeepCall.
func (a *agent) setUser(hash string, isOther bool) {
	a.account.UserHash = hash
	if isOther {
		a.groups = nil
	}
}

func TestPlan_with_another_user(t *testing.T) {
	eachReading(t, "sends the groups of all mappings again, and nothing twice", func(t *testing.T, a *agent) {
		one, _ := a.add("one", 1, "1=Y"), a.add("two", 2, "2=N")
		a.setUser(user, false)
		a.expectRequests(t, "1=Y", "1=Y 2=N")
		a.restart()
		a.expectRequests(t)
		a.setUser(anotherUser, true)
		a.restart()
		a.expectRequests(t, "1=Y", "1=Y 2=N")
		a.expectGroups(t, "1=Y 2=N")
		expect(t, "the recorded user", one.Status.AppliedUserHash, anotherUser)
		a.restart()
		a.expectRequests(t)
	})

	eachReading(t, "sends nothing while the user is not known", func(t *testing.T, a *agent) {
		a.add("mapping", 1, "1=Y")
		a.setUser(user, false)
		a.expectRequests(t, "1=Y")
		a.setUser("", false)
		a.account.Misconfigured = true
		a.writes = 0
		a.expectRequests(t)
		a.account.Misconfigured = false
		a.setUser(user, false)
		a.expectRequests(t)
		expect(t, "writes", a.writes, 0)
	})

	eachReading(t, "sends and writes nothing after an upgrade, and records the user with the next write", func(t *testing.T, a *agent) {
		m := a.add("mapping", 1, "1=Y")
		a.expectRequests(t, "1=Y")
		a.writes = 0
		a.restart()
		a.setUser(user, false)
		a.expectRequests(t)
		expect(t, "the recorded user", m.Status.AppliedUserHash, "")
		expect(t, "writes", a.writes, 0)
		m.suspend(true) // the status of this generation is written without a request
		a.expectRequests(t)
		expect(t, "the recorded user", m.Status.AppliedUserHash, user)
		m.suspend(false)
		a.setUser(anotherUser, true)
		a.expectRequests(t, "1=Y")
	})

	eachReading(t, "carries all groups if the account was recreated, and sends them once", func(t *testing.T, a *agent) {
		a.add("one", 1, "1=Y")
		a.add("two", 2, "2=N")
		a.setUser(user, false)
		a.expectRequests(t, "1=Y", "1=Y 2=N")
		a.setUser(userOfRecreated, false)
		a.restart()
		a.expectRequests(t, "1=Y 2=N", "1=Y 2=N")
		a.restart()
		a.expectRequests(t)
	})

	eachReading(t, "sends a rejected mapping at once, also after a restart", func(t *testing.T, a *agent) {
		m := a.add("mapping", 1, "9=Y")
		a.vanish("9")
		a.setUser(user, false)
		a.expectRequests(t, "9=Y")
		expect(t, "the recorded user", m.Status.RejectedUserHash, user)
		a.restart()
		a.expectRequests(t)
		a.setUser(anotherUser, true)
		a.restart()
		a.expectRequests(t, "9=Y")
		a.restart()
		a.expectRequests(t)
		m.edit("1=Y")
		a.expectRequests(t, "1=Y")
		expect(t, "the target that rejected it", m.Status.RejectedEndpoint+m.Status.RejectedUserHash, "")
	})

	eachReading(t, "sends carried groups at once that another user rejected, also after a restart", func(t *testing.T, a *agent) {
		carried, edited := a.add("carried", 1, "1=Y 9=Y"), a.add("edited", 2, "2=Y")
		a.setUser(user, false)
		a.runAll(t)
		a.vanish("9")
		edited.edit("2=N")
		a.runAll(t)
		expect(t, "the recorded user", carried.Status.RejectedUserHash, user)
		a.restart()
		a.expectRequests(t)
		delete(a.unknown, "9")
		a.setUser(anotherUser, true)
		a.restart()
		a.expectRequests(t, "1=Y 9=Y", "1=Y 2=N 9=Y")
	})
}
