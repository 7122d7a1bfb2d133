package plugin

import (
	"context"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

const (
	object    = "agentgroupmapping.telephony.deepcall.com/"
	importCSV = "kubectl deepcall import -f roster.csv --account acme"
)

// mappingNames returns the names of all mappings in the user's namespace.
func (u *user) mappingNames() []string {
	GinkgoHelper()
	var list v1alpha1.AgentGroupMappingList
	Expect(admin.List(context.Background(), &list, client.InNamespace(u.namespace))).To(Succeed())
	var names []string
	for _, mapping := range list.Items {
		names = append(names, mapping.Name)
	}
	return names
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

	It("applies server-side and removes groups that are no longer in the file", func() {
		u := newUser("import-apply")
		u.writeFile("roster.csv", "agent,group,receives", "7,90,yes", "7,91,no", "8,92,1")
		Expect(u.run(importCSV + " --apply --dry-run=server")).To(Equal(result{
			out: object + "agent-7 created (server dry run)\n" + object + "agent-8 created (server dry run)\n",
			err: "2 created, 0 changed, 0 unchanged, 0 failed (server dry run)\n",
		}))
		Expect(u.mappingNames()).To(BeEmpty())
		Expect(u.run(importCSV + " --apply")).To(Equal(result{
			out: object + "agent-7 created\n" + object + "agent-8 created\n",
			err: "2 created, 0 changed, 0 unchanged, 0 failed\n",
		}))
		u.waitForReason("agent-7", "Synced")
		Expect(u.mapping("agent-7").ManagedFields).To(ContainElement(SatisfyAll(
			HaveField("Manager", "kubectl-deepcall"), HaveField("Operation", metav1.ManagedFieldsOperationApply))))

		u.writeFile("roster.csv", "agent,group,receives", "7,90,yes", "8,92,yes", "9,90,no")
		for _, dryRun := range []string{"server", "none"} {
			note := map[string]string{"server": " (server dry run)"}[dryRun]
			Expect(u.run(importCSV + " --apply --dry-run=" + dryRun)).To(Equal(result{
				out: object + "agent-7 changed" + note + "\n" + object + "agent-8 unchanged" + note + "\n" + object + "agent-9 created" + note + "\n",
				err: "1 created, 1 changed, 1 unchanged, 0 failed" + note + "\n",
			}))
		}
		Expect(u.mapping("agent-7").Spec.Groups).To(Equal([]v1alpha1.AgentGroup{{GroupID: "90", ReceiveCall: true}}))
		Eventually(func() map[string]string { return u.deepcall.Agent("7") }).Should(Equal(map[string]string{"90": "Y", "91": "N"}))
	})

	It("continues after a failure and lists the failed mappings", func() {
		u := newUser("import-conflict")
		u.mustRun(`kubectl apply --server-side --field-manager=other -f - <<END
{apiVersion: telephony.deepcall.com/v1alpha1, kind: AgentGroupMapping, metadata: {name: agent-7},
 spec: {accountRef: {name: acme}, agentID: "7", groups: [{groupID: "90", receiveCall: false}]}}
END`)
		u.createMapping(testenv.Mapping("agent-8").Account("other").Agent("8"), "Synced")
		u.writeFile("roster.csv", "agent,group,receives", "7,90,yes", "8,90,yes", "9,90,yes")
		got := u.run(importCSV + " --apply")
		Expect(got.status).To(Equal(1))
		Expect(got.out).To(Equal(object + "agent-9 created\n"))
		Expect(strings.Split(got.err, "\n")).To(HaveExactElements(
			SatisfyAll(HavePrefix(object+"agent-7: "), ContainSubstring(`"other"`), HaveSuffix("use --force-conflicts to take over these fields")),
			SatisfyAll(HavePrefix(object+"agent-8: "), ContainSubstring("accountRef"), HaveSuffix("use --force-conflicts to take over these fields")),
			"1 created, 0 changed, 0 unchanged, 2 failed",
			"error: 2 of 3 mappings failed: agent-7, agent-8; run the command again to retry",
			"",
		))
		Expect(u.mapping("agent-7").Spec.Groups[0].ReceiveCall).To(BeFalse())
		got = u.run(importCSV + " --apply --force-conflicts")
		Expect(got.out).To(Equal(object + "agent-7 changed\n" + object + "agent-9 unchanged\n"))
		Expect(got.err).To(ContainSubstring("accountRef is immutable; delete the mapping and create it with the other account\n"))
		Expect(u.mapping("agent-7").Spec.Groups[0].ReceiveCall).To(BeTrue())
	})

	It("warns about an agent that has a mapping with another name", func() {
		u := newUser("import-other")
		u.createMapping(testenv.Mapping("asha").Group("90", true), "Synced")
		u.writeFile("roster.csv", "agent,group,receives", "7,91,yes")
		got := u.run(importCSV + " --apply")
		Expect(got.err).To(HavePrefix("warning: agent 7 already has mapping asha, which keeps the groups that both declare\n"))
		Expect(got.status).To(BeZero())
		u.waitForReason("agent-7", "Synced")
		Expect(u.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y", "91": "Y"}))
	})

	It("applies nothing if the file has a problem", func() {
		u := newUser("import-invalid")
		u.writeFile("roster.csv", "agent,group,receives", "7,90,yes", "8,90,")
		Expect(u.run(importCSV + " --apply")).To(Equal(result{
			err: "line 3: receives is empty: use yes or no\n" +
				"error: the file has 1 problem; nothing was imported\n", status: 1,
		}))
		Expect(u.mappingNames()).To(BeEmpty())
	})

	It("reports progress and imports an exported roster", func() {
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
