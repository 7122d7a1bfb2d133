package plugin

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

const (
	object    = "agentgroupmapping.telephony.deepcall.com/"
	importCSV = "kubectl deepcall import -f roster.csv --account acme"
)

func (u *user) waitUntilInSync() {
	GinkgoHelper()
	Eventually(func() string { return u.mustRun("kubectl deepcall roster --not-in-sync") }).Should(BeEmpty())
}

var _ = Describe("kubectl deepcall import", func() {
	It("prints YAML that kubectl apply accepts", func() {
		u := newUser("import-yaml")
		u.writeFile("roster.csv", "agent;group;receives", "7;90;yes", "7;91;no", "8;92;1")
		Expect(u.mustRun(importCSV + " | kubectl apply -f -")).To(Equal(object + "agent-7 created\n" + object + "agent-8 created\n"))
		u.waitForReason("agent-7", "Synced")
		u.waitForReason("agent-8", "Synced")
		Expect(u.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y", "91": "N"}))
		Expect(u.deepcall.Agent("8")).To(Equal(map[string]string{"92": "Y"}))
		Expect(u.mapping("agent-7").Spec.RemovalPolicy).To(Equal(v1alpha1.RemovalPolicyStopCalls))
	})

	It("lists the calls that start and stop, applies server-side and removes groups that are no longer in the file", func() {
		u := newUser("import-apply")
		u.writeFile("roster.csv", "agent,group,receives", "7,90,yes", "7,91,no", "8,92,1")
		const starts = `AGENT   GROUP   CALLS    BEFORE   AFTER   MAPPING
7       90      starts   -        yes     import-apply/agent-7
8       92      starts   -        yes     import-apply/agent-8

2 requests to DeepCall. Groups of 2 agents: 2 starts, 1 unchanged.
`
		Expect(u.run(importCSV + " --apply --dry-run=server")).To(Equal(result{
			out: starts + object + "agent-7 created (server dry run)\n" + object + "agent-8 created (server dry run)\n",
			err: "2 created, 0 changed, 0 unchanged, 0 failed (server dry run)\n",
		}))
		Expect(u.mappings()).To(BeEmpty())
		Expect(u.run(importCSV + " --apply")).To(Equal(result{
			out: starts + object + "agent-7 created\n" + object + "agent-8 created\n",
			err: "2 created, 0 changed, 0 unchanged, 0 failed\n",
		}))
		u.waitUntilInSync()
		Expect(u.mapping("agent-7").ManagedFields).To(ContainElement(SatisfyAll(
			HaveField("Manager", "kubectl-deepcall"), HaveField("Operation", metav1.ManagedFieldsOperationApply))))

		u.writeFile("roster.csv", "agent,group,receives", "7,91,yes", "8,92,yes", "9,90,yes")
		for _, dryRun := range []string{"server", "none"} {
			note := map[string]string{"server": " (server dry run)"}[dryRun]
			Expect(u.run(importCSV + " --apply --dry-run=" + dryRun)).To(Equal(result{
				out: `AGENT   GROUP   CALLS    BEFORE   AFTER   MAPPING
7       90      stops    yes      no      import-apply/agent-7
7       91      starts   no       yes     import-apply/agent-7
9       90      starts   -        yes     import-apply/agent-9

2 requests to DeepCall. Groups of 2 agents: 1 stops, 2 starts.
` + object + "agent-7 changed" + note + "\n" + object + "agent-8 unchanged" + note + "\n" + object + "agent-9 created" + note + "\n",
				err: "1 created, 1 changed, 1 unchanged, 0 failed" + note + "\n",
			}))
		}
		Expect(u.mapping("agent-7").Spec.Groups).To(Equal([]v1alpha1.AgentGroup{{GroupID: "91", ReceiveCall: true}}))
		Eventually(func() map[string]string { return u.deepcall.Agent("7") }).Should(Equal(map[string]string{"90": "N", "91": "Y"}))
	})

	It("requires --yes if a group loses its last receiver", func() {
		u := newUser("import-last")
		u.createMapping(testenv.Mapping("asha").Group("90", true).Group("91", true), "Synced")
		u.createMapping(testenv.Mapping("ben").Agent("8").Group("91", true), "Synced")
		u.mustRun("kubectl deepcall roster -o csv | sed 's/,7,90,yes,/,7,90,no,/; s/,7,91,yes,/,7,91,no,/' > roster.csv")
		const command = "kubectl deepcall import -f roster.csv --apply --force-conflicts"
		got := u.run(command + " < /dev/null")
		Expect(got.status).To(Equal(1))
		Expect(got.out).To(And(MatchRegexp(`7 +90 +stops +yes +no +import-last/asha\n7 +91 +stops +`), Not(ContainSubstring(object))))
		Expect(got.err).To(HaveSuffix("error: no agent receives the calls of group 90 any more; nothing was changed: add --yes if this is intended\n"))
		Expect(u.run(command + " --dry-run=server").err).To(HavePrefix("To apply it, add --yes.\n"))
		Expect(u.mapping("asha").Spec.Groups[0].ReceiveCall).To(BeTrue())
		Expect(u.run(command + " --yes").err).To(Equal("0 created, 1 changed, 1 unchanged, 0 failed\n"))
		Eventually(func() map[string]string { return u.deepcall.Agent("7") }).Should(Equal(map[string]string{"90": "N", "91": "N"}))
		u.waitUntilInSync()
		By("accepting the same file again")
		Expect(u.run(command).err).To(HaveSuffix("0 created, 0 changed, 2 unchanged, 0 failed\n"))
	})

	It("continues after a failure and lists the failed mappings", func() {
		u := newUser("import-conflict")
		for _, agent := range []string{"7", "8"} {
			u.mustRun(`kubectl apply --server-side --field-manager=other -f - <<END
{apiVersion: telephony.deepcall.com/v1alpha1, kind: AgentGroupMapping, metadata: {name: agent-%[1]s},
 spec: {accountRef: {name: acme}, agentID: "%[1]s", groups: [{groupID: "90", receiveCall: false}]}}
END`, agent)
		}
		u.writeFile("roster.csv", "agent,group,receives", "7,90,yes", "8,90,yes", "9,90,yes")
		got := u.run(importCSV + " --apply")
		Expect(got.status).To(Equal(1))
		Expect(got.out).To(HaveSuffix("\n" + object + "agent-9 created\n"))
		conflict := And(ContainSubstring(`"other"`), HaveSuffix("use --force-conflicts to take over these fields"))
		Expect(strings.Split(got.err, "\n")).To(HaveExactElements(
			And(HavePrefix(object+"agent-7: "), conflict), And(HavePrefix(object+"agent-8: "), conflict),
			"1 created, 0 changed, 0 unchanged, 2 failed",
			"error: 2 of 3 mappings failed: agent-7, agent-8",
			"",
		))
		Expect(u.mapping("agent-7").Spec.Groups[0].ReceiveCall).To(BeFalse())
		got = u.run(importCSV + " --apply --force-conflicts")
		Expect(got.out).To(HaveSuffix("\n" + object + "agent-7 changed\n" + object + "agent-8 changed\n" + object + "agent-9 unchanged\n"))
		Expect(u.mapping("agent-7").Spec.Groups[0].ReceiveCall).To(BeTrue())
	})

	It("changes the mappings that a roster was exported from", func() {
		u := newUser("import-export")
		u.createMapping(testenv.Mapping("asha").Group("90", true).Group("91", true), "Synced")
		u.createMapping(testenv.Mapping("asha-night").Group("92", true), "Synced")
		u.createMapping(testenv.Mapping("cara").Agent("9"), "Synced")
		u.mustRun("kubectl deepcall roster -o csv > roster.csv")
		const command = "kubectl deepcall import -f roster.csv --apply --yes"
		unchanged := u.run(command)
		Expect(unchanged.out).To(HavePrefix("Nothing changes in DeepCall.\n"))
		Expect(unchanged.err).To(Equal("0 created, 0 changed, 3 unchanged, 0 failed\n"))

		u.mustRun("sed -i '/,7,91,/d; s/,7,92,yes,/,7,92,no,/' roster.csv")
		By("refusing to take over fields of others, also those of a removed group")
		got := u.run(command)
		Expect(got.err).To(And(
			ContainSubstring(object+"asha: group 91 would stay, because another field manager declares it ("),
			MatchRegexp(`asha-night: .*conflict.*; use --force-conflicts to take over these fields`)))
		Expect(got.status).To(Equal(1))
		Expect(u.run(command + " --force-conflicts --dry-run=server").out).To(And(
			ContainSubstring(object+"asha changed"), ContainSubstring(object+"asha-night changed"), ContainSubstring(object+"cara unchanged")))
		u.mustRun(command + " --force-conflicts")
		Expect(u.mappings()).To(ConsistOf(HaveField("Name", "asha"), HaveField("Name", "asha-night"), HaveField("Name", "cara")))
		Eventually(func() map[string]string { return u.deepcall.Agent("7") }).Should(Equal(map[string]string{"90": "Y", "91": "N", "92": "N"}))

		By("applying later edits without a conflict")
		u.waitUntilInSync()
		u.mustRun("kubectl deepcall roster -o csv > roster.csv")
		u.mustRun("sed -i 's/,7,92,no,/,7,92,yes,/' roster.csv")
		Expect(u.run(command).err).To(Equal("0 created, 1 changed, 2 unchanged, 0 failed\n"))
	})

	It("refuses a second mapping of an agent, a stale export and an account that does not exist", func() {
		u := newUser("import-other")
		u.createMapping(testenv.Mapping("asha").Group("90", true), "Synced")
		u.writeFile("roster.csv", "agent,group,receives", "7,91,yes")
		for _, command := range []string{importCSV, importCSV + " --apply"} {
			got := u.run(command)
			Expect(got.status).To(Equal(1))
			Expect(got.out).To(BeEmpty())
			Expect(got.err).To(And(HavePrefix("line 2: agent 7 already has mapping asha: enter this name in the column mapping"),
				HaveSuffix("error: the file has 1 problem; nothing was imported\n")))
		}
		Expect(u.run("kubectl deepcall import -f roster.csv --account acmee --apply").err).To(HavePrefix("error: account import-other/acmee does not exist; nothing was imported"))
		u.mustRun(importCSV + " --apply --force")
		u.waitUntilInSync()
		u.writeFile("other.csv", "mapping,account,agent,group,receives", "asha,other,7,90,no")
		Expect(u.run("kubectl deepcall import -f other.csv --apply --force").err).To(HavePrefix(
			"line 2: mapping asha uses account import-other/acme, which can't be changed: correct the column account"))
		Expect(u.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y", "91": "Y"}))

		u.mustRun("kubectl deepcall roster -o csv > roster.csv")
		u.mustRun(`kubectl patch agm asha --type=merge -p '{"spec":{"groups":[{"groupID":"90","receiveCall":false}]}}'`)
		Expect(u.run("kubectl deepcall import -f roster.csv").err).To(ContainSubstring(": mapping asha declares no for group 90, not yes: export the roster again"))

		By("refusing an export without the other groups of a mapping")
		u.waitUntilInSync()
		u.mustRun("kubectl deepcall roster --agent 7 -o csv > roster.csv && kubectl deepcall import -f roster.csv")
		u.mustRun("kubectl deepcall roster --group 90 -o csv > roster.csv")
		Expect(u.run("kubectl deepcall import -f roster.csv --apply")).To(Equal(result{
			err: "line 2: the roster was exported with --group or --not-in-sync, so groups that it lacks would be removed: " +
				"export it without these flags, or add --force\nerror: the file has 1 problem; nothing was imported\n", status: 1,
		}))
	})

	It("warns about an ID that a spreadsheet has changed", func() {
		u := newUser("import-reformatted")
		u.deepcall.AddAgents("007")
		u.createMapping(testenv.Mapping("bond").Agent("007").Group("90", true), "Synced")
		u.writeFile("roster.csv", "agent,group,receives", "7,90,yes")
		Expect(u.run(importCSV).err).To(HavePrefix("warning: line 2: agent 7 may be 007, changed by a spreadsheet"))
	})

	It("prints YAML without access to the cluster", func() {
		u := newUser("import-forbidden")
		u.writeFile("roster.csv", "agent,group,receives", "7,90,yes")
		got := u.run(importCSV + " --as stranger")
		Expect(got.status).To(BeZero())
		Expect(got.out).To(ContainSubstring("name: agent-7\n"))
		Expect(got.err).To(HavePrefix("warning: the file was not compared with the cluster: "))
	})

	It("applies nothing if the file has a problem", func() {
		u := newUser("import-invalid")
		u.writeFile("roster.csv", "agent,group,receives", "7,90,yes", "8,90,")
		Expect(u.run(importCSV + " --apply")).To(Equal(result{
			err: "line 3: receives is empty: use yes or no\n" +
				"error: the file has 1 problem; nothing was imported\n", status: 1,
		}))
		Expect(u.mappings()).To(BeEmpty())
	})

	It("reports progress and imports an exported roster", SpecPriority(1), func() { // starts first, because it takes long
		u := newUser("import-many")
		lines := []string{"agent,group,receives"}
		var agents []string
		for i := range 120 {
			agents = append(agents, fmt.Sprint(1000+i))
			lines = append(lines, fmt.Sprintf("%d,90,%d", 1000+i, i%2))
		}
		u.deepcall.AddAgents(agents...)
		u.writeFile("roster.csv", lines...)
		Expect(u.run(importCSV + " --apply").err).To(Equal("100 of 120\n120 created, 0 changed, 0 unchanged, 0 failed\n"))
		u.mustRun("kubectl wait agm --all --for=condition=Ready --timeout=60s")
		u.mustRun("kubectl deepcall roster -o csv > roster.csv")
		Expect(u.run(importCSV + " --apply").err).To(Equal("100 of 120\n0 created, 0 changed, 120 unchanged, 0 failed\n"))
	})
})
