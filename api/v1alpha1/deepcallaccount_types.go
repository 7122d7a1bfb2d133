package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// DeepCallAccountSpec defines the endpoint, credentials and limits of the
// requests sent with an account.
// +kubebuilder:validation:XValidation:rule="!(has(self.caBundle) && has(self.caBundleRef))",message="caBundle and caBundleRef are mutually exclusive: set one of them"
type DeepCallAccountSpec struct {
	// endpoint is the base URL of the DeepCall API, for example
	// https://v4-api.deepcall.com. The operator appends
	// /api/v2/Agent/updateAgentGroupMapping, so the endpoint must not end in
	// it. The URL can have a path prefix, but no user info, query or fragment.
	// Plain http requires the operator's flag --allow-insecure-endpoints and is
	// meant for development only.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="isURL(self) && !self.matches('[^!-~]') && url(self).getScheme() in ['https', 'http'] && url(self).getHostname() != ''",message="endpoint must be an absolute https URL with a host, for example https://v4-api.deepcall.com"
	// +kubebuilder:validation:XValidation:rule="!self.contains('@')",message="endpoint must not contain user info ('@'); credentials belong in the Secret of credentialsSecretRef"
	// +kubebuilder:validation:XValidation:rule="!self.contains('?') && !self.contains('#')",message="endpoint must not contain a query ('?') or a fragment ('#')"
	Endpoint string `json:"endpoint,omitempty"`

	// credentialsSecretRef references the Secret that contains the
	// credentials, in the account's namespace. The Secret must have either the
	// keys userId and token or the key ssid, but not both. The values must not
	// contain invisible characters or have spaces at either end; one newline
	// at the end is ignored.
	// +required
	CredentialsSecretRef SecretReference `json:"credentialsSecretRef,omitzero"`

	// requestTimeout is the time limit for one request: more than 0s and at
	// most 9s. Defaults to 8s.
	// +optional
	// +kubebuilder:default="8s"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern="^([0-9]{1,6}([.][0-9]{1,9})?(ms|s)){1,3}$"
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}([.][0-9]{1,9})?(ms|s)){1,3}$') && duration(self) > duration('0s') && duration(self) <= duration('9s')",message="requestTimeout must be more than 0s and at most 9s, for example 8s"
	RequestTimeout *metav1.Duration `json:"requestTimeout,omitempty"`

	// limits restrict the rate and concurrency of requests.
	// +optional
	// +kubebuilder:default={}
	Limits Limits `json:"limits,omitzero"`

	// caBundle contains base64-encoded PEM certificates of the certificate
	// authorities that are trusted for the endpoint. If set, it replaces the
	// system's trusted roots. Comments between the certificates are ignored; a
	// damaged certificate makes the whole bundle invalid.
	// +optional
	// +kubebuilder:validation:MaxLength=1048576
	CABundle []byte `json:"caBundle,omitempty"`

	// caBundleRef references a ConfigMap or a Secret in the account's namespace
	// that contains these certificates in PEM form, for example one that
	// trust-manager writes. A changed bundle is used from the next request on.
	// While there is none, no request is sent. Mutually exclusive with caBundle.
	// +optional
	CABundleRef CABundleReference `json:"caBundleRef,omitzero"`

	// allowedNamespaces selects the namespaces whose mappings can use this
	// account. Defaults to the account's own namespace.
	// +optional
	// +kubebuilder:default={"from":"Same"}
	AllowedNamespaces AllowedNamespaces `json:"allowedNamespaces,omitzero"`
}

// SecretReference references a Secret in the same namespace.
type SecretReference struct {
	// name is the name of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="name must be the name of a Secret: lower case letters, digits, '-' and '.'"
	Name string `json:"name,omitempty"`
}

// CABundleKind is the kind of an object that contains a CA bundle.
// +kubebuilder:validation:Enum=ConfigMap;Secret
type CABundleKind string

const (
	// CABundleKindConfigMap reads the CA bundle from a ConfigMap.
	CABundleKindConfigMap CABundleKind = "ConfigMap"
	// CABundleKindSecret reads the CA bundle from a Secret.
	CABundleKindSecret CABundleKind = "Secret"
)

// CABundleReference references a key of a ConfigMap or Secret in the same
// namespace.
type CABundleReference struct {
	// kind is ConfigMap or Secret.
	// +required
	Kind CABundleKind `json:"kind,omitempty"`

	// name is the name of the ConfigMap or Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="name must be the name of a ConfigMap or Secret: lower case letters, digits, '-' and '.'"
	Name string `json:"name,omitempty"`

	// key is the key of the CA bundle in the object. The bundle can have at most
	// 768 KiB. Defaults to ca.crt.
	// +optional
	// +kubebuilder:default="ca.crt"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern="^[-._a-zA-Z0-9]+$"
	Key string `json:"key,omitempty"`
}

// Limits restrict the requests sent with an account.
type Limits struct {
	// requestsPerSecond is the maximum average number of requests started per
	// second. Defaults to 10.
	// +optional
	// +kubebuilder:default=10
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	RequestsPerSecond int32 `json:"requestsPerSecond,omitempty"`

	// burst is the maximum number of requests started at once after a period
	// of inactivity. Defaults to 20.
	// +optional
	// +kubebuilder:default=20
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	Burst int32 `json:"burst,omitempty"`

	// maxInFlight is the maximum number of requests that wait for a response
	// at the same time. Periodic resyncs use at most half of it, but at least
	// one, to leave room for edits. Defaults to 4.
	// +optional
	// +kubebuilder:default=4
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	MaxInFlight int32 `json:"maxInFlight,omitempty"`
}

// NamespacesFrom defines how namespaces are selected.
// +kubebuilder:validation:Enum=Same;All;Selector
type NamespacesFrom string

const (
	// NamespacesFromSame selects the account's own namespace only.
	NamespacesFromSame NamespacesFrom = "Same"
	// NamespacesFromAll selects all namespaces.
	NamespacesFromAll NamespacesFrom = "All"
	// NamespacesFromSelector selects namespaces by label.
	NamespacesFromSelector NamespacesFrom = "Selector"
)

// AllowedNamespaces selects the namespaces whose mappings can use an
// account.
// +kubebuilder:validation:XValidation:rule="has(self.selector) == (has(self.from) && self.from == 'Selector')",message="selector is required if from is Selector, and forbidden otherwise"
type AllowedNamespaces struct {
	// from is Same for the account's own namespace, All for all namespaces, or
	// Selector for the namespaces that match selector. Defaults to Same.
	// +optional
	// +kubebuilder:default=Same
	From NamespacesFrom `json:"from,omitempty"`

	// selector selects namespaces by label. Required if from is Selector, and
	// forbidden otherwise.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
}

// DeepCallAccountStatus is the observed state of a DeepCallAccount.
type DeepCallAccountStatus struct {
	// observedGeneration is the generation that the conditions describe. It is
	// -1 until the operator first processes the account.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// observedUID is the UID of the account that this status describes. The
	// operator ignores the resync requested by a status that was copied from
	// another object.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	ObservedUID string `json:"observedUID,omitempty"`

	// conditions describe the current state. Ready reports whether the
	// operator can send requests with this account. Reconciling is present
	// while the operator is retrying or waiting, Stalled while user action is
	// required. Duplicate is present while other accounts in the namespace have
	// the same endpoint and user; it does not change Ready.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// mappings is the number of AgentGroupMappings that use this account.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Mappings int32 `json:"mappings"`

	// authentication is the kind of credentials in the Secret: UserToken
	// (userId and token) or Session (ssid).
	// +optional
	// +kubebuilder:validation:Enum=UserToken;Session
	Authentication string `json:"authentication,omitempty"`

	// lastResponse is the response from DeepCall that led to the current state
	// of the account.
	// +optional
	LastResponse *LastResponse `json:"lastResponse,omitempty"`

	// lastHandledReconcileAt is the last value of the annotation
	// telephony.deepcall.com/reconcile-requested-at that the operator handled.
	// A value that the account had when the operator first processed it counts
	// as handled.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	LastHandledReconcileAt string `json:"lastHandledReconcileAt,omitempty"`

	// resyncRequestedTime is the time at which the operator observed the last
	// request to resync all mappings of the account. The operator sends each
	// mapping whose status.handledResyncTime is another time.
	// +optional
	ResyncRequestedTime *metav1.MicroTime `json:"resyncRequestedTime,omitempty"`
}

// DeepCallAccount defines a DeepCall endpoint and the credentials to use
// it. AgentGroupMappings reference it.
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

	// spec is the desired state of the account.
	// +required
	Spec DeepCallAccountSpec `json:"spec,omitzero"`

	// status is the observed state of the account.
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
