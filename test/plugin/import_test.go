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
	object       = "agentgroupmapping.telephony.deepcall.com/"
	importsSheet = "kubectl deepcall import -f sheet.csv --account acme"
)

// names are those of all mappings of the namespace.
func (p *person) names() []string {
	GinkgoHelper()
	var list v1alpha1.AgentGroupMappingList
	Expect(admin.List(context.Background(), &list, client.InNamespace(p.namespace))).To(Succeed())
	var names []string
	for _, mapping := range list.Items {
		names = append(names, mapping.Name)
	}
	return names
}

var _ = Describe("kubectl deepcall import", func() {
	It("writes YAML that kubectl apply takes, with the defaults of the API", func() {
		p := somebody("import-yaml")
		p.writes("sheet.csv", "agent;group;receives", "7;90;yes", "7;91;no", "8;92;1")
		Expect(p.does(importsSheet + " | kubectl apply -f -")).To(Equal(object + "agent-7 created\n" + object + "agent-8 created\n"))
		p.waitFor("agent-7", "Synced")
		p.waitFor("agent-8", "Synced")
		Expect(p.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y", "91": "N"}))
		Expect(p.deepcall.Agent("8")).To(Equal(map[string]string{"92": "Y"}))
		Expect(p.mapping("agent-7").Spec.RemovalPolicy).To(Equal(v1alpha1.RemovalPolicyStopCalls))
	})

	It("applies server-side, tells what it did, and takes out what the table no longer has", func() {
		p := somebody("import-apply")
		p.writes("sheet.csv", "agent,group,receives", "7,90,yes", "7,91,no", "8,92,1")
		Expect(p.run(importsSheet + " --apply --dry-run=server")).To(Equal(result{
			out: object + "agent-7 created (server dry run)\n" + object + "agent-8 created (server dry run)\n",
			err: "2 created, 0 changed, 0 unchanged, 0 failed (server dry run)\n",
		}))
		Expect(p.names()).To(BeEmpty())
		Expect(p.run(importsSheet + " --apply")).To(Equal(result{
			out: object + "agent-7 created\n" + object + "agent-8 created\n",
			err: "2 created, 0 changed, 0 unchanged, 0 failed\n",
		}))
		p.waitFor("agent-7", "Synced")
		Expect(p.mapping("agent-7").ManagedFields).To(ContainElement(SatisfyAll(
			HaveField("Manager", "kubectl-deepcall"), HaveField("Operation", metav1.ManagedFieldsOperationApply))))

		p.writes("sheet.csv", "agent,group,receives", "7,90,yes", "8,92,yes", "9,90,no")
		for _, dryRun := range []string{"server", "none"} {
			note := map[string]string{"server": " (server dry run)"}[dryRun]
			Expect(p.run(importsSheet + " --apply --dry-run=" + dryRun)).To(Equal(result{
				out: object + "agent-7 changed" + note + "\n" + object + "agent-8 unchanged" + note + "\n" + object + "agent-9 created" + note + "\n",
				err: "1 created, 1 changed, 1 unchanged, 0 failed" + note + "\n",
			}))
		}
		Expect(p.mapping("agent-7").Spec.Groups).To(Equal([]v1alpha1.AgentGroup{{GroupID: "90", ReceiveCall: true}}))
		Eventually(func() map[string]string { return p.deepcall.Agent("7") }).Should(Equal(map[string]string{"90": "Y", "91": "N"}))
	})

	It("goes on after a mapping that fails, and names those in the end", func() {
		p := somebody("import-conflict")
		p.does(`kubectl apply --server-side --field-manager=somebody -f - <<END
{apiVersion: telephony.deepcall.com/v1alpha1, kind: AgentGroupMapping, metadata: {name: agent-7},
 spec: {accountRef: {name: acme}, agentID: "7", groups: [{groupID: "90", receiveCall: false}]}}
END`)
		p.declare(testenv.Mapping("agent-8").Account("other").Agent("8"), "Synced")
		p.writes("sheet.csv", "agent,group,receives", "7,90,yes", "8,90,yes", "9,90,yes")
		got := p.run(importsSheet + " --apply")
		Expect(got.status).To(Equal(1))
		Expect(got.out).To(Equal(object + "agent-9 created\n"))
		Expect(strings.Split(got.err, "\n")).To(HaveExactElements(
			SatisfyAll(HavePrefix(object+"agent-7: "), ContainSubstring("somebody"), HaveSuffix("--force-conflicts takes these fields over")),
			SatisfyAll(HavePrefix(object+"agent-8: "), ContainSubstring("accountRef"), HaveSuffix("--force-conflicts takes these fields over")),
			"1 created, 0 changed, 0 unchanged, 2 failed",
			"error: 2 mappings of 3 failed: agent-7, agent-8; the same command applies them again",
			"",
		))
		Expect(p.mapping("agent-7").Spec.Groups[0].ReceiveCall).To(BeFalse())
		got = p.run(importsSheet + " --apply --force-conflicts")
		Expect(got.out).To(Equal(object + "agent-7 changed\n" + object + "agent-9 unchanged\n"))
		Expect(got.err).To(ContainSubstring("accountRef is immutable; delete the mapping and create it with the other account\n"))
		Expect(p.mapping("agent-7").Spec.Groups[0].ReceiveCall).To(BeTrue())
	})

	It("warns of an agent that has a mapping of another name", func() {
		p := somebody("import-other")
		p.declare(testenv.Mapping("asha").Group("90", true), "Synced")
		p.writes("sheet.csv", "agent,group,receives", "7,91,yes")
		got := p.run(importsSheet + " --apply")
		Expect(got.err).To(HavePrefix("warning: agent 7 has the mapping asha already; a group that both name is the older one's\n"))
		Expect(got.status).To(BeZero())
		p.waitFor("agent-7", "Synced")
		Expect(p.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y", "91": "Y"}))
	})

	It("applies nothing of a table with a mistake", func() {
		p := somebody("import-mistake")
		p.writes("sheet.csv", "agent,group,receives", "7,90,yes", "8,90,")
		Expect(p.run(importsSheet + " --apply")).To(Equal(result{
			err: "line 3: receives is empty: say yes or no\n" +
				"error: 1 problem in the table, so nothing was applied; put that right and import again\n", status: 1,
		}))
		Expect(p.names()).To(BeEmpty())
	})

	It("tells how far a long import has come, and reads its own roster again", func() {
		p := somebody("import-many")
		lines := []string{"agent,group,receives"}
		var agents []string
		for i := range 120 {
			agents = append(agents, fmt.Sprint(1000+i))
			lines = append(lines, fmt.Sprintf("%d,90,%d", 1000+i, i%2))
		}
		p.deepcall.AddAgents(agents...)
		p.writes("sheet.csv", lines...)
		Expect(p.run(importsSheet + " --apply").err).To(Equal("100 of 120\n120 created, 0 changed, 0 unchanged, 0 failed\n"))
		p.does("kubectl wait agm --all --for=condition=Ready --timeout=60s")
		p.does("kubectl deepcall roster -o csv > sheet.csv")
		Expect(p.run(importsSheet + " --apply").err).To(Equal("100 of 120\n0 created, 0 changed, 120 unchanged, 0 failed\n"))
	})
})
