package controller_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// allowAll permits the use of an account from all namespaces.
func allowAll(account *v1alpha1.DeepCallAccount) {
	account.Spec.AllowedNamespaces = v1alpha1.AllowedNamespaces{From: v1alpha1.NamespacesFromAll}
}

// guest returns a mapping in another namespace that uses the account acme of the environment.
func (e *testEnv) guest(namespace string) *testenv.MappingBuilder {
	return testenv.Mapping("guest").In(namespace).AccountIn(e.namespace, "acme").Group("90", true)
}

var _ = Describe("allowedNamespaces", func() {
	var (
		env            *testEnv
		otherNamespace string
		guest          string // namespace/name of a mapping in the other namespace
	)
	BeforeEach(func() {
		env = newEmptyTestEnv()
		otherNamespace = env.createNamespace()
		guest = otherNamespace + "/guest"
		env.setup()
		env.create(env.guest(otherNamespace).Build())
	})

	setLabel := func(team string) {
		GinkgoHelper()
		namespace := &corev1.Namespace{}
		Expect(k8sClient.Get(ctx, client.ObjectKey{Name: otherNamespace}, namespace)).To(Succeed())
		namespace.Labels["team"] = team
		Expect(k8sClient.Update(ctx, namespace)).To(Succeed())
	}

	It("permits every namespace with All", func() {
		env.waitFor(guest, "Ready=False AccountNotPermitted Stalled")
		env.editAccount("acme", allowAll)
		env.waitForSynced(guest)
		env.waitForMappingCount(1)
	})

	It("follows the labels of the namespace with Selector", func() {
		env.editAccount("acme", func(a *v1alpha1.DeepCallAccount) {
			a.Spec.AllowedNamespaces = v1alpha1.AllowedNamespaces{
				From:     v1alpha1.NamespacesFromSelector,
				Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "sales"}},
			}
		})
		env.waitFor(guest, "Ready=False AccountNotPermitted Stalled")
		setLabel("sales")
		env.waitForSynced(guest)
		setLabel("none")
		env.waitFor(guest, "Ready=False AccountNotPermitted Stalled")
		env.expectRequests(1)

		By("removing the applied groups although the namespace is no longer permitted")
		env.delete(env.mapping(guest))
		Eventually(func() string { return env.deepcall.Agent("7")["90"] }).Should(Equal("N"))
	})

	It("syncs a permitted mapping that declares the same group as a mapping that is not permitted", func() {
		env.waitFor(guest, "Ready=False AccountNotPermitted Stalled")
		env.createSynced(testenv.Mapping("host").Group("90", false))
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N"}))
	})

	It("does not reveal a mapping of another namespace in a conflict", func() {
		env.editAccount("acme", allowAll)
		env.waitForSynced(guest)
		message := env.createAndWait(testenv.Mapping("host").Group("90", false), "Ready=False Conflict Stalled").Status.Conditions[0].Message
		Expect(message).To(ContainSubstring("group 90"))
		Expect(message).NotTo(ContainSubstring("guest"))
		Expect(message).NotTo(ContainSubstring(otherNamespace))
	})

	It("reports a mapping that is no longer permitted, even if it declares no groups any more", func() {
		env.editAccount("acme", allowAll)
		env.waitForSynced(guest)
		env.editAccount("acme", func(a *v1alpha1.DeepCallAccount) { a.Spec.AllowedNamespaces.From = v1alpha1.NamespacesFromSame })
		env.waitFor(guest, "Ready=False AccountNotPermitted Stalled")
		env.editAndWait(guest, setGroups(), "Ready=False AccountNotPermitted Stalled")
	})
})

var _ = It("a manager that watches some namespaces rejects an account of a namespace that it does not watch", func() {
	env := newEmptyTestEnv()
	env.restricted = true
	env.setup()
	env.createAndWait(testenv.Mapping("asha").AccountIn("unwatched", "acme").Group("90", true), "Ready=False AccountNotPermitted Stalled")
})
