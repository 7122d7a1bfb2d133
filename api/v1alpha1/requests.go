package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// maxRequestedAt is the maximum length of status.lastHandledReconcileAt, in characters.
const maxRequestedAt = 1024

// RequestedAt returns the value of the annotation that requests a resync, truncated to what the status can record.
func RequestedAt(object metav1.Object) string {
	value := []rune(object.GetAnnotations()[ReconcileRequestedAtAnnotation])
	return string(value[:min(len(value), maxRequestedAt)])
}

// OwnsStatus reports whether the operator wrote the status for this mapping, and not for one from which it was copied.
func (m *AgentGroupMapping) OwnsStatus() bool {
	return m.Status.ObservedUID == string(m.UID)
}

// WithoutCopiedStatus returns the mapping. If its status was copied from another one, it returns it with the status of a new mapping.
func (m *AgentGroupMapping) WithoutCopiedStatus() *AgentGroupMapping {
	if m.OwnsStatus() {
		return m
	}
	without := *m
	without.Status = AgentGroupMappingStatus{ObservedGeneration: -1}
	return &without
}

// OwnsStatus reports whether the operator wrote the status for this account, and not for one from which it was copied.
func (a *DeepCallAccount) OwnsStatus() bool {
	return a.Status.ObservedUID == string(a.UID)
}

// HasUnhandledRequest reports whether a resync of all mappings is requested that the operator has not observed yet. What was
// requested before the operator first processed the account counts as handled.
func (a *DeepCallAccount) HasUnhandledRequest() bool {
	requested := RequestedAt(a)
	return a.OwnsStatus() && requested != "" && requested != a.Status.LastHandledReconcileAt
}

// ResyncRequestedTime returns when the operator observed the last request to resync all mappings; nil if there is none. A
// status that does not match the account's UID and annotation, since it was copied or restored, requests nothing.
func (a *DeepCallAccount) ResyncRequestedTime() *metav1.MicroTime {
	if !a.OwnsStatus() || a.HasUnhandledRequest() {
		return nil
	}
	return a.Status.ResyncRequestedTime
}
