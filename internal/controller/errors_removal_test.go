package controller_test

import (
	"slices"
	"strconv"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// releaseHint is appended to the message of a failed removal.
const releaseHint = ". The deletion waits until DeepCall confirms that the agent's calls are stopped; " +
	"to delete without that, set spec.removalPolicy to Orphan"

var _ = Describe("R6: an error of a removal", Ordered, ContinueOnFailure, func() {
	var (
		env     *testEnv
		history *statusHistory
		unknownAgentEntries, rejectedEntries,
		transientEntries, deniedEntries []TableEntry
	)
	for _, c := range codes {
		entry := Entry(c.response(), c)
		switch {
		case slices.Contains([]int{1003, 1507, 1509}, c.number):
			unknownAgentEntries = append(unknownAgentEntries, entry)
		case c.number == 1505: // has its own specs
		case c.class == rejected:
			rejectedEntries = append(rejectedEntries, entry)
		case c.class == denied:
			deniedEntries = append(deniedEntries, entry)
		default:
			transientEntries = append(transientEntries, entry)
		}
	}
	BeforeAll(func() {
		env = newEmptyTestEnv()
		history = recordHistory(env)
		env.start()
	})

	// createSynced creates an account, and a mapping with groups that receive calls, and waits for the one request.
	createSynced := func(name string, groups ...string) *v1alpha1.AgentGroupMapping {
		GinkgoHelper()
		env.createAccount(testenv.Account(name, env.url))
		builder := testenv.Mapping(name).Account(name).Agent(name)
		for _, group := range groups {
			builder.Group(group, true)
		}
		mapping := env.createSynced(builder)
		Expect(env.requestsFor(name)).To(HaveLen(1))
		return mapping
	}
	// requestsAfterFirst returns the groups of all requests for an agent but the first.
	requestsAfterFirst := func(agent string) []map[string]string { return groupsOf(env.requestsFor(agent)[1:]) }
	// expectReleaseWithOrphan expects that the policy Orphan lets the deletion end without a further request.
	expectReleaseWithOrphan := func(name string) {
		GinkgoHelper()
		before := env.requestCount()
		env.edit(name, setOrphan)
		env.waitForDeletion(name)
		Expect(env.requestCount()).To(Equal(before))
	}

	DescribeTable("counts as removed if DeepCall does not know the agent", func(c code) {
		mapping := createSynced(c.name(), "90", "91")
		env.deepcall.Script(deepcalltest.Code(c.number).ForAgent(c.name()).Times(-1))
		env.delete(mapping)
		env.waitForDeletion(c.name())
		Expect(requestsAfterFirst(c.name())).To(Equal([]map[string]string{{"90": "N", "91": "N"}}))
	}, unknownAgentEntries)

	DescribeTable("keeps the mapping if the mapping is rejected, and reports how to release it", func(c code) {
		mapping := createSynced(c.name(), "90", "91")
		env.deepcall.Script(deepcalltest.Code(c.number).ForAgent(c.name()).Times(-1))
		env.delete(mapping)
		env.waitFor(c.name(), "Ready=False "+c.reason+" Stalled")
		Expect(observe(env.mapping(c.name()))).To(Equal(observation{
			conditions: "Ready=False " + c.reason + " Stalled",
			message:    c.message() + releaseHint,
			response:   c.response(),
		}))
		Expect(requestsAfterFirst(c.name())).To(Equal([]map[string]string{{"90": "N", "91": "N"}}))
		expectReleaseWithOrphan(c.name())
	}, rejectedEntries)

	DescribeTable("keeps the mapping if the account is denied, and reports how to release it", func(c code) {
		mapping := createSynced(c.name(), "90")
		env.deepcall.Script(deepcalltest.Code(c.number).ForAgent(c.name()).Times(-1))
		env.delete(mapping)
		env.waitFor(c.name(), "Ready=False AccountNotReady Reconciling")
		expected := accountNotReady(c.name(), c.response())
		expected.message += releaseHint
		Expect(observe(env.mapping(c.name()))).To(Equal(expected))
		Eventually(func() observation { return observe(env.account(c.name())) }).Should(Equal(
			observation{conditions: "Ready=False " + c.reason + " Stalled", message: c.message(), response: c.response()}))
		Expect(requestsAfterFirst(c.name())).To(HaveLen(1))
		expectReleaseWithOrphan(c.name())
	}, deniedEntries)

	DescribeTable("is retried if it is transient", func(c code) {
		mapping := createSynced(c.name(), "90")
		env.deepcall.Script(deepcalltest.Code(c.number).ForAgent(c.name()))
		env.delete(mapping)
		env.waitForDeletion(c.name())
		Expect(requestsAfterFirst(c.name())).To(HaveLen(2))
		Expect(env.deepcall.Agent(c.name())).To(Equal(map[string]string{"90": "N"}))
		Eventually(history.ofMapping(c.name())).Should(Equal([]observation{synced, {
			conditions: "Ready=False " + c.reason + " Reconciling",
			message:    c.message() + releaseHint,
			response:   c.response(), uncertain: true,
		}}))
	}, transientEntries)

	DescribeTable("is retried if it is an HTTP error", func(status int) {
		name := "http-" + strconv.Itoa(status)
		mapping := createSynced(name, "90")
		env.deepcall.Script(deepcalltest.Status(status).ForAgent(name))
		env.delete(mapping)
		env.waitForDeletion(name)
		Expect(requestsAfterFirst(name)).To(HaveLen(2))
		Expect(env.deepcall.Agent(name)).To(Equal(map[string]string{"90": "N"}))
	}, Entry("HTTP 429", 429), Entry("HTTP 500", 500), Entry("HTTP 503", 503))

	It("with code 1505 for the only group counts as removed", func() {
		mapping := createSynced("one-group", "290")
		env.deepcall.RemoveGroups("290")
		env.delete(mapping)
		env.waitForDeletion("one-group")
		Expect(requestsAfterFirst("one-group")).To(Equal([]map[string]string{{"290": "N"}}))
	})

	It("with code 1505 for several groups is retried with fewer groups, and removes those that exist", func() {
		mapping := createSynced("groups", "390", "391", "392")
		env.deepcall.RemoveGroups("391")
		env.delete(mapping)
		env.waitForDeletion("groups")
		Expect(requestsAfterFirst("groups")).To(Equal([]map[string]string{
			{"390": "N", "391": "N", "392": "N"},
			{"390": "N"},
			{"391": "N"},
			{"392": "N"},
		}))
		Expect(env.deepcall.Agent("groups")).To(Equal(map[string]string{"390": "N", "392": "N"}))
		Expect(conditionsOf(history.ofMapping("groups")())).To(Equal([]string{"Ready=True Synced"}), "no error is reported")
	})

	It("with code 1505 for several groups counts as removed if none of them exists", func() {
		mapping := createSynced("no-groups", "490", "491")
		env.deepcall.RemoveGroups("490", "491")
		env.delete(mapping)
		env.waitForDeletion("no-groups")
		Expect(requestsAfterFirst("no-groups")).To(Equal([]map[string]string{{"490": "N", "491": "N"}, {"490": "N"}, {"491": "N"}}))
	})

	It("with code 1505 in an edit is retried with fewer removals, together with the declared groups", func() {
		createSynced("edit", "590", "591", "592")
		env.deepcall.RemoveGroups("591")
		env.edit("edit", setGroups(group("590", true)))
		mapping := env.waitFor("edit", "Ready=True Synced")
		Expect(requestsAfterFirst("edit")).To(Equal([]map[string]string{
			{"590": "Y", "591": "N", "592": "N"},
			{"590": "Y"},
			{"590": "Y", "591": "N"},
			{"590": "Y", "592": "N"},
		}))
		Expect(env.deepcall.Agent("edit")).To(Equal(map[string]string{"590": "Y", "592": "N"}))
		Expect(mapping.Status.AppliedGroups).To(Equal([]v1alpha1.AgentGroup{group("590", true)}))
	})

	It("with code 1505 in an edit counts as removed only between two accepted requests", func() {
		createSynced("between", "690", "691", "692")
		env.deepcall.RemoveGroups("692")
		env.edit("between", setGroups(group("690", true)))
		mapping := env.waitFor("between", "Ready=True Synced")
		Expect(requestsAfterFirst("between")).To(Equal([]map[string]string{
			{"690": "Y", "691": "N", "692": "N"},
			{"690": "Y"},
			{"690": "Y", "691": "N"},
			{"690": "Y", "692": "N"},
			{"690": "Y"},
		}))
		Expect(mapping.Status.AppliedGroups).To(Equal([]v1alpha1.AgentGroup{group("690", true)}))
	})

	It("causes no other request", func() {
		env.expectRequests(env.requestCount())
		Expect(env.deepcall.Overlaps()).To(BeZero())
	})
})
