package effect

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/text"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// accountPair are two accounts that are or may be the same one in DeepCall.
type accountPair [2]types.NamespacedName

// duplicateWarnings returns the warnings about agents that have mappings of two accounts with the same endpoint and user: neither
// account carries the groups of the other.
func (c *change) duplicateWarnings() []Warning {
	byID := map[string][]v1alpha1.AgentKey{}
	agents := map[accountPair][]string{}
	var pairs []accountPair
	for _, key := range c.agents {
		if !slices.ContainsFunc(c.after.byAgent[key], func(m *v1alpha1.AgentGroupMapping) bool { return !m.Spec.Suspend }) {
			continue // nothing is sent
		}
		for _, other := range byID[key.AgentID] {
			pair := accountPair{other.Account, key.Account}
			if !c.overwrite(other, key) {
				continue
			}
			if agents[pair] == nil {
				pairs = append(pairs, pair)
			}
			agents[pair] = append(agents[pair], key.AgentID)
		}
		byID[key.AgentID] = append(byID[key.AgentID], key)
	}
	var warnings []Warning
	for _, pair := range pairs {
		warnings = append(warnings, Warning{
			Reason: DuplicateAccount, Account: pair[0],
			Message: fmt.Sprintf("accounts %s and %s share an endpoint, and both have mappings of agent %s: if their user is the same, they overwrite each "+
				"other's groups, and the removal of a mapping stops calls that the other account's mapping declares. See docs/how-to/change-account.md",
				pair[0], pair[1], text.List(agents[pair], maxListed)),
		})
	}
	return warnings
}

// overwrite reports whether the change concerns an agent of two accounts that have the same endpoint and user. If the user is not
// known, it must concern the agent of both, as it does if an account is renamed. Accounts whose status reports it have a warning of
// their own.
func (c *change) overwrite(a, b v1alpha1.AgentKey) bool {
	first, second := c.after.accounts[a.Account], c.after.accounts[b.Account]
	if first == nil || second == nil || !deepcall.SameEndpoint(first.Spec.Endpoint, second.Spec.Endpoint) {
		return false
	}
	if isReported(first) && isReported(second) {
		return false
	}
	user, other := c.account(a.Account).UserHash, c.account(b.Account).UserHash
	switch isKnown := user != "" && other != ""; {
	case first.SecretKey() == second.SecretKey(), isKnown && user == other:
		return c.concerns(a) || c.concerns(b)
	default:
		return !isKnown && c.concerns(a) && c.concerns(b)
	}
}

func isReported(account *v1alpha1.DeepCallAccount) bool {
	return meta.FindStatusCondition(account.Status.Conditions, v1alpha1.ConditionDuplicate) != nil
}
