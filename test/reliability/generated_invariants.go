package reliability

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

// checkInvariants waits for convergence and returns the violated invariants.
func (r *runner) checkInvariants() []string {
	r.converge()
	violations := r.checkRestored()
	r.env.waitQuiet()
	violations = append(violations, r.env.checkRestart(len(r.env.ledger.list()), func() string { return r.unmet(false) })...)
	violations = append(violations, r.checkRequestCounts()...)
	violations = append(violations, r.checkOrder()...)
	r.env.history.sort()
	violations = append(violations, r.env.checkOwners()...)
	violations = append(violations, findCredentials(r.env.sinks(), r.secrets)...)
	return append(violations, r.env.ledger.listViolations()...)
}

// checkRequestCounts checks I2: each trigger for an agent costs at most one request for each of its mappings, since
// others can take over groups. A crash or a lost answer costs one more for each mapping, and each failed
// request costs its repetition. A rejected request also costs the requests that isolate the rejected mapping or
// removal.
func (r *runner) checkRequestCounts() []string {
	requests, failed, isolating := map[string]int{}, map[string]int{}, map[string]int{}
	mappings := r.mappingsPerAgent()
	for _, server := range r.servers {
		for _, request := range server.Requests() {
			requests[request.Agent]++
			if request.Code != 200 || request.Fault != "" || request.ClientGone {
				failed[request.Agent]++
			}
			if request.Code == 1505 {
				isolating[request.Agent] += 1 + mappings[request.Agent] + len(possibleRemovals(request))
			}
		}
	}
	for _, e := range r.env.ledger.list() {
		if e.request && strings.HasPrefix(e.result, "failed") { // perhaps too late for DeepCall to notice
			failed[e.agent]++
		}
	}
	unknownResults := r.env.unknownResults()
	var violations []string
	for agent, n := range requests {
		if limit := mappings[agent]*(r.model.triggers[agent]+unknownResults) + failed[agent] + isolating[agent]; n > limit {
			violations = append(violations, fmt.Sprintf("I2: %d requests for agent %s instead of at most %d (%d triggers, %d mappings, %d unknown results, %d failed, %d isolating)",
				n, agent, limit, r.model.triggers[agent], mappings[agent], unknownResults, failed[agent], isolating[agent]))
		}
	}
	return violations
}

// mappingsPerAgent counts the names of all mappings that each agent ever had.
func (r *runner) mappingsPerAgent() map[string]int {
	counts, seen := map[string]int{}, map[client.ObjectKey]bool{}
	for _, v := range r.env.history.list() {
		if v.mapping == nil || seen[client.ObjectKeyFromObject(v.mapping)] {
			continue
		}
		seen[client.ObjectKeyFromObject(v.mapping)] = true
		counts[v.mapping.Spec.AgentID]++
	}
	return counts
}

// checkOrder checks I4 as [environment.checkOrder] does, with two exceptions. An isolating request may leave out a
// group that is to be removed: the group keeps its last value. A result that the manager did not write, since
// the answer was lost or the process crashed, does not count as applied: until it is retried, the requests of other
// mappings carry the former groups (R3), except that those which a lost or rejected request disabled stay disabled.
func (r *runner) checkOrder() []string {
	var violations []string
	all, effects := r.env.specHistories(), r.env.ledger.list()
	for _, server := range r.servers {
		for _, h := range all {
			groups, values, at, lost := exclusiveGroups(h, all), map[string]string{}, 0, 0
			for _, request := range acceptedRequests(server, h.agent) {
				maps.Copy(values, request.Groups)
				if !containsAny(groups, request.Groups) {
					continue
				}
				if slices.ContainsFunc(h.declared[lost:], func(newer map[string]string) bool {
					return h.allows(at, asFormer(request.Groups, h.declared[at], newer), groups)
				}) {
					continue
				}
				next := at
				for next < len(h.declared) && !h.allows(next, request.Groups, groups) && !h.allows(next, values, groups) {
					next++
				}
				if next == len(h.declared) {
					violations = append(violations, "I4: "+h.outOfOrder(request.Groups, h.declared[at:]))
					break
				}
				if r.resultWritten(h.key.Name, request, effects) {
					at = next
				}
				lost = next
			}
		}
	}
	return violations
}

// asFormer returns the groups of a request, with the former values of those that a newer generation disables.
func asFormer(request, former, newer map[string]string) map[string]string {
	groups := maps.Clone(request)
	for id, value := range request {
		if value == "N" && newer[id] != "Y" && former[id] != "" {
			groups[id] = former[id]
		}
	}
	return groups
}

// resultWritten reports whether the process that sent a request received its success and then wrote the mapping's
// status. The request is the last one for its agent that was sent before DeepCall received it.
func (r *runner) resultWritten(mapping string, request deepcalltest.Request, effects []effect) bool {
	received, sent := request.Start.Sub(r.env.ledger.started), -1
	for i, e := range effects {
		if e.request && e.agent == request.Agent && e.at <= received {
			sent = i
		}
	}
	if sent < 0 || !effects[sent].accepted {
		return false
	}
	return slices.ContainsFunc(effects[sent:], func(e effect) bool {
		return e.process == effects[sent].process && strings.HasSuffix(e.description, "agentgroupmappings/"+mapping+"/status") && succeeded(e)
	})
}
