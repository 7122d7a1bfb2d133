package plugin

import (
	"encoding/json"
	"os/exec"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// bindView gives a user the role view in the namespace: its rules, since no controller aggregates them here.
func (u *user) bindView(name string) {
	GinkgoHelper()
	u.mustRun("kubectl apply -f %s/config/rbac/viewer_role.yaml", testenv.Root())
	for _, role := range []string{"system:aggregate-to-view", "deepcall-viewer"} {
		u.mustRun("kubectl create rolebinding %s --clusterrole=%s --user=%s", role, role, name)
	}
}

var _ = Describe("kubectl deepcall status", func() {
	It("explains a rejected mapping, and succeeds once all is well", func() {
		u := newUser("status-rejected")
		u.createMapping(testenv.Mapping("asha").Group("90", true), "Synced")
		u.createMapping(testenv.Mapping("night").Group("91", true).Group("99", true), "InvalidGroupData")
		got := u.run("kubectl deepcall status agm/night")
		Expect(got.status).To(Equal(1))
		Expect(got.err).To(BeEmpty())
		Expect(got.out).To(And(
			HavePrefix("Mapping:         night in namespace status-rejected, agent 7\n"+
				"Ready:           no, InvalidGroupData: DeepCall error 1505: Invalid group data\n"),
			ContainSubstring("\nWhat to do:      The mapping's owner corrects spec.groups, or creates the group in DeepCall.\n"),
			ContainSubstring("\nAccount:         acme, ready: yes, Usable: DeepCall accepts the account's requests\n"),
			MatchRegexp(`\nLast response: +1505 Invalid group data, \d+s ago\n`),
			MatchRegexp(`\nNext: +A resync is due in about (5\d|6\d)m\n`),
			ContainSubstring("\nGROUP   DESIRED   APPLIED   PENDING\n91      yes       -         add\n99      yes       -         add\n"),
			MatchRegexp(`\nOTHER MAPPING +READY +REASON +DESIRED +APPLIED\nstatus-rejected/asha +yes +Synced +90=yes +90=yes\n`),
			MatchRegexp(`\n\d+s ago +Warning +AgentGroupMapping/night +InvalidGroupData +DeepCall error 1505`),
			Not(ContainSubstring("Not read:"))))

		u.deepcall.AddGroups("99")
		u.mustRun("kubectl deepcall resync night --wait && kubectl deepcall status night")
	})

	It("states what it could not read with the role view of one namespace", func() {
		owner, u := newUser("status-owner"), newUser("status-view") // the owner's simulator ends last
		account := testenv.Account("shared", owner.url).In("status-owner").Allow(v1alpha1.AllowedNamespaces{From: v1alpha1.NamespacesFromAll}).Build()
		account.Spec.CredentialsSecretRef.Name = "acme-deepcall"
		u.create(account)
		u.createMapping(testenv.Mapping("asha").AccountIn("status-owner", "shared").Group("90", true), "Synced")
		u.bindView("viewer")
		for _, command := range []string{"roster -A", "resync --all -A"} {
			Expect(u.run("kubectl deepcall " + command + " --as viewer").err).To(ContainSubstring("; omit -A for the mappings of one namespace; "))
		}
		Expect(u.mustRun("kubectl deepcall status asha --as viewer")).To(And(
			ContainSubstring("\nAccount:         shared in namespace status-owner\n"),
			ContainSubstring("the account: needs the right to get deepcallaccounts in namespace status-owner\n"),
			ContainSubstring("mappings of the agent in other namespaces: needs the right to list agentgroupmappings in all namespaces\n"),
			MatchRegexp(`\nNext: +A resync is due in about (5\d|6\d)m\n`)))
	})

	It("names the denied account and when it is probed", func() {
		u := newUser("status-denied")
		u.createMapping(testenv.Mapping("asha").Orphan().Group("90", true), "Synced")
		u.deepcall.Script(deepcalltest.Code(1014).ForAgent("7").Times(-1))
		u.mustRun("kubectl deepcall resync asha && kubectl wait dca --all --for=condition=Ready=False --timeout=20s")
		got := u.run("kubectl deepcall status asha")
		Expect(got.status).To(Equal(1))
		Expect(got.out).To(And(
			ContainSubstring("\nAccount:         acme, ready: no, InvalidToken: DeepCall error 1014: Invalid token (invalid or expired)\n"),
			ContainSubstring("\nWhat to do:      The account's owner puts a new token into the Secret"),
			MatchRegexp(`\nNext: +While a mapping waits to be sent, a probe of the account is due within about \dm`)))
	})

	It("prints kubectl's formats", func() {
		u := newUser("status-formats")
		u.createMapping(testenv.Mapping("asha").Group("90", true), "Synced")
		Expect(u.mustRun("kubectl deepcall status asha -o name")).To(Equal(object + "asha\n"))
		Expect(u.mustRun("kubectl deepcall status asha -o jsonpath='{.kind} {.version} {.ok} {.state.reason} {.groups[0].applied}'")).
			To(Equal("MappingStatus 1 true Synced true"))
		Expect(u.mustRun("kubectl deepcall status asha -o yaml")).To(ContainSubstring("\nmapping: asha\n"))
		var report map[string]any
		Expect(json.Unmarshal([]byte(u.mustRun("kubectl deepcall status asha -o json")), &report)).To(Succeed())
		Expect(report).To(And(HaveKeyWithValue("otherMappings", BeEmpty()), HaveKeyWithValue("notRead", BeEmpty()),
			HaveKeyWithValue("next", HaveKeyWithValue("action", "Resync"))))
	})

	It("fails with status 2 for a mapping that does not exist", func() {
		u := newUser("status-missing")
		Expect(u.run("kubectl deepcall status gone")).To(Equal(result{
			status: 2,
			err:    "error: agentgroupmappings.telephony.deepcall.com \"gone\" not found in namespace \"status-missing\"; kubectl get agm lists the mappings, kubectl deepcall roster --agent ID those of an agent\n",
		}))
	})
})

// watch starts a command that is interrupted at the end of the spec, and returns its output.
func (u *user) watch(line string) *gbytes.Buffer {
	GinkgoHelper()
	command := exec.Command("bash", "-c", "exec "+line)
	command.Env = u.environment()
	session, err := gexec.Start(command, nil, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Eventually(session.Interrupt()).Should(gexec.Exit(0)) })
	return session.Out
}

var _ = Describe("--watch", func() {
	It("prints the status again after a change", func() {
		u := newUser("watch-status")
		u.createMapping(testenv.Mapping("asha").Group("90", true), "Synced")
		out := u.watch("kubectl deepcall status asha --watch")
		Eventually(out).Should(gbytes.Say(`90 +yes +yes\n`))
		u.mustRun(`kubectl patch agm asha --type=json -p '[{"op":"replace","path":"/spec/groups/0/receiveCall","value":false}]'`)
		Eventually(out).Should(gbytes.Say(`90 +no +no\n`))
	})

	It("prints the roster again after a change that it shows", func() {
		u := newUser("watch-roster")
		u.createMapping(testenv.Mapping("asha").Group("90", true), "Synced")
		out := u.watch("kubectl deepcall roster --watch")
		Eventually(out).Should(gbytes.Say(`90 +7 +yes +yes +asha\n`))
		u.mustRun("kubectl label agm asha team=night")
		u.createMapping(testenv.Mapping("ben").Agent("8").Group("91", true), "Synced")
		Eventually(out).Should(gbytes.Say(`91 +8 +yes +yes +ben\n`))
		Expect(string(out.Contents())).NotTo(MatchRegexp(`asha\n\nGROUP.*\n90.*asha\n\n`))
	})

	It("reports a missing right", func() {
		u := newUser("watch-forbidden")
		u.mustRun("kubectl create role list --verb=get,list --resource=agentgroupmappings.telephony.deepcall.com && kubectl create rolebinding list --role=list --user=lister")
		got := u.run("kubectl deepcall roster --watch --as lister")
		Expect(got.status).To(Equal(1))
		Expect(got.err).To(ContainSubstring(`cannot watch resource "agentgroupmappings"`))
	})
})

var _ = Describe("kubectl deepcall roster --exit-status", func() {
	It("fails if something that is shown is not in sync", func() {
		u := newUser("roster-exit")
		u.createMapping(testenv.Mapping("asha").Group("90", true), "Synced")
		u.createMapping(testenv.Mapping("ben").Agent("8").Group("99", true), "InvalidGroupData")
		Expect(u.run("kubectl deepcall roster --exit-status --agent 7").status).To(BeZero())
		Expect(u.run("kubectl deepcall roster --exit-status").status).To(Equal(1))
		Expect(u.run("kubectl deepcall roster").status).To(BeZero())
		Expect(u.run("kubectl deepcall roster --exit-status --as stranger").status).To(Equal(2))
		Expect(u.mustRun("kubectl deepcall roster --not-in-sync -o name")).To(Equal(object + "ben\n"))
		Expect(u.mustRun("kubectl deepcall roster -o jsonpath='{.entries[*].agentID}'")).To(Equal("7 8"))
		Expect(u.mustRun("kubectl deepcall roster -o yaml")).To(ContainSubstring("\nkind: Roster\nversion: \"1\"\n"))
	})
})
