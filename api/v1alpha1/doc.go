// Package v1alpha1 is the API of the DeepCall operator: which call groups an agent
// serves (AgentGroupMapping), and where and as whom DeepCall is called (DeepCallAccount).
//
// +kubebuilder:object:generate=true
// +groupName=telephony.deepcall.com
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the group and version of both kinds.
var GroupVersion = schema.GroupVersion{Group: "telephony.deepcall.com", Version: "v1alpha1"}

// AddToScheme makes both kinds known to a scheme.
var AddToScheme = addKnownTypes

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&DeepCallAccount{}, &DeepCallAccountList{},
		&AgentGroupMapping{}, &AgentGroupMappingList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
