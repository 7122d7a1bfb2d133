package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/internal/dispatch"
)

// Accounts provides the accounts in use.
type Accounts interface {
	// HealthByAccount returns the health of all accounts.
	HealthByAccount() map[types.NamespacedName]dispatch.Health
	// Has reports whether the account is in use.
	Has(account types.NamespacedName) bool
}

// misconfigured is the state of an account whose spec or Secret can't be used.
const misconfigured = "Misconfigured"

// AccountStates are all values of the label state of deepcall_account_state.
var AccountStates = []string{
	string(dispatch.Untried), string(dispatch.Usable), string(dispatch.Denied), string(dispatch.Unreachable), misconfigured,
}

var accountStateDesc = prometheus.NewDesc("deepcall_account_state",
	"Whether the account is in this state: 1 for its current state, 0 for the others.", append([]string{"state"}, accountLabels...), nil)

var accountDuplicatesDesc = prometheus.NewDesc("deepcall_account_duplicates",
	"Number of other accounts with the same endpoint and user, which overwrite each other's groups.", accountLabels, nil)

func collectAccounts(metrics chan<- prometheus.Metric, accounts Accounts) {
	for account, health := range accounts.HealthByAccount() {
		metrics <- prometheus.MustNewConstMetric(accountDuplicatesDesc, prometheus.GaugeValue, float64(health.Duplicates), account.Namespace, account.Name)
		current := string(health.State)
		if health.ConfigError.Reason != "" {
			current = misconfigured
		}
		for _, state := range AccountStates {
			value := 0.0
			if state == current {
				value = 1
			}
			metrics <- prometheus.MustNewConstMetric(accountStateDesc, prometheus.GaugeValue, value, state, account.Namespace, account.Name)
		}
	}
}

var mappingsDesc = prometheus.NewDesc("deepcall_mappings",
	"Number of AgentGroupMappings by status and reason of their condition Ready.", []string{"ready", "reason"}, nil)

// Readiness is the status and the reason of a mapping's condition Ready.
type Readiness struct {
	Ready, Reason string
}

// Mappings provides the number of mappings.
type Mappings interface {
	// CountByReadiness returns the number of mappings by readiness. The reasons must be bounded, see reason.MetricLabel.
	CountByReadiness() map[Readiness]int
}

func collectMappings(metrics chan<- prometheus.Metric, mappings Mappings) {
	for r, n := range mappings.CountByReadiness() {
		metrics <- prometheus.MustNewConstMetric(mappingsDesc, prometheus.GaugeValue, float64(n), r.Ready, r.Reason)
	}
}

var groupReceiversDesc = prometheus.NewDesc("deepcall_group_receivers",
	"Number of agents that receive calls for the group, as DeepCall last confirmed.", append(slices.Clone(accountLabels), "group"), nil)

// Group is a group of an account.
type Group struct {
	Account types.NamespacedName
	ID      string
}

// Groups provides the number of agents that receive calls for each group.
type Groups interface {
	// ReceiversByGroup returns the groups that DeepCall confirmed for an agent.
	ReceiversByGroup() map[Group]int
}

func collectGroups(metrics chan<- prometheus.Metric, groups Groups, accounts Accounts) {
	for group, n := range groups.ReceiversByGroup() {
		if accounts.Has(group.Account) {
			metrics <- prometheus.MustNewConstMetric(groupReceiversDesc, prometheus.GaugeValue, float64(n), group.Account.Namespace, group.Account.Name, group.ID)
		}
	}
}
