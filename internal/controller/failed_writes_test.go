package controller_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/internal/reason"
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
		env.deleteAndWait(mapping)
		env.expectRequests(2)
	})
})

var _ = It("R6: the finalizer exists before the first request", func() {
	env := newTestEnv()
	env.transport.failWrites("agentgroupmappings", 2)
	env.deepcall.Script(deepcalltest.Hang())
	env.create(testenv.Mapping("asha").Group("90", true).Build())
	env.waitForHanging()
	Expect(env.mapping("asha").Finalizers).NotTo(BeEmpty())
	env.deepcall.Release()
	env.waitForSynced("asha")
})

var _ = It("R14: shutdown waits for the request in flight and writes its result", func() {
	env := newTestEnv()
	env.deepcall.Script(deepcalltest.Hang())
	env.create(testenv.Mapping("asha").Group("90", true).Build())
	env.waitForHanging()
	env.stopInFlight()
	Expect(summarize(env.mapping("asha"))).To(Equal("Ready=True Synced"))
	env.start()
	env.expectRequests(1)
})

var _ = It("R2: an edit while a request is in flight is sent after that request has ended", func() {
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

var _ = Describe("R1: an edit that is reverted", func() {
	It("is sent although DeepCall confirmed these groups before, if a crash lost the result of a request in between", func() {
		env := newTestEnv()
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.updateSecret(map[string]string{"userId": "1001"})
		env.waitForAccount("acme", "Ready=False InvalidCredentials Stalled")
		env.editAndWait("asha", setGroups(group("90", false)), "Ready=False AccountNotReady Reconciling")
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

var _ = Describe("R16: a write that the API server rejects for good", func() {
	var env *testEnv
	BeforeEach(func() { env = newTestEnv() })

	const rejected = "Ready=False WriteRejected Stalled"
	warning := "Warning WriteRejected: " + reason.WriteRejected(rejectionMessage).Message

	It("sends no request for the mapping if it is the record of an attempt, and does not delay the agent's other mappings", func() {
		env.transport.rejectWrites("agentgroupmappings/asha")
		mapping := env.createAndWait(testenv.Mapping("asha").Group("90", true), rejected)
		Expect(mapping.Status.Conditions[0].Message).To(Equal(reason.WriteRejected(rejectionMessage).Message))
		env.createSynced(testenv.Mapping("bela").Group("91", true))
		env.expectRequests(1)
		Eventually(env.events).WithArguments("asha").Should(ConsistOf(warning))

		By("allowing the write")
		env.transport.rejectWrites()
		env.requestReconcile("asha", "now")
		env.waitForSynced("asha")
		Expect(groupsOf(env.requests())).To(Equal([]map[string]string{{"91": "Y"}, {"90": "Y", "91": "Y"}}))
	})

	It("repeats it with back-off, without further writes and events", func() {
		env.transport.rejectWrites("agentgroupmappings/asha")
		version := env.createAndWait(testenv.Mapping("asha").Group("90", true), rejected).ResourceVersion
		Eventually(env.transport.rejectionCount).Should(Equal(3)) // after 1 s and 2 s more
		Expect(env.mapping("asha").ResourceVersion).To(Equal(version))
		Eventually(env.events).WithArguments("asha").Should(ConsistOf(warning))
		Consistently(env.transport.rejectionCount).Should(Equal(3))
		Expect(env.samples("deepcall_writes_rejected_total")).To(ConsistOf("part=metadata 3", "part=status 0"))
	})

	It("keeps what DeepCall confirmed if it is the status, and reports it by event and metric", func() {
		env.transport.rejectWrites("agentgroupmappings/asha/status")
		env.create(testenv.Mapping("asha").Group("90", true).Build())
		env.expectRequests(1)
		env.createSynced(testenv.Mapping("bela").Group("91", true))
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y", "91": "Y"}))
		Eventually(env.events).WithArguments("asha").Should(ConsistOf(warning))
		Expect(env.samples("deepcall_writes_rejected_total")).To(ContainElement(HavePrefix("part=status ")))
		Expect(summarize(env.mapping("asha"))).To(Equal("pending"))

		By("allowing the write")
		env.transport.rejectWrites()
		env.waitForSynced("asha")
		env.expectRequests(2)
		Expect(env.events("asha")).To(HaveLen(1))
	})

	It("reports the deletion whose finalizer can't be removed, and removes the groups once", func() {
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.createSynced(testenv.Mapping("bela").Group("91", true))
		env.transport.rejectWrites("agentgroupmappings/asha")
		env.delete(env.mapping("asha"))
		mapping := env.waitFor("asha", rejected)
		Expect(mapping.Status.AppliedGroups).To(BeEmpty())
		env.editSynced("bela", setGroups(group("91", false)))
		Expect(groupsOf(env.requests())[2:]).To(Equal([]map[string]string{{"90": "N", "91": "Y"}, {"91": "N"}}))

		By("allowing the write")
		env.transport.rejectWrites()
		env.waitForDeletion("asha")
		env.expectRequests(4)
	})

	It("reports the message of a ValidatingAdmissionPolicy", func() {
		policy := env.createPolicy("object.metadata.name != 'asha' || !has(object.metadata.finalizers)")
		mapping := env.createAndWait(testenv.Mapping("asha").Group("90", true), rejected)
		Expect(mapping.Status.Conditions[0].Message).To(ContainSubstring("denied request: the test allows no finalizers"))
		env.createSynced(testenv.Mapping("bela").Group("91", true))
		env.delete(policy)
		env.waitForSynced("asha")
	})
})

// createPolicy creates a policy for the mappings of the environment, and waits until it is in force for a mapping named asha with a
// finalizer.
func (e *testEnv) createPolicy(expression string) client.Object {
	GinkgoHelper()
	meta := metav1.ObjectMeta{Name: e.namespace}
	fail, scope := admissionv1.Fail, admissionv1.AllScopes
	policy := &admissionv1.ValidatingAdmissionPolicy{ObjectMeta: meta, Spec: admissionv1.ValidatingAdmissionPolicySpec{
		FailurePolicy: &fail,
		MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
			RuleWithOperations: admissionv1.RuleWithOperations{
				Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
				Rule: admissionv1.Rule{
					APIGroups: []string{v1alpha1.GroupVersion.Group}, APIVersions: []string{"*"}, Resources: []string{"agentgroupmappings"}, Scope: &scope,
				},
			},
		}}},
		Validations: []admissionv1.Validation{{Expression: expression, Message: "the test allows no finalizers"}},
	}}
	Expect(k8sClient.Create(ctx, policy)).To(Succeed())
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: meta, Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
		PolicyName: policy.Name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		MatchResources: &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{
			MatchLabels: map[string]string{"kubernetes.io/metadata.name": e.namespace},
		}},
	}}
	Expect(k8sClient.Create(ctx, binding)).To(Succeed())
	DeferCleanup(func() {
		Expect(client.IgnoreNotFound(k8sClient.Delete(ctx, policy))).To(Succeed())
		Expect(k8sClient.Delete(ctx, binding)).To(Succeed())
	})
	probe := testenv.Mapping("asha").Group("90", true).Build()
	probe.Namespace, probe.Finalizers = e.namespace, []string{v1alpha1.StopCallsFinalizer}
	Eventually(func() error {
		return k8sClient.Create(ctx, probe.DeepCopy(), client.DryRunAll)
	}).Should(MatchError(ContainSubstring("denied request")))
	return policy
}
