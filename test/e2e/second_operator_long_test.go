//go:build long

package e2e

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("Two operators with leases in different namespaces", func() {
	It("report each other by event, log and metric", func() {
		e := newEditor()
		start := func() *manager {
			namespace := newTestEnv().namespace
			return startManagerWith(controlPlane.Kubeconfig, "--allow-insecure-endpoints", "--leader-elect", "--leader-election-namespace="+namespace)
		}
		managers := []*manager{start(), start()}
		for _, m := range managers {
			Eventually(m.isLeader, time.Minute).Should(BeTrue())
		}
		for _, m := range managers {
			Eventually(func() int {
				e.editFor(time.Second)
				return m.unlabelled("deepcall_foreign_status_writes_total")
			}, 2*time.Minute).Should(BeNumerically(">", 0))
			Expect(m.Session).To(haveLogged("Another operator works on the same objects"))
		}
		Eventually(func() string { return e.kubectl("get", "events", "--field-selector=reason=SecondOperator") }).
			Should(ContainSubstring("Another installation of the operator writes this status, too"))
	})
})
