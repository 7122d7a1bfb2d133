package controller_test

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// many creates mappings of an account, one for each of so many agents.
func (w *world) many(account string, n int) {
	GinkgoHelper()
	for i := range n {
		w.create(testenv.Mapping(fmt.Sprintf("%s-%d", account, i)).Account(account).Agent(fmt.Sprintf("%s-%d", account, i)).Group("90", true).Build())
	}
}

// standing counts the mappings that stand as described.
func (w *world) standing(description string) int {
	GinkgoHelper()
	return w.count(func(m *v1alpha1.AgentGroupMapping) bool { return standing(m) == description })
}

// ready counts the mappings of an account that are Ready.
func (w *world) ready(account string) int {
	GinkgoHelper()
	return w.count(func(m *v1alpha1.AgentGroupMapping) bool {
		return m.Spec.AccountRef.Name == account && standing(m) == "Ready=True Synced"
	})
}

func (w *world) count(counts func(*v1alpha1.AgentGroupMapping) bool) int {
	GinkgoHelper()
	var list v1alpha1.AgentGroupMappingList
	Expect(admin.List(w.context, &list, client.InNamespace(w.namespace))).To(Succeed())
	n := 0
	for i := range list.Items {
		if counts(&list.Items[i]) {
			n++
		}
	}
	return n
}

// makeDue has all mappings be due for a resync.
func (w *world) makeDue() {
	GinkgoHelper()
	var list v1alpha1.AgentGroupMappingList
	Expect(admin.List(w.context, &list, client.InNamespace(w.namespace))).To(Succeed())
	for i := range list.Items {
		list.Items[i].Status.LastSyncTime.Time = time.Now().Add(-2 * time.Hour)
		Expect(admin.Status().Update(w.context, &list.Items[i])).To(Succeed())
	}
}

var _ = Describe("R11: an account", func() {
	It("is not held up by another one whose endpoint hangs", func() {
		w := newWorld()
		hanging, url := deepcalltest.Start(GinkgoTB(), deepcalltest.Options{})
		hanging.Script(deepcalltest.Hang().Times(-1))
		w.create(testenv.UserToken("slow", "1", "t"))
		w.create(testenv.Account("slow", url).Limits(1000, 1000, 100).Build())
		w.many("slow", 100)
		Expect(hanging.WaitForInFlight(w.context, 1)).To(Succeed())
		w.many("acme", 100)
		Eventually(func() int { return w.ready("acme") }, 10*time.Second).Should(Equal(100))
		Expect(w.ready("slow")).To(BeZero())
		hanging.ClearFaults()
		hanging.Release()
	})

	It("serves a person's edit before a backlog of resyncs", func() {
		w := newWorld(func(a *v1alpha1.DeepCallAccount) {
			a.Spec.Limits = v1alpha1.Limits{RequestsPerSecond: 1000, Burst: 1000, MaxInFlight: 1}
		})
		w.many("acme", 30)
		Eventually(func() int { return w.ready("acme") }).Should(Equal(30))
		w.stop()
		w.makeDue()
		w.deepcall.Script(deepcalltest.Hang())
		before := len(w.deepcall.Calls())
		w.start()
		Expect(w.deepcall.WaitForInFlight(w.context, 1)).To(Succeed())
		w.create(testenv.Mapping("edit").Agent("edit").Group("90", true).Build())
		w.create(testenv.Mapping("later").Agent("later").Build())
		w.eventually("later", "Ready=True Synced") // so the edit, which came before it, waits for its turn by now
		w.deepcall.Release()
		w.eventually("edit", "Ready=True Synced")
		Eventually(func() int { return len(w.deepcall.Calls()) - before }).Should(Equal(31))
		Expect(w.deepcall.Calls()[before+1].Agent).To(Equal("edit"))
	})
})

// refused has so many mappings of one account meet wrong credentials, and then the right ones.
func refused(mappings int) {
	GinkgoHelper()
	w := emptyWorld()
	w.create(testenv.UserToken("acme", "1001", "wrong"))
	w.create(testenv.Account("acme", w.url).Limits(1000, 1000, 16).Build())
	w.start()
	w.many("acme", mappings)
	w.eventuallyAccount("Ready=False InvalidToken Stalled")
	Eventually(func() int { return w.standing("Ready=False AccountNotReady Reconciling") }, 10*time.Minute, time.Second).Should(Equal(mappings))
	Expect(len(w.deepcall.Calls())).To(BeNumerically("<=", 3))
	w.editSecret(map[string]string{"userId": "1001", "token": "wrong, too"})
	Eventually(func() int { return len(w.deepcall.Calls()) }).Should(BeNumerically(">", 1))
	w.eventuallyAccount("Ready=False InvalidToken Stalled")
	Consistently(func() int { return len(w.deepcall.Calls()) }).Should(BeNumerically("<=", 6))

	before, mended := len(w.deepcall.Calls()), time.Now()
	w.editSecret(map[string]string{"userId": "1001", "token": "s3cr3t"})
	Eventually(func() int { return w.standing("Ready=True Synced") }, 10*time.Minute, time.Second).Should(Equal(mappings))
	Expect(w.deepcall.Calls()).To(HaveLen(before + mappings))
	Expect(w.deepcall.Calls()[before].Start.Sub(mended)).To(BeNumerically("<", 2*time.Second))
}

var _ = Describe("R10: credentials that DeepCall refuses", func() {
	It("get no more than 3 calls each, however many mappings there are, and the right ones let all through", func() {
		refused(300)
	})
})

var _ = Describe("R10: an endpoint that is down", func() {
	It("is called at most once a second by 300 mappings, and all are Ready within a minute once it is back", func() {
		w := newWorld()
		w.deepcall.Script(deepcalltest.Status(503).Times(-1))
		w.many("acme", 300)
		w.eventuallyAccount("Ready=False Unreachable Reconciling")
		Eventually(func() int { return len(w.deepcall.Calls()) }, 30*time.Second).Should(BeNumerically(">=", 9))
		calls := w.deepcall.Calls()
		for i := 5; i < len(calls); i++ {
			Expect(calls[i].Start.Sub(calls[i-1].Start)).To(BeNumerically(">=", time.Second), "call %d", i)
		}
		w.deepcall.ClearFaults()
		Eventually(func() int { return w.ready("acme") }, time.Minute).Should(Equal(300))
		w.eventuallyAccount("Ready=True Usable")
	})
})
