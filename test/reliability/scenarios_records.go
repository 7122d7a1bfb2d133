package reliability

import (
	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// recordScenarios copy, forge and erase what the operator records in an object.
var recordScenarios = []scenario{
	{
		name:          "rename",
		bothSemantics: true,
		setup:         withSynced(asha()),
		steps: func(env *environment) {
			env.copy("asha", "meera")
			env.delete("asha")
		},
		expected: expectSynced("meera", "90=Y 91=N"),
		requests: map[string]int{"7": 3}, // one more if the copy is observed after the deletion
	},
	{
		name:  "copy-and-delete-the-copy",
		setup: withSynced(asha()),
		steps: func(env *environment) {
			env.copy("asha", "meera")
			env.waitStatus("meera", "Ready=False Conflict Stalled")
			env.delete("meera")
		},
		expected: expectSynced("asha", "90=Y 91=N"),
		requests: map[string]int{"7": 1},
	},
	{
		name:          "forge-record",
		bothSemantics: true,
		setup:         withSynced(asha(), ravi("7")),
		steps: func(env *environment) {
			env.edit("asha", forgeRecord("90", "92"))
			env.edit("asha", setGroup("91", true))
		},
		expected: expectBothSynced("90=Y 91=Y 92=Y"),
		requests: map[string]int{"7": 3},
	},
	{
		name:  "forge-record-of-a-former-group",
		setup: withSynced(asha()),
		steps: func(env *environment) {
			env.edit("asha", dropGroup("90"))
			env.edit("asha", forgeRecord("90"))
		},
		expected: expectSynced("asha", "91=N"),
		requests: map[string]int{"7": 3},
	},
	{
		name:  "erase-records",
		setup: withSynced(asha()),
		steps: func(env *environment) {
			env.edit("asha", setGroup("93", true))
			env.waitRequest("7", "93=Y")
			env.edit("asha", env.eraseRecords)
		},
		expected: expectSynced("asha", "90=Y 91=N 93=Y"),
		requests: map[string]int{"7": 2},
	},
	{
		name:  "erase-records-and-delete",
		setup: withSynced(asha()),
		steps: func(env *environment) {
			env.edit("asha", env.eraseRecords)
			env.waitFinalizer("asha")
			env.delete("asha")
		},
		expected: expectation{accounts: usableAccount},
		requests: map[string]int{"7": 2},
	},
	{
		name:  "erase-status",
		setup: withSynced(asha()),
		steps: func(env *environment) {
			env.replaceStatus(env.key("asha"), v1alpha1.AgentGroupMappingStatus{})
			env.edit("asha", setGroup("90", false))
		},
		expected: expectSynced("asha", "90=N 91=N"),
		requests: map[string]int{"7": 3},
	},
}

// tenancyScenarios change which namespaces an account allows, or let all requests of one agent fail.
var tenancyScenarios = []scenario{
	{
		name:            "revoke-and-grant",
		bothSemantics:   true,
		otherNamespaces: 1,
		setup:           withGuest,
		steps: func(env *environment) {
			env.allowNamespaces(v1alpha1.NamespacesFromSame)
			env.waitStatus("1/lena", "Ready=False AccountNotPermitted Stalled")
			env.edit("1/lena", setGroup("92", false))
			env.edit("asha", setGroup("90", false))
			env.waitStatus("1/lena", "Ready=False AccountNotPermitted Stalled")
			env.waitStatus("asha", readySynced)
			env.allowNamespaces(v1alpha1.NamespacesFromAll)
		},
		expected: expectation{
			groups:   map[string]string{"7": "90=N 91=N 92=N"},
			mappings: map[string]string{"asha": readySynced, "1/lena": readySynced},
			accounts: usableAccount,
		},
		requests: map[string]int{"7": 4},
	},
	{
		name:            "revoke-and-take-over",
		otherNamespaces: 1,
		setup:           withGuest,
		steps: func(env *environment) {
			env.allowNamespaces(v1alpha1.NamespacesFromSame)
			env.waitStatus("1/lena", "Ready=False AccountNotPermitted Stalled")
			env.edit("asha", setGroup("92", false))
			env.waitStatus("asha", readySynced)
			env.delete("1/lena")
		},
		expected: expectSynced("asha", "90=Y 91=N 92=N"),
		requests: map[string]int{"7": 3},
	},
	{
		name:            "revoke-and-delete",
		bothSemantics:   true,
		otherNamespaces: 1,
		setup:           withGuest,
		steps: func(env *environment) {
			env.allowNamespaces(v1alpha1.NamespacesFromSame)
			env.delete("1/lena")
		},
		expected: expectSynced("asha", "90=Y 91=N"),
		requests: map[string]int{"7": 3},
	},
	oneBadAgent("503", deepcalltest.Status(503)),
	oneBadAgent("1015", deepcalltest.Code(1015)),
}

// oneBadAgent returns a scenario in which all requests for agent 8 fail, which must not keep agent 7 from being synced.
func oneBadAgent(name string, fault deepcalltest.Fault) scenario {
	return scenario{
		name:  "bad-agent-" + name,
		setup: withSynced(asha(), ravi("8")),
		steps: func(env *environment) {
			env.deepcall.Script(fault.ForAgent("8").Times(-1))
			env.edit("ravi", setGroup("92", false))
			env.edit("asha", setGroup("90", false))
			env.waitSyncedOrDenied("asha")
			env.deepcall.ClearFaults()
			env.editAccount("acme", func(a *v1alpha1.DeepCallAccount) { a.Spec.Limits.Burst++ }) // retries a denied account, without a resync
			env.requestResync("ravi", "now")
			env.waitResync("ravi", "now")
		},
		expected: expectation{
			groups:   map[string]string{"7": "90=N 91=N", "8": "92=N"},
			mappings: map[string]string{"asha": readySynced, "ravi": readySynced},
			accounts: usableAccount,
		},
		requests: map[string]int{"7": 2, "8": 12}, // those for agent 8 are repeated until agent 7 is synced
	}
}

// waitSyncedOrDenied waits until a mapping is synced. After a fault, a denial of another agent alone can disable the account
// (R10): if it is the first answer to a new process, or the request that is to refute it fails. A user then retries the account.
func (env *environment) waitSyncedOrDenied(name string) {
	env.t.Helper()
	env.waitFor(name+" is synced", func() string {
		account := env.history.accounts()[env.key("acme")]
		if env.unknownResults() > 0 && accountSummary(account) == "Ready=False PermissionDenied Stalled" {
			return ""
		}
		if summary := mappingSummary(env.history.mappings()[env.key(name)]); summary != readySynced {
			return "it is " + summary
		}
		return ""
	})
}

// withGuest creates a synced mapping asha, and lena in another namespace that the account allows.
func withGuest(env *environment) {
	withSynced(asha())(env)
	env.allowNamespaces(v1alpha1.NamespacesFromAll)
	env.create(testenv.Mapping("lena").In(env.namespaces[1]).AccountIn(env.namespaces[0], "acme").Group("92", true).Build())
	env.waitStatus("1/lena", readySynced)
}

func (env *environment) allowNamespaces(from v1alpha1.NamespacesFrom) {
	env.t.Helper()
	env.editAccount("acme", func(a *v1alpha1.DeepCallAccount) { a.Spec.AllowedNamespaces.From = from })
}

// copy creates a mapping with the spec, the records and the status of another one, as a backup tool does.
func (env *environment) copy(name, to string) {
	env.t.Helper()
	original := &v1alpha1.AgentGroupMapping{}
	env.must(k8sClient.Get(env.ctx, env.key(name), original))
	env.copyMapping(original, testenv.Mapping(to).Agent(original.Spec.AgentID).Build())
	env.replaceStatus(env.key(to), original.Status)
}
