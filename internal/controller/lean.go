package controller

import (
	"maps"
	"slices"
	"unique"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// readAnnotations are those that the operator reads.
var readAnnotations = []string{v1alpha1.AttemptedGroupsAnnotation, v1alpha1.ReconcileRequestedAtAnnotation}

// Lean is how the cache keeps a mapping: without what the operator never reads, which may be most of it. A copy
// of all that was applied is in an annotation, or in managedFields. Nothing of it is lost when the mapping is
// written: a patch holds the difference alone, and the API server takes nothing but the status of a status.
func Lean(obj any) (any, error) {
	if mapping, is := obj.(*v1alpha1.AgentGroupMapping); is { // not what is gone
		lean(mapping)
		share(mapping)
	}
	return obj, nil
}

func lean(mapping *v1alpha1.AgentGroupMapping) {
	mapping.ManagedFields, mapping.Labels, mapping.OwnerReferences = nil, nil, nil
	answered := attemptsOf(mapping).Attempt <= mapping.Status.AnsweredAttempt
	maps.DeleteFunc(mapping.Annotations, func(name, _ string) bool {
		// A record that was answered says no more than the status does, and every mapping has one.
		return !slices.Contains(readAnnotations, name) || (answered && name == v1alpha1.AttemptedGroupsAnnotation)
	})
	if len(mapping.Annotations) == 0 {
		mapping.Annotations = nil
	}
}

// share holds each text that many mappings have in common but once.
func share(mapping *v1alpha1.AgentGroupMapping) {
	spec, status := &mapping.Spec, &mapping.Status
	texts := []*string{
		&mapping.Kind, &mapping.APIVersion, &mapping.Namespace,
		&spec.AccountRef.Name, &spec.AccountRef.Namespace, (*string)(&spec.RemovalPolicy),
		&status.Receiving, &status.AppliedEndpoint,
	}
	for i := range mapping.Finalizers {
		texts = append(texts, &mapping.Finalizers[i])
	}
	for i := range spec.Groups {
		texts = append(texts, &spec.Groups[i].GroupID)
	}
	for i := range status.AppliedGroups {
		texts = append(texts, &status.AppliedGroups[i].GroupID)
	}
	for i := range status.Conditions {
		c := &status.Conditions[i]
		texts = append(texts, &c.Type, (*string)(&c.Status), &c.Reason, &c.Message)
	}
	if status.LastResponse != nil {
		texts = append(texts, &status.LastResponse.Message)
	}
	for _, text := range texts {
		*text = unique.Make(*text).Value()
	}
}
