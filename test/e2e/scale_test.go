package e2e

import (
	"context"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/kubernetes"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = Describe("A thousand mappings", func() {
	const count = 1000

	It("cause a thousand requests and at most two thousand writes; a restart and a label cause none", func() {
		env := newTestEnv()
		m := startManager()
		env.apply(env.secret(), env.account())

		before, start := countMappingWrites(), time.Now()
		env.createMappings(count)
		Eventually(env.countReady).WithTimeout(2 * time.Minute).WithPolling(250 * time.Millisecond).Should(Equal(count))
		took := time.Since(start)
		Eventually(env.kubectl).WithArguments("get", "dca", "acme").Should(MatchRegexp(`acme .* 1000 +True +Usable`))
		writes := countMappingWrites() - before - count // without their creation
		AddReportEntry("A thousand mappings", fmt.Sprintf("Ready after %.1f s, %d requests, %d writes to mappings",
			took.Seconds(), len(env.deepcall.Requests()), writes))
		Expect(env.deepcall.Requests()).To(HaveLen(count))
		Expect(env.deepcall.Overlaps()).To(BeZero())
		Expect(writes).To(BeNumerically("<=", 2*count))

		By("restarting the manager")
		m.stop()
		before, start = countMappingWrites(), time.Now()
		m = startManager()
		Eventually(m.idleReconciles).Should(BeNumerically(">=", count))
		AddReportEntry("A restart", fmt.Sprintf("reconciled after %.1f s", time.Since(start).Seconds()))
		Consistently(env.deepcall.Requests).Should(HaveLen(count))
		Expect(countMappingWrites()-before).To(BeZero(), "writes to mappings")

		By("labelling all mappings")
		before, reconciles := countMappingWrites(), m.idleReconciles()
		env.kubectl("label", "agm", "--all", "team=support")
		Eventually(m.idleReconciles).Should(BeNumerically(">=", reconciles+count))
		Consistently(env.deepcall.Requests).Should(HaveLen(count))
		Expect(countMappingWrites()-before).To(Equal(count), "only the labels")
	})
})

// createMappings creates mappings of one agent each, concurrently.
func (env *testEnv) createMappings(count int) {
	GinkgoHelper()
	var creations errgroup.Group
	creations.SetLimit(8)
	for i := range count {
		mapping := testenv.Mapping(fmt.Sprintf("agent-%d", i)).In(env.namespace).Agent(fmt.Sprint(i)).Group("90", true).Group("91", false).Build()
		creations.Go(func() error { return admin.Create(context.Background(), mapping) })
	}
	Expect(creations.Wait()).To(Succeed())
}

// countReady returns the number of Ready mappings.
func (env *testEnv) countReady() int {
	GinkgoHelper()
	count := 0
	for _, mapping := range env.mappings() {
		if meta.IsStatusConditionTrue(mapping.Status.Conditions, v1alpha1.ConditionReady) {
			count++
		}
	}
	return count
}

// countMappingWrites returns the number of writes to mappings, of all clients, that the API server has counted.
func countMappingWrites() int {
	GinkgoHelper()
	clients, err := kubernetes.NewForConfig(controlPlane.Config)
	Expect(err).NotTo(HaveOccurred())
	text, err := clients.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(context.Background())
	Expect(err).NotTo(HaveOccurred())
	verbs := strings.Join([]string{"POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"}, "|")
	return sumSamples(string(text), "apiserver_request_total", `resource="agentgroupmappings".*verb="(`+verbs+`)"`)
}
