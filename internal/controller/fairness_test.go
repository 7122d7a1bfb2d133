package controller_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = Describe("R11: an account", func() {
	It("is not delayed by another account whose endpoint hangs", func() {
		env := newTestEnv()
		hanging, url := deepcalltest.Start(GinkgoTB(), deepcalltest.Options{})
		hanging.Script(deepcalltest.Hang().Times(-1))
		env.create(testenv.UserToken("slow", "1", "t"))
		env.create(testenv.Account("slow", url).Limits(1000, 1000, 100).Build())
		env.createMappings("slow", 100)
		Expect(hanging.WaitForHanging(ctx, 1)).To(Succeed())
		env.createMappings("acme", 100)
		Eventually(env.countMappings, 10*time.Second).WithArguments("acme", "Ready=True Synced").Should(Equal(100))
		Expect(env.countMappings("slow", "Ready=True Synced")).To(BeZero())
		hanging.ClearFaults()
		hanging.Release()
	})

	It("sends an edit before queued resyncs", func() {
		expectEditBeforeResyncs(func(env *testEnv) {
			env.stop()
			for _, mapping := range env.mappings() {
				mapping.Status.LastSyncTime.Time = time.Now().Add(-2 * time.Hour)
				Expect(k8sClient.Status().Update(ctx, &mapping)).To(Succeed())
			}
			env.start()
		})
	})
})

// expectEditBeforeResyncs expects that an edit is sent before 30 queued resyncs.
func expectEditBeforeResyncs(queueResyncs func(*testEnv)) {
	GinkgoHelper()
	env := newTestEnv(oneInFlight)
	env.createMappings("acme", 30)
	Eventually(env.countMappings).WithArguments("acme", "Ready=True Synced").Should(Equal(30))
	env.deepcall.Script(deepcalltest.Hang())
	before := env.requestCount()
	queueResyncs(env)
	env.waitForHanging()
	env.create(testenv.Mapping("edit").Agent("edit").Group("90", true).Build())
	// The operator reconciled the edit before this mapping, so the edit is in the account's queue now.
	env.createSynced(testenv.Mapping("later").Agent("later"))
	env.deepcall.Release()
	env.waitForSynced("edit")
	env.expectRequests(before + 31)
	Expect(env.requests()[before+1].Agent).To(Equal("edit"))
}

func oneInFlight(account *v1alpha1.DeepCallAccount) { account.Spec.Limits.MaxInFlight = 1 }
