package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// RemovalPolicy defines how the operator handles groups that are no longer
// declared.
// +kubebuilder:validation:Enum=StopCalls;Orphan
type RemovalPolicy string

const (
	// RemovalPolicyStopCalls sends the group once more with receive_call "N".
	RemovalPolicyStopCalls RemovalPolicy = "StopCalls"
	// RemovalPolicyOrphan leaves the group unchanged in DeepCall.
	RemovalPolicyOrphan RemovalPolicy = "Orphan"
)

// AgentGroupMappingSpec defines the desired groups of an agent.
type AgentGroupMappingSpec struct {
	// accountRef references the DeepCallAccount whose endpoint and credentials
	// are used. Immutable.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="accountRef is immutable; create a mapping with another name and the other account: see docs/how-to/change-account.md"
	AccountRef AccountReference `json:"accountRef,omitzero"`

	// agentID is the ID of the agent in DeepCall: 1 to 64 characters of A-Z,
	// a-z, 0-9, '.', '_' and '-'. It is a string, so quote numbers in YAML.
	// Immutable.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern="^[A-Za-z0-9._-]+$"
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9._-]*$')",message="agentID must be 1 to 64 characters of A-Z, a-z, 0-9, '.', '_' and '-'"
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="agentID is immutable; delete the mapping and create it for the other agent"
	AgentID string `json:"agentID,omitempty"`

	// groups lists the groups of the agent: at most 500, with unique group
	// IDs. A group removed from the list is handled according to
	// removalPolicy. The field is required: set it to [] to remove all
	// groups.
	// +required
	// +listType=map
	// +listMapKey=groupID
	// +kubebuilder:validation:MaxItems=500
	Groups []AgentGroup `json:"groups"`

	// removalPolicy defines how the operator handles groups removed from the
	// list, and all groups when the mapping is deleted. StopCalls sends them
	// once more with receive_call "N", so that the agent receives no more
	// calls for them. Orphan sends nothing and leaves them unchanged in
	// DeepCall. Defaults to StopCalls.
	// +optional
	// +kubebuilder:default=StopCalls
	RemovalPolicy RemovalPolicy `json:"removalPolicy,omitempty"`

	// resyncInterval is the interval at which the operator sends the groups
	// again to revert changes made directly in DeepCall. It varies by up to a
	// tenth, so that mappings are not sent together. The minimum is 1m; 0s
	// disables resyncs. Defaults to 1h.
	// +optional
	// +kubebuilder:default="1h"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern="^([0-9]{1,6}([.][0-9]{1,9})?(s|m)|[0-9]{1,5}([.][0-9]{1,9})?h){1,3}$"
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}([.][0-9]{1,9})?(s|m)|[0-9]{1,5}([.][0-9]{1,9})?h){1,3}$') && (duration(self) == duration('0s') || duration(self) >= duration('1m'))",message="resyncInterval must be at least 1m, for example 1h, or 0s to disable resyncs"
	ResyncInterval *metav1.Duration `json:"resyncInterval,omitempty"`

	// suspend stops the operator from sending requests for this mapping.
	// Groups that were applied before stay in effect in DeepCall, even if the
	// mapping is deleted while suspended. Defaults to false.
	// +optional
	// +kubebuilder:default=false
	Suspend bool `json:"suspend,omitempty"`
}

// AccountReference references a DeepCallAccount.
type AccountReference struct {
	// name is the name of the DeepCallAccount.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// namespace is the namespace of the DeepCallAccount. Defaults to the
	// namespace of the mapping. An account in another namespace must permit
	// the mapping's namespace in its allowedNamespaces.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`
}

// AgentGroup is a group of an agent.
type AgentGroup struct {
	// groupID is the ID of the group in DeepCall: 1 to 64 characters of A-Z,
	// a-z, 0-9, '.', '_' and '-'. It is a string, so quote numbers in YAML.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern="^[A-Za-z0-9._-]+$"
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9._-]*$')",message="groupID must be 1 to 64 characters of A-Z, a-z, 0-9, '.', '_' and '-'"
	GroupID string `json:"groupID,omitempty"`

	// receiveCall sets whether the agent receives calls for this group: true
	// or false, unquoted.
	// +required
	ReceiveCall bool `json:"receiveCall"`
}

// AgentGroupMappingStatus is the observed state of an AgentGroupMapping.
type AgentGroupMappingStatus struct {
	// observedGeneration is the generation that the conditions describe. It is
	// -1 until the operator first processes the mapping.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// observedUID is the UID of the mapping that this status describes. The
	// operator ignores a status that was copied from another object.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	ObservedUID string `json:"observedUID,omitempty"`

	// conditions describe the current state. Ready reports whether DeepCall
	// confirmed the declared groups. Reconciling is present while the operator
	// is retrying or waiting, Stalled while user action is required.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// receiving is the number of applied groups that receive calls, and the
	// total number of applied groups, for example 2/3.
	// +optional
	// +kubebuilder:validation:MaxLength=16
	Receiving string `json:"receiving,omitempty"`

	// appliedGroups lists the groups that DeepCall last confirmed.
	// +optional
	// +listType=map
	// +listMapKey=groupID
	// +kubebuilder:validation:MaxItems=1000
	AppliedGroups []AgentGroup `json:"appliedGroups,omitempty"`

	// appliedEndpoint is the endpoint that confirmed appliedGroups.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	AppliedEndpoint string `json:"appliedEndpoint,omitempty"`

	// appliedUserHash identifies the DeepCall user for whom appliedEndpoint
	// confirmed appliedGroups. It is a hash of the user ID, salted with the UID
	// of the DeepCallAccount, and does not change with the token. It is empty
	// if the credentials were a session (ssid). With another endpoint or
	// another user, the operator sends all groups again.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	AppliedUserHash string `json:"appliedUserHash,omitempty"`

	// uncertain reports whether the groups in DeepCall can differ from
	// appliedGroups because the response to a request was lost. The operator
	// sends the groups again before it sets Ready to true.
	// +optional
	Uncertain bool `json:"uncertain,omitempty"`

	// answeredAttempt is the number of the latest attempt recorded in the
	// annotation telephony.deepcall.com/attempted-groups that got a definite
	// response from DeepCall. The groups of a later attempt may or may not be
	// in effect.
	// +optional
	// +kubebuilder:validation:Minimum=0
	AnsweredAttempt int64 `json:"answeredAttempt,omitempty"`

	// pendingGroups lists groups that a request without a definite response
	// may have added. The operator removes those that are no longer declared.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MaxLength=64
	PendingGroups []string `json:"pendingGroups,omitempty"`

	// lastSyncTime is the time at which DeepCall last confirmed the groups,
	// with microsecond precision. If two mappings applied the same group, the
	// mapping with the later time owns it.
	// +optional
	LastSyncTime *metav1.MicroTime `json:"lastSyncTime,omitempty"`

	// lastResponse is the last response from DeepCall to a request for this
	// mapping.
	// +optional
	LastResponse *LastResponse `json:"lastResponse,omitempty"`

	// rejectedEndpoint is the endpoint that rejected the mapping, while
	// DeepCall rejects it. With another endpoint or another user, the operator
	// sends the mapping again at once.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	RejectedEndpoint string `json:"rejectedEndpoint,omitempty"`

	// rejectedUserHash identifies the DeepCall user for whom rejectedEndpoint
	// rejected the mapping, like appliedUserHash.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	RejectedUserHash string `json:"rejectedUserHash,omitempty"`

	// lastHandledReconcileAt is the last value of the annotation
	// telephony.deepcall.com/reconcile-requested-at that the operator handled.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	LastHandledReconcileAt string `json:"lastHandledReconcileAt,omitempty"`

	// handledResyncTime is the account's status.resyncRequestedTime at the time
	// of the last request that got a definite response from DeepCall. If the
	// account's is another one, the operator sends the groups again.
	// +optional
	HandledResyncTime *metav1.MicroTime `json:"handledResyncTime,omitempty"`
}

// AgentGroupMapping declares the groups of a DeepCall agent, and whether
// the agent receives calls for each group.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=agm,categories=deepcall
// +kubebuilder:selectablefield:JSONPath=`.spec.agentID`
// +kubebuilder:selectablefield:JSONPath=`.spec.accountRef.name`
// +kubebuilder:printcolumn:name="Agent",type=string,JSONPath=`.spec.agentID`
// +kubebuilder:printcolumn:name="Receiving",type=string,JSONPath=`.status.receiving`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Synced",type=date,JSONPath=`.status.lastSyncTime`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Account",type=string,priority=1,JSONPath=`.spec.accountRef.name`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
type AgentGroupMapping struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is the desired state of the mapping.
	// +required
	Spec AgentGroupMappingSpec `json:"spec,omitzero"`

	// status is the observed state of the mapping.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status AgentGroupMappingStatus `json:"status,omitzero"`
}

// AgentGroupMappingList is a list of AgentGroupMappings.
//
// +kubebuilder:object:root=true
type AgentGroupMappingList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`

	Items []AgentGroupMapping `json:"items"`
}
