// Package roster lists which agents receive calls for which groups: the state that DeepCall last confirmed, and the
// desired state. It does no I/O.
package roster

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/natsort"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// SortBy is the sort order of a roster.
type SortBy string

// The sort orders.
const (
	ByGroup SortBy = "group"
	ByAgent SortBy = "agent"
)

// Account is a reference to a DeepCallAccount.
type Account struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

func (a Account) compare(b Account) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// Entry is one group of one agent in one mapping. Its JSON is documented in docs/kubectl-plugin.md.
type Entry struct {
	// Namespace and Mapping identify the AgentGroupMapping.
	Namespace string  `json:"namespace"`
	Mapping   string  `json:"mapping"`
	Account   Account `json:"account"`
	AgentID   string  `json:"agentID"`
	// GroupID is empty for a mapping without groups.
	GroupID string `json:"groupID"`
	// Receives is the state that DeepCall last confirmed, or nil.
	Receives *bool `json:"receives"`
	// Declared is the desired state, or nil if the mapping does not declare the group.
	Declared *bool `json:"declared"`
	// InSync reports whether DeepCall confirmed the desired state, and the confirmation is still valid.
	InSync bool `json:"inSync"`
	// Suspended is the mapping's spec.suspend.
	Suspended bool `json:"suspended"`
	// Reason and Message explain why the entry is not in sync. They are empty if it is.
	Reason  string `json:"reason"`
	Message string `json:"message"`
	// LastSyncTime is when DeepCall last confirmed the groups of the mapping, or nil.
	LastSyncTime *time.Time `json:"lastSyncTime"`
	// Generation is the mapping's metadata.generation.
	Generation int64 `json:"generation"`
}

// Filter selects entries. The zero Filter selects all.
type Filter struct {
	// Agent and Group are IDs. Empty selects any.
	Agent, Group string
	// NotInSync excludes entries that are in sync.
	NotInSync bool
}

func (f Filter) matches(e Entry) bool {
	return (f.Agent == "" || f.Agent == e.AgentID) &&
		(f.Group == "" || f.Group == e.GroupID) &&
		(!f.NotInSync || !e.InSync)
}

// keepsMappings reports whether the filter selects all entries of a mapping or none.
func (f Filter) keepsMappings() bool {
	return f.Group == "" && !f.NotInSync
}

// Entries returns the entries of the mappings that match the filter, sorted by account, IDs and names.
func Entries(mappings []*v1alpha1.AgentGroupMapping, by SortBy, filter Filter) []Entry {
	entries := []Entry{}
	for _, mapping := range mappings {
		for _, e := range mappingEntries(mapping) {
			if filter.matches(e) {
				entries = append(entries, e)
			}
		}
	}
	sortEntries(entries, by)
	return entries
}

func sortEntries(entries []Entry, by SortBy) {
	slices.SortFunc(entries, func(a, b Entry) int {
		first, second := natsort.Compare(a.GroupID, b.GroupID), natsort.Compare(a.AgentID, b.AgentID)
		if by == ByAgent {
			first, second = second, first
		}
		// Accounts before IDs, since the same ID in another account is another agent or group.
		return cmp.Or(a.Account.compare(b.Account), first, second, cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Mapping, b.Mapping))
	})
}

func mappingEntries(mapping *v1alpha1.AgentGroupMapping) []Entry {
	mapping = mapping.WithoutCopiedStatus()
	declared := map[string]*bool{}
	if mapping.DeletionTimestamp == nil {
		declared = byGroupID(mapping.Spec.Groups)
	}
	confirmed := byGroupID(mapping.Status.AppliedGroups)
	base := newEntry(mapping)
	if len(declared)+len(confirmed) == 0 {
		declared[""] = nil // so that the agent is listed
	}

	var entries []Entry
	differs := false
	groups := maps.Clone(declared)
	maps.Copy(groups, confirmed)
	for group := range groups {
		e := base
		e.GroupID, e.Declared, e.Receives = group, declared[group], confirmed[group]
		e.InSync = ptr.Equal(e.Declared, e.Receives)
		differs = differs || !e.InSync
		entries = append(entries, e)
	}
	reason, message, notReady := notInSyncReason(mapping)
	invalid := confirmationInvalid(mapping) || (notReady && !differs)
	for i := range entries {
		e := &entries[i]
		e.InSync = e.InSync && !invalid
		if !e.InSync {
			e.Reason, e.Message = reason, message
		}
	}
	return entries
}

func newEntry(mapping *v1alpha1.AgentGroupMapping) Entry {
	e := Entry{
		Namespace: mapping.Namespace, Mapping: mapping.Name, Account: Account(mapping.AccountKey()),
		AgentID: mapping.Spec.AgentID, Suspended: mapping.Spec.Suspend, Generation: mapping.Generation,
	}
	if at := mapping.Status.LastSyncTime; at != nil {
		utc := at.UTC()
		e.LastSyncTime = &utc
	}
	return e
}

// notInSyncReason returns the reason and message for groups of the mapping that are not in sync, and whether the mapping
// is known not to be Ready.
func notInSyncReason(mapping *v1alpha1.AgentGroupMapping) (_, message string, notReady bool) {
	ready := meta.FindStatusCondition(mapping.Status.Conditions, v1alpha1.ConditionReady)
	current := ready != nil && ready.ObservedGeneration == mapping.Generation
	switch {
	case current && ready.Status != metav1.ConditionTrue:
		return ready.Reason, ready.Message, true
	case mapping.DeletionTimestamp != nil:
		return reason.Deleting, "The mapping is deleted after DeepCall has confirmed the removal of its groups", true
	default:
		return reason.Pending, "Not sent yet; if this persists, check that the operator is running", ready == nil
	}
}

// confirmationInvalid reports whether DeepCall's state may differ from what it last confirmed, because the response to a
// request was lost, or because DeepCall now rejects the groups that it confirmed.
func confirmationInvalid(mapping *v1alpha1.AgentGroupMapping) bool {
	status := &mapping.Status
	return status.Uncertain || (len(status.AppliedGroups) > 0 && status.AppliedEndpoint == "")
}

func byGroupID(groups []v1alpha1.AgentGroup) map[string]*bool {
	receives := make(map[string]*bool, len(groups))
	for _, group := range groups {
		receives[group.GroupID] = &group.ReceiveCall
	}
	return receives
}
