package controller_test

import (
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = Describe("Nobody is forgotten", func() {
	It("when the account's Secret can't be read just as its first mapping comes", func() {
		w := newWorld()
		w.eventuallyAccount("Ready=True Untried")
		w.writes.failReads("/secrets/", 1)
		w.create(testenv.Mapping("asha").Group("90", true).Build())
		w.eventually("asha", "Ready=True Synced")
	})

	It("whose back-off is void since its account recovered", func() {
		w := newWorld()
		w.deepcall.Script(deepcalltest.Code(1501).Times(-1))
		w.create(testenv.Mapping("waits").Agent("8").Group("90", true).Build())
		Eventually(func() int { return len(w.deepcall.Calls()) }, 30*time.Second).Should(Equal(5), "the next one comes after 16 s")
		w.deepcall.ClearFaults()
		w.editSecret(map[string]string{"userId": "1001", "token": "wrong"})
		w.eventuallyAccount("Ready=False InvalidToken Stalled")
		w.editSecret(map[string]string{"userId": "1001", "token": "s3cr3t"})
		Eventually(func() string { return standing(w.mapping("waits")) }, 8*time.Second).Should(Equal("Ready=True Synced"))
	})

	It("whose namespace begins to end while its deletion waits for lost credentials", func() {
		w := emptyWorld()
		neighbour := w.neighbour()
		w.furnish(func(a *v1alpha1.DeepCallAccount) { a.Spec.AllowedNamespaces.From = v1alpha1.NamespacesFromAll })
		w.create(testenv.Mapping("guest").In(neighbour).AccountIn(w.namespace, "acme").Group("90", true).Build())
		w.eventually(neighbour+"/guest", "Ready=True Synced")
		w.stop()
		w.delete(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "acme-deepcall"}})
		w.start()
		w.delete(w.mapping(neighbour + "/guest"))
		w.eventually(neighbour+"/guest", "Ready=False AccountNotReady Reconciling")
		w.delete(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: neighbour}})
		w.eventuallyGone(neighbour + "/guest")
	})

	It("whose removal can be told, behind an older edit that can't since the Secret is gone", func() {
		w := newWorld()
		w.create(testenv.Mapping("a-older").Group("90", true).Build())
		w.eventually("a-older", "Ready=True Synced")
		w.create(testenv.Mapping("b-younger").Group("91", true).Build())
		w.eventually("b-younger", "Ready=True Synced")
		w.delete(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "acme-deepcall"}})
		w.eventuallyAccount("Ready=False SecretNotFound Reconciling")
		w.edit("a-older", groups(group("90", false)))
		w.eventually("a-older", "Ready=False AccountNotReady Reconciling")
		w.delete(w.mapping("b-younger"))
		w.eventuallyGone("b-younger")
		Expect(w.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y", "91": "N"}))
	})

	It("whose edit was refused for a group of another mapping that is mended meanwhile", func() {
		w := newWorld()
		w.create(testenv.Mapping("a-rider").Group("90", true).Group("91", true).Build())
		w.eventually("a-rider", "Ready=True Synced")
		w.create(testenv.Mapping("b-asha").Group("92", true).Build())
		w.eventually("b-asha", "Ready=True Synced")
		w.deepcall.RemoveGroups("91")
		w.deepcall.Script(deepcalltest.Code(1505), deepcalltest.Code(1501).Times(3))
		w.edit("b-asha", groups(group("92", false)))
		Eventually(func() int { return len(w.deepcall.Calls()) }).Should(BeNumerically(">=", 4))
		w.deepcall.ClearFaults()
		w.edit("a-rider", groups(group("90", true)))
		w.eventually("a-rider", "Ready=True Synced")
		w.eventually("b-asha", "Ready=True Synced")
	})

	It("whose deletion keeps a vanished group for a taker, though it resyncs never", func() {
		w := newWorld()
		w.create(testenv.Mapping("a-giver").Group("90", true).Group("91", true).Resync(0).Build())
		w.eventually("a-giver", "Ready=True Synced")
		w.create(testenv.Mapping("b-taker").Group("90", true).Build())
		w.eventually("b-taker", "Ready=False Conflict Stalled")
		w.deepcall.RemoveGroups("90")
		w.delete(w.mapping("a-giver"))
		w.eventually("b-taker", "Ready=False InvalidGroupData Stalled")
		w.eventuallyGone("a-giver")
	})
})

var _ = Describe("A mapping that asks for something odd", func() {
	It("does not block the others of its agent by a request of any length", func() {
		w := newWorld()
		w.create(testenv.Mapping("asha").Group("90", true).Build())
		w.eventually("asha", "Ready=True Synced")
		w.patchRequest("asha", strings.Repeat("x", 1100))
		Eventually(func() string { return w.mapping("asha").Status.LastHandledReconcileAt }).Should(HaveLen(1024))
		w.create(testenv.Mapping("other").Group("91", true).Build())
		w.eventually("other", "Ready=True Synced")
		w.settled(3)
	})

	It("is refused an account of a namespace that the operator does not watch", func() {
		w := emptyWorld()
		w.restricted = true
		w.furnish()
		w.create(testenv.Mapping("asha").AccountIn("elsewhere", "acme").Group("90", true).Build())
		w.eventually("asha", "Ready=False AccountNotPermitted Stalled")
	})

	It("does not learn by being suspended whether an account of another namespace exists", func() {
		w := emptyWorld()
		neighbour := w.neighbour()
		w.furnish()
		w.create(testenv.Mapping("exists").In(neighbour).Suspended().AccountIn(w.namespace, "acme").Group("90", true).Build())
		w.create(testenv.Mapping("missing").In(neighbour).Suspended().AccountIn(w.namespace, "nope").Group("90", true).Build())
		w.eventually(neighbour+"/missing", "Ready=False Suspended")
		w.eventually(neighbour+"/exists", "Ready=False Suspended")
	})

	It("is told that it is no longer permitted although it declares nothing any more", func() {
		w := emptyWorld()
		neighbour := w.neighbour()
		w.furnish(func(a *v1alpha1.DeepCallAccount) { a.Spec.AllowedNamespaces.From = v1alpha1.NamespacesFromAll })
		w.create(testenv.Mapping("guest").In(neighbour).AccountIn(w.namespace, "acme").Group("90", true).Build())
		w.eventually(neighbour+"/guest", "Ready=True Synced")
		w.editAccount(func(a *v1alpha1.DeepCallAccount) { a.Spec.AllowedNamespaces.From = v1alpha1.NamespacesFromSame })
		w.eventually(neighbour+"/guest", "Ready=False AccountNotPermitted Stalled")
		w.edit(neighbour+"/guest", groups())
		w.eventually(neighbour+"/guest", "Ready=False AccountNotPermitted Stalled")
	})
})

var _ = Describe("R15: an account that stays unreachable", func() {
	It("makes its mappings write nothing, however often it is tried", func() {
		w := newWorld()
		w.deepcall.Script(deepcalltest.Status(503).Times(-1))
		for i := range 3 {
			w.create(testenv.Mapping(fmt.Sprint("asha-", i)).Agent(fmt.Sprint(i)).Group("90", true).Build())
		}
		w.eventuallyAccount("Ready=False Unreachable Reconciling")
		Eventually(func() int { return w.standing("Ready=False AccountNotReady Reconciling") }).Should(Equal(3))
		Eventually(func() int { return len(w.deepcall.Calls()) }).Should(BeNumerically(">=", 7))
		before, calls := w.writes.ofMappings(), len(w.deepcall.Calls())
		Eventually(func() int { return len(w.deepcall.Calls()) }, 30*time.Second).Should(BeNumerically(">=", calls+2))
		Expect(w.writes.ofMappings()).To(Equal(before))
	})
})
