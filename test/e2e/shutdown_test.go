package e2e

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

var _ = Describe("A manager that is terminated", func() {
	It("starts no request, waits for the one in flight, writes its result and releases the lease", func() {
		env := newTestEnv()
		m := startManager(leaderElection...)
		Eventually(leaseHolder).ShouldNot(BeEmpty())
		env.deepcall.Script(deepcalltest.Hang().ForAgent("7"))
		env.apply(env.secret(), env.account(), env.mapping("asha", "7", "90=Y"))
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		Expect(env.deepcall.WaitForHanging(ctx, 1)).To(Succeed())

		m.Terminate()
		Eventually(m.Err).Should(gbytes.Say("Stopping and waiting for"))
		env.apply(env.mapping("bela", "8", "90=Y"))
		Consistently(env.deepcall.Requests).Should(HaveLen(1))
		Consistently(m.Session).ShouldNot(gexec.Exit())
		Expect(leaseHolder()).NotTo(BeEmpty(), "the lease is held while the request is in flight")

		env.deepcall.Release()
		Eventually(m.Session).Should(gexec.Exit(0))
		Expect(env.kubectl("get", "agm", "asha")).To(MatchRegexp(`asha +7 +1/1 +True +Synced`))
		Expect(leaseHolder()).To(BeEmpty())
		Expect(env.deepcall.Requests()).To(HaveLen(1))
	})

	It("fails over within seconds and sends no request twice", func() {
		env := newTestEnv()
		first, second := startManager(leaderElection...), startManager(leaderElection...)
		env.applySynced("asha", "7", "90=Y")
		start := time.Now()
		leader := first
		if second.idleReconciles() > 0 {
			leader = second
		}
		leader.stop()
		env.apply(env.mapping("bela", "8", "90=Y"))
		env.waitForReason("agm/bela", "Synced")
		AddReportEntry("First request of the next leader", time.Since(start).Round(10*time.Millisecond).String())
		Expect(env.deepcall.Requests()).To(HaveLen(2))
	})
})

func leaseHolder() string {
	GinkgoHelper()
	return kubectl("get", "leases", "--namespace="+managerNamespace, "-o=jsonpath={.items[*].spec.holderIdentity}")
}
