package controller_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// suspend turns a mapping's suspension on or off.
func suspend(on bool) func(*v1alpha1.AgentGroupMapping) {
	return func(mapping *v1alpha1.AgentGroupMapping) { mapping.Spec.Suspend = on }
}

var _ = underBothReadings("R3 and R4: an agent that several mappings serve", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	calls := func() []map[string]string {
		var sent []map[string]string
		for _, call := range w.deepcall.Calls() {
			sent = append(sent, call.Groups)
		}
		return sent
	}

	It("holds all their groups, and every request carries them all", func() {
		w.create(testenv.Mapping("sales").Group("90", true).Build())
		w.eventually("sales", "Ready=True Synced")
		w.create(testenv.Mapping("support").Group("91", true).Build())
		w.eventually("support", "Ready=True Synced")
		w.edit("sales", groups(group("90", false)))
		w.eventually("sales", "Ready=True Synced")
		Expect(w.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N", "91": "Y"}))
		Expect(calls()).To(Equal([]map[string]string{
			{"90": "Y"}, {"90": "Y", "91": "Y"}, {"90": "N", "91": "Y"},
		}))
		Expect(w.deepcall.Overlaps()).To(BeZero())
	})

	It("gives a group that two declare to its holder, and to the other once the holder lets go", func() {
		w.create(testenv.Mapping("sales").Group("90", true).Build())
		w.eventually("sales", "Ready=True Synced")
		w.create(testenv.Mapping("support").Group("90", false).Group("91", true).Build())
		w.eventually("support", "Ready=False Conflict Stalled")
		Expect(w.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y", "91": "Y"}))
		w.edit("sales", groups(group("92", true)))
		w.eventually("support", "Ready=True Synced")
		w.eventually("sales", "Ready=True Synced")
		Expect(w.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N", "91": "Y", "92": "Y"}))
		Expect(w.mapping("sales").Status.AppliedGroups).To(Equal([]v1alpha1.AgentGroup{group("92", true)}))
		w.restart()
		w.settled(len(calls()))
	})

	It("has nothing refused of a mapping any more whose groups all came to be another's", func() {
		w.deepcall.RemoveAgents("7")
		w.create(testenv.Mapping("sales").Group("91", true).Build())
		w.eventually("sales", "Ready=False InvalidAgentID Stalled")
		w.create(testenv.Mapping("support").Group("90", false).Build())
		w.eventually("support", "Ready=False InvalidAgentID Stalled")
		w.deepcall.AddAgents("7")
		w.edit("sales", groups(group("90", true)))
		w.eventually("sales", "Ready=True Synced")
		w.eventually("support", "Ready=False Conflict Stalled")
		w.patchRequest("support", "now")
		Eventually(func() string { return w.mapping("support").Status.LastHandledReconcileAt }).Should(Equal("now"))
		w.edit("sales", groups())
		w.eventually("support", "Ready=True Synced")
		Expect(w.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N"}))
	})

	It("hands a group over in one request, never stopped in between", func() {
		w.create(testenv.Mapping("sales").Group("90", true).Build())
		w.eventually("sales", "Ready=True Synced")
		w.create(testenv.Mapping("support").Group("90", true).Build())
		w.eventually("support", "Ready=False Conflict Stalled")
		w.delete(w.mapping("sales"))
		w.eventuallyGone("sales")
		w.eventually("support", "Ready=True Synced")
		Expect(calls()).To(Equal([]map[string]string{{"90": "Y"}, {"90": "Y"}}))
		Expect(w.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y"}))
	})

	It("stops a group whose taker is suspended", func() {
		w.create(testenv.Mapping("sales").Group("90", true).Build())
		w.eventually("sales", "Ready=True Synced")
		w.create(testenv.Mapping("support").Group("90", true).Suspended().Build())
		w.eventually("support", "Ready=False Suspended")
		w.delete(w.mapping("sales"))
		w.eventuallyGone("sales")
		Expect(w.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N"}))
		w.edit("support", suspend(false))
		w.eventually("support", "Ready=True Synced")
		Expect(w.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y"}))
	})

	It("keeps a suspended mapping's groups riding along", func() {
		w.create(testenv.Mapping("sales").Group("90", true).Build())
		w.eventually("sales", "Ready=True Synced")
		w.edit("sales", suspend(true))
		w.eventually("sales", "Ready=True Synced")
		w.create(testenv.Mapping("support").Group("91", true).Build())
		w.eventually("support", "Ready=True Synced")
		Expect(w.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y", "91": "Y"}))
	})

	It("stops only the groups of the mapping that is deleted", func() {
		w.create(testenv.Mapping("sales").Group("90", true).Build())
		w.create(testenv.Mapping("support").Group("91", true).Build())
		w.eventually("sales", "Ready=True Synced")
		w.eventually("support", "Ready=True Synced")
		w.delete(w.mapping("sales"))
		w.eventuallyGone("sales")
		w.settled(3)
		Expect(w.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N", "91": "Y"}))
	})

	It("swaps groups between two mappings", func() {
		w.create(testenv.Mapping("sales").Group("90", true).Build())
		w.create(testenv.Mapping("support").Group("91", true).Build())
		w.eventually("sales", "Ready=True Synced")
		w.eventually("support", "Ready=True Synced")
		w.stop()
		w.edit("sales", groups(group("91", false)))
		w.edit("support", groups(group("90", false)))
		w.start()
		w.eventually("sales", "Ready=True Synced")
		w.eventually("support", "Ready=True Synced")
		Expect(w.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N", "91": "N"}))
		for _, call := range w.deepcall.Calls()[2:] {
			Expect(call.Groups).To(HaveLen(2))
		}
	})

	It("blames a refused change on the mapping that made it, and the other still syncs", func() {
		w.deepcall.RemoveGroups("999")
		w.create(testenv.Mapping("sales").Group("90", true).Build())
		w.eventually("sales", "Ready=True Synced")
		w.create(testenv.Mapping("support").Group("999", true).Build())
		w.eventually("support", "Ready=False InvalidGroupData Stalled")
		w.edit("sales", groups(group("90", false)))
		w.eventually("sales", "Ready=True Synced")
		Expect(w.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N"}))
		Expect(standing(w.mapping("support"))).To(Equal("Ready=False InvalidGroupData Stalled"))
	})

	It("blames a refusal on the mapping whose group vanished, and the edit of another goes through", func() {
		for _, name := range []string{"90", "91", "92"} {
			w.create(testenv.Mapping("team-"+name).Group(name, true).Build())
			w.eventually("team-"+name, "Ready=True Synced")
		}
		w.deepcall.RemoveGroups("91")
		w.edit("team-92", groups(group("92", false)))
		w.eventually("team-92", "Ready=True Synced")
		w.eventually("team-91", "Ready=False InvalidGroupData Stalled")
		Expect(standing(w.mapping("team-90"))).To(Equal("Ready=True Synced"))
		Expect(w.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y", "92": "N"}))

		By("and it rides along no more until its spec changes")
		before := len(w.deepcall.Calls())
		w.edit("team-90", groups(group("90", false)))
		w.eventually("team-90", "Ready=True Synced")
		w.settled(before + 1)
		w.deepcall.AddGroups("91")
		w.edit("team-91", groups(group("91", false)))
		w.eventually("team-91", "Ready=True Synced")
		Expect(w.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N", "91": "N", "92": "N"}))
	})

	It("blames two mappings whose groups vanished", func() {
		for _, name := range []string{"90", "91", "92", "93"} {
			w.create(testenv.Mapping("team-"+name).Group(name, true).Build())
			w.eventually("team-"+name, "Ready=True Synced")
		}
		w.deepcall.RemoveGroups("91", "92")
		w.edit("team-93", groups(group("93", false)))
		w.eventually("team-93", "Ready=True Synced")
		w.eventually("team-91", "Ready=False InvalidGroupData Stalled")
		w.eventually("team-92", "Ready=False InvalidGroupData Stalled")
		Expect(standing(w.mapping("team-90"))).To(Equal("Ready=True Synced"))
		Expect(w.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y", "93": "N"}))
	})
})
