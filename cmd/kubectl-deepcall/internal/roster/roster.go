// Package roster turns mappings into the table that a call-centre lead reads: which agent receives calls for which
// group, as DeepCall last confirmed it, and what is declared otherwise. It is pure.
package roster

import (
	"cmp"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/natural"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// By is what a roster is ordered by.
type By string

const (
	// ByGroup puts the agents of a group together.
	ByGroup By = "group"
	// ByAgent puts the groups of an agent together.
	ByAgent By = "agent"
)

// Account names a DeepCallAccount.
type Account struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// Entry is one group of one agent, as one mapping has it. The JSON of it is documented in docs/kubectl-plugin.md.
type Entry struct {
	// Namespace and Mapping name the AgentGroupMapping.
	Namespace string  `json:"namespace"`
	Mapping   string  `json:"mapping"`
	Account   Account `json:"account"`
	AgentID   string  `json:"agentID"`
	// GroupID is empty for a mapping without any group.
	GroupID string `json:"groupID"`
	// Receives is what DeepCall last confirmed; nil if it confirmed nothing.
	Receives *bool `json:"receives"`
	// Declared is what the mapping declares; nil if it does not, or no longer.
	Declared *bool `json:"declared"`
	// InSync is true when DeepCall confirmed what is declared, and nothing casts doubt on it.
	InSync bool `json:"inSync"`
	// Suspended is the mapping's spec.suspend.
	Suspended bool `json:"suspended"`
	// Reason and Message say why the entry is not in sync; empty when it is.
	Reason  string `json:"reason"`
	Message string `json:"message"`
	// LastSyncTime is when DeepCall last confirmed the groups of the mapping; nil if never.
	LastSyncTime *time.Time `json:"lastSyncTime"`
}

// Filter chooses entries. The zero Filter chooses all.
type Filter struct {
	// Agent and Group are IDs; empty means any.
	Agent, Group string
	// NotInSync leaves out what is in sync.
	NotInSync bool
}

func (f Filter) takes(e Entry) bool {
	return (f.Agent == "" || f.Agent == e.AgentID) &&
		(f.Group == "" || f.Group == e.GroupID) &&
		(!f.NotInSync || !e.InSync)
}

// Of returns the entries of the mappings that the filter takes, in an order that depends on their IDs and names alone.
func Of(mappings []v1alpha1.AgentGroupMapping, by By, filter Filter) []Entry {
	entries := []Entry{}
	for i := range mappings {
		for _, e := range entriesOf(&mappings[i]) {
			if filter.takes(e) {
				entries = append(entries, e)
			}
		}
	}
	slices.SortFunc(entries, func(a, b Entry) int {
		first, second := natural.Compare(a.GroupID, b.GroupID), natural.Compare(a.AgentID, b.AgentID)
		if by == ByAgent {
			first, second = second, first
		}
		return cmp.Or(compareAccounts(a.Account, b.Account), first, second,
			cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Mapping, b.Mapping))
	})
	return entries
}

// Agents and groups are an account's: the same IDs in another account are others.
func compareAccounts(a, b Account) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

func entriesOf(mapping *v1alpha1.AgentGroupMapping) []Entry {
	declared := map[string]*bool{}
	if mapping.DeletionTimestamp == nil {
		declared = receivesOf(mapping.Spec.Groups)
	}
	confirmed := receivesOf(mapping.Status.AppliedGroups)
	base := entryOf(mapping)
	if len(declared)+len(confirmed) == 0 {
		declared[""] = nil // so that the agent is seen at all
	}

	var entries []Entry
	differs := false
	for group := range union(declared, confirmed) {
		e := base
		e.GroupID, e.Declared, e.Receives = group, declared[group], confirmed[group]
		e.InSync = equal(e.Declared, e.Receives)
		differs = differs || !e.InSync
		entries = append(entries, e)
	}
	reason, message, hindered := why(mapping)
	doubtful := doubtful(mapping) || (hindered && !differs)
	for i := range entries {
		e := &entries[i]
		e.InSync = e.InSync && !doubtful
		if !e.InSync {
			e.Reason, e.Message = reason, message
		}
	}
	return entries
}

func entryOf(mapping *v1alpha1.AgentGroupMapping) Entry {
	ref := mapping.Spec.AccountRef
	e := Entry{
		Namespace: mapping.Namespace, Mapping: mapping.Name,
		Account: Account{Namespace: cmp.Or(ref.Namespace, mapping.Namespace), Name: ref.Name},
		AgentID: mapping.Spec.AgentID, Suspended: mapping.Spec.Suspend,
	}
	if at := mapping.Status.LastSyncTime; at != nil {
		utc := at.UTC()
		e.LastSyncTime = &utc
	}
	return e
}

// why says what keeps the mapping from being in sync, and whether its conditions say that something does.
func why(mapping *v1alpha1.AgentGroupMapping) (_, message string, hindered bool) {
	ready := meta.FindStatusCondition(mapping.Status.Conditions, v1alpha1.ConditionReady)
	current := ready != nil && ready.ObservedGeneration == mapping.Generation
	switch {
	case current && ready.Status != metav1.ConditionTrue:
		return ready.Reason, ready.Message, true
	case mapping.DeletionTimestamp != nil:
		return reason.Deleting, "DeepCall is told to stop the calls before the mapping goes", true
	default:
		return reason.Pending, "Not sent yet; if this lasts, see that the operator runs", ready == nil
	}
}

// doubtful is true when DeepCall may hold something else than it last confirmed: the answer to a call was lost, or it
// refuses by now what it confirmed before.
func doubtful(mapping *v1alpha1.AgentGroupMapping) bool {
	status := &mapping.Status
	return status.Uncertain || (len(status.AppliedGroups) > 0 && status.AppliedEndpoint == "")
}

func receivesOf(groups []v1alpha1.AgentGroup) map[string]*bool {
	receives := make(map[string]*bool, len(groups))
	for _, group := range groups {
		receives[group.GroupID] = &group.ReceiveCall
	}
	return receives
}

func union(a, b map[string]*bool) map[string]bool {
	keys := make(map[string]bool, len(a)+len(b))
	for key := range a {
		keys[key] = true
	}
	for key := range b {
		keys[key] = true
	}
	return keys
}

func equal(a, b *bool) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
