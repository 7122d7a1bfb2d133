package controller_test

import (
	"net/http"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// blockedByProxy is an answer that is not DeepCall's own.
var blockedByProxy = deepcalltest.Fault{Status: http.StatusForbidden, Body: []byte("<html>no</html>")}

var _ = Describe("R10: an agent that always fails", func() {
	It("does not delay the edits of others if it is denied, and is retried alone", func() {
		env := newTestEnv()
		env.createSynced(testenv.Mapping("asha").Agent("7").Group("90", true))
		env.deepcall.Script(deepcalltest.Code(1015).ForAgent("8").Times(-1))
		env.create(testenv.Mapping("ben").Agent("8").Group("90", true).Build())
		env.waitForAccount("acme", "Ready=False PermissionDenied Stalled")
		env.editSynced("asha", addGroup("91"))
		env.waitForAccount("acme", "Ready=True Usable")
		env.waitFor("ben", "Ready=False PermissionDenied Stalled")
		env.editSynced("asha", addGroup("92"))
		env.waitForAccount("acme", "Ready=True Usable")
		env.expectRequests(5)
		Expect(env.requestsFor("8")).To(HaveLen(2))
	})

	It("does not delay the edits of others if DeepCall answers HTTP 503", func() {
		env := newTestEnv()
		env.createSynced(testenv.Mapping("asha").Agent("7").Group("90", true))
		env.deepcall.Script(deepcalltest.Status(503).ForAgent("8").Times(-1))
		env.create(testenv.Mapping("ben").Agent("8").Group("90", true).Build())
		Eventually(func() string { return summarize(env.account("acme")) }, "30s").Should(Equal("Ready=False Unreachable Reconciling"))
		env.editSynced("asha", addGroup("91"))
		env.waitForAccount("acme", "Ready=True Usable")
		env.waitFor("ben", "Ready=False ServerError Reconciling")
	})
})

var _ = Describe("R10: a pause of 30 s or more", func() {
	It("is reported by the account and by mappings that have something to send, and ends on request", func() {
		env, history := newRecordedTestEnv()
		env.start()
		env.createAccount(testenv.Account("acme", env.url))
		env.createSynced(testenv.Mapping("asha").Agent("7").Group("90", true))
		env.createSynced(testenv.Mapping("ben").Agent("8").Group("90", true))
		deleted := env.createSynced(testenv.Mapping("carl").Agent("9").Group("90", true))
		env.createSynced(testenv.Mapping("dora").Agent("10").Group("90", true))
		env.deepcall.Script(deepcalltest.Status(http.StatusTooManyRequests).RetryAfter("3600"))
		env.edit("asha", addGroup("91"))
		env.waitForAccount("acme", "Ready=False Paused Reconciling")
		env.edit("ben", addGroup("91"))
		env.delete(deleted)
		env.create(testenv.Mapping("eve").Agent("11").Group("90", true).Build())
		for _, name := range []string{"asha", "ben", "carl", "eve"} {
			env.waitFor(name, "Ready=False Paused Reconciling")
		}
		Expect(summarize(env.mapping("dora"))).To(Equal("Ready=True Synced"))
		env.expectRequests(5)

		env.requestAccountReconcile("acme", "now")
		env.waitForSynced("asha", "ben", "dora", "eve")
		env.waitForDeletion("carl")
		env.waitForAccount("acme", "Ready=True Usable")
		env.expectRequests(10) // with the resync of dora
		requests := env.requests()
		for i := 6; i < 10; i++ {
			Expect(requests[i].Start).NotTo(BeTemporally("<", requests[5].End), "the first request after the pause is a single probe")
		}
		Expect(conditionsOf(history.ofAccount("acme")())).To(Equal(
			[]string{"Ready=True Untried", "Ready=True Usable", "Ready=False Paused Reconciling", "Ready=True Usable"}))
		for _, name := range []string{"asha", "ben"} {
			Expect(conditionsOf(history.ofMapping(name)())).To(Equal(
				[]string{"Ready=True Synced", "Ready=False Paused Reconciling", "Ready=True Synced"}))
		}
	})

	It("is not written for a shorter pause (R15)", func() {
		env := newTestEnv()
		env.createSynced(testenv.Mapping("asha").Agent("7").Group("90", true))
		env.createSynced(testenv.Mapping("ben").Agent("8").Group("90", true))
		env.deepcall.Script(deepcalltest.Status(http.StatusTooManyRequests).RetryAfter("29"))
		env.editAndWait("asha", addGroup("91"), "Ready=False TooManyRequests Reconciling")
		writes := env.transport.mappingWrites()
		env.edit("ben", addGroup("91"))
		Consistently(func() int { return env.transport.mappingWrites() }).Should(Equal(writes))
		Expect(summarize(env.account("acme"))).To(Equal("Ready=True Usable"))
		Expect(env.requestCount()).To(Equal(3))
	})
})

var _ = It("R10: a change of the Secret of a denied account is retried at once if it changes any data, and not if it changes metadata", func() {
	env := newTestEnv()
	env.deepcall.Script(deepcalltest.Code(1015).Times(-1))
	env.create(testenv.Mapping("asha").Group("90", true).Build())
	env.waitForAccount("acme", "Ready=False PermissionDenied Stalled")
	env.expectRequests(1)
	secret := env.secret()
	Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(secret), secret)).To(Succeed())
	secret.Labels = map[string]string{"team": "support"}
	secret.Annotations = map[string]string{"note": "x"}
	Expect(k8sClient.Update(ctx, secret)).To(Succeed())
	env.expectRequests(1)
	env.updateSecret(map[string]string{"userId": "1001", "token": "s3cr3t", "note": "x"})
	env.expectRequests(2)
	env.waitForAccount("acme", "Ready=False PermissionDenied Stalled")
	env.deepcall.ClearFaults()
	env.updateSecret(map[string]string{"userId": "1001", "token": "s3cr3t"})
	env.waitForSynced("asha")
})

var _ = Describe("R9: HTTP errors of a proxy or firewall", func() {
	It("HTTP 403 with a page is retried if DeepCall accepted the credentials before", func() {
		env := newTestEnv()
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.deepcall.Script(blockedByProxy)
		env.editAndWait("asha", addGroup("91"), "Ready=False Blocked Reconciling")
		env.waitForSynced("asha")
		Expect(summarize(env.account("acme"))).To(Equal("Ready=True Usable"))
		env.expectRequests(3)
	})

	It("HTTP 413 rejects the mapping, and other mappings are sent", func() {
		env := newTestEnv()
		env.deepcall.Script(deepcalltest.Status(http.StatusRequestEntityTooLarge).ForAgent("7").Times(-1))
		env.createAndWait(testenv.Mapping("asha").Agent("7").Group("90", true), "Ready=False RequestTooLarge Stalled")
		env.createSynced(testenv.Mapping("ben").Agent("8").Group("90", true))
		env.expectRequests(2)
	})
})

var _ = Describe("R10: an account that is being deleted", func() {
	It("is Terminating while mappings use it, and is not used by new ones", func() {
		env := newTestEnv()
		mapping := env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.delete(env.account("acme"))
		env.waitForAccount("acme", "Ready=False Terminating Reconciling")
		Expect(env.account("acme").Status.Mappings).To(Equal(int32(1)))
		env.createAndWait(testenv.Mapping("ben").Agent("8").Group("90", true), "Ready=False AccountNotReady Reconciling")
		env.expectRequests(1)
		env.delete(env.secret())
		Eventually(func() string { return observe(env.account("acme")).message }).Should(ContainSubstring(`There is no Secret "acme-deepcall"`))
		env.delete(mapping)
		env.waitForAccountDeletion("acme")
		env.expectRequests(2)
	})

	It("waits for a mapping that is no longer permitted and has applied groups, and counts it", func() {
		env := newEmptyTestEnv()
		other := env.createNamespace()
		env.setup(allowAll)
		guest := other + "/guest"
		mapping := env.createSynced(env.guest(other))
		env.editAccount("acme", func(a *v1alpha1.DeepCallAccount) { a.Spec.AllowedNamespaces.From = v1alpha1.NamespacesFromSame })
		env.waitFor(guest, "Ready=False AccountNotPermitted Stalled")
		env.waitForMappingCount(1)
		env.delete(env.account("acme"))
		env.waitForAccount("acme", "Ready=False Terminating Reconciling")
		env.delete(mapping)
		env.waitForAccountDeletion("acme")
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N"}))
	})
})

var _ = Describe("R6: a namespace that is being deleted", func() {
	DescribeTable("ends although DeepCall denied the last credentials", func(order ...string) {
		env := newTestEnv()
		mapping := env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.deepcall.Script(deepcalltest.Code(1014).Times(-1))
		env.delete(mapping)
		env.waitForAccount("acme", "Ready=False InvalidToken Stalled")
		objects := map[string]client.Object{
			"Secret":    env.secret(),
			"namespace": &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: env.namespace}},
			"account":   env.account("acme"),
		}
		for _, kind := range order {
			env.delete(objects[kind])
		}
		env.waitForDeletion("asha")
		requests := 2
		if slices.Contains(order, "account") {
			env.waitForAccountDeletion("acme")
			requests++ // a change of the account is retried at once while the Secret exists
		}
		Consistently(env.requestCount).Should(BeNumerically("<=", requests))
	},
		Entry(nil, "namespace", "Secret"),
		Entry(nil, "Secret", "namespace"),
		Entry(nil, "namespace", "Secret", "account"),
	)
})
