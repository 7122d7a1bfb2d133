// Package status explains the state of one mapping: why its agent receives no calls, and the next step. It does no I/O.
package status

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/roster"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// Input is the content of the cluster about a mapping.
type Input struct {
	Mapping *v1alpha1.AgentGroupMapping
	// Account is nil if it does not exist or could not be read.
	Account *v1alpha1.DeepCallAccount
	// AccountMissing reports whether the account does not exist.
	AccountMissing bool
	// Others are the other mappings of the agent.
	Others []*v1alpha1.AgentGroupMapping
	// Events are those of the mapping and of its account.
	Events []corev1.Event
	// NotRead are sentences about objects that could not be read, and the missing rights.
	NotRead []string
	Now     time.Time
}

// Report is the state of a mapping. Its JSON is documented in docs/plugin/status.md.
type Report struct {
	Kind    string `json:"kind"`
	Version string `json:"version"`
	// Namespace and Mapping identify the AgentGroupMapping.
	Namespace string         `json:"namespace"`
	Mapping   string         `json:"mapping"`
	AgentID   string         `json:"agentID"`
	Account   roster.Account `json:"account"`
	Suspended bool           `json:"suspended"`
	// OK reports whether the mapping and its account are Ready and all groups are in sync. An account that could not be read
	// does not count.
	OK    bool  `json:"ok"`
	State State `json:"state"`
	// AccountState is nil if the account could not be read.
	AccountState *State    `json:"accountState"`
	Groups       []Group   `json:"groups"`
	Others       []Other   `json:"otherMappings"`
	LastResponse *Response `json:"lastResponse"`
	Next         Next      `json:"next"`
	Events       []Event   `json:"events"`
	NotRead      []string  `json:"notRead"`
}

// State is the state of an object by its conditions, and the meaning of the reason.
type State struct {
	Ready    bool   `json:"ready"`
	Reason   string `json:"reason"`
	Message  string `json:"message"`
	Meaning  string `json:"meaning"`
	Operator string `json:"operator"`
	Remedy   string `json:"remedy"`
}

// Response is the last response from DeepCall to a request for the mapping.
type Response struct {
	Code    int64     `json:"code"`
	Message string    `json:"message"`
	Time    time.Time `json:"time"`
	Meaning string    `json:"meaning"`
	Remedy  string    `json:"remedy"`
}

// Other is another mapping of the agent.
type Other struct {
	Namespace string                `json:"namespace"`
	Mapping   string                `json:"mapping"`
	Ready     bool                  `json:"ready"`
	Reason    string                `json:"reason"`
	Desired   []v1alpha1.AgentGroup `json:"desired"`
	Applied   []v1alpha1.AgentGroup `json:"applied"`
}

// Event is an event of the mapping or of its account.
type Event struct {
	Object  string    `json:"object"`
	Type    string    `json:"type"`
	Reason  string    `json:"reason"`
	Message string    `json:"message"`
	Time    time.Time `json:"time"`
}

// maxEvents bounds the events of a report.
const maxEvents = 5

// New returns the report of a mapping.
func New(in Input) Report {
	m := in.Mapping.WithoutCopiedStatus()
	r := Report{
		Kind: "MappingStatus", Version: "1",
		Namespace: m.Namespace, Mapping: m.Name, AgentID: m.Spec.AgentID, Account: roster.Account(m.AccountKey()), Suspended: m.Spec.Suspend,
		State: mappingState(m), Groups: groups(m, in.Others), Others: others(in.Others),
		LastResponse: response(m.Status.LastResponse), Events: latest(in.Events), NotRead: append([]string{}, in.NotRead...),
	}
	if in.Account != nil {
		state := accountState(in.Account)
		r.AccountState = &state
	} else if in.AccountMissing {
		r.AccountState = &State{Reason: v1alpha1.ReasonAccountNotFound, Message: "The account does not exist"}
	}
	r.Next = next(m, in.Account, in.Now)
	r.OK = r.State.Ready && m.DeletionTimestamp == nil && (r.AccountState == nil || r.AccountState.Ready) &&
		!slices.ContainsFunc(r.Groups, func(g Group) bool { return !g.InSync })
	return r
}

func mappingState(m *v1alpha1.AgentGroupMapping) State {
	if current := stateOf(m.Status.Conditions, m.Generation); current.Reason != "" {
		return current
	}
	if m.DeletionTimestamp != nil {
		return explain(State{Reason: reason.Deleting, Message: "The mapping is being deleted"})
	}
	return explain(State{Reason: reason.Pending, Message: "The operator has not acted on the latest change yet"})
}

func accountState(a *v1alpha1.DeepCallAccount) State {
	if current := stateOf(a.Status.Conditions, a.Generation); current.Reason != "" {
		if duplicate := meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionDuplicate); duplicate != nil {
			current.Message += "; " + duplicate.Reason + ": " + duplicate.Message
		}
		return current
	}
	return State{
		Reason: reason.Pending, Message: "The operator has not acted on the latest change of the account yet",
		Remedy: "If this lasts, the cluster's administrator checks that the operator runs: kubectl deepcall check.",
	}
}

// stateOf returns the state of a generation by its conditions. Its reason is empty if they are of another generation.
func stateOf(conditions []metav1.Condition, generation int64) State {
	summary := reason.Of(conditions, generation)
	return explain(State{Ready: meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionReady), Reason: summary.Reason, Message: summary.Message})
}

// explain adds the meaning of the reason and its remedy.
func explain(s State) State {
	entry, _ := reason.Lookup(s.Reason)
	s.Meaning, s.Operator, s.Remedy = entry.Meaning, entry.Operator, entry.Remedy
	return s
}

func response(last *v1alpha1.LastResponse) *Response {
	if last == nil {
		return nil
	}
	r := &Response{Code: last.Code, Message: last.Message, Time: last.Time.UTC()}
	if found, err := reason.Find(strconv.FormatInt(last.Code, 10)); err == nil {
		r.Meaning, r.Remedy = found[0].Meaning, found[0].Remedy
	}
	return r
}

func others(mappings []*v1alpha1.AgentGroupMapping) []Other {
	list := []Other{}
	for _, m := range mappings {
		m = m.WithoutCopiedStatus()
		state := mappingState(m)
		list = append(list, Other{
			Namespace: m.Namespace, Mapping: m.Name, Ready: state.Ready, Reason: state.Reason,
			Desired: desiredGroups(m), Applied: append([]v1alpha1.AgentGroup{}, m.Status.AppliedGroups...),
		})
	}
	slices.SortFunc(list, func(a, b Other) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Mapping, b.Mapping))
	})
	return list
}

// latest returns the last events, the oldest first.
func latest(events []corev1.Event) []Event {
	list := []Event{}
	for i := range events {
		e := &events[i]
		list = append(list, Event{
			Object: e.InvolvedObject.Kind + "/" + e.InvolvedObject.Name, Type: e.Type, Reason: e.Reason, Message: e.Message, Time: lastSeen(e).UTC(),
		})
	}
	slices.SortStableFunc(list, func(a, b Event) int { return a.Time.Compare(b.Time) })
	return list[max(0, len(list)-maxEvents):]
}

func lastSeen(e *corev1.Event) time.Time {
	switch {
	case e.Series != nil:
		return e.Series.LastObservedTime.Time
	case !e.LastTimestamp.IsZero():
		return e.LastTimestamp.Time
	case !e.EventTime.IsZero():
		return e.EventTime.Time
	default:
		return e.CreationTimestamp.Time
	}
}
