package reliability

const writeRejected = "Ready=False WriteRejected Stalled"

// rejectionScenarios have writes that the API server rejects until a user allows them. Meanwhile other mappings of the agent are
// synced (R16).
var rejectionScenarios = []scenario{
	{
		name:          "record-rejected",
		bothSemantics: true,
		setup:         withSynced(asha(), ravi("7")),
		steps: func(env *environment) {
			env.rejectWrites("agentgroupmappings/asha")
			env.edit("asha", setGroup("93", true))
			env.waitStatus("asha", writeRejected)
			env.edit("ravi", setGroup("92", false))
			env.waitStatus("ravi", readySynced)
			env.rejectWrites("")
		},
		expected: expectBothSynced("90=Y 91=N 92=N 93=Y"),
		requests: map[string]int{"7": 4},
	},
	{
		name:          "status-rejected",
		bothSemantics: true,
		setup:         withSynced(asha()),
		steps: func(env *environment) {
			env.rejectWrites("agentgroupmappings/asha/status")
			env.edit("asha", setGroup("93", true))
			env.waitAccepted("7", "93=Y")
			env.create(ravi("7").Build())
			env.waitStatus("ravi", readySynced)
			env.rejectWrites("")
		},
		expected:          expectBothSynced("90=Y 91=N 92=Y 93=Y"),
		requests:          map[string]int{"7": 3},
		isolationRequests: map[string]int{"7": 1}, // the result is only in memory
	},
	{
		name:          "finalizer-rejected",
		bothSemantics: true,
		setup:         withSynced(asha(), ravi("7")),
		steps: func(env *environment) {
			env.rejectWrites("agentgroupmappings/asha")
			env.delete("asha")
			env.waitStatus("asha", writeRejected)
			env.edit("ravi", setGroup("92", false))
			env.waitStatus("ravi", readySynced)
			env.rejectWrites("")
		},
		expected: expectSynced("ravi", "92=N"),
		requests: map[string]int{"7": 4},
	},
}
