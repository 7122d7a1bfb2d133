package reliability

import "github.com/deepcall/deepcall-operator/test/testenv"

// editScenarios edit groups that stay with their mapping.
var editScenarios = []scenario{
	{
		name: "create",
		steps: func(env *environment) {
			env.createAccount()
			env.create(asha().Build())
		},
		expected: expectSynced("asha", "90=Y 91=N"),
		requests: map[string]int{"7": 1},
	},
	{
		name:          "create-three",
		bothSemantics: true,
		setup:         (*environment).createAccount,
		steps: func(env *environment) {
			env.create(asha().Build(), ravi("7").Build(), testenv.Mapping("lena").Agent("8").Group("90", true).Build())
		},
		expected: expectation{
			groups:   map[string]string{"7": "90=Y 91=N 92=Y", "8": "90=Y"},
			mappings: map[string]string{"asha": readySynced, "ravi": readySynced, "lena": readySynced},
			accounts: usableAccount,
		},
		requests: map[string]int{"7": 2, "8": 1},
	},
	{
		name:     "edit",
		setup:    withSynced(asha()),
		steps:    func(env *environment) { env.edit("asha", setGroup("90", false)) },
		expected: expectSynced("asha", "90=N 91=N"),
		requests: map[string]int{"7": 2},
	},
	{
		name:          "edit-with-carried-groups",
		bothSemantics: true,
		setup:         withSynced(asha(), ravi("7")),
		steps:         func(env *environment) { env.edit("asha", setGroup("90", false)) },
		expected:      expectBothSynced("90=N 91=N 92=Y"),
		requests:      map[string]int{"7": 3},
	},
	{
		name:  "edit-and-back",
		setup: withSynced(asha()),
		steps: func(env *environment) {
			env.edit("asha", setGroup("90", false))
			env.edit("asha", setGroup("90", true))
		},
		expected: expectSynced("asha", "90=Y 91=N"),
		requests: map[string]int{"7": 3},
	},
	{
		name:  "edit-and-back-when-observed",
		setup: withSynced(asha()),
		steps: func(env *environment) {
			env.edit("asha", setGroup("90", false))
			env.waitObserved("asha")
			env.edit("asha", setGroup("90", true))
		},
		expected: expectSynced("asha", "90=Y 91=N"),
		requests: map[string]int{"7": 3},
	},
	{
		name:  "edit-and-back-after-the-request",
		setup: withSynced(asha()),
		steps: func(env *environment) {
			env.edit("asha", setGroup("90", false))
			env.waitRequest("7", "90=N")
			env.edit("asha", setGroup("90", true))
		},
		expected: expectSynced("asha", "90=Y 91=N"),
		requests: map[string]int{"7": 3},
	},
	{
		name:     "add-group",
		setup:    withSynced(asha()),
		steps:    func(env *environment) { env.edit("asha", setGroup("93", true)) },
		expected: expectSynced("asha", "90=Y 91=N 93=Y"),
		requests: map[string]int{"7": 2},
	},
	{
		name:          "remove-group",
		bothSemantics: true,
		setup:         withSynced(asha()),
		steps:         func(env *environment) { env.edit("asha", dropGroup("90")) },
		expected:      expectSynced("asha", "91=N"),
		requests:      map[string]int{"7": 2},
	},
	{
		name:  "add-and-remove-group",
		setup: withSynced(asha()),
		steps: func(env *environment) {
			env.edit("asha", setGroup("93", true))
			env.edit("asha", dropGroup("93"))
		},
		expected: expectSynced("asha", "90=Y 91=N"),
		requests: map[string]int{"7": 3},
	},
	{
		name:  "add-and-remove-group-after-the-request",
		setup: withSynced(asha()),
		steps: func(env *environment) {
			env.edit("asha", setGroup("93", true))
			env.waitRequest("7", "93=Y")
			env.edit("asha", dropGroup("93"))
		},
		expected: expectSynced("asha", "90=Y 91=N"),
		requests: map[string]int{"7": 3},
	},
	{
		name:  "create-and-delete-after-the-request",
		setup: (*environment).createAccount,
		steps: func(env *environment) {
			env.create(asha().Build())
			env.waitRequest("7", "90=Y")
			env.delete("asha")
		},
		expected: expectation{accounts: usableAccount},
		requests: map[string]int{"7": 2},
	},
}
