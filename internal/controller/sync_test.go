package controller_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = Describe("R1 and R2: a mapping is sent, once per change", func() {
	It("makes exactly one POST for the vendor's example, with the vendor's body, and is Ready", func() {
		w := newWorld()
		w.create(testenv.Mapping("asha").Agent("7").Group("90", true).Group("91", false).Group("92", true).Build())
		mapping := w.eventually("asha", "Ready=True Synced")
		w.settled(1)
		Expect(string(w.deepcall.Calls()[0].Body)).To(Equal(
			`{"userId":"1001","token":"s3cr3t","agentId":"7","group":{"90":{"receive_call":"Y"},"91":{"receive_call":"N"},"92":{"receive_call":"Y"}}}`))
		Expect(mapping.Status.Receiving).To(Equal("2/3"))
		Expect(mapping.Status.AppliedGroups).To(HaveLen(3))
		Expect(mapping.Status.AppliedEndpoint).To(Equal(w.url))
		Expect(mapping.Status.LastResponse.Code).To(BeEquivalentTo(200))
		Expect(mapping.Finalizers).To(ContainElement(v1alpha1.StopCallsFinalizer))
		Expect(w.writes.ofMappings()).To(Equal(2), "the finalizer and the status")
	})

	It("makes no call and no write after a restart", func() {
		w := newWorld()
		w.create(testenv.Mapping("asha").Group("90", true).Build())
		w.eventually("asha", "Ready=True Synced")
		Eventually(func() string { return conditions(w.account().Generation, w.account().Status.Conditions) }).Should(Equal("Ready=True Usable"))
		Eventually(func() int32 { return w.account().Status.Mappings }).Should(BeEquivalentTo(1))
		w.stop()
		before := w.writes.total()
		w.start()
		w.settled(1)
		Expect(w.writes.total()).To(Equal(before))
	})
})
