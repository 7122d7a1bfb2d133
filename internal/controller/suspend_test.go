package controller_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = describeForAllSemantics("R7: a suspended mapping", func() {
	It("sends no request for an edit, and sends one when it is resumed", func() {
		env := newTestEnv()
		env.createAndWait(testenv.Mapping("asha").Group("90", true).Suspended(), "Ready=False Suspended")
		env.expectRequests(0)
		env.editSynced("asha", setSuspend(false))
		env.editSynced("asha", setSuspend(true))
		env.expectRequests(1)
	})

	It("is deleted without a request", func() {
		env := newTestEnv()
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.editSynced("asha", setSuspend(true))
		env.deleteAndWait(env.mapping("asha"))
		env.expectRequests(1)
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y"}))
	})
})
