package controller_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = describeForAllSemantics("R3 and R4: an agent with several mappings", func() {
	var env *testEnv
	BeforeEach(func() { env = newTestEnv() })

	// createTeams creates a synced mapping team-<group> for each group.
	createTeams := func(groups ...string) {
		GinkgoHelper()
		for _, group := range groups {
			env.createSynced(testenv.Mapping("team-"+group).Group(group, true))
		}
	}

	It("gets all their groups, and every request carries them all", func() {
		env.createSynced(testenv.Mapping("sales").Group("90", true))
		env.createSynced(testenv.Mapping("support").Group("91", true))
		env.editSynced("sales", setGroups(group("90", false)))
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N", "91": "Y"}))
		Expect(groupsOf(env.requests())).To(Equal([]map[string]string{
			{"90": "Y"}, {"90": "Y", "91": "Y"}, {"90": "N", "91": "Y"},
		}))
		Expect(env.deepcall.Overlaps()).To(BeZero())
	})

	It("keeps the owner's value of a group that two declare, and hands it over when the owner no longer declares it", func() {
		env.createSynced(testenv.Mapping("sales").Group("90", true))
		env.createAndWait(testenv.Mapping("support").Group("90", false).Group("91", true), "Ready=False Conflict Stalled")
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y", "91": "Y"}))
		env.edit("sales", setGroups(group("92", true)))
		env.waitForSynced("support", "sales")
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N", "91": "Y", "92": "Y"}))
		Expect(env.mapping("sales").Status.AppliedGroups).To(Equal([]v1alpha1.AgentGroup{group("92", true)}))
		env.restart()
		env.expectRequests(env.requestCount())
	})

	It("clears a rejection once another mapping owns all rejected groups", func() {
		env.deepcall.RemoveAgents("7")
		env.createAndWait(testenv.Mapping("sales").Group("91", true), "Ready=False InvalidAgentID Stalled")
		env.createAndWait(testenv.Mapping("support").Group("90", false), "Ready=False InvalidAgentID Stalled")
		env.deepcall.AddAgents("7")
		env.editSynced("sales", setGroups(group("90", true)))
		env.waitFor("support", "Ready=False Conflict Stalled")
		env.requestAndWait("support", "now")
		env.edit("sales", setGroups())
		env.waitForSynced("support")
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N"}))
	})

	It("hands a group over in one request, without removing it in between", func() {
		sales := env.createSynced(testenv.Mapping("sales").Group("90", true))
		env.createAndWait(testenv.Mapping("support").Group("90", true), "Ready=False Conflict Stalled")
		env.deleteAndWait(sales)
		env.waitForSynced("support")
		Expect(groupsOf(env.requests())).To(Equal([]map[string]string{{"90": "Y"}, {"90": "Y"}}))
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y"}))
	})

	It("removes a group that only a suspended mapping declares", func() {
		sales := env.createSynced(testenv.Mapping("sales").Group("90", true))
		env.createAndWait(testenv.Mapping("support").Group("90", true).Suspended(), "Ready=False Suspended")
		env.deleteAndWait(sales)
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N"}))
		env.editSynced("support", setSuspend(false))
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y"}))
	})

	It("carries the groups of a suspended mapping", func() {
		env.createSynced(testenv.Mapping("sales").Group("90", true))
		env.editSynced("sales", setSuspend(true))
		env.createSynced(testenv.Mapping("support").Group("91", true))
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y", "91": "Y"}))
	})

	It("removes only the groups of the deleted mapping", func() {
		env.create(testenv.Mapping("sales").Group("90", true).Build())
		env.create(testenv.Mapping("support").Group("91", true).Build())
		env.waitForSynced("sales", "support")
		env.deleteAndWait(env.mapping("sales"))
		env.expectRequests(3)
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N", "91": "Y"}))
	})

	It("swaps groups between two mappings", func() {
		env.create(testenv.Mapping("sales").Group("90", true).Build())
		env.create(testenv.Mapping("support").Group("91", true).Build())
		env.waitForSynced("sales", "support")
		env.stop()
		env.edit("sales", setGroups(group("91", false)))
		env.edit("support", setGroups(group("90", false)))
		env.start()
		env.waitForSynced("sales", "support")
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N", "91": "N"}))
		for _, groups := range groupsOf(env.requests()[2:]) {
			Expect(groups).To(HaveLen(2))
		}
	})

	It("attributes a rejected edit to the edited mapping, and syncs the other mapping", func() {
		env.deepcall.RemoveGroups("999")
		env.createSynced(testenv.Mapping("sales").Group("90", true))
		env.createAndWait(testenv.Mapping("support").Group("999", true), "Ready=False InvalidGroupData Stalled")
		env.editSynced("sales", setGroups(group("90", false)))
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N"}))
		Expect(summarize(env.mapping("support"))).To(Equal("Ready=False InvalidGroupData Stalled"))
	})

	It("attributes a rejection to the carried mapping whose group no longer exists, and syncs the edited mapping", func() {
		createTeams("90", "91", "92")
		env.deepcall.RemoveGroups("91")
		env.editSynced("team-92", setGroups(group("92", false)))
		env.waitFor("team-91", "Ready=False InvalidGroupData Stalled")
		Expect(summarize(env.mapping("team-90"))).To(Equal("Ready=True Synced"))
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y", "92": "N"}))

		By("not carrying the rejected group until the spec of its mapping changes")
		before := env.requestCount()
		env.editSynced("team-90", setGroups(group("90", false)))
		env.expectRequests(before + 1)
		env.deepcall.AddGroups("91")
		env.editSynced("team-91", setGroups(group("91", false)))
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N", "91": "N", "92": "N"}))
	})

	It("attributes a rejection to two carried mappings whose groups no longer exist", func() {
		createTeams("90", "91", "92", "93")
		env.deepcall.RemoveGroups("91", "92")
		env.editSynced("team-93", setGroups(group("93", false)))
		env.waitFor("team-91", "Ready=False InvalidGroupData Stalled")
		env.waitFor("team-92", "Ready=False InvalidGroupData Stalled")
		Expect(summarize(env.mapping("team-90"))).To(Equal("Ready=True Synced"))
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y", "93": "N"}))
	})
})
