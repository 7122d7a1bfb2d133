package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// RemovalPolicy says what becomes of a group that is no longer declared.
// +kubebuilder:validation:Enum=StopCalls;Orphan
type RemovalPolicy string

const (
	// RemovalPolicyStopCalls has the agent receive no more calls for the group.
	RemovalPolicyStopCalls RemovalPolicy = "StopCalls"
	// RemovalPolicyOrphan leaves the group as it stands in DeepCall.
	RemovalPolicyOrphan RemovalPolicy = "Orphan"
)

// AgentGroupMappingSpec declares which groups an agent serves.
type AgentGroupMappingSpec struct {
	// accountRef names the DeepCallAccount through which DeepCall is told.
	// Immutable.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="accountRef is immutable; delete the mapping and create it with the other account"
	AccountRef AccountReference `json:"accountRef,omitzero"`

	// agentID is DeepCall's ID of the agent, 1 to 64 of A-Z a-z 0-9 . _ -; quote
	// it, it is a string. Immutable.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern="^[A-Za-z0-9._-]+$"
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9._-]*$')",message="agentID must be 1 to 64 of A-Z a-z 0-9 . _ -"
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="agentID is immutable; delete the mapping and create it for the other agent"
	AgentID string `json:"agentID,omitempty"`

	// groups are the groups the agent serves, up to 500, each named once. A group
	// that is taken out of this list is treated as removalPolicy says.
	// +optional
	// +listType=map
	// +listMapKey=groupID
	// +kubebuilder:validation:MaxItems=500
	Groups []AgentGroup `json:"groups,omitempty"`

	// removalPolicy says what becomes of groups that are taken out of the list,
	// and of all of them when the mapping is deleted: StopCalls, the default,
	// tells DeepCall that the agent receives no more calls for them, Orphan leaves
	// them as they stand in DeepCall.
	// +optional
	// +kubebuilder:default=StopCalls
	RemovalPolicy RemovalPolicy `json:"removalPolicy,omitempty"`

	// resyncInterval is how often the groups are sent again although nothing
	// changed, to undo changes made in DeepCall by others: at least 1m, or 0s to
	// turn it off. The default is 1h.
	// +optional
	// +kubebuilder:default="1h"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern="^([0-9]{1,6}([.][0-9]{1,9})?(s|m)|[0-9]{1,5}([.][0-9]{1,9})?h){1,3}$"
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}([.][0-9]{1,9})?(s|m)|[0-9]{1,5}([.][0-9]{1,9})?h){1,3}$') && (duration(self) == duration('0s') || duration(self) >= duration('1m'))",message="resyncInterval must be at least 1m, such as 1h, or 0s to turn it off"
	ResyncInterval *metav1.Duration `json:"resyncInterval,omitempty"`

	// suspend has the operator make no call to DeepCall for this mapping until it
	// is false again. What DeepCall confirmed stays in force there, also when the
	// mapping is deleted meanwhile. The default is false.
	// +optional
	// +kubebuilder:default=false
	Suspend bool `json:"suspend,omitempty"`
}

// AccountReference names a DeepCallAccount.
type AccountReference struct {
	// name of the DeepCallAccount.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// namespace of the DeepCallAccount; the mapping's own when left out. An
	// account of another namespace must allow this one in its allowedNamespaces.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`
}

// AgentGroup is one group of an agent.
type AgentGroup struct {
	// groupID is DeepCall's ID of the group, 1 to 64 of A-Z a-z 0-9 . _ -; quote
	// it, it is a string.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern="^[A-Za-z0-9._-]+$"
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9._-]*$')",message="groupID must be 1 to 64 of A-Z a-z 0-9 . _ -"
	GroupID string `json:"groupID,omitempty"`

	// receiveCall says whether the agent receives calls for this group: true or
	// false, unquoted.
	// +required
	ReceiveCall bool `json:"receiveCall"`
}

// AgentGroupMappingStatus is what DeepCall last confirmed, and what hinders
// the rest.
type AgentGroupMappingStatus struct {
	// observedGeneration is the generation that the conditions speak of; -1 before
	// the first look.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions say how things stand: Ready says whether DeepCall confirmed what
	// is declared; Reconciling and Stalled say whether the operator goes on trying
	// or a person must act.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// receiving is how many groups receive calls, of those applied, such as 2/3.
	// +optional
	// +kubebuilder:validation:MaxLength=16
	Receiving string `json:"receiving,omitempty"`

	// appliedGroups is what DeepCall last confirmed.
	// +optional
	// +listType=map
	// +listMapKey=groupID
	// +kubebuilder:validation:MaxItems=1000
	AppliedGroups []AgentGroup `json:"appliedGroups,omitempty"`

	// appliedEndpoint is the endpoint at which appliedGroups were confirmed.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	AppliedEndpoint string `json:"appliedEndpoint,omitempty"`

	// uncertain is true when DeepCall may hold something else than appliedGroups,
	// since the answer to a call was lost. The groups are sent again before Ready
	// is true.
	// +optional
	Uncertain bool `json:"uncertain,omitempty"`

	// answeredAttempt is the number of the newest attempt, of those in the
	// annotation telephony.deepcall.com/attempted-groups, that DeepCall answered
	// definitely. The groups of a newer attempt may or may not be live in
	// DeepCall.
	// +optional
	// +kubebuilder:validation:Minimum=0
	AnsweredAttempt int64 `json:"answeredAttempt,omitempty"`

	// lastSyncTime is when DeepCall last confirmed the groups, to the microsecond:
	// of two mappings that both applied a group, the later one holds it.
	// +optional
	LastSyncTime *metav1.MicroTime `json:"lastSyncTime,omitempty"`

	// lastResponse is DeepCall's last answer to a call for this mapping.
	// +optional
	LastResponse *LastResponse `json:"lastResponse,omitempty"`

	// lastHandledReconcileAt echoes the annotation
	// telephony.deepcall.com/reconcile-requested-at once it was acted on.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	LastHandledReconcileAt string `json:"lastHandledReconcileAt,omitempty"`
}

// AgentGroupMapping declares which call groups a DeepCall agent serves, and
// whether the agent receives calls for each.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=agm,categories=deepcall
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

	// spec declares which groups the agent serves.
	// +required
	Spec AgentGroupMappingSpec `json:"spec,omitzero"`

	// status is what DeepCall last confirmed, and what hinders the rest.
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
