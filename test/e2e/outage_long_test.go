//go:build long

package e2e

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
)

var _ = Describe("A long outage of the API server", func() {
	It("of 90 s is over for a standby within 10 s", func() {
		env := newTestEnv()
		gate := newGate()
		flags := append([]string{"--allow-insecure-endpoints"}, leaderElection...)
		leader := startManagerWith(gate.kubeconfig(), flags...)
		Eventually(leader.isLeader).Should(BeTrue())
		standby := startManagerWith(gate.kubeconfig(), flags...)
		env.applySynced("asha", "7", "90=Y")

		gate.close()
		Eventually(leader.Session, 30*time.Second).Should(gexec.Exit(1)) // it lost the lease
		leader.lostLease = true
		env.apply(env.mapping("asha", "7", "90=N"))
		Consistently(standby.Session, 75*time.Second, time.Second).ShouldNot(gexec.Exit())
		Expect(env.deepcall.Requests()).To(HaveLen(1))
		gate.open()
		Eventually(func() map[string]string { return env.deepcall.Agent("7") }, 10*time.Second).Should(Equal(map[string]string{"90": "N"}))
	})
})
