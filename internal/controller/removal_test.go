package controller_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = describeForAllSemantics("R5: a group that is no longer declared", func() {
	var env *testEnv
	BeforeEach(func() { env = newTestEnv() })

	It("is sent once more with N, with one request and one write", func() {
		env.createSynced(testenv.Mapping("asha").Group("90", true).Group("91", true))
		before := env.transport.mappingWrites()
		env.editSynced("asha", setGroups(group("90", true)))
		env.expectRequests(2)
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y", "91": "N"}))
		Expect(env.mapping("asha").Status.Receiving).To(Equal("1/1"))
		Expect(env.transport.mappingWrites()-before).To(Equal(1), "one write of the status")
		env.restart()
		env.expectRequests(2)
	})

	It("is left unchanged with Orphan, without a request", func() {
		env.createSynced(testenv.Mapping("asha").Group("90", true).Group("91", true).Orphan())
		env.editSynced("asha", setGroups(group("90", true)))
		env.expectRequests(1)
		Expect(env.mapping("asha").Status.AppliedGroups).To(HaveLen(1))
	})

	It("is removed although the response to the request that added it was lost", func() {
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.deepcall.Script(deepcalltest.CutAfter().Times(-1))
		env.edit("asha", setGroups(group("90", true), group("91", true)))
		Eventually(func() string { return env.deepcall.Agent("7")["91"] }).Should(Equal("Y"))
		env.deepcall.ClearFaults()
		env.editSynced("asha", setGroups(group("90", true)))
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y", "91": "N"}))
	})

	It("is removed although the manager crashed before the response, and the edit that added it was reverted meanwhile", func() {
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.deepcall.Script(deepcalltest.Hang().AfterApplying())
		env.edit("asha", setGroups(group("90", false), group("91", true)))
		Eventually(func() string { return env.deepcall.Agent("7")["91"] }).Should(Equal("Y"))
		env.crash()
		env.edit("asha", setGroups(group("90", true)))
		env.deepcall.ClearFaults()
		env.start()
		env.waitForSynced("asha")
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y", "91": "N"}))
	})

	It("needs no removal if DeepCall rejected the request that would have added it", func() {
		env.deepcall.RemoveGroups("999")
		env.createAndWait(testenv.Mapping("asha").Group("90", true).Group("999", true), "Ready=False InvalidGroupData Stalled")
		env.editSynced("asha", setGroups(group("90", true)))
		env.expectRequests(2)
		Expect(env.requests()[1].Groups).To(Equal(map[string]string{"90": "Y"}))
	})

	It("counts as removed if DeepCall no longer knows it", func() {
		env.createSynced(testenv.Mapping("asha").Group("90", true).Group("91", true).Group("92", true))
		env.deepcall.RemoveGroups("91")
		env.editSynced("asha", setGroups(group("90", false)))
		Expect(env.deepcall.Agent("7")).To(HaveKeyWithValue("90", "N"))
		Expect(env.deepcall.Agent("7")).To(HaveKeyWithValue("92", "N"))
	})

	It("is sent again if it is declared again after its removal was rejected together with an invalid group", func() {
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.createSynced(testenv.Mapping("ravi").Group("93", true))
		env.deepcall.RemoveGroups("99")
		env.editAndWait("asha", setGroups(group("91", true), group("99", true)), "Ready=False InvalidGroupData Stalled")
		env.editSynced("asha", setGroups(group("90", true)))
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y", "93": "Y"}))
	})
})

var _ = describeForAllSemantics("R6: deletion", func() {
	var env *testEnv
	BeforeEach(func() { env = newTestEnv() })

	It("ends after the groups were sent with N", func() {
		env.delete(env.createSynced(testenv.Mapping("asha").Group("90", true).Group("91", false)))
		env.waitForDeletion("asha")
		env.expectRequests(2)
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N", "91": "N"}))
	})

	It("ends at once with Orphan, which adds no finalizer", func() {
		mapping := env.createSynced(testenv.Mapping("asha").Group("90", true).Orphan())
		Expect(mapping.Finalizers).To(BeEmpty())
		env.deleteAndWait(mapping)
		env.expectRequests(1)
	})

	It("ends without a request if nothing was sent", func() {
		mapping := env.createSynced(testenv.Mapping("asha"))
		Expect(mapping.Finalizers).To(BeEmpty())
		env.deleteAndWait(mapping)
		env.expectRequests(0)
	})

	It("ends when the policy changes to Orphan while DeepCall fails", func() {
		mapping := env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.deepcall.Script(deepcalltest.Status(503).Times(-1))
		env.delete(mapping)
		mapping = env.waitFor("asha", "Ready=False ServerError Reconciling")
		Expect(mapping.Status.Conditions[0].Message).To(ContainSubstring("set spec.removalPolicy to Orphan"))
		env.edit("asha", setOrphan)
		env.waitForDeletion("asha")
	})

	It("ends if Secret, account and mappings are deleted at the same time", func() {
		asha := env.createSynced(testenv.Mapping("asha").Agent("7").Group("90", true))
		ravi := env.createSynced(testenv.Mapping("ravi").Agent("8").Group("90", true))
		for _, obj := range []client.Object{env.secret(), env.account("acme"), asha, ravi} {
			env.delete(obj)
		}
		env.waitForDeletion("asha", "ravi")
		env.waitForAccountDeletion("acme")
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N"}))
		Expect(env.deepcall.Agent("8")).To(Equal(map[string]string{"90": "N"}))
	})

	DescribeTable("ends for every order of deleting Secret, account and mapping",
		func(order ...string) {
			objects := map[string]client.Object{
				"Secret":  env.secret(),
				"account": env.account("acme"),
				"mapping": env.createSynced(testenv.Mapping("asha").Group("90", true)),
			}
			for _, kind := range order {
				env.delete(objects[kind])
				// Another mapping shows that the operator handled the deletion before the next one follows.
				env.createSynced(testenv.Mapping("after-" + strings.ToLower(kind)).Agent("8").Orphan())
			}
			env.waitForDeletion("asha")
			env.waitForAccountDeletion("acme")
			env.expectRequests(2)
			Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N"}))
		},
		Entry(nil, "Secret", "account", "mapping"),
		Entry(nil, "Secret", "mapping", "account"),
		Entry(nil, "account", "Secret", "mapping"),
		Entry(nil, "account", "mapping", "Secret"),
		Entry(nil, "mapping", "Secret", "account"),
		Entry(nil, "mapping", "account", "Secret"),
	)

	It("reports that it waits for the credentials if they are missing and were never read", func() {
		mapping := env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.stop()
		env.delete(env.secret())
		env.start()
		env.delete(mapping)
		env.waitFor("asha", "Ready=False AccountNotReady Reconciling")
		env.expectRequests(1)
		env.create(testenv.UserToken("acme", "1001", "s3cr3t"))
		env.waitForDeletion("asha")
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N"}))
	})

	It("in a namespace whose credentials are gone reports the calls that go on, by event, log and metric", func() {
		asha := env.createSynced(testenv.Mapping("asha").Group("90", true).Group("91", false).Group("92", true))
		ravi := env.createSynced(testenv.Mapping("ravi").Agent("8").Group("90", false))
		env.stop()
		By("deleting the namespace, in the order of the controller of namespaces") // which does not run here, so it stays
		for _, obj := range []client.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: env.namespace}}, env.secret(), env.account("acme"), asha, ravi} {
			env.delete(obj)
		}
		env.start()
		env.waitForDeletion("asha", "ravi")
		env.waitForAccountDeletion("acme")
		env.expectRequests(2)
		Expect(env.sample("deepcall_removals_abandoned_total")).To(Equal(1.0))
		Expect(env.logs.containing("without removing its groups")).To(ConsistOf(SatisfyAll(
			ContainSubstring(`"name"="asha"`), ContainSubstring(`"agent"="7"`), ContainSubstring(`"groups"=["90" "92"]`))))
		Eventually(env.events).WithArguments("default/" + env.namespace).Should(ConsistOf(
			"Warning RemovalAbandoned: Agent 7 can still receive calls of groups 90, 92: a mapping was released without a request to DeepCall, " +
				"since its namespace was deleted and the account's credentials are gone; remove the agent from these groups in DeepCall"))
	})

	It("keeps an account that is in use", func() {
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		account := env.account("acme")
		Expect(account.Finalizers).To(ContainElement(v1alpha1.InUseFinalizer))
		env.delete(account)
		env.editSynced("asha", setGroups(group("90", false)))
		env.deleteAndWait(env.mapping("asha"))
		env.waitForAccountDeletion("acme")
	})
})
