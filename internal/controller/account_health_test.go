package controller_test

import (
	"fmt"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// expectRecoveryFromDenied starts an environment with wrong credentials and n mappings, expects few requests, and
// expects that all mappings are synced once the credentials are valid.
func expectRecoveryFromDenied(n int) {
	GinkgoHelper()
	env := newEmptyTestEnv()
	env.create(testenv.UserToken("acme", "1001", "wrong"))
	env.create(testenv.Account("acme", env.url).Limits(1000, 1000, 16).Build())
	env.start()
	env.createMappings("acme", n)
	env.waitForAccount("acme", "Ready=False InvalidToken Stalled")
	Eventually(env.countMappings, 10*time.Minute, time.Second).
		WithArguments("acme", "Ready=False AccountNotReady Reconciling").Should(Equal(n))
	Expect(env.requestCount()).To(BeNumerically("<=", 3))
	env.updateSecret(map[string]string{"userId": "1001", "token": "wrong, too"})
	Eventually(env.requestCount).Should(BeNumerically(">", 1))
	env.waitForAccount("acme", "Ready=False InvalidToken Stalled")
	Consistently(env.requestCount).Should(BeNumerically("<=", 6))

	before, corrected := env.requestCount(), time.Now()
	env.updateSecret(map[string]string{"userId": "1001", "token": "s3cr3t"})
	Eventually(env.countMappings, 10*time.Minute, time.Second).WithArguments("acme", "Ready=True Synced").Should(Equal(n))
	Expect(env.requests()).To(HaveLen(before + n))
	Expect(env.requests()[before].Start.Sub(corrected)).To(BeNumerically("<", 2*time.Second))
}

var _ = Describe("R10: a denied account", func() {
	It("sends one request, reports the account on its mappings, and retries as soon as the Secret changes", func() {
		env := newEmptyTestEnv()
		env.create(testenv.UserToken("acme", "1001", "wrong"))
		env.create(testenv.Account("acme", env.url).Limits(1000, 1000, 16).Build())
		env.start()
		env.createMappings("acme", 3)
		env.waitForAccount("acme", "Ready=False InvalidToken Stalled")
		Eventually(env.countMappings).WithArguments("acme", "Ready=False AccountNotReady Reconciling").Should(Equal(3))
		env.expectRequests(1)
		env.updateSecret(map[string]string{"userId": "1001", "token": "s3cr3t"})
		Eventually(env.countMappings).WithArguments("acme", "Ready=True Synced").Should(Equal(3))
		env.waitForAccount("acme", "Ready=True Usable")
		env.expectRequests(4)
	})

	It("is retried on request", func() {
		env := newTestEnv()
		env.deepcall.Suspend("1001", true)
		env.create(testenv.Mapping("asha").Group("90", true).Build())
		env.waitForAccount("acme", "Ready=False UserAccountSuspended Stalled")
		env.deepcall.Suspend("1001", false)
		env.expectRequests(1)
		env.requestAccountReconcile("acme", "now")
		env.waitForSynced("asha")
		env.expectRequests(2)
	})

	It("sends at most 3 requests per version of the credentials for 300 mappings, and syncs all once they are valid", func() {
		expectRecoveryFromDenied(300)
	})
})

var _ = Describe("R10: an unreachable account", func() {
	It("is probed at most once a second for 300 mappings, and all are synced within a minute after it recovers", func() {
		env := newTestEnv()
		env.deepcall.Script(deepcalltest.Status(503).Times(-1))
		env.createMappings("acme", 300)
		env.waitForAccount("acme", "Ready=False Unreachable Reconciling")
		Eventually(env.requestCount, 30*time.Second).Should(BeNumerically(">=", 9))
		requests := env.requests()
		for i := 5; i < len(requests); i++ {
			Expect(requests[i].Start.Sub(requests[i-1].Start)).To(BeNumerically(">=", time.Second), "request %d", i)
		}
		env.deepcall.ClearFaults()
		Eventually(env.countMappings, time.Minute).WithArguments("acme", "Ready=True Synced").Should(Equal(300))
		env.waitForAccount("acme", "Ready=True Usable")
	})

	It("causes no further writes to its mappings while it is probed (R15)", func() {
		env := newTestEnv()
		env.deepcall.Script(deepcalltest.Status(503).Times(-1))
		env.createMappings("acme", 3)
		env.waitForAccount("acme", "Ready=False Unreachable Reconciling")
		Eventually(env.countMappings).WithArguments("acme", "Ready=False AccountNotReady Reconciling").Should(Equal(3))
		Eventually(env.requestCount).Should(BeNumerically(">=", 7))
		writes, requests := env.transport.mappingWrites(), env.requestCount()
		Eventually(env.requestCount, 30*time.Second).Should(BeNumerically(">=", requests+2))
		Expect(env.transport.mappingWrites()).To(Equal(writes))
	})
})

var _ = Describe("R10: a response with Retry-After", func() {
	DescribeTable("pauses the whole account for that time", func(status int, reason string) {
		env, history := newRecordedTestEnv()
		env.deepcall.Script(deepcalltest.Status(status).RetryAfter("2"))
		env.start()
		env.createAccount(testenv.Account("acme", env.url))
		env.create(testenv.Mapping("asha").Agent("7").Group("90", true).Build())
		Eventually(history.ofMapping("asha")).Should(HaveLen(1))
		env.create(testenv.Mapping("ben").Agent("8").Group("90", true).Build())
		env.waitForSynced("asha", "ben")

		failed := observation{
			conditions: "Ready=False " + reason + " Reconciling",
			message:    fmt.Sprintf("DeepCall answered HTTP %d", status),
			uncertain:  status != http.StatusTooManyRequests,
		}
		Eventually(history.ofMapping("asha")).Should(Equal([]observation{failed, synced}))
		Eventually(history.ofMapping("ben")).Should(Equal([]observation{synced}), "no error of its own")
		env.expectRequests(3)
		requests := env.requests()
		Expect(requests[0].Agent).To(Equal("7"))
		Expect(requests[1].Start.Sub(requests[0].Start)).To(BeNumerically(">=", 2*time.Second))
		Expect(requests[2].Start).NotTo(BeTemporally("<", requests[1].End), "the first request after the pause is a single probe")
	},
		Entry("HTTP 429", 429, "TooManyRequests"),
		Entry("HTTP 503", 503, "ServerError"),
	)

	It("still reports what a deletion waits for", func() {
		env := newEmptyTestEnv()
		env.start()
		env.createAccount(testenv.Account("acme", env.url))
		mapping := env.createSynced(testenv.Mapping("asha").Agent("7").Group("90", true))
		env.deepcall.Script(deepcalltest.Status(http.StatusTooManyRequests).RetryAfter("600"))
		env.editAndWait("asha", func(m *v1alpha1.AgentGroupMapping) { m.Spec.Groups[0].ReceiveCall = false }, "Ready=False Paused Reconciling")
		env.delete(mapping)
		Eventually(func() string { return observe(env.mapping("asha")).message }).Should(
			Equal("DeepCall asked to wait; no request is sent with the account until then" + releaseHint))
		env.edit("asha", setOrphan)
		env.waitForDeletion("asha")
	})
})
