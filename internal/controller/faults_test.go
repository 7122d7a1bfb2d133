package controller_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = Describe("R15: a status write that fails", func() {
	It("is tried again without a second call", func() {
		w := newWorld()
		w.writes.fail("agentgroupmappings/status", 3)
		w.create(testenv.Mapping("asha").Group("90", true).Build())
		w.eventually("asha", "Ready=True Synced")
		w.settled(1)
	})

	It("after a deletion was told to DeepCall, lets the object go without a second call", func() {
		w := newWorld()
		w.create(testenv.Mapping("asha").Group("90", true).Build())
		w.eventually("asha", "Ready=True Synced")
		w.writes.fail("agentgroupmappings", 3)
		w.delete(w.mapping("asha"))
		w.eventuallyGone("asha")
		w.settled(2)
	})
})

var _ = Describe("R6: the finalizer", func() {
	It("is there before the first call", func() {
		w := newWorld()
		w.writes.fail("agentgroupmappings", 2)
		w.deepcall.Script(deepcalltest.Hang())
		w.create(testenv.Mapping("asha").Group("90", true).Build())
		Expect(w.deepcall.WaitForInFlight(w.context, 1)).To(Succeed())
		Expect(w.mapping("asha").Finalizers).NotTo(BeEmpty())
		w.deepcall.Release()
		w.eventually("asha", "Ready=True Synced")
	})
})

var _ = Describe("R14: a stop", func() {
	It("waits for the call in flight, and writes its verdict", func() {
		w := newWorld()
		w.deepcall.Script(deepcalltest.Hang())
		w.create(testenv.Mapping("asha").Group("90", true).Build())
		Expect(w.deepcall.WaitForInFlight(w.context, 1)).To(Succeed())
		stopped := make(chan struct{})
		go func() {
			defer GinkgoRecover()
			defer close(stopped)
			w.stop()
		}()
		Consistently(stopped).ShouldNot(BeClosed())
		w.deepcall.Release()
		Eventually(stopped).Should(BeClosed())
		Expect(standing(w.mapping("asha"))).To(Equal("Ready=True Synced"))
		w.start()
		w.settled(1)
	})
})

var _ = Describe("R2: an edit while a call is in flight", func() {
	It("is sent after that call has ended, never beside it", func() {
		w := newWorld()
		w.deepcall.Script(deepcalltest.Hang())
		w.create(testenv.Mapping("asha").Group("90", true).Build())
		Expect(w.deepcall.WaitForInFlight(w.context, 1)).To(Succeed())
		w.edit("asha", groups(group("90", false), group("91", true)))
		Consistently(w.deepcall.InFlight).Should(Equal(1))
		w.deepcall.Release()
		w.eventually("asha", "Ready=True Synced")
		w.settled(2)
		Expect(w.deepcall.Overlaps()).To(BeZero())
		Expect(w.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N", "91": "Y"}))
	})
})

var _ = Describe("R1: an edit that is taken back", func() {
	It("is sent although it declares what was confirmed, when a call in between may have been lost in a crash", func() {
		w := newWorld()
		w.create(testenv.Mapping("asha").Group("90", true).Build())
		w.eventually("asha", "Ready=True Synced")
		w.editSecret(map[string]string{"userId": "1001"})
		w.eventuallyAccount("Ready=False InvalidCredentials Stalled")
		w.edit("asha", groups(group("90", false)))
		w.eventually("asha", "Ready=False AccountNotReady Reconciling")
		w.deepcall.Script(deepcalltest.Hang().AfterApplying())
		w.editSecret(map[string]string{"userId": "1001", "token": "s3cr3t"})
		Eventually(func() map[string]string { return w.deepcall.Agent("7") }).Should(Equal(map[string]string{"90": "N"}))
		w.crash()
		w.edit("asha", groups(group("90", true)))
		w.start()
		w.eventually("asha", "Ready=True Synced")
		Expect(w.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y"}))
	})
})
