package v1alpha1

import (
	"slices"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

// AgentKey identifies a DeepCall agent: the account that reaches it, and its ID there.
//
// +kubebuilder:object:generate=false
type AgentKey struct {
	Account types.NamespacedName
	AgentID string
}

// String returns namespace/name/agentID. Neither Kubernetes names nor agent IDs contain a slash.
func (k AgentKey) String() string {
	return k.Account.String() + "/" + k.AgentID
}

// AgentKey returns the key of the agent that the mapping is for.
func (m *AgentGroupMapping) AgentKey() AgentKey {
	return AgentKey{Account: m.AccountKey(), AgentID: m.Spec.AgentID}
}

// AccountKey returns the name of the account that the mapping references. The namespace defaults to the mapping's own.
func (m *AgentGroupMapping) AccountKey() types.NamespacedName {
	ref := m.Spec.AccountRef
	if ref.Namespace == "" {
		return types.NamespacedName{Namespace: m.Namespace, Name: ref.Name}
	}
	return types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name}
}

// HasFinalizer reports whether the mapping has the finalizer: its groups are removed in DeepCall before it is deleted.
func (m *AgentGroupMapping) HasFinalizer() bool {
	return slices.Contains(m.Finalizers, StopCallsFinalizer)
}

// Released reports whether the mapping is being deleted and no longer waits for the operator. Its applied groups are not
// carried any more.
func (m *AgentGroupMapping) Released() bool {
	return m.DeletionTimestamp != nil && !m.HasFinalizer()
}

// InUse reports whether the account has the finalizer that keeps it while mappings use it.
func (a *DeepCallAccount) InUse() bool {
	return slices.Contains(a.Finalizers, InUseFinalizer)
}

// SecretKey returns the name of the Secret with the account's credentials.
func (a *DeepCallAccount) SecretKey() types.NamespacedName {
	return types.NamespacedName{Namespace: a.Namespace, Name: a.Spec.CredentialsSecretRef.Name}
}

// CABundleKey returns the name of the ConfigMap or Secret that spec.caBundleRef names, which must be set.
func (a *DeepCallAccount) CABundleKey() types.NamespacedName {
	return types.NamespacedName{Namespace: a.Namespace, Name: a.Spec.CABundleRef.Name}
}

// Revision changes with the object, its spec, and a request to use the account again.
func (a *DeepCallAccount) Revision() string {
	return string(a.UID) + "/" + strconv.FormatInt(a.Generation, 10) + "@" + a.Annotations[ReconcileRequestedAtAnnotation]
}

// Permits reports whether mappings of the namespace can use the account. Selects reports whether a label selector selects the
// namespace. An invalid selector selects nothing.
func (a *DeepCallAccount) Permits(namespace string, selects func(labels.Selector) (bool, error)) (bool, error) {
	switch allowed := a.Spec.AllowedNamespaces; {
	case a.Namespace == namespace, allowed.From == NamespacesFromAll:
		return true, nil
	case allowed.From == NamespacesFromSelector:
		selector, err := metav1.LabelSelectorAsSelector(allowed.Selector)
		if err != nil {
			return false, nil //nolint:nilerr // the account's conditions report it
		}
		return selects(selector)
	default:
		return false, nil
	}
}
