package testenv

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// MappingBuilder builds an AgentGroupMapping, for example Mapping("asha").Agent("7").Group("90", true).In("support").
type MappingBuilder struct{ mapping v1alpha1.AgentGroupMapping }

// Mapping returns a builder of a mapping for agent 7 and the account acme.
func Mapping(name string) *MappingBuilder {
	b := &MappingBuilder{}
	b.mapping.Name = name
	b.mapping.Spec.AccountRef.Name = "acme"
	b.mapping.Spec.AgentID = "7"
	b.mapping.Spec.Groups = []v1alpha1.AgentGroup{}
	return b
}

// In sets the namespace.
func (b *MappingBuilder) In(namespace string) *MappingBuilder {
	b.mapping.Namespace = namespace
	return b
}

// Agent sets the agent's ID.
func (b *MappingBuilder) Agent(id string) *MappingBuilder {
	b.mapping.Spec.AgentID = id
	return b
}

// Account sets an account in the mapping's namespace.
func (b *MappingBuilder) Account(name string) *MappingBuilder {
	b.mapping.Spec.AccountRef.Name = name
	return b
}

// AccountIn sets an account in another namespace.
func (b *MappingBuilder) AccountIn(namespace, name string) *MappingBuilder {
	b.mapping.Spec.AccountRef = v1alpha1.AccountReference{Namespace: namespace, Name: name}
	return b
}

// Group adds a group.
func (b *MappingBuilder) Group(id string, receives bool) *MappingBuilder {
	b.mapping.Spec.Groups = append(b.mapping.Spec.Groups, v1alpha1.AgentGroup{GroupID: id, ReceiveCall: receives})
	return b
}

// Orphan sets the removal policy Orphan.
func (b *MappingBuilder) Orphan() *MappingBuilder {
	b.mapping.Spec.RemovalPolicy = v1alpha1.RemovalPolicyOrphan
	return b
}

// Suspended suspends the mapping.
func (b *MappingBuilder) Suspended() *MappingBuilder {
	b.mapping.Spec.Suspend = true
	return b
}

// Resync sets the resync interval.
func (b *MappingBuilder) Resync(interval time.Duration) *MappingBuilder {
	b.mapping.Spec.ResyncInterval = &metav1.Duration{Duration: interval}
	return b
}

// Build returns the mapping.
func (b *MappingBuilder) Build() *v1alpha1.AgentGroupMapping {
	return b.mapping.DeepCopy()
}

// AccountBuilder builds a DeepCallAccount, for example Account("acme", url).In("support").
type AccountBuilder struct{ account v1alpha1.DeepCallAccount }

// Account returns a builder of an account with credentials in the Secret NAME-deepcall.
func Account(name, endpoint string) *AccountBuilder {
	b := &AccountBuilder{}
	b.account.Name = name
	b.account.Spec.Endpoint = endpoint
	b.account.Spec.CredentialsSecretRef.Name = name + "-deepcall"
	return b
}

// In sets the namespace.
func (b *AccountBuilder) In(namespace string) *AccountBuilder {
	b.account.Namespace = namespace
	return b
}

// Limits sets the limits.
func (b *AccountBuilder) Limits(requestsPerSecond, burst, maxInFlight int32) *AccountBuilder {
	b.account.Spec.Limits = v1alpha1.Limits{RequestsPerSecond: requestsPerSecond, Burst: burst, MaxInFlight: maxInFlight}
	return b
}

// Timeout sets the request timeout.
func (b *AccountBuilder) Timeout(timeout time.Duration) *AccountBuilder {
	b.account.Spec.RequestTimeout = &metav1.Duration{Duration: timeout}
	return b
}

// Allow sets the namespaces that can use the account.
func (b *AccountBuilder) Allow(allowed v1alpha1.AllowedNamespaces) *AccountBuilder {
	b.account.Spec.AllowedNamespaces = allowed
	return b
}

// CABundle sets a reference to the key ca.crt of an object.
func (b *AccountBuilder) CABundle(kind v1alpha1.CABundleKind, name string) *AccountBuilder {
	b.account.Spec.CABundleRef = v1alpha1.CABundleReference{Kind: kind, Name: name, Key: "ca.crt"}
	return b
}

// Build returns the account.
func (b *AccountBuilder) Build() *v1alpha1.DeepCallAccount {
	return b.account.DeepCopy()
}

// UserToken returns the Secret of an account with a user ID and a token.
func UserToken(account, userID, token string) *corev1.Secret {
	return secret(account, map[string]string{"userId": userID, "token": token})
}

// Session returns the Secret of an account with a session ID.
func Session(account, ssid string) *corev1.Secret {
	return secret(account, map[string]string{"ssid": ssid})
}

func secret(account string, data map[string]string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: account + "-deepcall"}, StringData: data}
}
