package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// DeepCallAccountSpec says where DeepCall is called, as whom, and how hard.
type DeepCallAccountSpec struct {
	// endpoint is the base URL of your DeepCall brand, such as
	// https://v4-api.deepcall.com. The operator appends
	// /api/v2/Agent/updateAgentGroupMapping. A path prefix is allowed; user info,
	// a query or a fragment is not. Plain http works only when the operator runs
	// with --allow-insecure-endpoints, for development.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="isURL(self) && !self.matches('[^!-~]') && url(self).getScheme() in ['https', 'http'] && url(self).getHostname() != ''",message="endpoint must be an absolute https URL with a host, such as https://v4-api.deepcall.com"
	// +kubebuilder:validation:XValidation:rule="!self.contains('@')",message="endpoint must not contain user info ('@'); credentials belong in the Secret of credentialsSecretRef"
	// +kubebuilder:validation:XValidation:rule="!self.contains('?') && !self.contains('#')",message="endpoint must not contain a query ('?') or a fragment ('#')"
	Endpoint string `json:"endpoint,omitempty"`

	// credentialsSecretRef names the Secret with the credentials, in the account's
	// own namespace. It holds the keys userId and token, or the key ssid, never
	// both.
	// +required
	CredentialsSecretRef SecretReference `json:"credentialsSecretRef,omitzero"`

	// requestTimeout is how long one call may take, more than 0s and at most 9s.
	// The default is 8s.
	// +optional
	// +kubebuilder:default="8s"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern="^([0-9]{1,6}([.][0-9]{1,9})?(ms|s)){1,3}$"
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}([.][0-9]{1,9})?(ms|s)){1,3}$') && duration(self) > duration('0s') && duration(self) <= duration('9s')",message="requestTimeout must be more than 0s and at most 9s, such as 8s"
	RequestTimeout *metav1.Duration `json:"requestTimeout,omitempty"`

	// limits bound the calls made with this account.
	// +optional
	// +kubebuilder:default={}
	Limits Limits `json:"limits,omitzero"`

	// caBundle holds PEM certificates, base64 encoded. When set, these roots are
	// trusted instead of the system's.
	// +optional
	// +kubebuilder:validation:MaxLength=1048576
	CABundle []byte `json:"caBundle,omitempty"`

	// allowedNamespaces says from which namespaces mappings may use this account.
	// +optional
	// +kubebuilder:default={"from":"Same"}
	AllowedNamespaces AllowedNamespaces `json:"allowedNamespaces,omitzero"`
}

// SecretReference names a Secret of the same namespace.
type SecretReference struct {
	// name of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// Limits bound the calls made with an account.
type Limits struct {
	// requestsPerSecond is how many calls may start each second, over time. The
	// default is 10.
	// +optional
	// +kubebuilder:default=10
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	RequestsPerSecond int32 `json:"requestsPerSecond,omitempty"`

	// burst is how many calls may start at once after a quiet time. The default is
	// 20.
	// +optional
	// +kubebuilder:default=20
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	Burst int32 `json:"burst,omitempty"`

	// maxInFlight is how many calls may wait for DeepCall's answer at the same
	// time. Resyncs that come by themselves take half of them at most, but at least
	// one, so that an edit finds a place. The default is 4.
	// +optional
	// +kubebuilder:default=4
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	MaxInFlight int32 `json:"maxInFlight,omitempty"`
}

// NamespacesFrom says how namespaces are chosen.
// +kubebuilder:validation:Enum=Same;All;Selector
type NamespacesFrom string

const (
	// NamespacesFromSame allows mappings of the account's own namespace only.
	NamespacesFromSame NamespacesFrom = "Same"
	// NamespacesFromAll allows mappings of every namespace.
	NamespacesFromAll NamespacesFrom = "All"
	// NamespacesFromSelector allows mappings of the namespaces whose labels match.
	NamespacesFromSelector NamespacesFrom = "Selector"
)

// AllowedNamespaces says from which namespaces mappings may use an account.
// +kubebuilder:validation:XValidation:rule="has(self.selector) == (has(self.from) && self.from == 'Selector')",message="selector must be set when from is Selector, and only then"
type AllowedNamespaces struct {
	// from is Same (the account's own namespace, the default), All, or Selector
	// (the namespaces that match selector).
	// +optional
	// +kubebuilder:default=Same
	From NamespacesFrom `json:"from,omitempty"`

	// selector chooses namespaces by their labels, when from is Selector.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
}

// DeepCallAccountStatus is what the operator knows of an account.
type DeepCallAccountStatus struct {
	// observedGeneration is the generation that the conditions speak of; -1 before
	// the first look.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions say how things stand: Ready says whether calls can be made;
	// Reconciling and Stalled say whether the operator goes on trying or a person
	// must act.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// mappings is how many AgentGroupMappings use this account.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Mappings int32 `json:"mappings"`

	// authentication is UserToken (userId and token) or Session (ssid), as found
	// in the Secret.
	// +optional
	// +kubebuilder:validation:Enum=UserToken;Session
	Authentication string `json:"authentication,omitempty"`

	// lastResponse is the answer of DeepCall that brought the account into its
	// present state.
	// +optional
	LastResponse *LastResponse `json:"lastResponse,omitempty"`
}

// DeepCallAccount says where DeepCall is called and as whom.
// AgentGroupMappings refer to it.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=dca,categories=deepcall
// +kubebuilder:printcolumn:name="Endpoint",type=string,JSONPath=`.spec.endpoint`
// +kubebuilder:printcolumn:name="Mappings",type=integer,JSONPath=`.status.mappings`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
type DeepCallAccount struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec says where DeepCall is called, as whom, and how hard.
	// +required
	Spec DeepCallAccountSpec `json:"spec,omitzero"`

	// status is what the operator knows of the account.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status DeepCallAccountStatus `json:"status,omitzero"`
}

// DeepCallAccountList is a list of DeepCallAccounts.
//
// +kubebuilder:object:root=true
type DeepCallAccountList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`

	Items []DeepCallAccount `json:"items"`
}
