package plugin

import (
	"encoding/json"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = Describe("kubectl deepcall roster", func() {
	It("shows what DeepCall confirmed, and what is declared otherwise, of one namespace or all", func() {
		day, night := somebody("roster-day"), somebody("roster-night")
		day.declare(testenv.Mapping("asha").Group("90", true).Group("91", false), "Synced")
		day.declare(testenv.Mapping("zoe").Agent("77").Group("9", true), "InvalidAgentID")
		night.declare(testenv.Mapping("ben").Agent("8").Group("90", true), "Synced")
		night.does("kubectl label agm ben team=night")

		Expect(day.does("kubectl deepcall roster")).To(Equal(`GROUP   AGENT   RECEIVES   DECLARED   MAPPING   NOT IN SYNC
9       77      -          yes        zoe       InvalidAgentID: DeepCall error 1509: Invalid agentId
90      7       yes        yes        asha
91      7       no         no         asha
`))
		Expect(day.does("kubectl deepcall roster -A --by agent --group 90")).To(Equal(`NAMESPACE      ACCOUNT   AGENT   GROUP   RECEIVES   DECLARED   MAPPING   NOT IN SYNC
roster-day     acme      7       90      yes        yes        asha
roster-night   acme      8       90      yes        yes        ben
`))
		Expect(day.does("kubectl deepcall roster -A -l team=night -o csv | cut -d, -f1-9")).To(Equal(
			"namespace,mapping,account,agent,group,receives,declared,in_sync,suspended\n" +
				"roster-night,ben,roster-night/acme,8,90,yes,yes,yes,no\n"))
		Expect(day.does("kubectl deepcall roster -n roster-night -o wide")).To(MatchRegexp(
			`acme +90 +8 +yes +yes +ben +no +\d+s ago\n`))

		var document struct{ Entries []map[string]any }
		Expect(json.Unmarshal([]byte(day.does("kubectl deepcall roster -o json --not-in-sync")), &document)).To(Succeed())
		Expect(document.Entries).To(ConsistOf(SatisfyAll(
			HaveKeyWithValue("mapping", "zoe"), HaveKeyWithValue("receives", BeNil()), HaveKeyWithValue("declared", true),
			HaveKeyWithValue("reason", "InvalidAgentID"), HaveKeyWithValue("lastSyncTime", BeNil()))))
	})

	It("says on standard error that there is nothing, and succeeds", func() {
		p := somebody("roster-empty")
		Expect(p.run("kubectl deepcall roster")).To(Equal(result{err: "No mappings in the namespace \"roster-empty\".\n"}))
		Expect(p.run("kubectl deepcall roster -l a=b")).To(Equal(result{err: "No mappings with these labels in the namespace \"roster-empty\".\n"}))
		Expect(p.does("kubectl deepcall roster -o json")).To(ContainSubstring(`"entries": []`))
		p.declare(testenv.Mapping("asha").Group("90", true), "Synced")
		Expect(p.run("kubectl deepcall roster --not-in-sync")).To(Equal(result{err: "Everything is in sync.\n"}))
		Expect(p.run("kubectl deepcall roster --agent 33")).To(Equal(result{err: "Nothing matches in the 1 mapping in the namespace \"roster-empty\"; " +
			"without --agent, --group and --not-in-sync all is shown.\n"}))
	})

	It("says which role is missing to whom may not look", func() {
		p := somebody("roster-forbidden")
		got := p.run("kubectl deepcall roster --as nobody")
		Expect(got.status).To(Equal(1))
		Expect(got.err).To(And(HavePrefix("error: "), ContainSubstring(`cannot list resource "agentgroupmappings"`), HaveSuffix("the role view lets you see mappings, the role edit lets you change them\n")))
	})
})
