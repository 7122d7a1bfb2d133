package e2e

import (
	"fmt"
	"math/rand/v2"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// testFailover kills the leader of two managers at random times, while 50 agents are edited continuously. In the end,
// every mapping must be synced and no two requests for an agent may have overlapped.
func testFailover(kills int) {
	GinkgoHelper()
	random := rand.New(rand.NewPCG(uint64(GinkgoRandomSeed()), 0))
	env := newTestEnv()
	env.deepcall.SetLatency(50*time.Millisecond, 100*time.Millisecond)
	env.apply(env.secret(), env.account())
	declared := map[string]string{}
	edit := func() {
		var documents []string
		for range 10 {
			agent := fmt.Sprint(random.IntN(50))
			declared[agent] = []string{"Y", "N"}[random.IntN(2)]
			receives := map[string]string{"Y": "true", "N": "false"}[declared[agent]]
			documents = append(documents, env.mapping("agent-"+agent, agent, "90="+receives))
		}
		env.apply(documents...)
	}

	leader, standby := startManager(leaderElection...), startManager(leaderElection...)
	leaderReconciles := func() int { // either of the two can be the leader
		if standby.idleReconciles() > 0 {
			leader, standby = standby, leader
		}
		return leader.idleReconciles()
	}
	for kill := range kills {
		Eventually(func() int {
			edit()
			return leaderReconciles()
		}, time.Minute, 10*time.Millisecond).Should(BeNumerically(">", 0))
		for range random.IntN(5) {
			edit()
		}
		start := time.Now()
		leader.Kill().Wait(10 * time.Second)
		leader, standby = standby, startManager(leaderElection...)
		Eventually(leaderReconciles, time.Minute).Should(BeNumerically(">", 0))
		GinkgoWriter.Printf("kill %d of %d: the next leader reconciles after %s\n", kill+1, kills, time.Since(start).Round(time.Second))
	}

	for agent := range declared {
		env.waitForReason("agm/agent-"+agent, "Synced")
	}
	Eventually(func() map[string]string {
		applied := map[string]string{}
		for agent := range declared {
			applied[agent] = env.deepcall.Agent(agent)["90"]
		}
		return applied
	}).Should(Equal(declared))
	Expect(env.deepcall.Overlaps()).To(BeZero())
	for _, m := range []*manager{leader, standby} {
		Expect(m.unlabelled("deepcall_foreign_status_writes_total")).To(BeZero(), "status writes of another operator")
	}
	AddReportEntry("Requests", len(env.deepcall.Requests()))
}

var _ = Describe("Failover of two managers, with the leader killed once", func() {
	It("sends one request per agent at a time and syncs every mapping", func() {
		testFailover(1)
	})
})
