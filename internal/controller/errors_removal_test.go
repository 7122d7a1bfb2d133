package controller_test

import (
	"cmp"
	"slices"
	"strings"

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
		case slices.Contains(unknownAgentCodes, c.number):
			unknownAgentEntries = append(unknownAgentEntries, entry)
		case c.number == 1505: // has its own specs
		case c.class == rejected:
			rejectedEntries = append(rejectedEntries, entry)
		case c.class == denied:
			deniedEntries = append(deniedEntries, entry)
		}
	}
	for _, e := range transientErrors {
		if strings.HasPrefix(e.name, "code-") || slices.Contains([]string{"http-429", "http-500", "http-503"}, e.name) {
			transientEntries = append(transientEntries, Entry(strings.ReplaceAll(e.name, "-", " "), e))
		}
	}
	BeforeAll(func() {
		env, history = newRecordedTestEnv()
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

	// deleteDuring creates a synced mapping, and deletes it while DeepCall answers with a fault.
	deleteDuring := func(name string, fault deepcalltest.Fault, groups ...string) {
		GinkgoHelper()
		mapping := createSynced(name, groups...)
		env.deepcall.Script(fault.ForAgent(name))
		env.delete(mapping)
	}

	// deleteWithUnknown deletes a synced mapping while DeepCall no longer knows some of its groups, and returns the requests.
	deleteWithUnknown := func(name string, groups []string, unknown ...string) []map[string]string {
		GinkgoHelper()
		mapping := createSynced(name, groups...)
		env.deepcall.RemoveGroups(unknown...)
		env.deleteAndWait(mapping)
		return requestsAfterFirst(name)
	}

	DescribeTable("counts as removed if DeepCall does not know the agent", func(c code) {
		deleteDuring(c.name(), deepcalltest.Code(c.number).Times(-1), "90", "91")
		env.waitForDeletion(c.name())
		Expect(requestsAfterFirst(c.name())).To(Equal([]map[string]string{{"90": "N", "91": "N"}}))
	}, unknownAgentEntries)

	DescribeTable("keeps the mapping if the mapping is rejected, and reports how to release it", func(c code) {
		deleteDuring(c.name(), deepcalltest.Code(c.number).Times(-1), "90", "91")
		expected := observation{conditions: "Ready=False " + c.reason + " Stalled", message: c.message() + releaseHint, response: c.response()}
		Expect(observe(env.waitFor(c.name(), expected.conditions))).To(Equal(expected))
		Expect(requestsAfterFirst(c.name())).To(Equal([]map[string]string{{"90": "N", "91": "N"}}))
		expectReleaseWithOrphan(c.name())
	}, rejectedEntries)

	DescribeTable("keeps the mapping if the account is denied, and reports how to release it", func(c code) {
		deleteDuring(c.name(), deepcalltest.Code(c.number).Times(-1), "90")
		expected := accountNotReady(c.name(), c.response())
		expected.message += releaseHint
		Expect(observe(env.waitFor(c.name(), expected.conditions))).To(Equal(expected))
		Eventually(func() observation { return observe(env.account(c.name())) }).Should(Equal(
			observation{conditions: "Ready=False " + c.reason + " Stalled", message: c.message(), response: c.response()}))
		Expect(requestsAfterFirst(c.name())).To(HaveLen(1))
		expectReleaseWithOrphan(c.name())
	}, deniedEntries)

	DescribeTable("is retried if it is transient", func(t transientError) {
		deleteDuring(t.name, t.fault, "90")
		env.waitForDeletion(t.name)
		Expect(requestsAfterFirst(t.name)).To(HaveLen(2))
		Expect(env.deepcall.Agent(t.name)).To(Equal(map[string]string{"90": "N"}))
		failed := t.observation()
		failed.message += releaseHint
		failed.response = cmp.Or(failed.response, synced.response) // the status shows the last one
		Eventually(history.ofMapping(t.name)).Should(Equal([]observation{synced, failed}))
	}, transientEntries)

	It("with code 1505 for the only group counts as removed", func() {
		Expect(deleteWithUnknown("one-group", []string{"290"}, "290")).To(Equal([]map[string]string{{"290": "N"}}))
	})

	It("with code 1505 for several groups is retried with fewer groups, and removes those that exist", func() {
		Expect(deleteWithUnknown("groups", []string{"390", "391", "392"}, "391")).To(Equal([]map[string]string{
			{"390": "N", "391": "N", "392": "N"},
			{"390": "N"},
			{"391": "N"},
			{"392": "N"},
		}))
		Expect(env.deepcall.Agent("groups")).To(Equal(map[string]string{"390": "N", "392": "N"}))
		Expect(conditionsOf(history.ofMapping("groups")())).To(Equal([]string{"Ready=True Synced"}), "no error is reported")
	})

	It("with code 1505 for several groups counts as removed if none of them exists", func() {
		Expect(deleteWithUnknown("no-groups", []string{"490", "491"}, "490", "491")).To(Equal(
			[]map[string]string{{"490": "N", "491": "N"}, {"490": "N"}, {"491": "N"}}))
	})

	DescribeTable("with code 1505 in an edit", func(name, kept, removed, alsoRemoved, unknown string, requests ...map[string]string) {
		createSynced(name, kept, removed, alsoRemoved)
		env.deepcall.RemoveGroups(unknown)
		env.editSynced(name, setGroups(group(kept, true)))
		Expect(requestsAfterFirst(name)).To(Equal(requests))
		Expect(env.mapping(name).Status.AppliedGroups).To(Equal([]v1alpha1.AgentGroup{group(kept, true)}))
		left := map[string]string{kept: "Y", removed: "N", alsoRemoved: "N"}
		delete(left, unknown)
		Expect(env.deepcall.Agent(name)).To(Equal(left))
	},
		Entry("is retried with fewer removals, together with the declared groups", "edit", "590", "591", "592", "591",
			map[string]string{"590": "Y", "591": "N", "592": "N"},
			map[string]string{"590": "Y"},
			map[string]string{"590": "Y", "591": "N"},
			map[string]string{"590": "Y", "592": "N"}),
		Entry("counts as removed only between two accepted requests", "between", "690", "691", "692", "692",
			map[string]string{"690": "Y", "691": "N", "692": "N"},
			map[string]string{"690": "Y"},
			map[string]string{"690": "Y", "691": "N"},
			map[string]string{"690": "Y", "692": "N"},
			map[string]string{"690": "Y"}),
	)

	It("causes no other request", func() {
		env.expectRequests(env.requestCount())
		Expect(env.deepcall.Overlaps()).To(BeZero())
	})
})
