//go:build long

package e2e

import . "github.com/onsi/ginkgo/v2"

var _ = Describe("Two managers, of which the leader is killed 50 times", func() {
	It("never call for one agent at once, and come to what is declared", func() {
		failover(50)
	})
})
