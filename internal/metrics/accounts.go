package metrics

import (
	"iter"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
)

// Misconfigured is the state of an account whose spec or Secret can't be used. The other states are
// those of the account's breaker.
const Misconfigured = "Misconfigured"

// AccountStates are all values of the label state.
var AccountStates = []string{"Untried", "Usable", "Refused", "Unreachable", Misconfigured}

var accountStateDesc = prometheus.NewDesc("deepcall_account_state",
	"Whether an account is in this state: 1 for the one it is in, 0 for the others.", append([]string{"state"}, accountLabels...), nil)

func collectAccounts(metrics chan<- prometheus.Metric, accounts iter.Seq2[types.NamespacedName, string]) {
	for account, state := range accounts {
		for _, each := range AccountStates {
			value := 0.0
			if each == state {
				value = 1
			}
			metrics <- prometheus.MustNewConstMetric(accountStateDesc, prometheus.GaugeValue, value, each, account.Namespace, account.Name)
		}
	}
}
