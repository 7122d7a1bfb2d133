// Package controller holds the reconcilers. The unit is an agent: (account, agentID). Its
// reconciler gathers the agent's mappings, settles the last call, plans, reports what needs no
// call, and starts the next call, which runs apart from the workers and leads back here.
package controller

import (
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// AgentKey names an agent of DeepCall: the account it is reached through, and its ID there.
type AgentKey struct {
	Account types.NamespacedName
	Agent   string
}

// String is the form in logs and in the cache's index. Kubernetes names hold no slash, nor do agent IDs.
func (k AgentKey) String() string {
	return k.Account.String() + "/" + k.Agent
}

func agentOf(mapping *v1alpha1.AgentGroupMapping) AgentKey {
	return AgentKey{Account: accountOf(mapping), Agent: mapping.Spec.AgentID}
}

func accountOf(mapping *v1alpha1.AgentGroupMapping) types.NamespacedName {
	ref := mapping.Spec.AccountRef
	if ref.Namespace == "" {
		return types.NamespacedName{Namespace: mapping.Namespace, Name: ref.Name}
	}
	return types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name}
}

// The cache finds mappings by agent and by account, and accounts by Secret.
const (
	agentIndex   = "agent"
	accountIndex = "account"
	secretIndex  = "secret"
)

func indexAgent(obj client.Object) []string {
	if mapping, ok := obj.(*v1alpha1.AgentGroupMapping); ok {
		return []string{agentOf(mapping).String()}
	}
	return nil
}

func indexAccount(obj client.Object) []string {
	if mapping, ok := obj.(*v1alpha1.AgentGroupMapping); ok {
		return []string{accountOf(mapping).String()}
	}
	return nil
}

func indexSecret(obj client.Object) []string {
	if account, ok := obj.(*v1alpha1.DeepCallAccount); ok {
		return []string{types.NamespacedName{Namespace: account.Namespace, Name: account.Spec.CredentialsSecretRef.Name}.String()}
	}
	return nil
}

// maxMessage bounds text of a person's that is repeated in a message, maxRequest the value of a
// request for a resync, as status.lastHandledReconcileAt does; both in characters.
const (
	maxMessage = 256
	maxRequest = 1024
)

// cut shortens a text to so many characters.
func cut(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most])
	}
	return text
}
