package controller_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = Describe("R8: resync", func() {
	It("heals drift on request, with one call, and echoes the request", func() {
		w := newWorld()
		w.create(testenv.Mapping("asha").Group("90", true).Build())
		w.eventually("asha", "Ready=True Synced")
		w.deepcall.SetAgent("7", map[string]string{"90": "N"})
		w.request("asha", "now")
		w.settled(2)
		Expect(w.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y"}))
		w.request("asha", "again")
		w.settled(3)
	})

	It("comes by itself after the interval, also for a mapping that was synced before a restart", func() {
		w := newWorld()
		w.create(testenv.Mapping("asha").Group("90", true).Resync(time.Minute).Build())
		mapping := w.eventually("asha", "Ready=True Synced")
		w.stop()
		long := mapping.Status.LastSyncTime.Add(-2 * time.Minute)
		mapping.Status.LastSyncTime.Time = long
		Expect(admin.Status().Update(w.context, mapping)).To(Succeed())
		w.start()
		Eventually(func() bool { return w.mapping("asha").Status.LastSyncTime.After(long) }).Should(BeTrue())
		w.settled(2)
	})

	It("leaves Ready as it was when it fails for a passing cause", func() {
		w := newWorld()
		w.create(testenv.Mapping("asha").Group("90", true).Build())
		w.eventually("asha", "Ready=True Synced")
		w.deepcall.Script(deepcalltest.Code(1518))
		w.patchRequest("asha", "now")
		Eventually(func() int { return len(w.deepcall.Calls()) }).Should(Equal(2))
		Expect(standing(w.mapping("asha"))).To(Equal("Ready=True Synced"))
		Eventually(func() string { return w.mapping("asha").Status.LastHandledReconcileAt }).Should(Equal("now"))
		w.settled(3)
	})

	It("is not Ready when DeepCall refuses it, until DeepCall takes it again", func() {
		w := newWorld()
		w.create(testenv.Mapping("asha").Group("90", true).Build())
		w.eventually("asha", "Ready=True Synced")
		w.deepcall.RemoveGroups("90")
		w.request("asha", "now")
		w.eventually("asha", "Ready=False InvalidGroupData Stalled")
		w.restart()
		w.settled(2)
		w.deepcall.AddGroups("90")
		w.edit("asha", func(m *v1alpha1.AgentGroupMapping) { m.Spec.ResyncInterval.Duration = 2 * time.Hour })
		w.eventually("asha", "Ready=True Synced")
		w.settled(3)
	})

	It("of a refused mapping comes on request", func() {
		w := newWorld()
		w.deepcall.RemoveGroups("90")
		w.create(testenv.Mapping("asha").Group("90", true).Build())
		w.eventually("asha", "Ready=False InvalidGroupData Stalled")
		w.settled(1)
		w.deepcall.AddGroups("90")
		w.request("asha", "now")
		w.eventually("asha", "Ready=True Synced")
		w.settled(2)
	})

	It("sends everything again when the account's endpoint changes", func() {
		w := newWorld()
		w.create(testenv.Mapping("asha").Group("90", true).Build())
		w.eventually("asha", "Ready=True Synced")
		other, url := deepcalltest.Start(GinkgoTB(), deepcalltest.Options{})
		w.editAccount(func(a *v1alpha1.DeepCallAccount) { a.Spec.Endpoint = url })
		Eventually(func() string { return w.mapping("asha").Status.AppliedEndpoint }).Should(Equal(url))
		Expect(other.Agent("7")).To(Equal(map[string]string{"90": "Y"}))
		w.settled(1)
	})
})

var _ = Describe("R2: what makes no call", func() {
	It("is a label, an annotation, or an edit that changes no group", func() {
		w := newWorld()
		w.create(testenv.Mapping("asha").Group("90", true).Group("91", false).Build())
		w.eventually("asha", "Ready=True Synced")
		w.edit("asha", func(m *v1alpha1.AgentGroupMapping) { m.Labels = map[string]string{"team": "sales"} })
		w.edit("asha", func(m *v1alpha1.AgentGroupMapping) { m.Spec.ResyncInterval.Duration = 2 * time.Hour })
		w.eventually("asha", "Ready=True Synced")
		w.edit("asha", groups(group("91", false), group("90", true)))
		w.eventually("asha", "Ready=True Synced")
		w.settled(1)
	})

	It("is a mapping without groups", func() {
		w := newWorld()
		w.create(testenv.Mapping("asha").Build())
		Expect(w.eventually("asha", "Ready=True Synced").Status.Receiving).To(Equal("0/0"))
		w.request("asha", "now")
		w.settled(0)
	})
})
