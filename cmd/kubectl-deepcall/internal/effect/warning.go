package effect

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/text"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// WarningReason is the kind of a warning.
type WarningReason string

const (
	// GroupWithoutReceiver means that a group had agents that receive its calls, and has none after the change.
	GroupWithoutReceiver WarningReason = "GroupWithoutReceiver"
	// AgentWithoutCalls means that an agent received calls, and receives none after the change.
	AgentWithoutCalls WarningReason = "AgentWithoutCalls"
	// AccountNotFound means that mappings refer to an account that does not exist.
	AccountNotFound WarningReason = "AccountNotFound"
	// AccountTerminating means that an account is deleted which mappings refer to.
	AccountTerminating WarningReason = "AccountTerminating"
	// AccountNotPermitted means that the account does not permit the namespace of mappings.
	AccountNotPermitted WarningReason = "AccountNotPermitted"
	// DeletionStopsCalls means that the deletion of a mapping stops calls, also if it is renamed.
	DeletionStopsCalls WarningReason = "DeletionStopsCalls"
	// RenamedMapping means that groups are handed over to a new mapping, if it exists before the old one is deleted.
	RenamedMapping WarningReason = "RenamedMapping"
	// HandoverOrder means that calls are interrupted unless the mapping that takes over is applied first.
	HandoverOrder WarningReason = "HandoverOrder"
	// NotOwned means that another mapping owns groups that a mapping declares.
	NotOwned WarningReason = "Conflict"
	// CallsGoOn means that an agent still receives calls of groups that no mapping declares any more.
	CallsGoOn WarningReason = "Orphaned"
	// TargetChanges means that an account's requests go elsewhere, where nothing is known of the groups.
	TargetChanges WarningReason = "TargetChanges"
	// DuplicateAccount means that other accounts have the same endpoint and user.
	DuplicateAccount WarningReason = "DuplicateAccount"
)

// Warning is something that should be looked at before the change is made.
type Warning struct {
	Reason  WarningReason
	Account types.NamespacedName
	// AgentID and GroupID are empty if the warning concerns several.
	AgentID, GroupID string
	// Message states what happens, and what to do.
	Message string
}

// warnings returns the warnings about the agent, which must have run.
func (a *agent) warnings(groups []Group) []Warning {
	var warnings []Warning
	warn := func(reason WarningReason, format string, args ...any) {
		warnings = append(warnings, Warning{Reason: reason, Account: a.key.Account, AgentID: a.key.AgentID, Message: fmt.Sprintf(format, args...)})
	}
	id := a.key.AgentID
	if receives(a.confirmed) && !receives(a.groups) {
		warn(AgentWithoutCalls, "agent %s receives no calls any more", id)
	}
	created := a.created()
	for _, name := range a.deleted() {
		stops := idsOf(groups, func(g Group) bool { return g.Kind == Stops && g.OwnerBefore == name })
		handedOver := idsOf(groups, func(g Group) bool {
			return ptr.Deref(g.After, false) && g.OwnerBefore == name && slices.Contains(created, g.OwnerAfter)
		})
		switch {
		case len(stops) > 0 && len(created) > 0:
			warn(DeletionStopsCalls, "mapping %s is deleted, and the new mapping %s does not take over %s: agent %s receives no more calls of them. "+
				"To hand them over, declare them in the new mapping", name, text.List(created, maxListed), text.Groups(stops, maxListed), id)
		case len(stops) > 0:
			warn(DeletionStopsCalls, "mapping %s is deleted: agent %s receives no more calls of %s. To keep the calls, set removalPolicy: Orphan "+
				"and apply it before the mapping is deleted, or declare the groups in another mapping of the agent first", name, id, text.Groups(stops, maxListed))
		}
		if len(handedOver) > 0 {
			warn(RenamedMapping, "mapping %s is replaced by %s, which takes over %s of agent %s without a gap if it exists before the old mapping is deleted. "+
				"Otherwise calls stop in between: create it first", name, text.List(created, maxListed), text.Groups(handedOver, maxListed), id)
		}
	}
	warnings = append(warnings, a.handoverWarnings(groups)...)
	for _, other := range inConflict(groups) {
		conflicts := idsOf(groups, func(g Group) bool { return g.Kind == Conflict && g.Changed && slices.Contains(g.Others, other) })
		owner := ownerOf(groups, conflicts[0])
		warn(NotOwned, "mapping %s declares %s of agent %s, which mapping %s owns: its value counts. If %s replaces it, delete %s as well: its groups are "+
			"handed over without a gap", other, text.Groups(conflicts, maxListed), id, owner, other, owner)
	}
	if orphaned := idsOf(groups, func(g Group) bool { return g.Kind == Orphaned }); len(orphaned) > 0 {
		warn(CallsGoOn, "agent %s still receives calls of %s, which no mapping declares any more, since their mapping has removalPolicy Orphan or is suspended. "+
			"Stop them in DeepCall if they are not wanted", id, text.Groups(orphaned, maxListed))
	}
	if denied := a.notPermitted(); len(denied) > 0 {
		warn(AccountNotPermitted, "account %s does not permit the namespace of mapping %s: nothing is sent for it. Add the namespace to the account's allowedNamespaces",
			a.key.Account, text.List(denied, maxListed))
	}
	return warnings
}

// created and deleted return the names of the mappings that the change creates and deletes, sorted.
func (a *agent) created() []types.NamespacedName {
	before := positions(a.before.byAgent[a.key])
	var created []types.NamespacedName
	for _, m := range a.after.byAgent[a.key] {
		if _, existed := before[nameOf(m)]; !existed {
			created = append(created, nameOf(m))
		}
	}
	slices.SortFunc(created, compareNames)
	return created
}

func (a *agent) deleted() []types.NamespacedName {
	after := map[types.NamespacedName]*v1alpha1.AgentGroupMapping{}
	for _, m := range a.after.byAgent[a.key] {
		after[nameOf(m)] = m
	}
	var deleted []types.NamespacedName
	for _, m := range a.before.byAgent[a.key] {
		if now := after[nameOf(m)]; m.DeletionTimestamp == nil && (now == nil || now.DeletionTimestamp != nil) {
			deleted = append(deleted, nameOf(m))
		}
	}
	slices.SortFunc(deleted, compareNames)
	return deleted
}

// inConflict returns the names of the mappings that the change brings into a conflict, sorted.
func inConflict(groups []Group) []types.NamespacedName {
	var names []types.NamespacedName
	for _, g := range groups {
		if g.Kind == Conflict && g.Changed {
			names = append(names, g.Others...)
		}
	}
	slices.SortFunc(names, compareNames)
	return slices.Compact(names)
}

// notPermitted returns the mappings whose namespace the account does not permit, sorted. A missing account is reported as such.
func (a *agent) notPermitted() []types.NamespacedName {
	if a.after.accounts[a.key.Account] == nil {
		return nil
	}
	var names []types.NamespacedName
	for _, m := range a.mappings {
		if !m.Permitted {
			names = append(names, nameOf(m))
		}
	}
	slices.SortFunc(names, compareNames)
	return names
}

// accountWarnings returns the warnings about the accounts of the agents that the change concerns.
func (c *change) accountWarnings() []Warning {
	mappings := map[types.NamespacedName][]types.NamespacedName{}
	remaining := map[types.NamespacedName][]types.NamespacedName{} // those that are not deleted
	for _, key := range c.agents {
		if !c.concerns(key) {
			continue
		}
		for _, m := range c.after.byAgent[key] {
			mappings[key.Account] = append(mappings[key.Account], nameOf(m))
			if m.DeletionTimestamp == nil {
				remaining[key.Account] = append(remaining[key.Account], nameOf(m))
			}
		}
	}
	var warnings []Warning
	for _, name := range slices.SortedFunc(maps.Keys(mappings), compareNames) {
		account := c.after.accounts[name]
		if account == nil && !c.mayExist(name) {
			warnings = append(warnings, Warning{
				Reason: AccountNotFound, Account: name,
				Message: fmt.Sprintf("account %s does not exist: nothing is sent for mapping %s. Create the account, or correct spec.accountRef", name, text.List(mappings[name], maxListed)),
			})
		}
		if account != nil {
			if duplicate := meta.FindStatusCondition(account.Status.Conditions, v1alpha1.ConditionDuplicate); duplicate != nil {
				warnings = append(warnings, Warning{Reason: DuplicateAccount, Account: name, Message: fmt.Sprintf("account %s: %s", name, duplicate.Message)})
			}
		}
		if account != nil && account.DeletionTimestamp != nil && len(remaining[name]) > 0 {
			warnings = append(warnings, Warning{
				Reason: AccountTerminating, Account: name,
				Message: fmt.Sprintf("account %s is deleted, and mapping %s refers to it: it stays until its mappings are deleted, and nothing is sent for new ones. "+
					"Keep the account, or delete its mappings, too", name, text.List(remaining[name], maxListed)),
			})
		}
		if message := c.targetChange(name); message != "" {
			warnings = append(warnings, Warning{Reason: TargetChanges, Account: name, Message: message})
		}
	}
	return warnings
}

// targetChange describes a change of the account's endpoint or credentials; empty if there is none.
func (c *change) targetChange(name types.NamespacedName) string {
	before, after := c.before.accounts[name], c.after.accounts[name]
	switch {
	case before == nil || after == nil:
		return ""
	case !deepcall.SameEndpoint(before.Spec.Endpoint, after.Spec.Endpoint):
		return fmt.Sprintf("the endpoint of account %s changes from %s to %s: all groups are sent to the new one, and the old one keeps them as they are",
			name, before.Spec.Endpoint, after.Spec.Endpoint)
	case c.credentialsChange(name):
		return fmt.Sprintf("account %s uses other credentials: if they belong to another DeepCall user, all groups are sent again, and the groups of "+
			"the former user stay as they are", name)
	default:
		return ""
	}
}

func ownerOf(groups []Group, id string) types.NamespacedName {
	return groups[slices.IndexFunc(groups, func(g Group) bool { return g.GroupID == id })].OwnerAfter
}

func idsOf(groups []Group, selects func(Group) bool) []string {
	var ids []string
	for _, g := range groups {
		if selects(g) {
			ids = append(ids, g.GroupID)
		}
	}
	return ids
}

func receives(groups map[string]bool) bool {
	for _, receives := range groups {
		if receives {
			return true
		}
	}
	return false
}

// maxListed is how many names a message lists.
const maxListed = 10
