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

var _ = Describe("allowedNamespaces", func() {
	var (
		w         *world
		neighbour string
	)
	BeforeEach(func() {
		w = emptyWorld()
		neighbour = w.neighbour()
		w.furnish()
		w.create(testenv.Mapping("guest").In(neighbour).AccountIn(w.namespace, "acme").Group("90", true).Build())
		w.create(testenv.Mapping("nobody").In(neighbour).AccountIn(w.namespace, "missing").Group("90", true).Build())
	})

	allow := func(allowed v1alpha1.AllowedNamespaces) {
		GinkgoHelper()
		w.editAccount(func(a *v1alpha1.DeepCallAccount) { a.Spec.AllowedNamespaces = allowed })
	}
	label := func(team string) {
		GinkgoHelper()
		namespace := &corev1.Namespace{}
		Expect(admin.Get(w.context, client.ObjectKey{Name: neighbour}, namespace)).To(Succeed())
		namespace.Labels["team"] = team
		Expect(admin.Update(w.context, namespace)).To(Succeed())
	}
	guest := func() string { return neighbour + "/guest" }

	It("Same refuses another namespace, and tells it nothing of whether the account exists", func() {
		w.eventually(guest(), "Ready=False AccountNotPermitted Stalled")
		w.eventually(neighbour+"/nobody", "Ready=False AccountNotPermitted Stalled")
		exists, missing := w.mapping(guest()).Status.Conditions[0].Message, w.mapping(neighbour + "/nobody").Status.Conditions[0].Message
		Expect(exists).To(Equal(missing))
		w.settled(0)
	})

	It("All lets every namespace in", func() {
		w.eventually(guest(), "Ready=False AccountNotPermitted Stalled")
		allow(v1alpha1.AllowedNamespaces{From: v1alpha1.NamespacesFromAll})
		w.eventually(guest(), "Ready=True Synced")
		Eventually(func() int32 { return w.account().Status.Mappings }).Should(BeEquivalentTo(1))
	})

	It("Selector follows the labels of the namespace", func() {
		allow(v1alpha1.AllowedNamespaces{
			From:     v1alpha1.NamespacesFromSelector,
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "sales"}},
		})
		w.eventually(guest(), "Ready=False AccountNotPermitted Stalled")
		label("sales")
		w.eventually(guest(), "Ready=True Synced")
		label("none")
		w.eventually(guest(), "Ready=False AccountNotPermitted Stalled")
		w.settled(1)

		By("and what was applied can still be removed")
		w.delete(w.mapping(guest()))
		Eventually(func() string { return w.deepcall.Agent("7")["90"] }).Should(Equal("N"))
	})

	It("does not let a mapping that is refused stand in the way of one that isn't", func() {
		w.eventually(guest(), "Ready=False AccountNotPermitted Stalled")
		w.create(testenv.Mapping("host").Group("90", false).Build())
		w.eventually("host", "Ready=True Synced")
		Expect(w.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N"}))
	})

	It("names no mapping of another namespace in a conflict", func() {
		allow(v1alpha1.AllowedNamespaces{From: v1alpha1.NamespacesFromAll})
		w.eventually(guest(), "Ready=True Synced")
		w.create(testenv.Mapping("host").Group("90", false).Build())
		message := w.eventually("host", "Ready=False Conflict Stalled").Status.Conditions[0].Message
		Expect(message).To(ContainSubstring("group 90"))
		Expect(message).NotTo(ContainSubstring("guest"))
		Expect(message).NotTo(ContainSubstring(neighbour))
	})
})
