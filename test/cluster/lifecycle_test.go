//go:build cluster

package cluster

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func describeUpgrade() {
	It("the chart is upgraded from the previous version and rolled back without a request", func() {
		createNamespace(operatorNamespace)
		DeferCleanup(uninstallChart)
		deploy("install", previousChart, "previous")
		team := readyTeam(50)
		Expect(requests()).To(HaveLen(50))

		deploy("upgrade", currentChart, "test")
		team.expectEditSent(1)
		team.expectReady(50)
		Expect(requests()).To(HaveLen(51))

		helm("rollback", operatorRelease, "--namespace="+operatorNamespace, "--wait", "--timeout=2m")
		team.expectEditSent(2)
		team.expectReady(50)
		Expect(requests()).To(HaveLen(52))
	})

	It("the chart is uninstalled and installed again without a request, and leads within 10 s", func() {
		installChart()
		team := readyTeam(5)
		uninstallRelease()

		start := time.Now()
		deploy("install", currentChart, "test")
		Expect(leader()).NotTo(BeNil())
		took := lease().Spec.AcquireTime.Sub(start)
		AddReportEntry(fmt.Sprintf("leads after %s", took.Round(100*time.Millisecond)))
		Expect(took).To(BeNumerically("<=", 10*time.Second))
		team.expectEditSent(1)
		team.expectReady(5)
		Expect(requests()).To(HaveLen(6))
	})
}

func describeDeletion() {
	stopped := map[string]map[string]string{"1": {"90": "N"}, "2": {"90": "N"}}

	It("the deletion of a namespace stops the calls, while the operator runs or when it runs again", func() {
		installChart()
		support, sales := newTeam("support"), newTeam("sales")
		support.declare(2)
		support.expectReady(2)
		deleteNamespace(support.namespace)
		Expect(agents()).To(Equal(stopped))

		resetSimulator()
		sales.declare(2)
		sales.expectReady(2)
		scaleTo(0)
		kubectl("delete", "namespace", sales.namespace, "--wait=false")
		scaleTo(1)
		deleteNamespace(sales.namespace)
		Expect(agents()).To(Equal(stopped))
	})

	It("the deletion of the CRDs stops the calls, while the operator runs or when it runs again", func() {
		installChart()
		DeferCleanup(applyCRDs)
		for _, running := range []bool{true, false} {
			team := newTeam("support")
			team.declare(2)
			team.expectReady(2)
			if !running {
				scaleTo(0)
			}
			kubectl("delete", "--filename="+crds(), "--wait=false")
			if !running {
				scaleTo(1)
			}
			kubectl("wait", "--for=delete", "--timeout=1m", "--filename="+crds())
			Expect(agents()).To(Equal(stopped), fmt.Sprintf("running: %t", running))
			deleteNamespace(team.namespace)
			applyCRDs()
			Eventually(isReady).Should(BeTrue())
		}
	})
}
