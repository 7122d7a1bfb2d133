package main

import "github.com/deepcall/deepcall-operator/api/v1alpha1"

// The objects that have conditions.
const (
	mapping = "mapping"
	account = "account"
)

// What becomes of an event when the reason is new.
const (
	warns     = "Warning"
	recovers  = "Normal, after False"
	noEvent   = "none"
	none      = ""
	readyTrue = "True"
	notReady  = "False"
)

// A reason of the operator's own: how it shows, and who acts, and how. What it means is told by the
// comment of its constant, and all about DeepCall's answers by the catalogue.
type reason struct {
	// Object is the one whose condition has it.
	Object string
	// Ready is the status of that condition, and Beside the condition that stands beside it.
	Ready, Beside string
	// Event is what becomes of an event.
	Event string
	// Remedy says in one sentence who acts, and how.
	Remedy string
}

// reasons are all that api/v1alpha1 names.
var reasons = map[string]reason{
	v1alpha1.ReasonSynced: {mapping, readyTrue, none, recovers, "Nobody."},
	v1alpha1.ReasonSuspended: {
		mapping, notReady, none, noEvent,
		"Whoever owns the mapping sets spec.suspend to false to have it sent.",
	},
	v1alpha1.ReasonConflict: {
		mapping, notReady, v1alpha1.ConditionStalled, warns,
		"Whoever owns the two mappings takes the group that the message names out of one of them. Until then the other groups " +
			"are kept in step, and once the holder lets go, this mapping takes over by itself.",
	},
	v1alpha1.ReasonAccountNotFound: {
		mapping, notReady, v1alpha1.ConditionReconciling, warns,
		"Whoever owns the mapping creates the account, or makes a new mapping with the right spec.accountRef.",
	},
	v1alpha1.ReasonAccountNotPermitted: {
		mapping, notReady, v1alpha1.ConditionStalled, warns,
		"Whoever owns the account allows the mapping's namespace in spec.allowedNamespaces; if the account's name or namespace is " +
			"wrong, whoever owns the mapping makes a new one with the right spec.accountRef.",
	},
	v1alpha1.ReasonAccountNotReady: {
		mapping, notReady, v1alpha1.ConditionReconciling, noEvent,
		"Whoever owns the account does what its own reason says, below; the mapping is sent by itself afterwards.",
	},

	v1alpha1.ReasonUntried: {account, readyTrue, none, recovers, "Nobody: the next mapping that has something to send tries it."},
	v1alpha1.ReasonUsable:  {account, readyTrue, none, recovers, "Nobody."},
	v1alpha1.ReasonUnreachable: {
		account, notReady, v1alpha1.ConditionReconciling, warns,
		"Nobody: the operator tries again by itself, and goes on at the first success; if it lasts, whoever owns the account " +
			"looks up in [codes.md](codes.md) what the message ends with.",
	},
	v1alpha1.ReasonSecretNotFound: {
		account, notReady, v1alpha1.ConditionReconciling, warns,
		"Whoever owns the account creates the Secret, with userId and token, or with ssid.",
	},
	v1alpha1.ReasonSecretForbidden: {
		account, notReady, v1alpha1.ConditionStalled, warns,
		"Whoever installed the operator grants it `get` on Secrets in this namespace.",
	},
	v1alpha1.ReasonInvalidCredentials: {
		account, notReady, v1alpha1.ConditionStalled, warns,
		"Whoever owns the account corrects the Secret; the message says what is missing or too many.",
	},
	v1alpha1.ReasonInvalidEndpoint: {
		account, notReady, v1alpha1.ConditionStalled, warns,
		"Whoever owns the account corrects spec.endpoint; the message says what is wrong with it.",
	},
	v1alpha1.ReasonInvalidCABundle: {
		account, notReady, v1alpha1.ConditionStalled, warns,
		"Whoever owns the account puts PEM certificates into spec.caBundle, or takes it out.",
	},
	v1alpha1.ReasonInvalidSelector: {
		account, notReady, v1alpha1.ConditionStalled, warns,
		"Whoever owns the account corrects spec.allowedNamespaces.selector; the message says what is wrong with it.",
	},
	v1alpha1.ReasonSelectorNotSupported: {
		account, notReady, v1alpha1.ConditionStalled, warns,
		"Whoever owns the account sets spec.allowedNamespaces.from to Same or All, or whoever installed the operator has it watch all namespaces.",
	},
}
