package v1alpha1

const (
	// StopCallsFinalizer keeps a mapping with removalPolicy StopCalls until DeepCall
	// was told to stop the agent's calls for the groups of the mapping.
	StopCallsFinalizer = "telephony.deepcall.com/stop-calls"

	// InUseFinalizer keeps an account while mappings use it, so that their removal can
	// still be told to DeepCall when everything is deleted at once.
	InUseFinalizer = "telephony.deepcall.com/in-use"

	// AttemptedGroupsAnnotation holds, on a mapping, the groups that a call was about to
	// add. If the answer to that call is lost, the groups may be live in DeepCall although
	// status.appliedGroups does not name them. The operator writes it; leave it alone.
	AttemptedGroupsAnnotation = "telephony.deepcall.com/attempted-groups"

	// ReconcileRequestedAtAnnotation asks, with any new value, for one call now. On a
	// mapping the value is echoed in status.lastHandledReconcileAt; on an account it lets
	// a refused account be tried again.
	ReconcileRequestedAtAnnotation = "telephony.deepcall.com/reconcile-requested-at"
)

// The types of condition, after kstatus. Ready is always there; the others only while true,
// and never both.
const (
	// ConditionReady is true when DeepCall confirmed what this generation declares.
	ConditionReady = "Ready"
	// ConditionReconciling is true while the operator is still trying.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is true when only a person can help.
	ConditionStalled = "Stalled"
)

// Reasons of the conditions of an AgentGroupMapping. Beside these, a DeepCall answer
// gives its own reason, such as InvalidGroupData for code 1505.
const (
	// ReasonSynced: DeepCall confirmed the declared groups, or there was nothing to send.
	ReasonSynced = "Synced"
	// ReasonSuspended: spec.suspend is set, and the spec is not what DeepCall last confirmed.
	ReasonSuspended = "Suspended"
	// ReasonConflict: another mapping of the same agent holds a group that this one declares too.
	ReasonConflict = "Conflict"
	// ReasonAccountNotFound: no DeepCallAccount of that name is in the mapping's own namespace.
	ReasonAccountNotFound = "AccountNotFound"
	// ReasonAccountNotPermitted: the account of the other namespace does not exist, or does not
	// allow this namespace. Which of the two is not told.
	ReasonAccountNotPermitted = "AccountNotPermitted"
	// ReasonAccountNotReady: the account can't be used now; its own conditions say why.
	ReasonAccountNotReady = "AccountNotReady"
)

// Reasons of the conditions of a DeepCallAccount. Beside these, an answer by which DeepCall
// refuses the credentials gives its own reason, such as InvalidToken for code 1014.
const (
	// ReasonUntried: the account looks right, and no call was made with it yet.
	ReasonUntried = "Untried"
	// ReasonUsable: DeepCall accepts the account's calls.
	ReasonUsable = "Usable"
	// ReasonUnreachable: DeepCall failed to answer several times in a row. One call at a time tries again.
	ReasonUnreachable = "Unreachable"
	// ReasonSecretNotFound: the Secret of spec.credentialsSecretRef does not exist.
	ReasonSecretNotFound = "SecretNotFound"
	// ReasonSecretForbidden: the operator has no right to read the Secret. It looks again every minute.
	ReasonSecretForbidden = "SecretForbidden"
	// ReasonInvalidCredentials: the Secret must hold ssid, or userId and token, and not both.
	ReasonInvalidCredentials = "InvalidCredentials"
	// ReasonInvalidEndpoint: the endpoint can't be used, for example http without --allow-insecure-endpoints.
	ReasonInvalidEndpoint = "InvalidEndpoint"
	// ReasonInvalidCABundle: spec.caBundle holds no PEM certificate.
	ReasonInvalidCABundle = "InvalidCABundle"
	// ReasonInvalidSelector: allowedNamespaces.selector can't be read.
	ReasonInvalidSelector = "InvalidSelector"
	// ReasonSelectorNotSupported: allowedNamespaces.from Selector needs to read namespaces,
	// which an operator that watches only some namespaces can't.
	ReasonSelectorNotSupported = "SelectorNotSupported"
)

// Values of status.authentication of a DeepCallAccount.
const (
	// AuthenticationUserToken: the Secret holds userId and token.
	AuthenticationUserToken = "UserToken"
	// AuthenticationSession: the Secret holds ssid.
	AuthenticationSession = "Session"
)
