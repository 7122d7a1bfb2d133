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

var _ = Describe("A manager that is told to stop", func() {
	It("starts no new call, waits for the one in flight, writes what came of it, and lets the lease go", func() {
		w := newWorld()
		m := startManager("--leader-elect", "--leader-election-namespace="+managerNamespace)
		Eventually(leaseHolder).ShouldNot(BeEmpty())
		w.deepcall.Script(deepcalltest.Hang().ForAgent("7"))
		w.apply(w.secret(), w.account(), w.mapping("asha", "7", "90=Y"))
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		Expect(w.deepcall.WaitForInFlight(ctx, 1)).To(Succeed())

		m.Terminate()
		Eventually(m.Err).Should(gbytes.Say("Stopping and waiting for"))
		w.apply(w.mapping("bela", "8", "90=Y"))
		Consistently(w.deepcall.Calls).Should(HaveLen(1))
		Consistently(m.Session).ShouldNot(gexec.Exit())
		Expect(leaseHolder()).NotTo(BeEmpty(), "nobody else may call while the call is in flight")

		w.deepcall.Release()
		Eventually(m.Session).Should(gexec.Exit(0))
		Expect(w.kubectl("get", "agm", "asha")).To(MatchRegexp(`asha +7 +1/1 +True +Synced`))
		Expect(leaseHolder()).To(BeEmpty())
		Expect(w.deepcall.Calls()).To(HaveLen(1))
	})

	It("hands over to the next within seconds, and nobody is called twice", func() {
		w := newWorld()
		election := []string{"--leader-elect", "--leader-election-namespace=" + managerNamespace}
		first := startManager(election...)
		second := startManager(election...)
		w.apply(w.secret(), w.account(), w.mapping("asha", "7", "90=Y"))
		w.waitFor("agm/asha", "Synced")
		began := time.Now()
		leader := first
		if second.looks() > 0 {
			leader = second
		}
		leader.stop()
		w.apply(w.mapping("bela", "8", "90=Y"))
		w.waitFor("agm/bela", "Synced")
		AddReportEntry("The next leader's first call", time.Since(began).Round(10*time.Millisecond).String())
		Expect(w.deepcall.Calls()).To(HaveLen(2))
	})
})

func leaseHolder() string {
	GinkgoHelper()
	return kubectl("get", "leases", "--namespace="+managerNamespace, "-o=jsonpath={.items[*].spec.holderIdentity}")
}
