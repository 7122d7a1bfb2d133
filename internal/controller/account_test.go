package controller_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = Describe("R12: credentials", func() {
	DescribeTable("reports invalid ones, and uses corrected ones within 2 s without an edit of a mapping",
		func(data map[string]string, reason string) {
			env := newTestEnv()
			env.waitForAccount("acme", "Ready=True Untried")
			env.updateSecret(data)
			env.waitForAccount("acme", "Ready=False "+reason+" Stalled")
			env.createAndWait(testenv.Mapping("asha").Group("90", true), "Ready=False AccountNotReady Reconciling")
			env.expectRequests(0)
			corrected := time.Now()
			env.updateSecret(map[string]string{"userId": "1001", "token": "s3cr3t\n"})
			env.waitForSynced("asha")
			Expect(env.requests()[0].Start.Sub(corrected)).To(BeNumerically("<", 2*time.Second))
			env.expectRequests(1)
		},
		Entry("both kinds", map[string]string{"ssid": "x", "userId": "1001", "token": "s3cr3t"}, "InvalidCredentials"),
		Entry("neither kind", map[string]string{"user": "1001"}, "InvalidCredentials"),
		Entry("a missing key", map[string]string{"userId": "1001"}, "InvalidCredentials"),
	)

	It("accepts them after the account and the mapping were created", func() {
		env := newEmptyTestEnv()
		env.start()
		env.createAndWait(testenv.Mapping("asha").Group("90", true), "Ready=False AccountNotFound Reconciling")
		env.create(testenv.Account("acme", env.url).Build())
		env.waitForAccount("acme", "Ready=False SecretNotFound Reconciling")
		env.waitFor("asha", "Ready=False AccountNotReady Reconciling")
		env.create(testenv.UserToken("acme", "1001", "s3cr3t"))
		env.waitForSynced("asha")
		env.waitForAccount("acme", "Ready=True Usable")
		env.expectRequests(1)
		Expect(env.account("acme").Status.Authentication).To(Equal("UserToken"))
		env.waitForMappingCount(1)
	})

	It("accepts them although the API server rejects the account's status", func() {
		env := newEmptyTestEnv()
		env.transport.rejectWrites("deepcallaccounts/acme/status")
		env.setup()
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.transport.rejectWrites()
		env.waitForAccount("acme", "Ready=True Usable")
		env.expectRequests(1)
	})

	It("accepts a session", func() {
		env := newEmptyTestEnv()
		env.deepcall.SetAccounts(deepcalltest.Account{Sessions: []string{"abc"}})
		env.create(testenv.Session("acme", "abc"))
		env.create(testenv.Account("acme", env.url).Build())
		env.create(testenv.Mapping("asha").Group("90", true).Build())
		env.start()
		env.waitForSynced("asha")
		Expect(string(env.requests()[0].Body)).To(HavePrefix(`{"ssid":"abc","agentId":"7"`))
		Eventually(func() string { return env.account("acme").Status.Authentication }).Should(Equal("Session"))
	})
})
