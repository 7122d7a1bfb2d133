package v1alpha1

import "k8s.io/apimachinery/pkg/types"

// AgentKey identifies a DeepCall agent: the account that reaches it, and its ID there.
type AgentKey struct {
	Account types.NamespacedName
	AgentID string
}

// String returns namespace/name/agentID. Neither Kubernetes names nor agent IDs contain a slash.
func (k AgentKey) String() string {
	return k.Account.String() + "/" + k.AgentID
}
