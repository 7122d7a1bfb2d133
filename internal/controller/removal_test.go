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

func groups(list ...v1alpha1.AgentGroup) func(*v1alpha1.AgentGroupMapping) {
	return func(mapping *v1alpha1.AgentGroupMapping) { mapping.Spec.Groups = list }
}

func group(id string, receives bool) v1alpha1.AgentGroup {
	return v1alpha1.AgentGroup{GroupID: id, ReceiveCall: receives}
}

func orphan(mapping *v1alpha1.AgentGroupMapping) {
	mapping.Spec.RemovalPolicy = v1alpha1.RemovalPolicyOrphan
}

var _ = underBothReadings("R5: a group that is no longer declared", func() {
	It("is sent once more with N, in one call and one write", func() {
		w := newWorld()
		w.create(testenv.Mapping("asha").Group("90", true).Group("91", true).Build())
		w.eventually("asha", "Ready=True Synced")
		before := w.writes.ofMappings()
		w.edit("asha", groups(group("90", true)))
		w.eventually("asha", "Ready=True Synced")
		w.settled(2)
		Expect(w.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y", "91": "N"}))
		Expect(w.mapping("asha").Status.Receiving).To(Equal("1/1"))
		Expect(w.writes.ofMappings()-before).To(Equal(1), "the status")
		w.restart()
		w.settled(2)
	})

	It("is left as it stands under Orphan, without a call", func() {
		w := newWorld()
		w.create(testenv.Mapping("asha").Group("90", true).Group("91", true).Orphan().Build())
		w.eventually("asha", "Ready=True Synced")
		w.edit("asha", groups(group("90", true)))
		w.eventually("asha", "Ready=True Synced")
		w.settled(1)
		Expect(w.mapping("asha").Status.AppliedGroups).To(HaveLen(1))
	})

	It("is stopped although the answer to the call that added it was lost", func() {
		w := newWorld()
		w.create(testenv.Mapping("asha").Group("90", true).Build())
		w.eventually("asha", "Ready=True Synced")
		w.deepcall.Script(deepcalltest.CutAfter().Times(-1))
		w.edit("asha", groups(group("90", true), group("91", true)))
		Eventually(func() string { return w.deepcall.Agent("7")["91"] }).Should(Equal("Y"))
		w.deepcall.ClearFaults()
		w.edit("asha", groups(group("90", true)))
		w.eventually("asha", "Ready=True Synced")
		Expect(w.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y", "91": "N"}))
	})

	It("is stopped although the manager died before the answer, and the edit was taken back meanwhile", func() {
		w := newWorld()
		w.create(testenv.Mapping("asha").Group("90", true).Build())
		w.eventually("asha", "Ready=True Synced")
		w.deepcall.Script(deepcalltest.Hang().AfterApplying())
		w.edit("asha", groups(group("90", false), group("91", true)))
		Eventually(func() string { return w.deepcall.Agent("7")["91"] }).Should(Equal("Y"))
		w.crash()
		w.edit("asha", groups(group("90", true)))
		w.deepcall.ClearFaults()
		w.start()
		w.eventually("asha", "Ready=True Synced")
		Expect(w.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y", "91": "N"}))
	})

	It("needs no stop if DeepCall refused the call that was to add it", func() {
		w := newWorld()
		w.deepcall.RemoveGroups("999")
		w.create(testenv.Mapping("asha").Group("90", true).Group("999", true).Build())
		w.eventually("asha", "Ready=False InvalidGroupData Stalled")
		w.edit("asha", groups(group("90", true)))
		w.eventually("asha", "Ready=True Synced")
		w.settled(2)
		Expect(w.deepcall.Calls()[1].Groups).To(Equal(map[string]string{"90": "Y"}))
	})

	It("counts as removed if DeepCall no longer knows it", func() {
		w := newWorld()
		w.create(testenv.Mapping("asha").Group("90", true).Group("91", true).Group("92", true).Build())
		w.eventually("asha", "Ready=True Synced")
		w.deepcall.RemoveGroups("91")
		w.edit("asha", groups(group("90", false)))
		w.eventually("asha", "Ready=True Synced")
		Expect(w.deepcall.Agent("7")).To(HaveKeyWithValue("90", "N"))
		Expect(w.deepcall.Agent("7")).To(HaveKeyWithValue("92", "N"))
	})
})

var _ = underBothReadings("R5: a removal that is refused with what is wrong beside it", func() {
	It("is taken back as a whole: what was left out of requests meanwhile is sent again", func() {
		w := newWorld()
		w.create(testenv.Mapping("asha").Group("90", true).Build())
		w.eventually("asha", "Ready=True Synced")
		w.create(testenv.Mapping("ravi").Group("93", true).Build())
		w.eventually("ravi", "Ready=True Synced")
		w.deepcall.RemoveGroups("99")
		w.edit("asha", groups(group("91", true), group("99", true)))
		w.eventually("asha", "Ready=False InvalidGroupData Stalled")
		w.edit("asha", groups(group("90", true)))
		w.eventually("asha", "Ready=True Synced")
		Expect(w.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y", "93": "Y"}))
	})
})

var _ = underBothReadings("R6: deletion ends", func() {
	It("after DeepCall was told to stop the agent's calls", func() {
		w := newWorld()
		w.create(testenv.Mapping("asha").Group("90", true).Group("91", false).Build())
		w.eventually("asha", "Ready=True Synced")
		w.delete(w.mapping("asha"))
		w.eventuallyGone("asha")
		w.settled(2)
		Expect(w.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N", "91": "N"}))
	})

	It("at once under Orphan, which has no finalizer", func() {
		w := newWorld()
		w.create(testenv.Mapping("asha").Group("90", true).Orphan().Build())
		Expect(w.eventually("asha", "Ready=True Synced").Finalizers).To(BeEmpty())
		w.delete(w.mapping("asha"))
		w.eventuallyGone("asha")
		w.settled(1)
	})

	It("without a call if nothing was ever sent", func() {
		w := newWorld()
		w.create(testenv.Mapping("asha").Build())
		Expect(w.eventually("asha", "Ready=True Synced").Finalizers).To(BeEmpty())
		w.delete(w.mapping("asha"))
		w.eventuallyGone("asha")
		w.settled(0)
	})

	It("when the policy turns to Orphan while DeepCall can't be asked", func() {
		w := newWorld()
		w.create(testenv.Mapping("asha").Group("90", true).Build())
		w.eventually("asha", "Ready=True Synced")
		w.deepcall.Script(deepcalltest.Status(503).Times(-1))
		w.delete(w.mapping("asha"))
		Expect(w.eventually("asha", "Ready=False ServerError Reconciling").Status.Conditions[0].Message).To(ContainSubstring("set spec.removalPolicy to Orphan"))
		w.edit("asha", orphan)
		w.eventuallyGone("asha")
	})

	It("for a Secret, an account and mappings that are deleted all at once", func() {
		w := newWorld()
		w.create(testenv.Mapping("asha").Agent("7").Group("90", true).Build())
		w.create(testenv.Mapping("ravi").Agent("8").Group("90", true).Build())
		w.eventually("asha", "Ready=True Synced")
		w.eventually("ravi", "Ready=True Synced")
		w.delete(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "acme-deepcall"}})
		w.delete(w.account())
		w.delete(w.mapping("asha"))
		w.delete(w.mapping("ravi"))
		w.eventuallyGone("asha")
		w.eventuallyGone("ravi")
		w.accountEventuallyGone()
		Expect(w.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N"}))
		Expect(w.deepcall.Agent("8")).To(Equal(map[string]string{"90": "N"}))
	})

	DescribeTable("for every order in which Secret, account and mapping are deleted",
		func(order ...string) {
			w := newWorld()
			w.create(testenv.Mapping("asha").Group("90", true).Build())
			w.eventually("asha", "Ready=True Synced")
			for _, kind := range order {
				w.delete(map[string]client.Object{
					"Secret":  &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "acme-deepcall"}},
					"account": testenv.Account("acme", w.url).In(w.namespace).Build(),
					"mapping": testenv.Mapping("asha").In(w.namespace).Build(),
				}[kind])
				// Each deletion is seen before the next one comes.
				w.create(testenv.Mapping("after-" + strings.ToLower(kind)).Agent("8").Orphan().Build())
				w.eventually("after-"+strings.ToLower(kind), "Ready=True Synced")
			}
			w.eventuallyGone("asha")
			w.accountEventuallyGone()
			w.settled(2)
			Expect(w.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N"}))
		},
		Entry(nil, "Secret", "account", "mapping"),
		Entry(nil, "Secret", "mapping", "account"),
		Entry(nil, "account", "Secret", "mapping"),
		Entry(nil, "account", "mapping", "Secret"),
		Entry(nil, "mapping", "Secret", "account"),
		Entry(nil, "mapping", "account", "Secret"),
	)

	It("waits, and says so, while the credentials are gone and were never read", func() {
		w := newWorld()
		w.create(testenv.Mapping("asha").Group("90", true).Build())
		w.eventually("asha", "Ready=True Synced")
		w.stop()
		secret := testenv.UserToken("acme", "1001", "s3cr3t")
		secret.Namespace = w.namespace
		w.delete(secret)
		w.start()
		w.delete(w.mapping("asha"))
		w.eventually("asha", "Ready=False AccountNotReady Reconciling")
		w.settled(1)
		w.create(testenv.UserToken("acme", "1001", "s3cr3t"))
		w.eventuallyGone("asha")
		Expect(w.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N"}))
	})

	It("keeps an account that is in use", func() {
		w := newWorld()
		w.create(testenv.Mapping("asha").Group("90", true).Build())
		w.eventually("asha", "Ready=True Synced")
		Expect(w.account().Finalizers).To(ContainElement(v1alpha1.InUseFinalizer))
		w.delete(w.account())
		w.edit("asha", groups(group("90", false)))
		w.eventually("asha", "Ready=True Synced")
		w.delete(w.mapping("asha"))
		w.eventuallyGone("asha")
		w.accountEventuallyGone()
	})
})

var _ = underBothReadings("R7: a suspended mapping", func() {
	It("is hands off: an edit makes no call, and resuming makes one", func() {
		w := newWorld()
		w.create(testenv.Mapping("asha").Group("90", true).Suspended().Build())
		w.eventually("asha", "Ready=False Suspended")
		w.settled(0)
		w.edit("asha", func(m *v1alpha1.AgentGroupMapping) { m.Spec.Suspend = false })
		w.eventually("asha", "Ready=True Synced")
		w.edit("asha", func(m *v1alpha1.AgentGroupMapping) { m.Spec.Suspend = true })
		w.eventually("asha", "Ready=True Synced")
		w.settled(1)
	})

	It("is deleted without a call", func() {
		w := newWorld()
		w.create(testenv.Mapping("asha").Group("90", true).Build())
		w.eventually("asha", "Ready=True Synced")
		w.edit("asha", func(m *v1alpha1.AgentGroupMapping) { m.Spec.Suspend = true })
		w.eventually("asha", "Ready=True Synced")
		w.delete(w.mapping("asha"))
		w.eventuallyGone("asha")
		w.settled(1)
		Expect(w.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y"}))
	})
})
