// Package transform reduces objects to what the operator reads before they are cached.
package transform

import (
	"maps"
	"slices"
	"unique"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller/foreign"
	"github.com/deepcall/deepcall-operator/internal/plan"
)

// readAnnotations are the annotations that the operator reads.
var readAnnotations = []string{v1alpha1.AttemptedGroupsAnnotation, v1alpha1.ReconcileRequestedAtAnnotation}

// Account is a cache transform. It removes those managedFields of an account that the operator never reads.
func Account(obj any) (any, error) {
	if account, ok := obj.(*v1alpha1.DeepCallAccount); ok { // not a tombstone
		foreign.Strip(account)
	}
	return obj, nil
}

// Mapping is a cache transform. It removes the parts of a mapping that the operator never reads, such as labels, and shares
// strings between mappings. Writes don't remove these parts: a patch contains only the difference, and a status update changes
// only the status.
func Mapping(obj any) (any, error) {
	if mapping, ok := obj.(*v1alpha1.AgentGroupMapping); ok { // not a tombstone
		StripUnused(mapping)
		internStrings(mapping)
	}
	return obj, nil
}

// StripUnused removes the parts of a mapping that the operator never reads.
func StripUnused(mapping *v1alpha1.AgentGroupMapping) {
	foreign.Strip(mapping)
	mapping.Labels, mapping.OwnerReferences = nil, nil
	answered := mapping.OwnsStatus() && plan.AttemptOf(mapping).Number <= mapping.Status.AnsweredAttempt
	maps.DeleteFunc(mapping.Annotations, func(name, _ string) bool {
		// An answered record adds nothing to the status, and every mapping has one.
		return !slices.Contains(readAnnotations, name) || (answered && name == v1alpha1.AttemptedGroupsAnnotation)
	})
	if len(mapping.Annotations) == 0 {
		mapping.Annotations = nil
	}
}

// internStrings shares the strings that many mappings have in common.
func internStrings(mapping *v1alpha1.AgentGroupMapping) {
	spec, status := &mapping.Spec, &mapping.Status
	fields := []*string{
		&mapping.Kind, &mapping.APIVersion, &mapping.Namespace,
		&spec.AccountRef.Name, &spec.AccountRef.Namespace, (*string)(&spec.RemovalPolicy),
		&status.Receiving, &status.AppliedEndpoint, &status.AppliedUserHash, &status.RejectedEndpoint, &status.RejectedUserHash,
	}
	for i := range mapping.Finalizers {
		fields = append(fields, &mapping.Finalizers[i])
	}
	for i := range spec.Groups {
		fields = append(fields, &spec.Groups[i].GroupID)
	}
	for i := range status.AppliedGroups {
		fields = append(fields, &status.AppliedGroups[i].GroupID)
	}
	for i := range status.Conditions {
		c := &status.Conditions[i]
		fields = append(fields, &c.Type, (*string)(&c.Status), &c.Reason, &c.Message)
	}
	if status.LastResponse != nil {
		fields = append(fields, &status.LastResponse.Message)
	}
	for _, field := range fields {
		*field = unique.Make(*field).Value()
	}
}
