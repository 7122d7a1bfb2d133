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
		{
			name: "DeepCall rejects mappings", from: faultAt + 15, fires: []firing{rejected},
			data: healthy().mappings("False", "InvalidGroupData", for3(minutes)),
		},
		{
			name: "DeepCall rejects mappings for almost 15 minutes", near: []string{"DeepCallMappingsRejected"},
			data: healthy().mappings("False", "InvalidGroupData", for3(15)),
		},
		{
			name: "mappings are in conflict", from: faultAt + 15, fires: []firing{conflict},
			data: healthy().mappings("False", "Conflict", for3(minutes)),
		},
		{
			name: "mappings are in conflict for almost 15 minutes", near: []string{"DeepCallMappingsInConflict"},
			data: healthy().mappings("False", "Conflict", for3(15)),
		},
		{
			name: "DeepCall can't store what mappings declare", from: faultAt + 30, fires: []firing{notReady("DataCouldNotBeUpdated")},
			data: healthy().mappings("False", "DataCouldNotBeUpdated", for3(minutes)),
		},
		{
			name: "mappings reference accounts that they can't use", from: faultAt + 30,
			fires: []firing{notReady("AccountNotFound"), notReady("AccountNotPermitted")},
			data:  healthy().mappings("False", "AccountNotFound", for3(minutes)).mappings("False", "AccountNotPermitted", for3(minutes)),
		},
		{
			name: "the operator does not reconcile new mappings", from: faultAt + 30, fires: []firing{notReady("Unobserved")},
			data: healthy().mappings("Unknown", "Unobserved", for3(minutes)),
		},
		{
			name: "mappings wait for an answer for almost 30 minutes", near: []string{"DeepCallMappingsNotReady"},
			data: healthy().mappings("False", "Timeout", for3(30)),
		},
		{
			name: "mappings are suspended or wait for their account", near: []string{"DeepCallMappingsNotReady"},
			data: healthy().mappings("False", "Suspended", for3(minutes)).mappings("False", "AccountNotReady", for3(minutes)),
		},
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
		{
			name: "the API server rejects a status", from: faultAt + 15, fires: []firing{rejected},
			data: healthy().set(leader, metric, status, counter(phase{faultAt, 0}, phase{minutes, 1})),
		},
		{
			name: "the API server rejects a status once", near: []string{"DeepCallStatusWritesRejected"},
			data: healthy().set(leader, metric, status, counter(phase{faultAt, 0}, phase{1, 1}, phase{minutes, 0})),
		},
		{
			name: "the API server rejects the metadata of a mapping",
			data: healthy().set(leader, metric, `part="metadata"`, counter(phase{faultAt, 0}, phase{minutes, 1})),
		},
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
		{
			name: "a removal is abandoned", from: faultAt, fires: []firing{abandoned},
			data: healthy().set(leader, metric, "", counter(phase{faultAt, 0}, phase{1, 1}, phase{minutes, 0})),
		},
		{
			name: "a new replica abandons a removal before it is first scraped", from: 4, fires: []firing{abandoned},
			data: healthy().stop(standby, 0, minutes).stop(leader, 0, 4).
				set(leader, "process_start_time_seconds", "", gauge(phase{minutes, 3 * 60})).
				set(leader, metric, "", cut(gauge(phase{minutes, 1}), 0, 4)),
		},
		{
			name: "a removal was abandoned long ago", near: []string{"DeepCallRemovalAbandoned"},
			data: healthy().set(leader, metric, "", gauge(phase{minutes, 3})),
		},
		{
			name: "the counter of abandoned removals is reset", near: []string{"DeepCallRemovalAbandoned"},
			data: healthy().
				set(leader, "process_start_time_seconds", "", gauge(phase{faultAt, -86400}, phase{minutes, faultAt * 60})).
				set(leader, metric, "", gauge(phase{faultAt, 3}, phase{minutes, 0})),
		},
	}
}
