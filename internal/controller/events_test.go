package controller_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = Describe("recording events", func() {
	const rejection = "Warning InvalidGroupData: DeepCall error 1505: Invalid group data. " +
		"The mapping's owner corrects spec.groups, or creates the group in DeepCall."

	It("reports a rejected mapping and its recovery once each", func() {
		env := newTestEnv()
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.deepcall.RemoveGroups("91")
		env.edit("asha", addGroup("91"))
		env.waitFor("asha", "Ready=False InvalidGroupData Stalled")
		Eventually(env.events).WithArguments("asha").Should(ConsistOf(rejection))

		By("reconciling without a change")
		env.restart()
		env.requestAndWait("asha", "now")
		Consistently(env.events).WithArguments("asha").Should(ConsistOf(rejection))

		By("recovering")
		env.deepcall.AddGroups("91")
		env.requestAndWait("asha", "again")
		env.waitForSynced("asha")
		Eventually(env.events).WithArguments("asha").Should(ConsistOf(rejection, "Normal Synced: DeepCall confirmed the declared groups"))
		env.requestAndWait("asha", "and again")
		Consistently(env.events).WithArguments("asha").Should(HaveLen(2))
	})

	It("reports a denied account once, not for each of its mappings", func() {
		env := newTestEnv()
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.deepcall.Script(deepcalltest.Code(1014))
		env.edit("asha", addGroup("91"))
		env.waitFor("asha", "Ready=False AccountNotReady Reconciling")
		Eventually(env.events).WithArguments("acme").Should(ConsistOf(
			"Warning InvalidToken: DeepCall error 1014: Invalid token (invalid or expired). " +
				"The account's owner puts a new token into the Secret that spec.credentialsSecretRef names."))
		Consistently(env.events).WithArguments("asha").Should(BeEmpty())
	})

	It("reports nothing for a new mapping that is synced", func() {
		env := newTestEnv()
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		Consistently(env.events).WithArguments("asha").Should(BeEmpty())
	})
})

// events returns the events about an object as "type reason: note".
func (e *testEnv) events(name string) []string {
	GinkgoHelper()
	key := e.key(name)
	var list eventsv1.EventList
	Expect(k8sClient.List(ctx, &list, client.InNamespace(key.Namespace))).To(Succeed())
	var events []string
	for _, event := range list.Items {
		if event.Regarding.Name == key.Name {
			events = append(events, event.Type+" "+event.Reason+": "+event.Note)
		}
	}
	return events
}
