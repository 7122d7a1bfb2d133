//go:build long

package controller_test

import . "github.com/onsi/ginkgo/v2"

var _ = Describe("R10: a denied account on a large scale", func() {
	It("sends at most 3 requests per version of the credentials for 10,000 mappings, and syncs all once they are valid", func() {
		expectRecoveryFromDenied(10_000)
	})
})
