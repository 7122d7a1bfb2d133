package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/kubernetes"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = Describe("A thousand mappings", func() {
	const many = 1000

	It("make a thousand calls and at most two thousand writes; a restart and a label make none", func() {
		w := newWorld()
		m := startManager()
		w.apply(w.secret(), w.account())

		before, began := mappingWrites(), time.Now()
		w.createMany(many)
		Eventually(w.ready).WithTimeout(2 * time.Minute).WithPolling(250 * time.Millisecond).Should(Equal(many))
		took := time.Since(began)
		Eventually(w.kubectl).WithArguments("get", "dca", "acme").Should(MatchRegexp(`acme .* 1000 +True +Usable`))
		writes := mappingWrites() - before - many // those that created them
		AddReportEntry("A thousand mappings", fmt.Sprintf("Ready after %.1f s, %d calls, %d writes to mappings",
			took.Seconds(), len(w.deepcall.Calls()), writes))
		Expect(w.deepcall.Calls()).To(HaveLen(many))
		Expect(w.deepcall.Overlaps()).To(BeZero())
		Expect(writes).To(BeNumerically("<=", 2*many))

		By("restarting the manager")
		m.stop()
		before, began = mappingWrites(), time.Now()
		m = startManager()
		Eventually(m.looks).Should(BeNumerically(">=", many))
		AddReportEntry("A restart", fmt.Sprintf("looked through after %.1f s", time.Since(began).Seconds()))
		Consistently(w.deepcall.Calls).Should(HaveLen(many))
		Expect(mappingWrites()-before).To(BeZero(), "writes to mappings")

		By("labelling all")
		before, looks := mappingWrites(), m.looks()
		w.kubectl("label", "agm", "--all", "team=support")
		Eventually(m.looks).Should(BeNumerically(">=", looks+many))
		Consistently(w.deepcall.Calls).Should(HaveLen(many))
		Expect(mappingWrites()-before).To(Equal(many), "the labels themselves, and nothing else")
	})
})

// createMany creates that many mappings, of one agent each, as fast as the API server takes them.
func (w *world) createMany(many int) {
	GinkgoHelper()
	var creating sync.WaitGroup
	failures := make(chan error, many)
	for part := range 8 {
		creating.Go(func() {
			for i := part; i < many; i += 8 {
				mapping := testenv.Mapping(fmt.Sprintf("agent-%d", i)).In(w.namespace).Agent(fmt.Sprint(i)).
					Group("90", true).Group("91", false).Build()
				if err := admin.Create(context.Background(), mapping); err != nil {
					failures <- err
				}
			}
		})
	}
	creating.Wait()
	close(failures)
	Expect(<-failures).To(Succeed())
}

// ready is how many mappings are Ready.
func (w *world) ready() int {
	GinkgoHelper()
	count := 0
	for _, mapping := range w.mappings() {
		if meta.IsStatusConditionTrue(mapping.Status.Conditions, v1alpha1.ConditionReady) {
			count++
		}
	}
	return count
}

// mappingWrites is how many requests the API server has had that write a mapping, by anybody.
func mappingWrites() int {
	GinkgoHelper()
	clients, err := kubernetes.NewForConfig(plane.Config)
	Expect(err).NotTo(HaveOccurred())
	text, err := clients.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(context.Background())
	Expect(err).NotTo(HaveOccurred())
	verbs := strings.Join([]string{"POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"}, "|")
	return sumOf(string(text), "apiserver_request_total", `resource="agentgroupmappings".*verb="(`+verbs+`)"`)
}
