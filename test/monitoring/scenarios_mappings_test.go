package monitoring

func mappingScenarios() []scenario {
	rejected := firing{
		alert: "DeepCallMappingsRejected", labels: map[string]string{"reason": "InvalidGroupData"},
		summary: "DeepCall rejects 3 mapping(s): InvalidGroupData.",
		description: "DeepCall refuses what 3 mapping(s) declare, with the reason InvalidGroupData. What it confirmed before stays in " +
			"force. List them with kubectl get agm -A -o wide | grep InvalidGroupData; their owners correct the agent or the " +
			"groups, there or in DeepCall.",
	}
	conflict := firing{
		alert:   "DeepCallMappingsInConflict",
		summary: "3 mapping(s) declare a group of an agent that another mapping holds.",
		description: "Two mappings name the same group of the same agent, and only the one that came first has its way. List the " +
			"others with kubectl get agm -A -o wide | grep Conflict; the owners take the group out of one of the two.",
	}
	notReady := func(reason string) firing {
		return firing{
			alert: "DeepCallMappingsNotReady", labels: map[string]string{"reason": reason},
			summary: "3 mapping(s) are not ready, after 30 minutes in which there always were some: " + reason + ".",
			description: "DeepCall has not confirmed what 3 mapping(s) declare, with the reason " + reason + ". For 30 minutes there " +
				"always were such mappings, though not always the same ones. List them with kubectl get agm -A -o wide; the message " +
				"of each says who acts. Those without a message have no verdict yet: they were not looked at, or their first call " +
				"waits for the limits of their account.",
		}
	}
	for3 := func(length int) []string { return gauge(phase{trouble, 0}, phase{length, 3}, phase{minutes, 0}) }
	return []scenario{
		{
			name: "DeepCall rejects mappings", from: trouble + 15, fires: []firing{rejected},
			world: healthy().mappings("False", "InvalidGroupData", for3(minutes)),
		},
		{
			name: "DeepCall rejects mappings for almost 15 minutes", near: []string{"DeepCallMappingsRejected"},
			world: healthy().mappings("False", "InvalidGroupData", for3(15)),
		},
		{
			name: "mappings are in conflict", from: trouble + 15, fires: []firing{conflict},
			world: healthy().mappings("False", "Conflict", for3(minutes)),
		},
		{
			name: "mappings are in conflict for almost 15 minutes", near: []string{"DeepCallMappingsInConflict"},
			world: healthy().mappings("False", "Conflict", for3(15)),
		},
		{
			name: "DeepCall can't store what mappings declare", from: trouble + 30, fires: []firing{notReady("DataCouldNotBeUpdated")},
			world: healthy().mappings("False", "DataCouldNotBeUpdated", for3(minutes)),
		},
		{
			name: "mappings name accounts that are not theirs to use", from: trouble + 30,
			fires: []firing{notReady("AccountNotFound"), notReady("AccountNotPermitted")},
			world: healthy().mappings("False", "AccountNotFound", for3(minutes)).mappings("False", "AccountNotPermitted", for3(minutes)),
		},
		{
			name: "the operator does not look at new mappings", from: trouble + 30, fires: []firing{notReady("Unobserved")},
			world: healthy().mappings("Unknown", "Unobserved", for3(minutes)),
		},
		{
			name: "mappings wait for an answer for almost 30 minutes", near: []string{"DeepCallMappingsNotReady"},
			world: healthy().mappings("False", "Timeout", for3(30)),
		},
		{
			name: "mappings wait for a person or for their account", near: []string{"DeepCallMappingsNotReady"},
			world: healthy().mappings("False", "Suspended", for3(minutes)).mappings("False", "AccountNotReady", for3(minutes)),
		},
	}
}

func removalScenarios() []scenario {
	abandoned := firing{
		alert:   "DeepCallRemovalAbandoned",
		summary: "A mapping was released without telling DeepCall to stop the agent's calls.",
		description: "Within the last hour a namespace ended after its DeepCall credentials were gone, so DeepCall was not told to " +
			"stop the calls of agents mapped in it. They may still receive calls. The operator's log names mapping and " +
			"groups: look for \"released without stopping calls\", and take the agents out of these groups in DeepCall.",
	}
	const metric = "deepcall_removals_abandoned_total"
	return []scenario{
		{
			name: "a removal is abandoned", from: trouble, fires: []firing{abandoned},
			world: healthy().set(leader, metric, "", counter(phase{trouble, 0}, phase{1, 1}, phase{minutes, 0})),
		},
		{
			name: "a new replica abandons a removal before it is first scraped", from: 4, fires: []firing{abandoned},
			world: healthy().stop(standby, 0, minutes).stop(leader, 0, 4).
				set(leader, "process_start_time_seconds", "", gauge(phase{minutes, 3 * 60})).
				set(leader, metric, "", cut(gauge(phase{minutes, 1}), 0, 4)),
		},
		{
			name: "a removal was abandoned long ago", near: []string{"DeepCallRemovalAbandoned"},
			world: healthy().set(leader, metric, "", gauge(phase{minutes, 3})),
		},
		{
			name: "the counter of abandoned removals begins again", near: []string{"DeepCallRemovalAbandoned"},
			world: healthy().
				set(leader, "process_start_time_seconds", "", gauge(phase{trouble, -86400}, phase{minutes, trouble * 60})).
				set(leader, metric, "", gauge(phase{trouble, 3}, phase{minutes, 0})),
		},
	}
}
