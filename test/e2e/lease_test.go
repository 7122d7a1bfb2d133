package e2e

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

// managerLease returns the lease of the managers that share leaderElection.
func managerLease() *coordinationv1.Lease {
	return &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{
		Namespace: managerNamespace, Name: "deepcall-operator.telephony.deepcall.com",
	}}
}

func deleteLease() {
	GinkgoHelper()
	Expect(client.IgnoreNotFound(admin.Delete(context.Background(), managerLease()))).To(Succeed())
}

func setLeaseHolder(holder string) {
	GinkgoHelper()
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"holderIdentity":%q}}`, holder))
	Expect(admin.Patch(context.Background(), managerLease(), patch)).To(Succeed())
}

// startReplicas starts two managers that share a lease, and returns the leader first.
func startReplicas() (leader, standby *manager) {
	GinkgoHelper()
	leader, standby = startManager(leaderElection...), startManager(leaderElection...)
	Eventually(func() bool { return leader.isLeader() || standby.isLeader() }, time.Minute).Should(BeTrue())
	if standby.isLeader() {
		return standby, leader
	}
	return leader, standby
}

// editor edits mappings all the time. Each generation declares one group, whose ID is the number of the edit.
type editor struct {
	*testEnv
	edits int
}

const editedAgents = 20

func newEditor() *editor {
	GinkgoHelper()
	e := &editor{testEnv: newTestEnv()}
	e.deepcall.SetLatency(50*time.Millisecond, 150*time.Millisecond)
	documents := []string{e.secret(), e.account()}
	for agent := range editedAgents {
		documents = append(documents, e.mapping(fmt.Sprintf("agent-%d", agent), fmt.Sprint(agent), "0=true"))
	}
	e.apply(documents...)
	return e
}

// editFor edits all mappings for some time.
func (e *editor) editFor(duration time.Duration) {
	GinkgoHelper()
	Consistently(e.edit, duration, 200*time.Millisecond).Should(Succeed())
}

func (e *editor) edit() error {
	e.edits++
	patch := client.RawPatch("application/merge-patch+json",
		fmt.Appendf(nil, `{"spec":{"groups":[{"groupID":"%d","receiveCall":true}]}}`, e.edits))
	for _, mapping := range e.mappings() {
		if err := admin.Patch(context.Background(), &mapping, patch); err != nil {
			return err
		}
	}
	return nil
}

// expectConverged waits until DeepCall has the last edit of all agents, and expects that on the way no two requests of an
// agent overlapped and no older generation was accepted after a newer one.
func (e *editor) expectConverged() {
	GinkgoHelper()
	last := strconv.Itoa(e.edits)
	Eventually(func() int {
		synced := 0
		for agent := range editedAgents {
			if e.deepcall.Agent(strconv.Itoa(agent))[last] == "Y" {
				synced++
			}
		}
		return synced
	}, time.Minute).Should(Equal(editedAgents), "agents with the last edit")
	Expect(e.deepcall.Overlaps()).To(BeZero(), "overlapping requests")
	Expect(e.olderAfterNewer()).To(BeZero(), "older generations accepted after newer ones")
	AddReportEntry("Requests", len(e.deepcall.Requests()))
}

// olderAfterNewer counts the accepted requests of an older generation than that of an earlier one.
func (e *editor) olderAfterNewer() int {
	older := 0
	newest := map[string]int{}
	calls := slices.SortedFunc(slices.Values(e.deepcall.Requests()), func(a, b deepcalltest.Request) int { return a.Order - b.Order })
	for _, call := range calls {
		if !call.Applied {
			continue
		}
		for group, receives := range call.Groups {
			edit, err := strconv.Atoi(group)
			Expect(err).NotTo(HaveOccurred())
			if receives == "Y" && edit < newest[call.Agent] {
				older++
			} else if receives == "Y" {
				newest[call.Agent] = edit
			}
		}
	}
	return older
}

// The tests with a leader that is stopped take longer than a lease and are in lease_long_test.go.
var _ = Describe("The lease of two managers", func() {
	BeforeEach(func() { DeferCleanup(deleteLease) })

	It("ends the leader at once when another process takes it", func() {
		e := newEditor()
		leader, standby := startReplicas()
		e.editFor(time.Second)
		setLeaseHolder("another-process")
		taken := time.Now()
		leader.expectLeaseLost()
		ended := time.Now()
		e.editFor(time.Second)
		Expect(slices.ContainsFunc(e.deepcall.Requests(), func(call deepcalltest.Request) bool { return call.Start.After(ended) })).To(BeFalse())
		AddReportEntry("Time until the leader ended", ended.Sub(taken).Round(10*time.Millisecond).String())

		setLeaseHolder("")
		Eventually(standby.isLeader).Should(BeTrue())
		e.expectConverged()
	})

	It("is recreated by the leader, which continues, when it is deleted", func() {
		e := newEditor()
		leader := startManager(leaderElection...)
		Eventually(leader.isLeader).Should(BeTrue())
		holder := leaseHolder()
		deleteLease()
		e.editFor(4 * time.Second)
		Expect(leaseHolder()).To(Equal(holder))
		e.expectConverged()
	})

	It("is never used by both when it is deleted and the standby is the first to recreate it", func() {
		e := newEditor()
		leader, standby := startReplicas()
		e.editFor(time.Second)
		leader.Signal(syscall.SIGSTOP)
		deleteLease()
		Eventually(leaseHolder).ShouldNot(BeEmpty())
		leader.Signal(syscall.SIGCONT)
		e.editFor(time.Second)
		leader.expectLeaseLost()
		Expect(standby.isLeader()).To(BeFalse(), "the standby waits for one lease duration")
		Eventually(standby.isLeader, time.Minute).Should(BeTrue())
		e.expectConverged()
	})

	It("is waited for if it is missing after an installation has worked", func() {
		e := newEditor()
		deleteLease()
		first := startManager(leaderElection...)
		Eventually(first.isLeader, 5*time.Second).Should(BeTrue(), "a fresh installation starts at once")
		e.expectConverged()
		first.stop()

		deleteLease()
		e.editFor(time.Second)
		before := len(e.deepcall.Requests())
		second := startManager(leaderElection...)
		Eventually(leaseHolder).Should(Equal("unknown-former-leader"))
		Consistently(func() int { return len(e.deepcall.Requests()) }, 3*time.Second).Should(Equal(before))
		setLeaseHolder("") // as an administrator who knows that there is no other manager
		Eventually(second.isLeader).Should(BeTrue())
		e.expectConverged()
	})
})
