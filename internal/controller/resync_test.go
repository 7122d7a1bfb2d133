package controller_test

import (
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = Describe("R8: resync", func() {
	var env *testEnv
	BeforeEach(func() { env = newTestEnv() })

	It("corrects drift on request, with one request to DeepCall, and records the handled value", func() {
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.deepcall.SetAgent("7", map[string]string{"90": "N"})
		env.requestAndWait("asha", "now")
		env.expectRequests(2)
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y"}))
		env.requestAndWait("asha", "again")
		env.expectRequests(3)
	})

	It("runs after the interval, also for a mapping that was synced before a restart", func() {
		mapping := env.createSynced(testenv.Mapping("asha").Group("90", true).Resync(time.Minute))
		env.stop()
		overdue := mapping.Status.LastSyncTime.Add(-2 * time.Minute)
		mapping.Status.LastSyncTime.Time = overdue
		Expect(k8sClient.Status().Update(ctx, mapping)).To(Succeed())
		env.start()
		Eventually(func() time.Time { return env.mapping("asha").Status.LastSyncTime.Time }).Should(BeTemporally(">", overdue))
		env.expectRequests(2)
	})

	It("keeps Ready unchanged if it fails with a transient error", func() {
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.deepcall.Script(deepcalltest.Code(1518))
		env.requestReconcile("asha", "now")
		Eventually(env.requestCount).Should(Equal(2))
		Expect(summarize(env.mapping("asha"))).To(Equal("Ready=True Synced"))
		env.waitForHandled("asha", "now")
		env.expectRequests(3)
	})

	It("sets Ready to false if DeepCall rejects it, until DeepCall accepts it again", func() {
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.deepcall.RemoveGroups("90")
		env.requestAndWait("asha", "now")
		env.waitFor("asha", "Ready=False InvalidGroupData Stalled")
		env.restart()
		env.expectRequests(2)
		env.deepcall.AddGroups("90")
		env.editSynced("asha", setResyncInterval(2*time.Hour))
		env.expectRequests(3)
	})

	It("retries a rejected mapping on request", func() {
		env.deepcall.RemoveGroups("90")
		env.createAndWait(testenv.Mapping("asha").Group("90", true), "Ready=False InvalidGroupData Stalled")
		env.expectRequests(1)
		env.deepcall.AddGroups("90")
		env.requestAndWait("asha", "now")
		env.waitForSynced("asha")
		env.expectRequests(2)
	})

	It("sends all groups again when the account's endpoint changes", func() {
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		newEndpoint, url := deepcalltest.Start(GinkgoTB(), deepcalltest.Options{})
		env.editAccount("acme", func(a *v1alpha1.DeepCallAccount) { a.Spec.Endpoint = url })
		Eventually(func() string { return env.mapping("asha").Status.AppliedEndpoint }).Should(Equal(url))
		Expect(newEndpoint.Agent("7")).To(Equal(map[string]string{"90": "Y"}))
		env.expectRequests(1)
	})

	It("truncates a very long requested value, and does not block the agent's other mappings", func() {
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.requestReconcile("asha", strings.Repeat("x", 1100))
		env.waitForHandled("asha", strings.Repeat("x", 1024))
		env.createSynced(testenv.Mapping("other").Group("91", true))
		env.expectRequests(3)
	})
})
