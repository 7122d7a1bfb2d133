// Package reason declares all reasons that conditions can have: the operator's own and those of DeepCall's answers.
// Conditions, events, metric labels, the kubectl plugin and the generated reference are derived from its table.
package reason

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// Object is the kind of object whose conditions have a reason.
type Object string

const (
	// Mapping is an AgentGroupMapping.
	Mapping Object = "mapping"
	// Account is a DeepCallAccount.
	Account Object = "account"
	// Shared is either kind: both have the reason.
	Shared Object = "mapping and account"
	// Roster is the output of kubectl deepcall roster. No condition has its reasons.
	Roster Object = "roster"
)

// Event is the type of the event that a change to a reason records.
type Event string

const (
	// NoEvent records no event, neither for the reason nor for the recovery from it.
	NoEvent Event = ""
	// Warning records an event of type Warning.
	Warning Event = "Warning"
	// Recovery records an event of type Normal if Ready was False before.
	Recovery Event = "Normal"
)

// Operator is the class of the operator's own reasons.
const Operator deepcall.Class = "Operator"

// Entry describes one reason: where it appears, what it means and who acts.
type Entry struct {
	Reason string
	// Code is DeepCall's code; 0 if there is none.
	Code int
	// Class is the class of the catalogue, or Operator.
	Class  deepcall.Class
	Object Object
	// Ready is the status of the condition Ready; empty for Roster, and for a reason that Ready does not have.
	Ready metav1.ConditionStatus
	// Condition is Reconciling or Stalled, the condition that is set beside Ready, or another one that Ready does not depend on;
	// empty for none.
	Condition string
	Event     Event
	// Message is the message of the condition; empty for Roster. The operator's own can contain placeholders such as <name>.
	Message string
	// Meaning states what happened, Operator what the operator does, and Remedy who else acts and how.
	Meaning, Operator, Remedy string
}

// Entries returns DeepCall's codes in their order, its answers without a code, and the operator's own reasons.
func Entries() []Entry {
	var entries []Entry
	for _, answer := range deepcall.Catalogue() {
		entries = append(entries, fromAnswer(answer))
	}
	for _, own := range operatorReasons {
		own.Class = Operator
		entries = append(entries, own)
	}
	return entries
}

// Lookup returns the entry of a reason. If several codes share the reason, it returns the first of them.
func Lookup(reason string) (Entry, bool) {
	entry, ok := byReason[reason]
	return entry, ok
}

var byReason = func() map[string]Entry {
	entries := map[string]Entry{}
	for _, entry := range Entries() {
		if _, found := entries[entry.Reason]; !found {
			entries[entry.Reason] = entry
		}
	}
	return entries
}()

// fromAnswer returns the entry of one of DeepCall's answers. Only its class decides where and how it is shown.
func fromAnswer(answer deepcall.Entry) Entry {
	entry := Entry{
		Reason: answer.Reason, Code: answer.Code, Class: answer.Class,
		Object: Mapping, Ready: metav1.ConditionFalse, Condition: v1alpha1.ConditionReconciling, Event: Warning,
		Message: answer.Message, Meaning: answer.Meaning, Operator: retries, Remedy: answer.Remedy,
	}
	switch {
	case answer.Class == deepcall.Rejected:
		entry.Condition, entry.Operator = v1alpha1.ConditionStalled, waits
	case answer.Class == deepcall.Denied:
		entry.Object, entry.Condition, entry.Operator = Account, v1alpha1.ConditionStalled, disables
	case answer.Unreachable:
		entry.Operator = retries + " After 5 such failures in a row, it sends one request at a time with the account until one succeeds."
	}
	return entry
}

// Descriptions of what the operator does about DeepCall's answers.
const (
	retries = "It retries with exponential back-off, from 1 second to 5 minutes."
	waits   = "It leaves the groups that DeepCall confirmed before in place, and sends the change again only when the mapping's spec changes, " +
		"on request (kubectl deepcall resync), or at the next resync."
	disables = "It sends no request with the account until the Secret or the account changes, except for single probes, 5 minutes to 1 hour apart. " +
		"If only one agent is denied, it retries that agent's mappings alone, 5 minutes to 1 hour apart. " +
		"After the cause was fixed in DeepCall, retry at once and resync all mappings of the account: " + resyncAccount
	// resyncAccount is the command that resyncs all mappings of an account, and ends its pause.
	resyncAccount = "kubectl deepcall resync account/NAME"
)
