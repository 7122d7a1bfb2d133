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
	It("sends one request per mapping and waits for the response", func() {
		u := newUser("resync-wait")
		u.createMapping(testenv.Mapping("asha").Group("90", true), "Synced")
		u.createMapping(testenv.Mapping("ben").Agent("8").Group("99", true), "InvalidGroupData")
		u.deepcall.SetAgent("7", map[string]string{"90": "N"})
		requests := len(u.deepcall.Requests())

		Expect(u.run("kubectl deepcall resync asha agm/ben gone --wait")).To(Equal(result{
			out: object + "asha resync requested\n" + object + "ben resync requested\n" +
				object + "asha: Ready, Synced: DeepCall confirmed the declared groups\n",
			err: "agentgroupmappings.telephony.deepcall.com \"gone\" not found in namespace \"resync-wait\"\n" +
				object + "ben: not Ready, InvalidGroupData: DeepCall error 1505: Invalid group data\n" +
				"error: 2 of 3 mappings failed\n",
			status: 1,
		}))
		Expect(u.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y"}))
		Expect(u.deepcall.Requests()).To(HaveLen(requests + 2))
		at, err := time.Parse(time.RFC3339Nano, u.mapping("asha").Annotations[v1alpha1.ReconcileRequestedAtAnnotation])
		Expect(err).NotTo(HaveOccurred())
		Expect(at).To(BeTemporally("~", time.Now(), time.Minute))

		u.deepcall.AddGroups("99")
		Expect(u.run("kubectl deepcall resync --all --wait").out).To(Equal(object + "asha resync requested\n" + object + "ben resync requested\n" +
			object + "asha: Ready, Synced: DeepCall confirmed the declared groups\n" + object + "ben: Ready, Synced: DeepCall confirmed the declared groups\n"))
	})

	It("refers to the account if a resync waits for it", func() {
		u := newUser("resync-denied")
		u.createMapping(testenv.Mapping("asha").Orphan().Group("90", true), "Synced")
		u.deepcall.Script(deepcalltest.Code(1014).ForAgent("7").Times(-1))
		u.mustRun("kubectl deepcall resync asha && kubectl wait dca --all --for=condition=Ready=False --timeout=20s")
		Expect(u.run("kubectl deepcall resync asha --wait --timeout=1s").err).To(Equal(object + "asha was not handled within 1s; " +
			"Ready, Synced: DeepCall confirmed the declared groups; check its account: kubectl describe dca acme -n resync-denied\n" +
			"error: 1 of 1 mapping failed\n"))
	})

	It("warns about suspended mappings and stops waiting after the timeout", func() {
		u := newUser("resync-suspended")
		u.createMapping(testenv.Mapping("asha").Suspended().Group("90", true), "Suspended")
		Expect(u.run("kubectl deepcall resync asha")).To(Equal(result{
			out: object + "asha resync requested\n",
			err: "warning: " + object + "asha is suspended and is not sent until it is resumed: kubectl deepcall resume asha -n resync-suspended\n",
		}))
		Expect(u.run("kubectl deepcall resync asha --wait")).To(Equal(result{
			out: object + "asha resync requested\n",
			err: object + "asha is suspended and is not sent; resume it first: kubectl deepcall resume asha -n resync-suspended\n" +
				"error: 1 of 1 mapping failed\n",
			status: 1,
		}))
		u.createMapping(testenv.Mapping("lost").Account("none").Agent("8").Group("90", true), "AccountNotFound")
		Expect(u.run("kubectl deepcall resync lost --wait --timeout=1s").err).To(Equal(object + "lost was not handled within 1s; not Ready, AccountNotFound: " +
			"There is no DeepCallAccount \"none\" in this namespace; create it, or make a new mapping with the right spec.accountRef\nerror: 1 of 1 mapping failed\n"))
		Expect(u.run("kubectl deepcall resync -l team=none")).To(Equal(result{err: "No matching mappings in namespace \"resync-suspended\".\n"}))
		u.mustRun("kubectl delete agm lost --timeout=20s")
	})
})

var _ = Describe("kubectl deepcall suspend and resume", func() {
	It("change only spec.suspend of the selected mappings", func() {
		u, apart := newUser("suspend-here"), newUser("suspend-apart")
		u.createMapping(testenv.Mapping("asha").Group("90", true), "Synced")
		u.createMapping(testenv.Mapping("ben").Agent("8").Group("90", true), "Synced")
		apart.createMapping(testenv.Mapping("cara").Agent("9").Group("90", true), "Synced")
		u.mustRun("kubectl label agm ben team=night && kubectl label -n suspend-apart agm cara team=night")
		suspended := func() []bool {
			return []bool{u.mapping("asha").Spec.Suspend, u.mapping("ben").Spec.Suspend, apart.mapping("cara").Spec.Suspend}
		}

		Expect(u.mustRun("kubectl deepcall suspend --all --dry-run")).To(Equal(object + "asha suspended (server dry run)\n" + object + "ben suspended (server dry run)\n"))
		Expect(suspended()).To(Equal([]bool{false, false, false}))
		before := u.mapping("asha").Spec
		Expect(u.mustRun("kubectl deepcall suspend asha")).To(Equal(object + "asha suspended\n"))
		Expect(u.mustRun("kubectl deepcall suspend --all")).To(Equal(object + "asha already suspended\n" + object + "ben suspended\n"))
		Expect(suspended()).To(Equal([]bool{true, true, false}))
		before.Suspend = true
		Expect(u.mapping("asha").Spec).To(Equal(before))
		Expect(u.mustRun("kubectl deepcall suspend -A -l team=night")).To(Equal(object + "cara -n suspend-apart suspended\n" + object + "ben -n suspend-here already suspended\n"))
		Expect(u.mustRun("kubectl get agm -o name | xargs kubectl deepcall resume")).To(Equal(object + "asha resumed\n" + object + "ben resumed\n"))
		Expect(suspended()).To(Equal([]bool{false, false, true}))
	})

	It("continue after a failure", func() {
		u := newUser("suspend-forbidden")
		u.createMapping(testenv.Mapping("asha").Group("90", true), "Synced")
		u.mustRun("kubectl create rolebinding look --clusterrole=look --user=onlooker && " +
			"kubectl create clusterrole look --verb=get,list --resource=agentgroupmappings.telephony.deepcall.com")
		got := u.run("kubectl deepcall suspend --all --as onlooker")
		Expect(got.status).To(Equal(1))
		Expect(got.err).To(And(HavePrefix(object+"asha: "), ContainSubstring("cannot patch"), HaveSuffix("error: 1 of 1 mapping failed\n")))
		Expect(u.mapping("asha").Spec.Suspend).To(BeFalse())
	})
})
