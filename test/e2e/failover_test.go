package e2e

import (
	"fmt"
	"math/rand/v2"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// failover has one of two managers lead, 50 agents be edited all the time, and the leader be killed
// so many times, at random moments. It returns when all that is declared is Ready.
func failover(kills int) {
	GinkgoHelper()
	random := rand.New(rand.NewPCG(uint64(GinkgoRandomSeed()), 0))
	election := []string{"--leader-elect", "--leader-election-namespace=" + managerNamespace}
	w := newWorld()
	w.deepcall.SetLatency(50*time.Millisecond, 100*time.Millisecond)
	w.apply(w.secret(), w.account())
	declared := map[string]string{}
	edit := func() {
		var documents []string
		for range 10 {
			agent := fmt.Sprint(random.IntN(50))
			declared[agent] = []string{"Y", "N"}[random.IntN(2)]
			documents = append(documents, w.mapping("agent-"+agent, agent, "90="+map[string]string{"Y": "true", "N": "false"}[declared[agent]]))
		}
		w.apply(documents...)
	}

	leader, standby := startManager(election...), startManager(election...)
	leads := func() int { // either of the two may have won the lease
		if standby.looks() > 0 {
			leader, standby = standby, leader
		}
		return leader.looks()
	}
	for kill := range kills {
		Eventually(func() int {
			edit()
			return leads()
		}, time.Minute, 10*time.Millisecond).Should(BeNumerically(">", 0))
		for range random.IntN(5) {
			edit()
		}
		began := time.Now()
		leader.Kill().Wait(10 * time.Second)
		leader, standby = standby, startManager(election...)
		Eventually(leads, time.Minute).Should(BeNumerically(">", 0))
		GinkgoWriter.Printf("kill %d of %d: the next leader looks after %s\n", kill+1, kills, time.Since(began).Round(time.Second))
	}

	for agent := range declared {
		w.waitFor("agm/agent-"+agent, "Synced")
	}
	Eventually(func() map[string]string {
		held := map[string]string{}
		for agent := range declared {
			held[agent] = w.deepcall.Agent(agent)["90"]
		}
		return held
	}).Should(Equal(declared))
	Expect(w.deepcall.Overlaps()).To(BeZero())
	AddReportEntry("Calls", len(w.deepcall.Calls()))
}

var _ = Describe("Two managers, of which the leader is killed", func() {
	It("never call for one agent at once, and come to what is declared", func() {
		failover(1)
	})
})
