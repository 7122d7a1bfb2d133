// Package v1alpha1 contains the API types of the DeepCall operator:
// AgentGroupMapping declares the groups of an agent, DeepCallAccount defines
// an endpoint and credentials.
//
// +kubebuilder:object:generate=true
// +groupName=telephony.deepcall.com
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group and version of both kinds.
var GroupVersion = schema.GroupVersion{Group: "telephony.deepcall.com", Version: "v1alpha1"}

// AddToScheme adds both kinds to a scheme.
var AddToScheme = addKnownTypes

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&DeepCallAccount{}, &DeepCallAccountList{},
		&AgentGroupMapping{}, &AgentGroupMappingList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
