package controller_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = Describe("R12: credentials", func() {
	DescribeTable("that can't be used are told, and mended within 2 s without touching a mapping",
		func(data map[string]string, reason string) {
			w := newWorld()
			w.eventuallyAccount("Ready=True Untried")
			w.editSecret(data)
			w.eventuallyAccount("Ready=False " + reason + " Stalled")
			w.create(testenv.Mapping("asha").Group("90", true).Build())
			w.eventually("asha", "Ready=False AccountNotReady Reconciling")
			w.settled(0)
			mended := time.Now()
			w.editSecret(map[string]string{"userId": "1001", "token": "s3cr3t\n"})
			w.eventually("asha", "Ready=True Synced")
			Expect(w.deepcall.Calls()[0].Start.Sub(mended)).To(BeNumerically("<", 2*time.Second))
			w.settled(1)
		},
		Entry("both", map[string]string{"ssid": "x", "userId": "1001", "token": "s3cr3t"}, "InvalidCredentials"),
		Entry("neither", map[string]string{"user": "1001"}, "InvalidCredentials"),
		Entry("half", map[string]string{"userId": "1001"}, "InvalidCredentials"),
	)

	It("may come after the account and the mapping", func() {
		w := emptyWorld()
		w.start()
		w.create(testenv.Mapping("asha").Group("90", true).Build())
		w.eventually("asha", "Ready=False AccountNotFound Reconciling")
		w.create(testenv.Account("acme", w.url).Build())
		w.eventuallyAccount("Ready=False SecretNotFound Reconciling")
		w.eventually("asha", "Ready=False AccountNotReady Reconciling")
		w.create(testenv.UserToken("acme", "1001", "s3cr3t"))
		w.eventually("asha", "Ready=True Synced")
		w.eventuallyAccount("Ready=True Usable")
		w.settled(1)
		Expect(w.account().Status.Authentication).To(Equal("UserToken"))
		Eventually(func() int32 { return w.account().Status.Mappings }).Should(BeEquivalentTo(1))
	})

	It("may be a session", func() {
		w := emptyWorld()
		w.deepcall.SetAccounts(deepcalltest.Account{Sessions: []string{"abc"}})
		w.create(testenv.Session("acme", "abc"))
		w.create(testenv.Account("acme", w.url).Build())
		w.create(testenv.Mapping("asha").Group("90", true).Build())
		w.start()
		w.eventually("asha", "Ready=True Synced")
		Expect(string(w.deepcall.Calls()[0].Body)).To(HavePrefix(`{"ssid":"abc","agentId":"7"`))
		Eventually(func() string { return w.account().Status.Authentication }).Should(Equal("Session"))
	})
})

var _ = Describe("R10: a refused account", func() {
	It("makes one call, tells its mappings, and goes on as soon as the Secret changes", func() {
		w := emptyWorld()
		w.create(testenv.UserToken("acme", "1001", "wrong"))
		w.create(testenv.Account("acme", w.url).Limits(1000, 1000, 16).Build())
		w.start()
		for _, agent := range []string{"1", "2", "3"} {
			w.create(testenv.Mapping("agent-"+agent).Agent(agent).Group("90", true).Build())
		}
		w.eventuallyAccount("Ready=False InvalidToken Stalled")
		for _, agent := range []string{"1", "2", "3"} {
			w.eventually("agent-"+agent, "Ready=False AccountNotReady Reconciling")
		}
		w.settled(1)
		w.editSecret(map[string]string{"userId": "1001", "token": "s3cr3t"})
		for _, agent := range []string{"1", "2", "3"} {
			w.eventually("agent-"+agent, "Ready=True Synced")
		}
		w.eventuallyAccount("Ready=True Usable")
		w.settled(4)
	})

	It("is tried again when asked to, for when the cause was mended in DeepCall", func() {
		w := newWorld()
		w.deepcall.Suspend("1001", true)
		w.create(testenv.Mapping("asha").Group("90", true).Build())
		w.eventuallyAccount("Ready=False UserAccountSuspended Stalled")
		w.deepcall.Suspend("1001", false)
		w.settled(1)
		w.editAccount(func(a *v1alpha1.DeepCallAccount) {
			a.Annotations = map[string]string{v1alpha1.ReconcileRequestedAtAnnotation: "now"}
		})
		w.eventually("asha", "Ready=True Synced")
		w.settled(2)
	})
})

var _ = Describe("R13: an endpoint", func() {
	It("that is down makes its mapping Reconciling, and is called again until it is back", func() {
		w := newWorld()
		w.deepcall.Script(deepcalltest.Status(500).Times(2))
		w.create(testenv.Mapping("asha").Group("90", true).Build())
		w.eventually("asha", "Ready=False ServerError Reconciling")
		w.eventually("asha", "Ready=True Synced")
		w.settled(3)
	})
})
