package reliability

import (
	"strings"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// lifecycleScenarios hand groups over, delete mappings, or change accounts.
var lifecycleScenarios = []scenario{
	{
		name:          "handover",
		bothSemantics: true,
		setup:         withSynced(asha(), ravi("7")),
		steps: func(env *environment) {
			env.edit("asha", dropGroup("90"))
			env.edit("ravi", setGroup("90", true))
		},
		expected: expectBothSynced("90=Y 91=N 92=Y"),
		requests: map[string]int{"7": 4},
	},
	{
		name:          "handover-and-back-after-the-request",
		bothSemantics: true,
		setup:         withSynced(asha(), ravi("7")),
		steps: func(env *environment) {
			env.edit("asha", dropGroup("90"))
			env.edit("ravi", setGroup("90", false))
			env.waitRequest("7", "90=N")
			env.edit("ravi", dropGroup("90"))
			env.edit("asha", setGroup("90", true))
		},
		expected: expectBothSynced("90=Y 91=N 92=Y"),
		requests: map[string]int{"7": 7},
	},
	{
		name:          "swap",
		bothSemantics: true,
		setup:         withSynced(testenv.Mapping("asha").Group("90", true), testenv.Mapping("ravi").Group("92", true)),
		steps: func(env *environment) {
			env.edit("asha", func(m *v1alpha1.AgentGroupMapping) { dropGroup("90")(m); setGroup("92", false)(m) })
			env.edit("ravi", func(m *v1alpha1.AgentGroupMapping) { dropGroup("92")(m); setGroup("90", false)(m) })
		},
		expected: expectBothSynced("90=N 92=N"),
		requests: map[string]int{"7": 5},
	},
	{
		name:  "create-in-conflict",
		setup: (*environment).createAccount,
		steps: func(env *environment) { env.create(asha().Build(), ravi("7").Group("90", false).Build()) },
		expected: expectation{
			groups:   map[string]string{"7": "90=Y 91=N 92=Y"},
			mappings: map[string]string{"asha": readySynced, "ravi": "Ready=False Conflict Stalled"},
			accounts: usableAccount,
		},
		requests: map[string]int{"7": 2},
	},
	{
		name:          "conflict-resolved",
		bothSemantics: true,
		setup: func(env *environment) {
			withSynced(asha())(env)
			env.create(ravi("7").Group("90", false).Build())
			env.waitStatus("ravi", "Ready=False Conflict Stalled")
		},
		steps:    func(env *environment) { env.delete("asha") },
		expected: expectSynced("ravi", "90=N 92=Y"),
		requests: map[string]int{"7": 4},
	},
	{
		name:  "rotate-secret",
		setup: withSynced(asha()),
		steps: func(env *environment) {
			env.deepcall.RotateToken(userID, nextToken)
			env.editSecret("acme", nextToken)
			env.edit("asha", setGroup("90", false))
		},
		expected: expectSynced("asha", "90=N 91=N"),
		requests: map[string]int{"7": 3}, // one more with the old token, if the edit is observed first
	},
	{
		name:  "suspend-edit-resume",
		setup: withSynced(asha()),
		steps: func(env *environment) {
			env.edit("asha", setSuspend(true))
			env.edit("asha", setGroup("90", false))
			env.waitStatus("asha", "Ready=False Suspended")
			env.edit("asha", setSuspend(false))
		},
		expected: expectSynced("asha", "90=N 91=N"),
		requests: map[string]int{"7": 2},
	},
	{
		name:          "delete",
		bothSemantics: true,
		setup:         withSynced(asha(), ravi("7")),
		steps:         func(env *environment) { env.delete("asha") },
		expected:      expectSynced("ravi", "92=Y"),
		requests:      map[string]int{"7": 3},
	},
	{
		name:     "delete-orphan",
		setup:    withSynced(asha().Orphan()),
		steps:    func(env *environment) { env.delete("asha") },
		expected: expectation{orphaned: map[string]string{"7": "90=Y"}, accounts: usableAccount},
		requests: map[string]int{"7": 1},
	},
	{
		name:  "delete-everything",
		setup: withSynced(asha(), ravi("8")),
		steps: func(env *environment) {
			env.deleteAccount("acme")
			env.delete("asha", "ravi")
			env.restoreSecretIfNeeded()
		},
		requests: map[string]int{"7": 2, "8": 2},
	},
	{
		name:  "delete-and-create",
		setup: withSynced(asha()),
		steps: func(env *environment) {
			env.delete("asha")
			env.waitDeleted("asha")
			env.create(testenv.Mapping("asha").Group("91", true).Group("93", true).Build())
		},
		expected: expectSynced("asha", "91=Y 93=Y"),
		requests: map[string]int{"7": 3},
	},
	{
		name:  "resync",
		setup: withSynced(asha()),
		steps: func(env *environment) {
			env.deepcall.SetAgent("7", map[string]string{"90": "N"})
			env.requestResync("asha", "now")
			env.waitResync("asha", "now")
		},
		expected: expectSynced("asha", "90=Y 91=N"),
		requests: map[string]int{"7": 2},
	},
	{
		// A new leader whose cache does not contain ravi yet repeats the request: it must not leave out ravi's groups.
		name:          "new-mapping-before-a-retry",
		bothSemantics: true,
		setup:         withSynced(asha()),
		steps: func(env *environment) {
			env.deepcall.Script(deepcalltest.Code(1032).ForAgent("7"))
			env.requestResync("asha", "now")
			env.waitFor("the request fails", func() string {
				for _, e := range env.ledger.list() {
					if strings.HasPrefix(e.result, "1032") {
						return ""
					}
				}
				return "not yet"
			})
			env.create(ravi("7").Build())
			env.waitResync("asha", "now")
		},
		expected: expectBothSynced("90=Y 91=N 92=Y"),
		requests: map[string]int{"7": 4},
	},
	{
		name:  "rejected-and-fixed",
		setup: withSynced(asha()),
		steps: func(env *environment) {
			env.deepcall.RemoveGroups("99")
			env.edit("asha", setGroup("99", true))
			env.waitStatus("asha", "Ready=False InvalidGroupData Stalled")
			env.edit("asha", dropGroup("99"))
		},
		expected:          expectSynced("asha", "90=Y 91=N"),
		requests:          map[string]int{"7": 3},
		isolationRequests: map[string]int{"7": 2}, // 99 was possibly added: it is removed, which DeepCall rejects
	},
	{
		name:  "switch-endpoint",
		setup: withSynced(asha()),
		steps: func(env *environment) {
			url := env.startOtherDeepCall()
			env.editAccount("acme", func(account *v1alpha1.DeepCallAccount) { account.Spec.Endpoint = url })
		},
		expected: expectation{
			groups: map[string]string{"7": "90=Y 91=N"}, otherServer: true,
			mappings: map[string]string{"asha": readySynced}, accounts: usableAccount,
		},
		requests: map[string]int{"7": 2},
	},
	{
		name:  "orphan-to-stop-calls",
		setup: withSynced(asha().Orphan()),
		steps: func(env *environment) {
			env.edit("asha", setPolicy(v1alpha1.RemovalPolicyStopCalls))
			env.edit("asha", dropGroup("90"))
		},
		expected: expectSynced("asha", "91=N"),
		requests: map[string]int{"7": 2},
	},
	{
		name:  "stop-calls-to-orphan",
		setup: withSynced(asha()),
		steps: func(env *environment) {
			env.edit("asha", setPolicy(v1alpha1.RemovalPolicyOrphan))
			env.delete("asha")
		},
		expected: expectation{orphaned: map[string]string{"7": "90=Y"}, accounts: usableAccount},
		requests: map[string]int{"7": 1},
	},
}
