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
		fires("the last receiver of a group is turned off", faultAt+5,
			healthy().receivers(support, "90", noneFor(minutes)), without),
		fires("the last receiver of a group is turned off while the leader changes", faultAt+5,
			healthy().receivers(support, "90", noneFor(minutes)).handOver(faultAt+3), without),
		silent("a group has no receivers for almost 5 minutes", healthy().receivers(support, "90", noneFor(5)), alert),
		fires("all mappings of a group are deleted", faultAt+5,
			healthy().receivers(support, "90", goneFor(minutes-faultAt)), without),
		silent("all mappings of a group are deleted, and are back within 5 minutes",
			healthy().receivers(support, "90", goneFor(5)), alert),
		silent("the mappings of a group without receivers are deleted",
			healthy().receivers(support, "91", cut(gauge(phase{4, 0}, phase{minutes, 0}), 4, minutes)), alert),
		silent("an account is deleted with its mappings", healthy().stopAccount(support, faultAt), alert),
		silent("the leader changes while all groups have receivers", healthy().handOver(faultAt), alert),
		silent("the metrics of groups are disabled", healthy().drop("deepcall_group_receivers"), alert),
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
