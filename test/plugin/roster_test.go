package plugin

import (
	"encoding/json"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = Describe("kubectl deepcall roster", func() {
	It("shows the confirmed and the desired state of one or all namespaces", func() {
		day, night := newUser("roster-day"), newUser("roster-night")
		day.createMapping(testenv.Mapping("asha").Group("90", true).Group("91", false), "Synced")
		day.createMapping(testenv.Mapping("zoe").Agent("77").Group("9", true), "InvalidAgentID")
		night.createMapping(testenv.Mapping("ben").Agent("8").Group("90", true), "Synced")
		night.mustRun("kubectl label agm ben team=night")

		Expect(day.mustRun("kubectl deepcall roster")).To(Equal(`GROUP   AGENT   RECEIVES   DECLARED   MAPPING   NOT IN SYNC
9       77      -          yes        zoe       InvalidAgentID: DeepCall error 1509: Invalid agentId
90      7       yes        yes        asha
91      7       no         no         asha
`))
		Expect(day.mustRun("kubectl deepcall roster -A --by agent --group 90")).To(Equal(`NAMESPACE      ACCOUNT   AGENT   GROUP   RECEIVES   DECLARED   MAPPING   NOT IN SYNC
roster-day     acme      7       90      yes        yes        asha
roster-night   acme      8       90      yes        yes        ben
`))
		Expect(day.mustRun("kubectl deepcall roster -A -l team=night -o csv | cut -d, -f1-9")).To(Equal(
			"namespace,mapping,account,agent,group,receives,declared,in_sync,suspended\n" +
				"roster-night,ben,roster-night/acme,8,90,yes,yes,yes,no\n"))
		Expect(day.mustRun("kubectl deepcall roster -n roster-night -o wide")).To(MatchRegexp(
			`acme +90 +8 +yes +yes +ben +no +\d+s ago\n`))

		var document struct{ Entries []map[string]any }
		Expect(json.Unmarshal([]byte(day.mustRun("kubectl deepcall roster -o json --not-in-sync")), &document)).To(Succeed())
		Expect(document.Entries).To(ConsistOf(SatisfyAll(
			HaveKeyWithValue("mapping", "zoe"), HaveKeyWithValue("receives", BeNil()), HaveKeyWithValue("declared", true),
			HaveKeyWithValue("reason", "InvalidAgentID"), HaveKeyWithValue("lastSyncTime", BeNil()))))
	})

	It("reports on standard error that there are no entries, and succeeds", func() {
		u := newUser("roster-empty")
		Expect(u.run("kubectl deepcall roster")).To(Equal(result{err: "No mappings in namespace \"roster-empty\".\n"}))
		Expect(u.run("kubectl deepcall roster -l a=b")).To(Equal(result{err: "No mappings with these labels in namespace \"roster-empty\".\n"}))
		Expect(u.mustRun("kubectl deepcall roster -o json")).To(ContainSubstring(`"entries": []`))
		u.createMapping(testenv.Mapping("asha").Group("90", true), "Synced")
		Expect(u.run("kubectl deepcall roster --not-in-sync")).To(Equal(result{err: "Everything is in sync.\n"}))
		Expect(u.run("kubectl deepcall roster --agent 33")).To(Equal(result{err: "No match in 1 mapping in namespace \"roster-empty\"; " +
			"omit --agent, --group and --not-in-sync to show all.\n"}))
	})

	It("counts receivers by group, and writes a page for people without kubectl", func() {
		u := newUser("roster-page")
		u.createMapping(testenv.Mapping("asha").Group("90", true).Group("91", false), "Synced")
		u.createMapping(testenv.Mapping("ben").Agent("8").Group("90", true), "Synced")
		u.createMapping(testenv.Mapping("night").Group("90", false), "Conflict")
		Expect(u.mustRun("kubectl deepcall roster --summary")).To(Equal(`GROUP   RECEIVERS   AGENTS   NOT IN SYNC
90      2           2        1
91      0           1        0
`))
		Expect(u.mustRun("kubectl deepcall roster --summary --agent 8 -o csv")).To(Equal(
			"account,group,receivers,agents,not_in_sync\nroster-page/acme,90,2,2,1\n"))
		Expect(u.mustRun("kubectl deepcall roster --agent 8 -o html")).To(SatisfyAll(
			HavePrefix("<!DOCTYPE html>"), ContainSubstring("for namespace roster-page, agent 8. Other mappings are not listed"),
			ContainSubstring("2 of 2 agents receive calls"), ContainSubstring("roster-page/ben"), Not(ContainSubstring("/asha"))))
	})

	It("names the required role if access is forbidden", func() {
		u := newUser("roster-forbidden")
		got := u.run("kubectl deepcall roster --as stranger")
		Expect(got.status).To(Equal(1))
		Expect(got.err).To(And(HavePrefix("error: "), ContainSubstring(`cannot list resource "agentgroupmappings"`), HaveSuffix("role view permits reading mappings, role edit permits changing them\n")))
	})
})
