package controller_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = Describe("R1: a new mapping", func() {
	It("is synced with exactly one POST, whose body is the vendor's example", func() {
		env := newTestEnv()
		mapping := env.createSynced(testenv.Mapping("asha").Agent("7").Group("90", true).Group("91", false).Group("92", true))
		env.expectRequests(1)
		Expect(string(env.requests()[0].Body)).To(Equal(
			`{"userId":"1001","token":"s3cr3t","agentId":"7","group":{"90":{"receive_call":"Y"},"91":{"receive_call":"N"},"92":{"receive_call":"Y"}}}`))
		Expect(mapping.Status.Receiving).To(Equal("2/3"))
		Expect(mapping.Status.AppliedGroups).To(HaveLen(3))
		Expect(mapping.Status.AppliedEndpoint).To(Equal(env.url))
		Expect(mapping.Status.LastResponse.Code).To(BeEquivalentTo(200))
		Expect(mapping.Finalizers).To(ContainElement(v1alpha1.StopCallsFinalizer))
		Expect(env.transport.mappingWrites()).To(Equal(2), "the finalizer and the status")
	})
})

var _ = Describe("R2: without a change", func() {
	It("sends no request and writes nothing after a restart", func() {
		env := newTestEnv()
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.waitForAccount("acme", "Ready=True Usable")
		env.waitForMappingCount(1)
		env.stop()
		env.startIdle(1)
	})

	It("sends no request for a label, or for an edit that changes no group", func() {
		env := newTestEnv()
		env.createSynced(testenv.Mapping("asha").Group("90", true).Group("91", false))
		env.edit("asha", func(m *v1alpha1.AgentGroupMapping) { m.Labels = map[string]string{"team": "sales"} })
		env.editSynced("asha", setResyncInterval(2*time.Hour))
		env.editSynced("asha", setGroups(group("91", false), group("90", true)))
		env.expectRequests(1)
	})

	It("sends no request for a mapping without groups", func() {
		env := newTestEnv()
		Expect(env.createSynced(testenv.Mapping("asha")).Status.Receiving).To(Equal("0/0"))
		env.requestAndWait("asha", "now")
		env.expectRequests(0)
	})
})
