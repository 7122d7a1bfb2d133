package metrics_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/deepcall/deepcall-operator/internal/metrics"
)

const groupReceivers = "deepcall_group_receivers"

type groups map[metrics.Group]int

func (g groups) ReceiversByGroup() map[metrics.Group]int { return g }

func TestGroups_have_their_receivers(t *testing.T) {
	h := newHarnessWithGroups(t, groups{{Account: acme, ID: "90"}: 2, {Account: acme, ID: "91"}: 0, {Account: globex, ID: "90"}: 1})
	h.expect(groupReceivers, `
		deepcall_group_receivers{account="acme",account_namespace="support",group="90"} 2
		deepcall_group_receivers{account="acme",account_namespace="support",group="91"} 0
		deepcall_group_receivers{account="globex",account_namespace="sales",group="90"} 1`)

	h.remove(acme) // a mapping of a deleted account can remain
	h.expect(groupReceivers, `deepcall_group_receivers{account="globex",account_namespace="sales",group="90"} 1`)

	h.isLeader = false
	h.expect(groupReceivers, "")
}

func TestGroups_are_described_only_if_they_are_enabled(t *testing.T) {
	for _, c := range []struct {
		name    string
		metrics *harness
		want    int
	}{
		{"disabled", newHarness(t), 0},
		{"enabled", newHarnessWithGroups(t, groups{}), 1},
	} {
		descriptions := make(chan *prometheus.Desc, 100)
		c.metrics.Describe(descriptions)
		close(descriptions)
		described := 0
		for each := range descriptions {
			if each.String() == prometheus.NewDesc(groupReceivers,
				"Number of agents that receive calls for the group, as DeepCall last confirmed.",
				[]string{"account_namespace", "account", "group"}, nil).String() {
				described++
			}
		}
		if described != c.want {
			t.Errorf("%s: described %d times, not %d", c.name, described, c.want)
		}
	}
}
