//go:build cluster

package cluster

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

func describeOutages() {
	DescribeTable("an outage of the API server of 90 s is over for the next edit",
		func(replicas int, within time.Duration) {
			installChart(fmt.Sprintf("--set=replicas=%d", replicas))
			team := readyTeam(5)
			Expect(requests()).To(HaveLen(5))
			start := lease().Spec.RenewTime.Time
			Eventually(func() time.Duration { return lease().Spec.RenewTime.Sub(start) }).
				Should(BeNumerically(">", 10*time.Second), "a standby has read renewals of the leader")

			refuseConnections()
			Consistently(apiServerIsReady, 90*time.Second, time.Second).Should(BeFalse())
			acceptConnections()
			Eventually(apiServerIsReady).Should(BeTrue())
			start = time.Now()
			Eventually(team.edit).WithArguments(1, false).Should(Succeed())
			Eventually(func() error { _, err := getFromSimulator("stats"); return err }).Should(Succeed())
			Eventually(requests).Should(HaveLen(6))
			AddReportEntry(fmt.Sprintf("edit sent after %s", lastRequest().Sub(start).Round(100*time.Millisecond)))
			Expect(lastRequest().Sub(start)).To(BeNumerically("<=", within))
			team.expectReady(5)
			Expect(requests()).To(HaveLen(6))
		},
		Entry("after at most 10 s with a standby", 2, 10*time.Second),
		Entry("after at most 35 s with one replica", 1, 35*time.Second),
	)
}

func describeMissingCRDs() {
	It("missing CRDs are waited for, and the Pod is ready within 5 s of their installation", func() {
		removeCRDs()
		DeferCleanup(applyCRDs)
		installChart("--wait=false")
		Eventually(func() (string, error) {
			return runCommand(kubectlCommand("logs", "deployment/"+deployment, "--namespace="+operatorNamespace))
		}).Should(ContainSubstring("agentgroupmappings.telephony.deepcall.com"))
		Expect(isReady()).To(BeFalse())

		applyCRDs()
		start := time.Now()
		Eventually(isReady, 5*time.Second).Should(BeTrue())
		AddReportEntry(fmt.Sprintf("ready after %s", time.Since(start).Round(100*time.Millisecond)))
		Expect(restarts(operatorNamespace)).To(BeZero())
	})
}

// refuseConnections makes the node refuse connections to the API server, as if it did not run.
func refuseConnections() {
	GinkgoHelper()
	onNode("iptables --insert INPUT --protocol tcp --dport 6443 --jump REJECT --reject-with tcp-reset")
	DeferCleanup(func() { _, _ = runCommand(onNodeCommand(acceptScript)) })
}

const acceptScript = "iptables --delete INPUT --protocol tcp --dport 6443 --jump REJECT --reject-with tcp-reset"

func acceptConnections() {
	GinkgoHelper()
	onNode(acceptScript)
}

func apiServerIsReady() bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, err := clients.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
	return err == nil
}

func crds() string { return filepath.Join(testenv.Root(), "config", "crd", "bases") }

func applyCRDs() {
	GinkgoHelper()
	Eventually(func() (string, error) {
		return runCommand(kubectlCommand("apply", "--server-side", "--force-conflicts", "--filename="+crds()))
	}).Should(ContainSubstring("serverside-applied"))
	kubectl("wait", "--for=condition=Established", "--timeout=30s", "--filename="+crds())
}

func removeCRDs() {
	GinkgoHelper()
	kubectl("delete", "--filename="+crds(), "--timeout=1m", "--ignore-not-found")
}
