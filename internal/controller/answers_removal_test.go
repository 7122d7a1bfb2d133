package controller_test

import (
	"fmt"
	"slices"
	"strconv"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// andHowToDelete follows the words of what hinders a deletion.
const andHowToDelete = ". The deletion waits until DeepCall was told to stop the agent's calls; " +
	"to delete without that, set spec.removalPolicy to Orphan"

var _ = Describe("R6: an answer to a removal", Ordered, ContinueOnFailure, func() {
	var (
		w    *world
		seen *diary
		unknownAgent, refused,
		passes, denied []TableEntry
	)
	for _, c := range codes {
		entry := Entry(c.answer(), c)
		switch {
		case slices.Contains([]int{1003, 1507, 1509}, c.number):
			unknownAgent = append(unknownAgent, entry)
		case c.number == 1505: // has specs of its own
		case c.on == theMapping:
			refused = append(refused, entry)
		case c.on == theAccount:
			denied = append(denied, entry)
		default:
			passes = append(passes, entry)
		}
	}
	BeforeAll(func() {
		w = emptyWorld()
		seen = keepDiary(w)
		w.start()
	})

	// syncedMapping makes an account and a mapping of that name, with groups that receive calls, and
	// waits until the one call is made.
	syncedMapping := func(name string, groups ...string) *v1alpha1.AgentGroupMapping {
		GinkgoHelper()
		w.createAccount(testenv.Account(name, w.url))
		builder := testenv.Mapping(name).Account(name).Agent(name)
		for _, group := range groups {
			builder.Group(group, true)
		}
		w.create(builder.Build())
		mapping := w.eventually(name, "Ready=True Synced")
		Expect(w.deepcall.CallsFor(name)).To(HaveLen(1))
		return mapping
	}
	// sent is what was sent for the agent after the first call.
	sent := func(agent string) []map[string]string {
		var groups []map[string]string
		for _, call := range w.deepcall.CallsFor(agent)[1:] {
			groups = append(groups, call.Groups)
		}
		return groups
	}
	// releasedAsOrphan checks that it is gone at once with the policy Orphan, without a further call.
	releasedAsOrphan := func(name string) {
		GinkgoHelper()
		calls := len(w.deepcall.Calls())
		w.edit(name, func(m *v1alpha1.AgentGroupMapping) { m.Spec.RemovalPolicy = v1alpha1.RemovalPolicyOrphan })
		w.eventuallyGone(name)
		Expect(w.deepcall.Calls()).To(HaveLen(calls))
	}

	DescribeTable("counts as removed when DeepCall does not know the agent", func(c code) {
		mapping := syncedMapping(c.name(), "90", "91")
		w.deepcall.Script(deepcalltest.Code(c.number).ForAgent(c.name()).Times(-1))
		w.delete(mapping)
		w.eventuallyGone(c.name())
		Expect(sent(c.name())).To(Equal([]map[string]string{{"90": "N", "91": "N"}}))
	}, unknownAgent)

	DescribeTable("keeps the mapping when DeepCall refuses it, and says how to delete all the same", func(c code) {
		mapping := syncedMapping(c.name(), "90", "91")
		w.deepcall.Script(deepcalltest.Code(c.number).ForAgent(c.name()).Times(-1))
		w.delete(mapping)
		w.eventually(c.name(), "Ready=False "+c.reason+" Stalled")
		Expect(lookAt(w.mapping(c.name()))).To(Equal(sight{
			conditions: "Ready=False " + c.reason + " Stalled",
			message:    c.message() + andHowToDelete,
			answer:     c.answer(),
		}))
		Expect(sent(c.name())).To(Equal([]map[string]string{{"90": "N", "91": "N"}}))
		releasedAsOrphan(c.name())
	}, refused)

	DescribeTable("keeps the mapping when DeepCall refuses the account, and says how to delete all the same", func(c code) {
		mapping := syncedMapping(c.name(), "90")
		w.deepcall.Script(deepcalltest.Code(c.number).ForAgent(c.name()).Times(-1))
		w.delete(mapping)
		w.eventually(c.name(), "Ready=False AccountNotReady Reconciling")
		Expect(lookAt(w.mapping(c.name()))).To(Equal(sight{
			conditions: "Ready=False AccountNotReady Reconciling",
			message:    fmt.Sprintf("The DeepCallAccount %q can't be used now; kubectl describe dca %[1]s tells why", c.name()) + andHowToDelete,
			answer:     c.answer(),
		}))
		Eventually(func() sight { return lookAt(w.accountNamed(c.name())) }).Should(Equal(
			sight{conditions: "Ready=False " + c.reason + " Stalled", message: c.message(), answer: c.answer()}))
		Expect(sent(c.name())).To(HaveLen(1))
		releasedAsOrphan(c.name())
	}, denied)

	DescribeTable("is waited for when it may pass by itself", func(c code) {
		mapping := syncedMapping(c.name(), "90")
		w.deepcall.Script(deepcalltest.Code(c.number).ForAgent(c.name()))
		w.delete(mapping)
		w.eventuallyGone(c.name())
		Expect(sent(c.name())).To(HaveLen(2))
		Expect(w.deepcall.Agent(c.name())).To(Equal(map[string]string{"90": "N"}))
		Eventually(seen.ofMapping(c.name())).Should(Equal([]sight{synced, {
			conditions: "Ready=False " + c.reason + " Reconciling",
			message:    c.message() + andHowToDelete,
			answer:     c.answer(), uncertain: true,
		}}))
	}, passes)

	It("of 1505 for the only group counts as removed", func() {
		mapping := syncedMapping("one-group", "290")
		w.deepcall.RemoveGroups("290")
		w.delete(mapping)
		w.eventuallyGone("one-group")
		Expect(sent("one-group")).To(Equal([]map[string]string{{"290": "N"}}))
	})

	It("of 1505 for several groups is tried group by group, and stops those that are still there", func() {
		mapping := syncedMapping("groups", "390", "391", "392")
		w.deepcall.RemoveGroups("391")
		w.delete(mapping)
		w.eventuallyGone("groups")
		Expect(sent("groups")).To(Equal([]map[string]string{
			{"390": "N", "391": "N", "392": "N"},
			{"390": "N"},
			{"391": "N"},
			{"392": "N"},
		}))
		Expect(w.deepcall.Agent("groups")).To(Equal(map[string]string{"390": "N", "392": "N"}))
		Expect(conditionsOf(seen.ofMapping("groups")())).To(Equal([]string{"Ready=True Synced"}), "nothing went wrong")
	})

	It("of 1505 for several groups that are all gone counts as removed, too", func() {
		mapping := syncedMapping("no-groups", "490", "491")
		w.deepcall.RemoveGroups("490", "491")
		w.delete(mapping)
		w.eventuallyGone("no-groups")
		Expect(sent("no-groups")).To(Equal([]map[string]string{{"490": "N", "491": "N"}, {"490": "N"}, {"491": "N"}}))
	})

	It("of 1505 in an edit is tried group by group, beside the groups that stay", func() {
		syncedMapping("edit", "590", "591", "592")
		w.deepcall.RemoveGroups("591")
		w.edit("edit", func(m *v1alpha1.AgentGroupMapping) { m.Spec.Groups = m.Spec.Groups[:1] })
		mapping := w.eventually("edit", "Ready=True Synced")
		Expect(sent("edit")).To(Equal([]map[string]string{
			{"590": "Y", "591": "N", "592": "N"},
			{"590": "Y"},
			{"590": "Y", "591": "N"},
			{"590": "Y", "592": "N"},
		}))
		Expect(w.deepcall.Agent("edit")).To(Equal(map[string]string{"590": "Y", "592": "N"}))
		Expect(mapping.Status.AppliedGroups).To(Equal([]v1alpha1.AgentGroup{{GroupID: "590", ReceiveCall: true}}))
	})

	It("of 1505 in an edit counts as removed only between two requests that DeepCall accepts", func() {
		syncedMapping("between", "690", "691", "692")
		w.deepcall.RemoveGroups("692")
		w.edit("between", func(m *v1alpha1.AgentGroupMapping) { m.Spec.Groups = m.Spec.Groups[:1] })
		mapping := w.eventually("between", "Ready=True Synced")
		Expect(sent("between")).To(Equal([]map[string]string{
			{"690": "Y", "691": "N", "692": "N"},
			{"690": "Y"},
			{"690": "Y", "691": "N"},
			{"690": "Y", "692": "N"},
			{"690": "Y"},
		}))
		Expect(mapping.Status.AppliedGroups).To(Equal([]v1alpha1.AgentGroup{{GroupID: "690", ReceiveCall: true}}))
	})

	DescribeTable("is waited for when it is no answer of DeepCall", func(status int) {
		name := "http-" + strconv.Itoa(status)
		mapping := syncedMapping(name, "90")
		w.deepcall.Script(deepcalltest.Status(status).ForAgent(name))
		w.delete(mapping)
		w.eventuallyGone(name)
		Expect(sent(name)).To(HaveLen(2))
		Expect(w.deepcall.Agent(name)).To(Equal(map[string]string{"90": "N"}))
	}, Entry("HTTP 429", 429), Entry("HTTP 500", 500), Entry("HTTP 503", 503))

	It("leads to no other call", func() {
		w.settled(len(w.deepcall.Calls()))
		Expect(w.deepcall.Overlaps()).To(BeZero())
	})
})
