package monitoring

func mappingScenarios() []scenario {
	rejected := firing{
		alert: "DeepCallMappingsRejected", labels: map[string]string{"reason": "InvalidGroupData"},
		summary: "DeepCall rejects 3 mapping(s): InvalidGroupData.",
		description: "DeepCall rejects the groups of 3 mapping(s) with the reason InvalidGroupData. The groups that it confirmed " +
			"before stay in force. List the mappings with kubectl get agm -A -o wide | grep InvalidGroupData. Their owners " +
			"correct the agent or the groups, in the mapping or in DeepCall.",
	}
	conflict := firing{
		alert:   "DeepCallMappingsInConflict",
		summary: "3 mapping(s) declare a group of an agent that another mapping owns.",
		description: "Two mappings declare the same group of the same agent, and only one of them can own it. List the others with " +
			"kubectl get agm -A -o wide | grep Conflict. Their owners remove the group from one of the two.",
	}
	notReady := func(reason string) firing {
		return firing{
			alert: "DeepCallMappingsNotReady", labels: map[string]string{"reason": reason},
			summary: "3 mapping(s) are not ready: " + reason + ".",
			description: "DeepCall has not confirmed the groups of 3 mapping(s), with the reason " + reason + ". There were such mappings " +
				"at all times of the last 30 minutes, not necessarily the same ones. List them with kubectl get agm -A -o " +
				"wide; the message of each states what to do. Mappings without a message were not reconciled yet, or their " +
				"first request waits for the limits of their account.",
		}
	}
	for3 := func(length int) []string { return gauge(phase{faultAt, 0}, phase{length, 3}, phase{minutes, 0}) }
	return []scenario{
		fires("DeepCall rejects mappings", faultAt+15,
			healthy().mappings("False", "InvalidGroupData", for3(minutes)), rejected),
		silent("DeepCall rejects mappings for almost 15 minutes",
			healthy().mappings("False", "InvalidGroupData", for3(15)), "DeepCallMappingsRejected"),
		fires("mappings are in conflict", faultAt+15, healthy().mappings("False", "Conflict", for3(minutes)), conflict),
		silent("mappings are in conflict for almost 15 minutes",
			healthy().mappings("False", "Conflict", for3(15)), "DeepCallMappingsInConflict"),
		fires("DeepCall can't store what mappings declare", faultAt+30,
			healthy().mappings("False", "DataCouldNotBeUpdated", for3(minutes)), notReady("DataCouldNotBeUpdated")),
		fires("mappings reference accounts that they can't use", faultAt+30,
			healthy().mappings("False", "AccountNotFound", for3(minutes)).mappings("False", "AccountNotPermitted", for3(minutes)),
			notReady("AccountNotFound"), notReady("AccountNotPermitted")),
		fires("the operator does not reconcile new mappings", faultAt+30,
			healthy().mappings("Unknown", "Unobserved", for3(minutes)), notReady("Unobserved")),
		silent("mappings wait for an answer for almost 30 minutes",
			healthy().mappings("False", "Timeout", for3(30)), "DeepCallMappingsNotReady"),
		silent("mappings are suspended or wait for their account",
			healthy().mappings("False", "Suspended", for3(minutes)).mappings("False", "AccountNotReady", for3(minutes)), "DeepCallMappingsNotReady"),
	}
}

func writeScenarios() []scenario {
	rejected := firing{
		alert:   "DeepCallStatusWritesRejected",
		summary: "The API server rejects the status of mappings.",
		description: "For 15 minutes the API server has rejected the status of at least one mapping, so its status is outdated. " +
			"Find the mappings with kubectl get events -A --field-selector reason=WriteRejected. The message names the admission policy, the webhook or the permission.",
	}
	const metric, status = "deepcall_writes_rejected_total", `part="status"`
	return []scenario{
		fires("the API server rejects a status", faultAt+15,
			healthy().set(leader, metric, status, counter(phase{faultAt, 0}, phase{minutes, 1})), rejected),
		silent("the API server rejects a status once",
			healthy().set(leader, metric, status, counter(phase{faultAt, 0}, phase{1, 1}, phase{minutes, 0})), "DeepCallStatusWritesRejected"),
		silent("the API server rejects the metadata of a mapping",
			healthy().set(leader, metric, `part="metadata"`, counter(phase{faultAt, 0}, phase{minutes, 1}))),
	}
}

func removalScenarios() []scenario {
	abandoned := firing{
		alert:   "DeepCallRemovalAbandoned",
		summary: "A mapping was released without removing its groups from DeepCall.",
		description: "Within the last hour a namespace was deleted after its DeepCall credentials, so the operator could not stop " +
			"the calls of the agents mapped in it. These agents can still receive calls. The operator logs the agent and " +
			"the groups: search for \"without removing its groups\", or list the events with kubectl get events -n default " +
			"--field-selector reason=RemovalAbandoned. Remove the agents from these groups in DeepCall.",
	}
	const metric = "deepcall_removals_abandoned_total"
	return []scenario{
		fires("a removal is abandoned", faultAt,
			healthy().set(leader, metric, "", counter(phase{faultAt, 0}, phase{1, 1}, phase{minutes, 0})), abandoned),
		fires("a new replica abandons a removal before it is first scraped", 4,
			healthy().stop(standby, 0, minutes).stop(leader, 0, 4).
				set(leader, "process_start_time_seconds", "", gauge(phase{minutes, 3 * 60})).
				set(leader, metric, "", cut(gauge(phase{minutes, 1}), 0, 4)), abandoned),
		silent("a removal was abandoned long ago",
			healthy().set(leader, metric, "", gauge(phase{minutes, 3})), "DeepCallRemovalAbandoned"),
		silent("the counter of abandoned removals is reset",
			healthy().
				set(leader, "process_start_time_seconds", "", gauge(phase{faultAt, -86400}, phase{minutes, faultAt * 60})).
				set(leader, metric, "", gauge(phase{faultAt, 3}, phase{minutes, 0})), "DeepCallRemovalAbandoned"),
	}
}
