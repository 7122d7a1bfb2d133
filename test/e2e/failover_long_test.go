//go:build long

package e2e

import . "github.com/onsi/ginkgo/v2"

var _ = Describe("Failover of two managers, with the leader killed 50 times", func() {
	It("sends one request per agent at a time and syncs every mapping", func() {
		testFailover(50)
	})
})
