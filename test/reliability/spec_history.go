package reliability

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

// specHistory holds the groups that the mappings of one name declared, in order. The first entry is empty.
type specHistory struct {
	key      client.ObjectKey
	agent    string
	declared []map[string]string
}

// checkOrder checks I4: the requests that DeepCall accepted for a mapping follow the order of its generations. This
// applies to groups that no other mapping of the agent ever declared; requests without such groups are ignored.
// Groups that are handed over are compared one by one with the declarations of all mappings, unless an answer was
// lost: until the next owner's own request, requests carry the value that the former owner last confirmed, even if
// it was removed since.
func (env *environment) checkOrder() []string {
	var violations []string
	all, declarations := env.specHistories(), env.declarationHistory()
	for _, server := range env.servers() {
		for _, h := range all {
			if problem := outOfOrderRequest(h, exclusiveGroups(h, all), groupsOf(acceptedRequests(server, h.agent))); problem != "" {
				violations = append(violations, "I4: "+problem)
			}
		}
		if env.unknownResults() > 0 {
			continue
		}
		for agent, declared := range declarations {
			for _, problem := range outOfOrderGroups(declared, groupsOf(acceptedRequests(server, agent))) {
				violations = append(violations, "I4: agent "+agent+", "+problem)
			}
		}
	}
	return violations
}

func (env *environment) specHistories() []*specHistory {
	byKey := map[client.ObjectKey]*specHistory{}
	var all []*specHistory
	for _, v := range env.history.list() {
		if v.mapping == nil {
			continue
		}
		key := client.ObjectKeyFromObject(v.mapping)
		h := byKey[key]
		if h == nil {
			h = &specHistory{key: key, agent: v.mapping.Spec.AgentID, declared: []map[string]string{{}}}
			byKey[key] = h
			all = append(all, h)
		}
		declared := declaredGroups(v.mapping)
		if v.deleted {
			declared = map[string]string{}
		}
		if !maps.Equal(h.declared[len(h.declared)-1], declared) {
			h.declared = append(h.declared, declared)
		}
	}
	return all
}

// specHistoryOf returns the history of a mapping's name.
func specHistoryOf(mapping *v1alpha1.AgentGroupMapping, all []*specHistory) *specHistory {
	return all[slices.IndexFunc(all, func(h *specHistory) bool { return h.key == client.ObjectKeyFromObject(mapping) })]
}

// exclusiveGroups returns the groups of a mapping that no other mapping of the agent ever declared.
func exclusiveGroups(h *specHistory, all []*specHistory) map[string]bool {
	groups := map[string]bool{}
	for _, declared := range h.declared {
		for id := range declared {
			groups[id] = true
		}
	}
	for _, other := range all {
		if other == h || other.agent != h.agent {
			continue
		}
		for _, declared := range other.declared {
			for id := range declared {
				delete(groups, id)
			}
		}
	}
	return groups
}

// acceptedRequests returns the requests that DeepCall applied for an agent, in that order.
func acceptedRequests(server *deepcalltest.Server, agent string) []deepcalltest.Request {
	requests := slices.DeleteFunc(server.RequestsFor(agent), func(r deepcalltest.Request) bool { return !r.Applied })
	slices.SortFunc(requests, func(a, b deepcalltest.Request) int { return cmp.Compare(a.Order, b.Order) })
	return requests
}

func groupsOf(requests []deepcalltest.Request) []map[string]string {
	groups := make([]map[string]string, len(requests))
	for i, request := range requests {
		groups[i] = request.Groups
	}
	return groups
}

// outOfOrderRequest finds a request that matches no generation since that of the previous request.
func outOfOrderRequest(h *specHistory, groups map[string]bool, requests []map[string]string) string {
	at := 0
	for _, request := range requests {
		if !containsAny(groups, request) {
			continue
		}
		for at < len(h.declared) && !h.allows(at, request, groups) {
			at++
		}
		if at == len(h.declared) {
			return h.outOfOrder(request, h.declared)
		}
	}
	return ""
}

func (h *specHistory) outOfOrder(request map[string]string, generations []map[string]string) string {
	return fmt.Sprintf("%s: DeepCall accepted %s for agent %s after a newer generation (generations: %v)",
		h.key.Name, formatGroups(request), h.agent, generations)
}

// allows reports whether a request is right for a generation: it matches the generation, and removes nothing that no
// generation up to this one declared.
func (h *specHistory) allows(generation int, request map[string]string, groups map[string]bool) bool {
	for id := range request {
		known := slices.ContainsFunc(h.declared[:generation+1], func(declared map[string]string) bool { return declared[id] != "" })
		if groups[id] && !known {
			return false
		}
	}
	return matchesSpec(request, h.declared[generation], groups)
}

// matchesSpec reports whether a request sets the groups that a generation declares, and removes the others.
func matchesSpec(request, declared map[string]string, groups map[string]bool) bool {
	for id := range groups {
		got, sent := request[id]
		want, declares := declared[id]
		if declares && got != want || !declares && sent && got != "N" {
			return false
		}
	}
	return true
}

// declarationHistory returns, by agent, the groups that all its mappings declared after each change.
func (env *environment) declarationHistory() map[string][][]map[string]string {
	declarations := map[string][][]map[string]string{}
	current := map[string]map[client.ObjectKey]map[string]string{}
	for _, v := range env.history.list() {
		if v.mapping == nil {
			continue
		}
		agent, key := v.mapping.Spec.AgentID, client.ObjectKeyFromObject(v.mapping)
		if current[agent] == nil {
			current[agent] = map[client.ObjectKey]map[string]string{}
		}
		delete(current[agent], key)
		if !v.deleted {
			current[agent][key] = declaredGroups(v.mapping)
		}
		declarations[agent] = append(declarations[agent], slices.Collect(maps.Values(current[agent])))
	}
	return declarations
}

// outOfOrderGroups finds groups whose accepted values do not follow the declarations: each value is declared by a
// mapping, or is "N" while none declares the group, at the point of the previous value or later. If two mappings
// declare a group at the same time, either value is right: I5 is about the owner.
func outOfOrderGroups(declarations [][]map[string]string, requests []map[string]string) []string {
	var problems []string
	at := map[string]int{}
	for _, request := range requests {
		for id, value := range request {
			for at[id] < len(declarations) && !declares(declarations[at[id]], id, value) {
				at[id]++
			}
			if at[id] == len(declarations) {
				problems = append(problems, fmt.Sprintf("group %s: DeepCall accepted %s after a newer declaration", id, value))
			}
		}
	}
	slices.Sort(problems)
	return slices.Compact(problems)
}

// declares reports whether one of the mappings declares the value, or none the group and the value is "N".
func declares(mappings []map[string]string, id, value string) bool {
	declared := false
	for _, groups := range mappings {
		if groups[id] == value {
			return true
		}
		declared = declared || groups[id] != ""
	}
	return !declared && value == "N"
}
