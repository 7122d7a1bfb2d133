//go:build cluster

package cluster

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	corev1 "k8s.io/api/core/v1"
)

// agentsEdited is the number of agents that are edited in turn.
const agentsEdited = 20

func describeLeaders() {
	DescribeTable("under steady edits, a change of the leader sends at most one additional request",
		func(maxGap time.Duration, disrupt func()) {
			installChart("--set=replicas=2")
			team := readyTeam(agentsEdited)
			Eventually(leader).ShouldNot(BeNil())
			former := leader()
			resetSimulator()

			edits := team.startEditing()
			Eventually(requests).ShouldNot(BeEmpty())
			disrupt()
			Eventually(func() bool { return hasChanged(former) }).Should(BeTrue(), "the leader has changed")
			next := time.Now()
			Eventually(lastRequest).Should(BeTemporally(">", next))
			count := edits.stop()

			team.expectReady(agentsEdited)
			sent := requests()
			AddReportEntry(fmt.Sprintf("%d edits, %d requests, longest gap %s", count, len(sent), longestGap()))
			Expect(len(sent)).To(BeNumerically("<=", count+1))
			Expect(longestGap()).To(BeNumerically("<=", maxGap))
			Expect(agents()).To(Equal(edits.groups))
		},
		Entry("by a rolling restart, within 10 s", 10*time.Second, func() {
			kubectl("rollout", "restart", "deployment/"+deployment, "--namespace="+operatorNamespace)
			waitForRollout()
		}),
		Entry("by a forced deletion of its Pod, within 10 s", 10*time.Second, func() {
			kubectl("delete", "pod", leader().Name, "--namespace="+operatorNamespace, "--force", "--grace-period=0")
		}),
		Entry("by SIGKILL, within 35 s", 35*time.Second, func() {
			onNode(managerProcess(leader()) + "kill -KILL $pid")
		}),
	)

	It("an eviction of the leader and the standby at once leaves one of them", func() {
		installChart("--set=replicas=2")
		team := readyTeam(1)
		Eventually(isReady).Should(BeTrue())
		Eventually(leader).ShouldNot(BeNil())
		lead, all := leader(), pods(operatorNamespace)
		Expect(all).To(HaveLen(2))
		Expect(evict(lead)).To(Succeed())
		for _, pod := range all {
			if pod.UID != lead.UID {
				Expect(apierrors.IsTooManyRequests(evict(&pod))).To(BeTrue(), "the disruption budget allows one eviction")
			}
		}
		team.expectEditSent(1)
	})
}

func evict(pod *corev1.Pod) error {
	return admin.SubResource("eviction").Create(context.Background(), pod, &policyv1.Eviction{})
}

// hasChanged reports whether another Pod or another process leads.
func hasChanged(former *corev1.Pod) bool {
	GinkgoHelper()
	current := leader()
	if current == nil {
		return false
	}
	if current.UID != former.UID {
		return true
	}
	var pod corev1.Pod
	Expect(admin.Get(context.Background(), client.ObjectKeyFromObject(former), &pod)).To(Succeed())
	return pod.Status.ContainerStatuses[0].RestartCount > former.Status.ContainerStatuses[0].RestartCount
}

// lastRequest returns the time of the last request.
func lastRequest() time.Time {
	GinkgoHelper()
	list := requests()
	if len(list) == 0 {
		return time.Time{}
	}
	return list[len(list)-1].Start
}

// longestGap returns the longest time between two requests.
func longestGap() time.Duration {
	GinkgoHelper()
	longest := time.Duration(0)
	list := requests()
	for i := range list[1:] {
		longest = max(longest, list[i+1].Start.Sub(list[i].Start))
	}
	return longest
}
