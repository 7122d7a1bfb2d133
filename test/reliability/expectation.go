package reliability

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/plan"
)

// expectation is the state to which a scenario converges.
type expectation struct {
	// groups are the declared groups in DeepCall by agent: "90=Y 91=N". Any other group of an agent
	// must be "N" or absent.
	groups map[string]string
	// orphaned are groups by agent that are no longer declared and that Orphan leaves as they are. DeepCall
	// either has them, or not if a request replaces all groups.
	orphaned map[string]string
	// mappings are their statuses: "Ready=True Synced". All others must be deleted.
	mappings map[string]string
	// accounts are their statuses. All others must be deleted.
	accounts map[string]string
	// otherServer is set if the groups are those of the other DeepCall.
	otherServer bool
}

const (
	readySynced = "Ready=True Synced"
	readyUsable = "Ready=True Usable"
)

// expectSynced expects that a mapping of agent 7 and its account are Ready.
func expectSynced(mapping, groups string) expectation {
	return expectation{
		groups:   map[string]string{"7": groups},
		mappings: map[string]string{mapping: readySynced},
		accounts: usableAccount,
	}
}

// expectBothSynced expects that asha, ravi and their account are Ready.
func expectBothSynced(groups string) expectation {
	return expectation{
		groups:   map[string]string{"7": groups},
		mappings: map[string]string{"asha": readySynced, "ravi": readySynced},
		accounts: usableAccount,
	}
}

// unmet returns the differences from the expected state (I1, I7).
func (env *environment) unmet(expected expectation) string {
	var unmet []string
	server := env.deepcall
	if expected.otherServer {
		server = env.otherDeepCall
	}
	for agent, groups := range server.Agents() {
		unmet = append(unmet, groupMismatches(agent, groups, parseGroups(expected.groups[agent]), parseGroups(expected.orphaned[agent]))...)
	}
	for agent := range expected.groups {
		if server.Agent(agent) == nil {
			unmet = append(unmet, "I1: DeepCall has no groups of agent "+agent)
		}
	}
	unmet = append(unmet, env.unmetMappings(expected)...)
	unmet = append(unmet, env.unmetAccounts(expected)...)
	slices.Sort(unmet)
	return strings.Join(unmet, "; ")
}

func groupMismatches(agent string, groups, declared, orphaned map[string]string) []string {
	var mismatches []string
	for id, value := range declared {
		if groups[id] != value {
			mismatches = append(mismatches, fmt.Sprintf("I1: agent %s, group %s is %q instead of %q", agent, id, groups[id], value))
		}
	}
	for id, value := range groups {
		if _, found := declared[id]; !found && value != "N" && orphaned[id] != value {
			mismatches = append(mismatches, fmt.Sprintf("I1: agent %s, group %s is %q although no mapping declares it", agent, id, value))
		}
	}
	return mismatches
}

func (env *environment) unmetMappings(expected expectation) []string {
	var unmet []string
	existing := env.history.mappings()
	for name, summary := range expected.mappings {
		mapping := existing[env.key(name)]
		delete(existing, env.key(name))
		switch {
		case mapping == nil:
			unmet = append(unmet, "I1: the mapping "+name+" does not exist")
		case mappingSummary(mapping) != summary:
			unmet = append(unmet, fmt.Sprintf("I1: the mapping %s is %s instead of %s", name, mappingSummary(mapping), summary))
		case summary == readySynced && len(mapping.Status.AppliedGroups) > 0 && lacksFinalizer(mapping):
			unmet = append(unmet, fmt.Sprintf("I1: the mapping %s lacks the finalizer", name))
		case summary == readySynced && plan.AttemptOf(mapping).Number > mapping.Status.AnsweredAttempt:
			unmet = append(unmet, fmt.Sprintf("I1: the mapping %s has an attempt without an answer", name))
		}
	}
	for key, mapping := range existing {
		unmet = append(unmet, fmt.Sprintf("I7: the mapping %s still exists: %s", key.Name, mappingSummary(mapping)))
	}
	return unmet
}

func (env *environment) unmetAccounts(expected expectation) []string {
	var unmet []string
	existing := env.history.accounts()
	for name, summary := range expected.accounts {
		account := existing[env.key(name)]
		delete(existing, env.key(name))
		switch {
		case account == nil:
			unmet = append(unmet, "I1: the account "+name+" does not exist")
		case env.lostFirstSuccess(account) && summary == readyUsable:
		case accountSummary(account) != summary:
			unmet = append(unmet, fmt.Sprintf("I1: the account %s is %s instead of %s", name, accountSummary(account), summary))
		default:
			unmet = append(unmet, env.wrongMappingCount(name, account)...)
		}
	}
	for key := range existing {
		unmet = append(unmet, "I7: the account "+key.Name+" still exists")
	}
	return unmet
}

// lacksFinalizer reports whether a mapping with applied groups could be deleted without their removal. That is so until the
// operator has observed that a user erased the finalizer.
func lacksFinalizer(mapping *v1alpha1.AgentGroupMapping) bool {
	return mapping.Spec.RemovalPolicy != v1alpha1.RemovalPolicyOrphan && !mapping.HasFinalizer()
}

// wrongMappingCount compares the mapping count in an account's status with the mappings that use it.
func (env *environment) wrongMappingCount(name string, account *v1alpha1.DeepCallAccount) []string {
	if count := env.mappingCount(account); int(account.Status.Mappings) != count {
		return []string{fmt.Sprintf("I1: the account %s counts %d mappings instead of %d", name, account.Status.Mappings, count)}
	}
	return nil
}

// lostFirstSuccess reports whether a crash prevented an account's first success from being written to its status. An
// account without a recorded result is Ready=True, Untried (R10): the status of a mapping does not contain
// the credentials with which it was confirmed.
func (env *environment) lostFirstSuccess(account *v1alpha1.DeepCallAccount) bool {
	return env.hasCrashed() && accountSummary(account) == "Ready=True Untried" && int(account.Status.Mappings) == env.mappingCount(account)
}

// mappingCount returns how many mappings use an account.
func (env *environment) mappingCount(account *v1alpha1.DeepCallAccount) int {
	n := 0
	for _, mapping := range env.history.mappings() {
		if strings.HasPrefix(agentKey(mapping), account.Namespace+"/"+account.Name+"/") {
			n++
		}
	}
	return n
}

// agentKey returns "namespace/account/agent".
func agentKey(mapping *v1alpha1.AgentGroupMapping) string {
	namespace := mapping.Spec.AccountRef.Namespace
	if namespace == "" {
		namespace = mapping.Namespace
	}
	return namespace + "/" + mapping.Spec.AccountRef.Name + "/" + mapping.Spec.AgentID
}

// mappingSummary summarizes the conditions of a mapping, such as "Ready=True Synced".
func mappingSummary(mapping *v1alpha1.AgentGroupMapping) string {
	return conditionSummary(mapping.Generation, mapping.Status.ObservedGeneration, mapping.Status.Conditions)
}

// accountSummary summarizes the conditions of an account, such as "Ready=True Usable".
func accountSummary(account *v1alpha1.DeepCallAccount) string {
	return conditionSummary(account.Generation, account.Status.ObservedGeneration, account.Status.Conditions)
}

func conditionSummary(generation, observedGeneration int64, conditions []metav1.Condition) string {
	if observedGeneration != generation {
		return "pending"
	}
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	if ready == nil {
		return "without Ready"
	}
	summary := "Ready=" + string(ready.Status) + " " + ready.Reason
	for _, conditionType := range []string{v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled} {
		if meta.FindStatusCondition(conditions, conditionType) != nil {
			summary += " " + conditionType
		}
	}
	for _, condition := range conditions {
		if condition.ObservedGeneration != generation {
			summary += ", " + condition.Type + " of an older generation"
		}
	}
	return summary
}
