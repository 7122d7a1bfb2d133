package reliability

import (
	"maps"
	"slices"
	"strings"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// parseGroups parses "90=Y 91=N".
func parseGroups(text string) map[string]string {
	groups := map[string]string{}
	for _, field := range strings.Fields(text) {
		id, value, _ := strings.Cut(field, "=")
		groups[id] = value
	}
	return groups
}

// formatGroups formats groups as "90=Y 91=N".
func formatGroups(groups map[string]string) string {
	var fields []string
	for _, id := range slices.Sorted(maps.Keys(groups)) {
		fields = append(fields, id+"="+groups[id])
	}
	return strings.Join(fields, " ")
}

// specGroups parses "90=Y 91=N" into groups of a spec or status, sorted by ID.
func specGroups(text string) []v1alpha1.AgentGroup {
	groups := parseGroups(text)
	list := make([]v1alpha1.AgentGroup, 0, len(groups))
	for _, id := range slices.Sorted(maps.Keys(groups)) {
		list = append(list, v1alpha1.AgentGroup{GroupID: id, ReceiveCall: groups[id] == "Y"})
	}
	return list
}

// groupValue returns the value of receive_call in a request.
func groupValue(receiveCall bool) string {
	if receiveCall {
		return "Y"
	}
	return "N"
}

// declaredGroups returns the groups that a mapping declares: none while it is being deleted.
func declaredGroups(mapping *v1alpha1.AgentGroupMapping) map[string]string {
	groups := map[string]string{}
	if mapping.DeletionTimestamp != nil {
		return groups
	}
	for _, group := range mapping.Spec.Groups {
		groups[group.GroupID] = groupValue(group.ReceiveCall)
	}
	return groups
}

// containsAll reports whether all contains every group of some, with the same value.
func containsAll(all, some map[string]string) bool {
	for id, value := range some {
		if all[id] != value {
			return false
		}
	}
	return true
}

// containsAny reports whether the set contains one of the groups.
func containsAny(set map[string]bool, groups map[string]string) bool {
	for id := range groups {
		if set[id] {
			return true
		}
	}
	return false
}
