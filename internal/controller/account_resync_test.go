package controller_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = Describe("R8: a requested resync of an account", func() {
	// waitForResync waits until the requested resync of all mappings of the account acme was observed, and returns its time.
	waitForResync := func(env *testEnv, value string) *metav1.MicroTime {
		GinkgoHelper()
		Eventually(func() string { return env.account("acme").Status.LastHandledReconcileAt }).Should(Equal(value))
		return env.account("acme").Status.ResyncRequestedTime
	}
	changeStatus := func(env *testEnv, change func(*v1alpha1.DeepCallAccountStatus)) {
		GinkgoHelper()
		account := env.account("acme")
		base := account.DeepCopy()
		change(&account.Status)
		Expect(k8sClient.Status().Patch(ctx, account, client.MergeFrom(base))).To(Succeed())
	}
	requestsOf := func(env *testEnv) map[string]int {
		counts := map[string]int{}
		for _, request := range env.requests() {
			counts[request.Agent]++
		}
		return counts
	}

	It("corrects the drift of all mappings, with one request and one write for each", func() {
		env := newTestEnv()
		env.createMappings("acme", 5)
		Eventually(env.countMappings).WithArguments("acme", "Ready=True Synced").Should(Equal(5))
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.createSynced(testenv.Mapping("shared").Group("91", true))
		env.create(testenv.Mapping("suspended").Agent("8").Group("90", true).Suspended().Build())
		env.createSynced(testenv.Mapping("empty").Agent("9"))
		env.deepcall.SetAgent("7", map[string]string{"90": "N", "91": "N"})
		env.expectRequests(7)
		before := env.mapping("acme-0")

		env.requestAccountReconcile("acme", "now")
		at := waitForResync(env, "now")
		env.expectRequests(14)
		Expect(requestsOf(env)).To(Equal(map[string]int{"acme-0": 2, "acme-1": 2, "acme-2": 2, "acme-3": 2, "acme-4": 2, "7": 4}))
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y", "91": "Y"}))
		after := env.mapping("acme-0")
		Expect(after.Status.HandledResyncTime.Equal(at)).To(BeTrue())
		Expect(after.Status.Conditions).To(Equal(before.Status.Conditions))

		By("repeating the value, removing it, restarting, and creating a mapping")
		env.requestAccountReconcile("acme", "now")
		env.editAccount("acme", func(a *v1alpha1.DeepCallAccount) { a.Annotations = nil })
		env.requestAccountReconcile("acme", "now")
		env.restart()
		env.createSynced(testenv.Mapping("new").Agent("10").Group("90", true))
		env.expectRequests(15)
		Expect(env.mapping("acme-0").ResourceVersion).To(Equal(after.ResourceVersion))

		By("requesting another one")
		env.requestAccountReconcile("acme", "again")
		env.expectRequests(23)
	})

	It("retries rejected mappings once", func() {
		env := newTestEnv()
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.deepcall.RemoveGroups("91", "92")
		env.create(testenv.Mapping("fixed").Agent("8").Group("91", true).Build())
		env.create(testenv.Mapping("rejected").Agent("9").Group("92", true).Build())
		env.waitFor("fixed", "Ready=False InvalidGroupData Stalled")
		env.waitFor("rejected", "Ready=False InvalidGroupData Stalled")
		env.deepcall.AddGroups("91")
		env.requestAccountReconcile("acme", "now")
		env.waitForSynced("fixed")
		env.expectRequests(6)
		Expect(summarize(env.mapping("rejected"))).To(Equal("Ready=False InvalidGroupData Stalled"))
	})

	It("is finished after a restart, also by the request for an edit", func() {
		env := newTestEnv(oneInFlight)
		env.createMappings("acme", 10)
		Eventually(env.countMappings).WithArguments("acme", "Ready=True Synced").Should(Equal(10))
		env.expectRequests(10)
		env.deepcall.Script(deepcalltest.Hang().AfterRequests(3))
		env.requestAccountReconcile("acme", "now")
		env.waitForHanging()
		env.stopInFlight()
		env.expectRequests(14)
		for agent, requests := range requestsOf(env) {
			if requests == 1 {
				env.edit(agent, addGroup("91"))
				break
			}
		}
		env.start()
		env.expectRequests(20)
		Expect(requestsOf(env)).To(HaveEach(2))
	})

	It("is sent once although the account's status can't be written at first", func() {
		env := newTestEnv()
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.waitForAccount("acme", "Ready=True Usable")
		env.transport.failWrites("deepcallaccounts/status", 3)
		env.requestAccountReconcile("acme", "now")
		waitForResync(env, "now")
		env.expectRequests(2)
	})

	It("sends edits first", func() {
		expectEditBeforeResyncs(func(env *testEnv) { env.requestAccountReconcile("acme", "now") })
	})

	It("is not sent for a value that is older than the operator's knowledge of the account", func() {
		env := newTestEnv()
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.stop()
		env.requestAccountReconcile("acme", "old")
		changeStatus(env, func(status *v1alpha1.DeepCallAccountStatus) {
			status.ObservedUID, status.LastHandledReconcileAt = "", ""
		})
		env.start()
		waitForResync(env, "old")
		env.expectRequests(1)
	})

	It("is not sent because the status was copied from another account", func() {
		env := newTestEnv()
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		changeStatus(env, func(status *v1alpha1.DeepCallAccountStatus) {
			status.ObservedUID, status.LastHandledReconcileAt = "another", "copied"
			status.ResyncRequestedTime = &metav1.MicroTime{Time: time.Now().Add(time.Hour)}
		})
		waitForResync(env, "")
		env.expectRequests(1)
		Expect(env.account("acme").Status.ResyncRequestedTime).To(BeNil())
	})

	It("is sent at most once more because the status was restored, also with a time in the future", func() {
		env := newTestEnv()
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.requestAccountReconcile("acme", "now")
		env.expectRequests(2)
		changeStatus(env, func(status *v1alpha1.DeepCallAccountStatus) { status.LastHandledReconcileAt = "older" })
		waitForResync(env, "now")
		env.expectRequests(3)
		changeStatus(env, func(status *v1alpha1.DeepCallAccountStatus) {
			status.ResyncRequestedTime = &metav1.MicroTime{Time: time.Now().Add(24 * time.Hour)}
		})
		env.expectRequests(4)
		env.restart()
		env.expectRequests(4)
	})
})
