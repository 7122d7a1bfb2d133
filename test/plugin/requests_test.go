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

	It("sends all mappings of an account, and waits for them", func() {
		u, team := newUser("resync-account"), newUser("resync-team")
		u.mustRun(`kubectl patch dca acme --type=merge -p '{"spec":{"allowedNamespaces":{"from":"All"}}}'`)
		u.createMapping(testenv.Mapping("asha").Group("90", true), "Synced")
		team.createMapping(testenv.Mapping("ben").AccountIn("resync-account", "acme").Agent("8").Group("90", true), "Synced")
		team.createMapping(testenv.Mapping("cara").Agent("9").Group("90", true), "Synced")
		u.deepcall.SetAgent("7", map[string]string{"90": "N"})
		requests := len(u.deepcall.Requests())

		const account = "deepcallaccount.telephony.deepcall.com/acme"
		Expect(u.run("kubectl deepcall resync account/acme --wait")).To(Equal(result{
			out: account + " resync requested\n" + account + ": 2 of 2 mappings Ready\n",
		}))
		Expect(u.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y"}))
		Expect(u.deepcall.Requests()).To(HaveLen(requests + 2))
		Expect(team.deepcall.Requests()).To(HaveLen(1))

		u.createMapping(testenv.Mapping("dan").Agent("10").Group("99", true), "InvalidGroupData")
		Expect(u.run("kubectl deepcall resync dca/acme dca/gone asha --wait")).To(Equal(result{
			out: account + " resync requested\n" + object + "asha resync requested\n" + object + "asha: Ready, Synced: DeepCall confirmed the declared groups\n",
			err: "deepcallaccounts.telephony.deepcall.com \"gone\" not found in namespace \"resync-account\"\n" +
				object + "dan -n resync-account: not Ready, InvalidGroupData: DeepCall error 1505: Invalid group data\n" +
				account + ": 2 of 3 mappings Ready\nerror: 2 of 3 objects failed\n",
			status: 1,
		}))
		Expect(u.mustRun("kubectl deepcall resync dca/acme asha --dry-run -o name")).To(Equal(account + "\n" + object + "asha\n"))
		Expect(u.mustRun("kubectl deepcall resync asha dan --dry-run -o yaml | kubectl get -o name -f -")).To(Equal(object + "asha\n" + object + "dan\n"))
	})

	It("waits for a slow answer with the rights of one namespace", func() {
		u := newUser("resync-role")
		u.createMapping(testenv.Mapping("asha").Group("90", true), "Synced")
		u.mustRun("kubectl create role editor --verb=get,list,watch,patch --resource=agentgroupmappings.telephony.deepcall.com,deepcallaccounts.telephony.deepcall.com && " +
			"kubectl create rolebinding editor --role=editor --user=editor")
		u.deepcall.Script(deepcalltest.Drip(40 * time.Millisecond))
		started := time.Now()
		Expect(u.run("kubectl deepcall resync account/acme --wait --as editor")).To(Equal(result{
			out: "deepcallaccount.telephony.deepcall.com/acme resync requested\ndeepcallaccount.telephony.deepcall.com/acme: 1 of 1 mapping Ready\n",
			err: "warning: waiting only for mappings in namespace \"resync-role\": needs the right to list and watch agentgroupmappings in all namespaces\n",
		}))
		Expect(time.Since(started)).To(BeNumerically(">", 3*time.Second))
	})

	It("reports at once that an account is denied", func() {
		u := newUser("resync-denied")
		u.createMapping(testenv.Mapping("asha").Orphan().Group("90", true), "Synced")
		u.deepcall.Script(deepcalltest.Code(1014).Times(-1))
		const denied = "not confirmed: account acme is InvalidToken: DeepCall error 1014: "
		started := time.Now()
		Expect(u.run("kubectl deepcall resync asha --wait").err).To(And(HavePrefix(object+"asha "+denied), HaveSuffix("\nerror: 1 of 1 mapping failed\n")))
		Expect(u.run("kubectl deepcall resync asha --wait --timeout=1s").err).To(HavePrefix(object + "asha " + denied))
		Expect(u.run("kubectl deepcall resync account/acme --wait").err).To(And(
			HavePrefix("deepcallaccount.telephony.deepcall.com/acme: 1 mapping "+denied), HaveSuffix("\nerror: 1 of 1 object failed\n")))
		Expect(time.Since(started)).To(BeNumerically("<", 20*time.Second))
	})

	It("reports mappings of an account that are not handled in time", func() {
		u := newUser("resync-slow")
		u.createMapping(testenv.Mapping("asha").Orphan().Group("90", true), "Synced")
		u.deepcall.Script(deepcalltest.Drip(40 * time.Millisecond))
		Expect(u.run("kubectl deepcall resync account/acme --wait --timeout=2s").err).To(Equal("deepcallaccount.telephony.deepcall.com/acme: 1 mapping not handled within 2s; " +
			"check the account: kubectl describe dca acme -n resync-slow\nerror: 1 of 1 object failed\n"))
	})

	It("refers to the account if a resync waits for it", func() {
		u := newUser("resync-waits")
		u.createMapping(testenv.Mapping("asha").Orphan().Group("90", true), "Synced")
		u.deepcall.Script(deepcalltest.Drip(40 * time.Millisecond))
		Expect(u.run("kubectl deepcall resync asha --wait --timeout=1s").err).To(Equal(object + "asha was not handled within 1s; " +
			"Ready, Synced: DeepCall confirmed the declared groups; check its account: kubectl describe dca acme -n resync-waits\n" +
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
