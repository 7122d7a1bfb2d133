//go:build long

package controller_test

import . "github.com/onsi/ginkgo/v2"

var _ = Describe("R10: credentials that DeepCall refuses, on a large scale", func() {
	It("get no more than 3 calls each with 10,000 mappings, and the right ones let all through", func() {
		refused(10_000)
	})
})
