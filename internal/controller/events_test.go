package controller_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = Describe("The events", func() {
	const refusal = "Warning InvalidGroupData: DeepCall error 1505: Invalid group data. " +
		"The mapping's owner corrects spec.groups, or creates the group in DeepCall."

	It("tell of a mapping that needs a person's eye, and of its recovery, once each", func() {
		w := newWorld()
		w.create(testenv.Mapping("asha").Group("90", true).Build())
		w.eventually("asha", "Ready=True Synced")
		w.deepcall.RemoveGroups("91")
		w.edit("asha", addGroup("91"))
		w.eventually("asha", "Ready=False InvalidGroupData Stalled")
		Eventually(w.events).WithArguments("asha").Should(ConsistOf(refusal))

		By("looking again, with nothing new")
		w.restart()
		w.request("asha", "now")
		Consistently(w.events).WithArguments("asha").Should(ConsistOf(refusal))

		By("mending it")
		w.deepcall.AddGroups("91")
		w.request("asha", "again")
		w.eventually("asha", "Ready=True Synced")
		Eventually(w.events).WithArguments("asha").Should(ConsistOf(refusal, "Normal Synced: DeepCall confirmed the declared groups"))
		w.request("asha", "and again")
		Consistently(w.events).WithArguments("asha").Should(HaveLen(2))
	})

	It("tell of a refused account once, and not for each of its mappings", func() {
		w := newWorld()
		w.create(testenv.Mapping("asha").Group("90", true).Build())
		w.eventually("asha", "Ready=True Synced")
		w.deepcall.Script(deepcalltest.Code(1014))
		w.edit("asha", addGroup("91"))
		w.eventually("asha", "Ready=False AccountNotReady Reconciling")
		Eventually(w.events).WithArguments("acme").Should(ConsistOf(
			"Warning InvalidToken: DeepCall error 1014: Invalid token (invalid or expired). " +
				"The account's owner puts a new token into the Secret that spec.credentialsSecretRef names."))
		Consistently(w.events).WithArguments("asha").Should(BeEmpty())
	})

	It("say nothing of a new mapping that works", func() {
		w := newWorld()
		w.create(testenv.Mapping("asha").Group("90", true).Build())
		w.eventually("asha", "Ready=True Synced")
		Consistently(w.events).WithArguments("asha").Should(BeEmpty())
	})
})

func addGroup(id string) func(*v1alpha1.AgentGroupMapping) {
	return func(m *v1alpha1.AgentGroupMapping) {
		m.Spec.Groups = append(m.Spec.Groups, v1alpha1.AgentGroup{GroupID: id, ReceiveCall: true})
	}
}

// events are those of the new API about an object, as "type reason: note".
func (w *world) events(name string) []string {
	GinkgoHelper()
	var list eventsv1.EventList
	Expect(admin.List(w.context, &list, client.InNamespace(w.namespace))).To(Succeed())
	var told []string
	for _, event := range list.Items {
		if event.Regarding.Name == name {
			told = append(told, event.Type+" "+event.Reason+": "+event.Note)
		}
	}
	return told
}
