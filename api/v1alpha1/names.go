package v1alpha1

const (
	// StopCallsFinalizer keeps a deleted mapping with removalPolicy StopCalls until DeepCall
	// confirmed that the agent receives no more calls for the groups of the mapping.
	StopCallsFinalizer = "telephony.deepcall.com/stop-calls"

	// InUseFinalizer keeps a deleted account while mappings use it, so that their groups can
	// still be removed when everything is deleted at once.
	InUseFinalizer = "telephony.deepcall.com/in-use"

	// AttemptedGroupsAnnotation records, on a mapping, the groups that a request adds, before
	// the request is sent. If the answer is lost, DeepCall may have these groups although
	// status.appliedGroups does not list them. The operator manages this annotation; do not edit it.
	AttemptedGroupsAnnotation = "telephony.deepcall.com/attempted-groups"

	// ReconcileRequestedAtAnnotation requests, with any new value, a resync now: one request to DeepCall
	// for the mapping, or for each mapping of the account. An account that is denied, unreachable or paused
	// is also retried at once. status.lastHandledReconcileAt echoes the value; of an account, once
	// the operator has observed it.
	ReconcileRequestedAtAnnotation = "telephony.deepcall.com/reconcile-requested-at"

	// ConfirmDeletionAnnotation confirms, with the value "true", the deletion of a mapping, an account or a CRD that the
	// policies of config/policies refuse otherwise. It must be set before the deletion.
	ConfirmDeletionAnnotation = "telephony.deepcall.com/confirm-deletion"

	// ProtectedLabel marks, with the value "true", a namespace where the policies of config/policies refuse to delete mappings
	// with groups that receive calls.
	ProtectedLabel = "telephony.deepcall.com/protected"
)

// The types of conditions, after kstatus. Ready is always present. The others are present only
// while they are true, and Reconciling and Stalled never both.
const (
	// ConditionReady reports whether DeepCall confirmed the groups that this generation declares.
	ConditionReady = "Ready"
	// ConditionReconciling reports that the operator is still trying.
	ConditionReconciling = "Reconciling"
	// ConditionStalled reports that the operator can't make progress without an intervention.
	ConditionStalled = "Stalled"
	// ConditionDuplicate warns that other accounts in the namespace have the same endpoint and user. It does not change Ready.
	ConditionDuplicate = "Duplicate"
)

// Reasons of the conditions of an AgentGroupMapping. An error of DeepCall has a reason of its
// own, such as InvalidGroupData for code 1505.
const (
	// ReasonSynced means that DeepCall confirmed the declared groups, or that there was nothing to send.
	ReasonSynced = "Synced"
	// ReasonSuspended means that spec.suspend is set and the spec differs from what DeepCall last confirmed.
	ReasonSuspended = "Suspended"
	// ReasonConflict means that another mapping of the same agent owns a group that this one declares.
	ReasonConflict = "Conflict"
	// ReasonAccountNotFound means that the mapping's own namespace has no DeepCallAccount of that name.
	ReasonAccountNotFound = "AccountNotFound"
	// ReasonAccountNotPermitted means that the account of another namespace does not exist or does
	// not allow this namespace. It does not disclose which.
	ReasonAccountNotPermitted = "AccountNotPermitted"
	// ReasonAccountNotReady means that the account can't be used now. Its own conditions state why.
	ReasonAccountNotReady = "AccountNotReady"
	// ReasonWriteRejected means that the API server rejected a write of the mapping by the operator, for example because of an
	// admission policy. The operator repeats the write with back-off.
	ReasonWriteRejected = "WriteRejected"
)

// ReasonRemovalAbandoned is the reason of an event of a namespace that is being deleted: a mapping there was released without
// removing its groups from DeepCall, since the account's credentials are gone. No condition has it.
const ReasonRemovalAbandoned = "RemovalAbandoned"

// ReasonSecondOperator is the reason of an event of either kind: another operator, with a lease of its own or without one, works
// on the same objects. No condition has it.
const ReasonSecondOperator = "SecondOperator"

// Reasons of the conditions of both kinds.
const (
	// ReasonPaused means that DeepCall asked the account to wait for at least 30 seconds. A mapping has this reason
	// while it has something to send.
	ReasonPaused = "Paused"
)

// Reasons of the conditions of a DeepCallAccount. An answer that denies the account has a reason
// of its own, such as InvalidToken for code 1014.
const (
	// ReasonUntried means that the account is valid, and DeepCall has not accepted a request with it yet.
	ReasonUntried = "Untried"
	// ReasonUsable means that DeepCall accepts the account's requests.
	ReasonUsable = "Usable"
	// ReasonUnreachable means that DeepCall failed to answer several requests in a row. The operator
	// retries with one request at a time.
	ReasonUnreachable = "Unreachable"
	// ReasonTerminating means that the account is being deleted, and waits for the removals of its mappings.
	ReasonTerminating = "Terminating"
	// ReasonSecretNotFound means that the Secret of spec.credentialsSecretRef does not exist.
	ReasonSecretNotFound = "SecretNotFound"
	// ReasonSecretForbidden means that the operator is not allowed to read the Secret. It retries every minute.
	ReasonSecretForbidden = "SecretForbidden"
	// ReasonInvalidCredentials means that the Secret does not contain either ssid, or userId and token, or that a value
	// contains invisible characters.
	ReasonInvalidCredentials = "InvalidCredentials"
	// ReasonInvalidEndpoint means that the endpoint can't be used, for example http without --allow-insecure-endpoints.
	ReasonInvalidEndpoint = "InvalidEndpoint"
	// ReasonCABundleNotFound means that the ConfigMap or Secret of spec.caBundleRef does not exist, or lacks the key.
	ReasonCABundleNotFound = "CABundleNotFound"
	// ReasonCABundleForbidden means that the operator is not allowed to read the object of spec.caBundleRef, or to watch
	// ConfigMaps. It retries every minute.
	ReasonCABundleForbidden = "CABundleForbidden"
	// ReasonInvalidCABundle means that the CA bundle contains no PEM certificate, or a damaged one, or is too large.
	ReasonInvalidCABundle = "InvalidCABundle"
	// ReasonInvalidSelector means that allowedNamespaces.selector is not a valid label selector.
	ReasonInvalidSelector = "InvalidSelector"
	// ReasonSelectorNotSupported means that allowedNamespaces.from is Selector, which an operator
	// that watches only some namespaces does not support.
	ReasonSelectorNotSupported = "SelectorNotSupported"
	// ReasonNamespaceUnreadable means that the operator lacks the permissions for a namespace that it watches, and that the
	// account allows other namespaces: mappings that the operator can't read could use it.
	ReasonNamespaceUnreadable = "NamespaceUnreadable"
	// ReasonDuplicateAccount means that other accounts have the same endpoint and user. It is the reason of the condition
	// Duplicate only, which does not reveal accounts of other namespaces.
	ReasonDuplicateAccount = "DuplicateAccount"
)

// Values of status.authentication of a DeepCallAccount.
const (
	// AuthenticationUserToken means that the Secret contains userId and token.
	AuthenticationUserToken = "UserToken"
	// AuthenticationSession means that the Secret contains ssid.
	AuthenticationSession = "Session"
)
