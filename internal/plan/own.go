package plan

import (
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// NewMapping returns the mapping with what the planner can trust of the object. Users and their tools can copy, restore and
// edit everything but the status, and restore even that. So a status of another object, by its UID, counts as none; IDs that
// the CRD rejects are dropped; times in the future count as now. Without permission only the status counts, which only the
// operator writes: a record of an attempt could send requests through an account of another namespace. The mapping is a copy.
func NewMapping(object *v1alpha1.AgentGroupMapping, permitted bool, now time.Time) Mapping {
	object = object.DeepCopy()
	m := Mapping{AgentGroupMapping: object, Permitted: permitted}
	status := &object.Status
	if !object.OwnsStatus() {
		m.outdatedStatus = !isPristine(status)
		*status = v1alpha1.AgentGroupMappingStatus{ObservedGeneration: -1}
	}
	status.AppliedGroups = slices.DeleteFunc(status.AppliedGroups, func(group v1alpha1.AgentGroup) bool { return !isGroupID(group.GroupID) })
	status.PendingGroups = slices.DeleteFunc(status.PendingGroups, func(id string) bool { return !isGroupID(id) })
	if at := status.LastSyncTime; at != nil {
		at.Time = clampTime(at.Time, now)
	}
	if answer := status.LastResponse; answer != nil {
		answer.Time.Time = clampTime(answer.Time.Time, now)
	}
	for i := range status.Conditions {
		at := &status.Conditions[i].LastTransitionTime
		at.Time = clampTime(at.Time, now)
	}
	if !permitted {
		delete(object.Annotations, v1alpha1.AttemptedGroupsAnnotation)
	}
	return m
}

// maxClockSkew is how far the clock of another replica can be ahead. It is long, since beyond it all groups are sent again.
const maxClockSkew = 24 * time.Hour

// clampTime returns a time that is not in the future. A time that no clock can have written counts as long ago, so that a
// resync corrects it.
func clampTime(at, now time.Time) time.Time {
	switch {
	case !at.After(now):
		return at
	case at.After(now.Add(maxClockSkew)):
		return time.Unix(0, 0)
	default:
		return now
	}
}

// isPristine reports whether the status is that of a new object.
func isPristine(status *v1alpha1.AgentGroupMappingStatus) bool {
	return equality.Semantic.DeepEqual(*status, v1alpha1.AgentGroupMappingStatus{ObservedGeneration: status.ObservedGeneration})
}

// isGroupID reports whether the CRD accepts the ID.
func isGroupID(id string) bool {
	const characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
	return id != "" && len(id) <= 64 && strings.Trim(id, characters) == ""
}
