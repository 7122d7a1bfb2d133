package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/internal/account"
)

// misconfigured is the state of an account whose spec or Secret can't be used.
const misconfigured = "Misconfigured"

// AccountStates are all values of the label state of deepcall_account_state.
var AccountStates = []string{
	string(account.Untried), string(account.Usable), string(account.Refused), string(account.Unreachable), misconfigured,
}

var accountStateDesc = prometheus.NewDesc("deepcall_account_state",
	"Whether an account is in this state: 1 for the one it is in, 0 for the others.", append([]string{"state"}, accountLabels...), nil)

func collectAccounts(metrics chan<- prometheus.Metric, standings map[types.NamespacedName]account.Standing) {
	for name, standing := range standings {
		state := string(standing.State)
		if standing.Problem.Reason != "" {
			state = misconfigured
		}
		for _, each := range AccountStates {
			value := 0.0
			if each == state {
				value = 1
			}
			metrics <- prometheus.MustNewConstMetric(accountStateDesc, prometheus.GaugeValue, value, each, name.Namespace, name.Name)
		}
	}
}
