package plugin

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = Describe("kubectl deepcall resync", func() {
	It("makes one call for each mapping, and waits for DeepCall's answer", func() {
		p := somebody("resync-wait")
		p.declare(testenv.Mapping("asha").Group("90", true), "Synced")
		p.declare(testenv.Mapping("ben").Agent("8").Group("99", true), "InvalidGroupData")
		p.deepcall.SetAgent("7", map[string]string{"90": "N"})
		calls := len(p.deepcall.Calls())

		Expect(p.run("kubectl deepcall resync asha agm/ben gone --wait")).To(Equal(result{
			out: object + "asha resync requested\n" + object + "ben resync requested\n" +
				object + "asha: Ready, Synced: DeepCall confirmed the declared groups\n",
			err: "There is no mapping \"gone\" in the namespace \"resync-wait\".\n" +
				object + "ben: not Ready, InvalidGroupData: DeepCall error 1505: Invalid group data\n" +
				"error: 2 of 3 mappings failed\n",
			status: 1,
		}))
		Expect(p.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y"}))
		Expect(p.deepcall.Calls()).To(HaveLen(calls + 2))
		at, err := time.Parse(time.RFC3339Nano, p.mapping("asha").Annotations[v1alpha1.ReconcileRequestedAtAnnotation])
		Expect(err).NotTo(HaveOccurred())
		Expect(at).To(BeTemporally("~", time.Now(), time.Minute))

		p.deepcall.AddGroups("99")
		Expect(p.run("kubectl deepcall resync --all --wait").out).To(Equal(object + "asha resync requested\n" + object + "ben resync requested\n" +
			object + "asha: Ready, Synced: DeepCall confirmed the declared groups\n" + object + "ben: Ready, Synced: DeepCall confirmed the declared groups\n"))
	})

	It("names the account when that is what a resync waits for", func() {
		p := somebody("resync-refused")
		p.declare(testenv.Mapping("asha").Orphan().Group("90", true), "Synced")
		p.deepcall.Script(deepcalltest.Code(1014).ForAgent("7").Times(-1))
		p.does("kubectl deepcall resync asha && kubectl wait dca --all --for=condition=Ready=False --timeout=20s")
		Expect(p.run("kubectl deepcall resync asha --wait --timeout=1s").err).To(Equal(object + "asha was not handled within 1s; " +
			"Ready, Synced: DeepCall confirmed the declared groups; its account may be what it waits for: kubectl describe dca acme -n resync-refused\n" +
			"error: 1 of 1 mapping failed\n"))
	})

	It("says that a suspended mapping is not sent, and gives up after the time-out", func() {
		p := somebody("resync-not")
		p.declare(testenv.Mapping("asha").Suspended().Group("90", true), "Suspended")
		Expect(p.run("kubectl deepcall resync asha")).To(Equal(result{
			out: object + "asha resync requested\n",
			err: "warning: " + object + "asha is suspended; it is sent once you resume it: kubectl deepcall resume asha -n resync-not\n",
		}))
		Expect(p.run("kubectl deepcall resync asha --wait")).To(Equal(result{
			out: object + "asha resync requested\n",
			err: object + "asha is suspended, so nothing is sent; resume it first: kubectl deepcall resume asha -n resync-not\n" +
				"error: 1 of 1 mapping failed\n",
			status: 1,
		}))
		p.declare(testenv.Mapping("lost").Account("none").Agent("8").Group("90", true), "AccountNotFound")
		Expect(p.run("kubectl deepcall resync lost --wait --timeout=1s").err).To(Equal(object + "lost was not handled within 1s; not Ready, AccountNotFound: " +
			"There is no DeepCallAccount \"none\" in this namespace; create it, or make a new mapping with the right spec.accountRef\nerror: 1 of 1 mapping failed\n"))
		Expect(p.run("kubectl deepcall resync -l team=none")).To(Equal(result{err: "No such mappings in the namespace \"resync-not\".\n"}))
		p.does("kubectl delete agm lost --timeout=20s")
	})
})

var _ = Describe("kubectl deepcall suspend and resume", func() {
	It("set spec.suspend and nothing else, of those that are meant", func() {
		p, apart := somebody("suspend-here"), somebody("suspend-apart")
		p.declare(testenv.Mapping("asha").Group("90", true), "Synced")
		p.declare(testenv.Mapping("ben").Agent("8").Group("90", true), "Synced")
		apart.declare(testenv.Mapping("cara").Agent("9").Group("90", true), "Synced")
		p.does("kubectl label agm ben team=night && kubectl label -n suspend-apart agm cara team=night")
		suspended := func() []bool {
			return []bool{p.mapping("asha").Spec.Suspend, p.mapping("ben").Spec.Suspend, apart.mapping("cara").Spec.Suspend}
		}

		Expect(p.does("kubectl deepcall suspend --all --dry-run")).To(Equal(object + "asha suspended (server dry run)\n" + object + "ben suspended (server dry run)\n"))
		Expect(suspended()).To(Equal([]bool{false, false, false}))
		before := p.mapping("asha").Spec
		Expect(p.does("kubectl deepcall suspend asha")).To(Equal(object + "asha suspended\n"))
		Expect(p.does("kubectl deepcall suspend --all")).To(Equal(object + "asha already suspended\n" + object + "ben suspended\n"))
		Expect(suspended()).To(Equal([]bool{true, true, false}))
		before.Suspend = true
		Expect(p.mapping("asha").Spec).To(Equal(before))
		Expect(p.does("kubectl deepcall suspend -A -l team=night")).To(Equal(object + "cara -n suspend-apart suspended\n" + object + "ben -n suspend-here already suspended\n"))
		Expect(p.does("kubectl get agm -o name | xargs kubectl deepcall resume")).To(Equal(object + "asha resumed\n" + object + "ben resumed\n"))
		Expect(suspended()).To(Equal([]bool{false, false, true}))
	})

	It("go on after one that fails", func() {
		p := somebody("suspend-forbidden")
		p.declare(testenv.Mapping("asha").Group("90", true), "Synced")
		p.does("kubectl create rolebinding look --clusterrole=look --user=onlooker && " +
			"kubectl create clusterrole look --verb=get,list --resource=agentgroupmappings.telephony.deepcall.com")
		got := p.run("kubectl deepcall suspend --all --as onlooker")
		Expect(got.status).To(Equal(1))
		Expect(got.err).To(And(HavePrefix(object+"asha: "), ContainSubstring("cannot patch"), HaveSuffix("error: 1 of 1 mapping failed\n")))
		Expect(p.mapping("asha").Spec.Suspend).To(BeFalse())
	})
})
