// Package effect computes what a change of mappings and accounts does in DeepCall: which calls start and stop, and the requests
// that DeepCall gets. It decides nothing itself: it drives the operator's own planner, as if DeepCall accepted every request. It
// does no I/O and reads no clock.
//
//	before := effect.Objects{Mappings: live, Accounts: accounts} // as read from the cluster, with their status
//	after, err := effect.Apply(before, manifests, now)           // as kubectl apply would
//	after = after.Delete(now, isPruned)                          // optional
//	report, err := effect.Compute(before, after, effect.Options{Now: now})
//
// To compare manifests without a cluster, Synced returns the objects as they are once the operator has synced them.
package effect

import (
	"cmp"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/natsort"
)

// Objects are all mappings and accounts at one moment, as far as they are known. Functions of this package don't change them.
type Objects struct {
	Mappings []*v1alpha1.AgentGroupMapping
	Accounts []*v1alpha1.DeepCallAccount
	// Namespaces are the labels of the namespaces, which an account's allowedNamespaces can select. A namespace whose labels are
	// not known counts as selected.
	Namespaces map[string]map[string]string
}

// Options are what the objects themselves don't show.
type Options struct {
	// Now is the current time.
	Now time.Time
	// MayExist reports whether an account that is missing from the objects may exist, since it could not be read. Such an account
	// counts as one that permits all namespaces. If MayExist is nil, a missing account does not exist.
	MayExist func(account types.NamespacedName) bool
}

func (o Options) mayExist(account types.NamespacedName) bool {
	return o.MayExist != nil && o.MayExist(account)
}

// Kind is what happens to a group of an agent.
type Kind string

const (
	// Starts means that the agent begins to receive calls of the group.
	Starts Kind = "starts"
	// Stops means that the agent receives no more calls of the group.
	Stops Kind = "stops"
	// HandedOver means that another mapping owns the group from now on. Calls go on, or stay off.
	HandedOver Kind = "handed over"
	// Conflict means that a mapping declares the group, and another one owns it.
	Conflict Kind = "conflict"
	// Pending means that a mapping declares the group, and nothing can be sent for it now. Reason states why.
	Pending Kind = "pending"
	// Orphaned means that the agent still receives calls of the group, although no mapping declares it any more.
	Orphaned Kind = "orphaned"
	// Unchanged means that the agent's calls of the group, and its owner, stay the same.
	Unchanged Kind = "unchanged"
)

// Group is the effect on one group of one agent.
type Group struct {
	Account types.NamespacedName
	AgentID string
	GroupID string
	Kind    Kind
	// Before and After report whether the agent receives calls of the group, as DeepCall confirmed last and as it will; nil if
	// nothing is confirmed.
	Before, After *bool
	// OwnerBefore and OwnerAfter are the mappings whose value counts; empty if there is none.
	OwnerBefore, OwnerAfter types.NamespacedName
	// Others are the mappings that declare the group after the change without owning it, sorted.
	Others []types.NamespacedName
	// Reason is why a group is Pending: the reason of the mapping's Ready condition.
	Reason string
	// Changed reports whether the change of the objects has this effect on the group. A conflict, for example, can be older.
	Changed bool
}

// Request is one request to DeepCall.
type Request struct {
	Account types.NamespacedName
	AgentID string
	// Mapping is the mapping that the request is sent for. It carries the groups of the agent's other mappings, too.
	Mapping types.NamespacedName
	// Groups are all groups of the request, sorted by ID.
	Groups []v1alpha1.AgentGroup
}

// Report is the effect of a change.
type Report struct {
	// Groups are the groups of the agents that the change concerns, also the unchanged ones, sorted by account, agent and group.
	Groups []Group
	// Requests are those that DeepCall gets if all objects change at once and DeepCall accepts every request, without periodic
	// resyncs. The requests of one agent are in the order in which they are sent.
	Requests []Request
	// Warnings are sorted by account, agent and group.
	Warnings []Warning
}

// HasEffect reports whether the change makes any request, or has any other effect on a group.
func (r Report) HasEffect() bool {
	return len(r.Requests) > 0 || slices.ContainsFunc(r.Groups, func(g Group) bool { return g.Changed })
}

// Compute returns the effect of a change of the objects. Before and after must share the objects that don't change, as those of
// Apply and Delete do. An error means that the planner does not come to an end, which is a bug.
func Compute(before, after Objects, o Options) (Report, error) {
	c := newChange(before, after, o)
	counts := receivers{}
	var r Report
	for _, key := range c.agents {
		a := c.newAgent(key)
		if !a.changed {
			counts.add(key.Account, a.groups, a.groups)
			continue
		}
		if err := a.run(); err != nil {
			return Report{}, err
		}
		groups := a.effects()
		r.Groups = append(r.Groups, groups...)
		r.Requests = append(r.Requests, a.requests...)
		r.Warnings = append(r.Warnings, a.warnings(groups)...)
		counts.add(key.Account, a.confirmed, a.groups)
	}
	r.Warnings = append(r.Warnings, counts.warnings()...)
	r.Warnings = append(r.Warnings, c.accountWarnings()...)
	r.Warnings = append(r.Warnings, c.duplicateWarnings()...)
	slices.SortStableFunc(r.Warnings, func(a, b Warning) int {
		return cmp.Or(compareNames(a.Account, b.Account), natsort.Compare(a.AgentID, b.AgentID), natsort.Compare(a.GroupID, b.GroupID))
	})
	return r, nil
}

func compareNames(a, b types.NamespacedName) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

func compareAgents(a, b v1alpha1.AgentKey) int {
	return cmp.Or(compareNames(a.Account, b.Account), natsort.Compare(a.AgentID, b.AgentID))
}
