package controller_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = Describe("R15 and R16: after a failed write", func() {
	It("retries a status without a second request", func() {
		env := newTestEnv()
		env.transport.failWrites("agentgroupmappings/status", 3)
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.expectRequests(1)
	})

	It("retries the removal of the finalizer without a second request", func() {
		env := newTestEnv()
		mapping := env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.transport.failWrites("agentgroupmappings", 3)
		env.delete(mapping)
		env.waitForDeletion("asha")
		env.expectRequests(2)
	})
})

var _ = Describe("R6: the finalizer", func() {
	It("exists before the first request", func() {
		env := newTestEnv()
		env.transport.failWrites("agentgroupmappings", 2)
		env.deepcall.Script(deepcalltest.Hang())
		env.create(testenv.Mapping("asha").Group("90", true).Build())
		env.waitForHanging()
		Expect(env.mapping("asha").Finalizers).NotTo(BeEmpty())
		env.deepcall.Release()
		env.waitForSynced("asha")
	})
})

var _ = Describe("R14: shutdown", func() {
	It("waits for the request in flight and writes its result", func() {
		env := newTestEnv()
		env.deepcall.Script(deepcalltest.Hang())
		env.create(testenv.Mapping("asha").Group("90", true).Build())
		env.waitForHanging()
		env.stopInFlight()
		Expect(summarize(env.mapping("asha"))).To(Equal("Ready=True Synced"))
		env.start()
		env.expectRequests(1)
	})
})

var _ = Describe("R2: an edit while a request is in flight", func() {
	It("is sent after that request has ended", func() {
		env := newTestEnv()
		env.deepcall.Script(deepcalltest.Hang())
		env.create(testenv.Mapping("asha").Group("90", true).Build())
		env.waitForHanging()
		env.edit("asha", setGroups(group("90", false), group("91", true)))
		Consistently(env.deepcall.InFlight).Should(Equal(1))
		env.deepcall.Release()
		env.waitForSynced("asha")
		env.expectRequests(2)
		Expect(env.deepcall.Overlaps()).To(BeZero())
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N", "91": "Y"}))
	})
})

var _ = Describe("R1: an edit that is reverted", func() {
	It("is sent although DeepCall confirmed these groups before, if a crash lost the result of a request in between", func() {
		env := newTestEnv()
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.updateSecret(map[string]string{"userId": "1001"})
		env.waitForAccount("acme", "Ready=False InvalidCredentials Stalled")
		env.edit("asha", setGroups(group("90", false)))
		env.waitFor("asha", "Ready=False AccountNotReady Reconciling")
		env.deepcall.Script(deepcalltest.Hang().AfterApplying())
		env.updateSecret(map[string]string{"userId": "1001", "token": "s3cr3t"})
		Eventually(func() map[string]string { return env.deepcall.Agent("7") }).Should(Equal(map[string]string{"90": "N"}))
		env.crash()
		env.edit("asha", setGroups(group("90", true)))
		env.start()
		env.waitForSynced("asha")
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y"}))
	})
})
