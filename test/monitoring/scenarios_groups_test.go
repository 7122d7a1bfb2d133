package monitoring

import (
	"maps"
	"strings"
)

func groupScenarios() []scenario {
	const alert = "DeepCallGroupWithoutReceivers"
	labels := map[string]string{"group": "90"}
	maps.Copy(labels, accountLabels)
	without := firing{
		alert: alert, labels: labels,
		summary: "No agent receives calls for the group 90 of the account support/acme.",
		description: "For 5 minutes no agent of any mapping has received calls for the group, so its callers may not be answered. " +
			"List the group's agents with kubectl deepcall roster -A --group 90, and revert the change that removed or turned " +
			"off the last one.",
	}
	noneFor := func(length int) []string { return gauge(phase{faultAt, 3}, phase{length, 0}, phase{minutes, 2}) }
	goneFor := func(length int) []string { return cut(gauge(phase{minutes, 3}), faultAt, faultAt+length) }
	return []scenario{
		{
			name: "the last receiver of a group is turned off", from: faultAt + 5, fires: []firing{without},
			data: healthy().receivers(support, "90", noneFor(minutes)),
		},
		{
			name: "the last receiver of a group is turned off while the leader changes", from: faultAt + 5, fires: []firing{without},
			data: healthy().receivers(support, "90", noneFor(minutes)).handOver(faultAt + 3),
		},
		{
			name: "a group has no receivers for almost 5 minutes", near: []string{alert},
			data: healthy().receivers(support, "90", noneFor(5)),
		},
		{
			name: "all mappings of a group are deleted", from: faultAt + 5, fires: []firing{without},
			data: healthy().receivers(support, "90", goneFor(minutes-faultAt)),
		},
		{
			name: "all mappings of a group are deleted, and are back within 5 minutes", near: []string{alert},
			data: healthy().receivers(support, "90", goneFor(5)),
		},
		{
			name: "the mappings of a group without receivers are deleted", near: []string{alert},
			data: healthy().receivers(support, "91", cut(gauge(phase{4, 0}, phase{minutes, 0}), 4, minutes)),
		},
		{
			name: "an account is deleted with its mappings", near: []string{alert},
			data: healthy().stopAccount(support, faultAt),
		},
		{
			name: "the leader changes while all groups have receivers", near: []string{alert},
			data: healthy().handOver(faultAt),
		},
		{
			name: "the metrics of groups are disabled", near: []string{alert},
			data: healthy().drop("deepcall_group_receivers"),
		},
	}
}

// stopAccount ends all series of an account at a minute.
func (d dataset) stopAccount(account string, at int) dataset {
	for series, samples := range d {
		if strings.Contains(series, account) {
			cut(samples, at, minutes)
		}
	}
	return d
}
