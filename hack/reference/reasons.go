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

// A reason of the operator's own, and how it shows. What it means, what the operator does about it and who else
// acts is told by internal/explain, and all about DeepCall's answers by the catalogue.
type reason struct {
	// Object is the one whose condition has it.
	Object string
	// Ready is the status of that condition, and Beside the condition that stands beside it.
	Ready, Beside string
	// Event is what becomes of an event.
	Event string
}

// reasons are all that api/v1alpha1 names.
var reasons = map[string]reason{
	v1alpha1.ReasonSynced:               {mapping, readyTrue, none, recovers},
	v1alpha1.ReasonSuspended:            {mapping, notReady, none, noEvent},
	v1alpha1.ReasonConflict:             {mapping, notReady, v1alpha1.ConditionStalled, warns},
	v1alpha1.ReasonAccountNotFound:      {mapping, notReady, v1alpha1.ConditionReconciling, warns},
	v1alpha1.ReasonAccountNotPermitted:  {mapping, notReady, v1alpha1.ConditionStalled, warns},
	v1alpha1.ReasonAccountNotReady:      {mapping, notReady, v1alpha1.ConditionReconciling, noEvent},
	v1alpha1.ReasonUntried:              {account, readyTrue, none, recovers},
	v1alpha1.ReasonUsable:               {account, readyTrue, none, recovers},
	v1alpha1.ReasonUnreachable:          {account, notReady, v1alpha1.ConditionReconciling, warns},
	v1alpha1.ReasonSecretNotFound:       {account, notReady, v1alpha1.ConditionReconciling, warns},
	v1alpha1.ReasonSecretForbidden:      {account, notReady, v1alpha1.ConditionStalled, warns},
	v1alpha1.ReasonInvalidCredentials:   {account, notReady, v1alpha1.ConditionStalled, warns},
	v1alpha1.ReasonInvalidEndpoint:      {account, notReady, v1alpha1.ConditionStalled, warns},
	v1alpha1.ReasonInvalidCABundle:      {account, notReady, v1alpha1.ConditionStalled, warns},
	v1alpha1.ReasonInvalidSelector:      {account, notReady, v1alpha1.ConditionStalled, warns},
	v1alpha1.ReasonSelectorNotSupported: {account, notReady, v1alpha1.ConditionStalled, warns},
}
