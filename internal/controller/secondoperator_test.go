package controller_test

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

const foreignStatusWrites = "deepcall_foreign_status_writes_total"

// startAnother starts another manager for the same objects.
func (e *testEnv) startAnother() *testEnv {
	GinkgoHelper()
	other := *e
	other.transport, other.besideAnother = newAPITransport(), true
	other.start()
	DeferCleanup(other.stop)
	return &other
}

// nextSecond waits until the clock shows another second.
func nextSecond() {
	GinkgoHelper()
	before := time.Now().Unix()
	Eventually(func() int64 { return time.Now().Unix() }).ShouldNot(Equal(before))
}

var _ = Describe("a second operator", func() {
	const report = "Warning SecondOperator: Another installation of the operator writes this status, too, and sends requests for the same mappings; " +
		"uninstall one of the two, or let them watch different namespaces"

	It("is reported by both by event and metric, while they work on the same objects", func() {
		env := newEmptyTestEnv()
		env.secondOperatorGrace, env.besideAnother = time.Nanosecond, true
		env.setup()
		other := env.startAnother()
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		group := 100
		Eventually(func() []float64 {
			group++
			env.editSynced("asha", addGroup(fmt.Sprint(group)))
			return []float64{env.sample(foreignStatusWrites), other.sample(foreignStatusWrites)}
		}).WithTimeout(time.Minute).Should(HaveEach(BeNumerically(">", 1)))
		events := func() []string { return append(env.events("asha"), env.events("acme")...) }
		Eventually(events).Should(ConsistOf(report, report), "one of each, however many writes there are")
		Consistently(events).Should(HaveLen(2))
		Expect(env.logs.containing("Another operator works on the same objects")).To(HaveLen(2))
	})

	It("is not reported for restarts, lost answers, conflicts, and edits and backups of a status", func() {
		env := newEmptyTestEnv()
		env.secondOperatorGrace = time.Nanosecond
		env.setup()
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		backup := env.mapping("asha")
		group := 100
		sync := func() {
			nextSecond() // the API server records whole seconds
			group++
			env.editSynced("asha", addGroup(fmt.Sprint(group)))
		}
		sync()
		twice := func(text string, step func()) {
			GinkgoHelper()
			By(text)
			for range 2 {
				step()
				sync()
			}
		}
		twice("losing the answers to writes that were made", func() { env.transport.loseAnswers("agentgroupmappings/status", 1) })
		twice("failing writes", func() { env.transport.failWrites("agentgroupmappings/status", 1) })
		twice("conflicting with a user's edits of the status", func() {
			env.edit("asha", addGroup(fmt.Sprint("conflict-", group)))
			nextSecond()
			mapping := env.mapping("asha")
			mapping.Status.Receiving = "edited"
			_ = k8sClient.Status().Update(ctx, mapping, client.FieldOwner("kubectl-edit"))
		})
		twice("restoring a backup with its managedFields", func() {
			nextSecond()
			restored := backup.DeepCopy()
			restored.ResourceVersion = env.mapping("asha").ResourceVersion
			Expect(k8sClient.Status().Update(ctx, restored, client.FieldOwner("velero"))).To(Succeed())
		})
		Expect(env.sample(foreignStatusWrites)).To(BeZero())

		By("applying one late write of a former leader")
		late := env.mapping("asha")
		late.Status.Receiving = "late"
		nextSecond()
		Expect(k8sClient.Status().Update(ctx, late, client.FieldOwner("deepcall-operator"))).To(Succeed())
		sync()
		Expect(env.sample(foreignStatusWrites)).To(BeZero())

		twice("restarting and crashing", func() {
			env.restart()
			sync()
			env.deepcall.Script(deepcalltest.Hang())
			env.edit("asha", addGroup(fmt.Sprint("crash-", group)))
			env.waitForHanging()
			env.crash()
			env.start()
		})
		Consistently(env.sample).WithArguments(foreignStatusWrites).Should(BeZero())
		Expect(env.events("asha")).NotTo(ContainElement(report))
		Expect(env.events("acme")).NotTo(ContainElement(report))
		Expect(env.logs.containing("Another operator")).To(BeEmpty())
	})
})
