package reliability

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// checkStaleInvariants checks the invariants for a run in which only a cache was stale. It is stricter about I2, and
// checks I3 for the statuses that the API server accepted.
func (env *environment) checkStaleInvariants(expected expectation, maxRequests map[string]int) []string {
	env.t.Helper()
	var violations []string
	for _, violation := range env.checkInvariants(expected, maxRequests) {
		if !strings.HasPrefix(violation, "I3:") { // of writes before they are sent
			violations = append(violations, violation)
		}
	}
	violations = append(violations, env.checkRepeatedRequests(maxRequests)...)
	return append(violations, env.checkAcceptedReady()...)
}

// checkRepeatedRequests checks I2: a stale cache costs no request. A process repeats no request, since it assumes its
// own writes, and a new process verifies freshness before it sends one. A new process may repeat the last request
// of an agent if the former process crashed before it wrote the result.
func (env *environment) checkRepeatedRequests(maxRequests map[string]int) []string {
	agents := map[string]string{} // by mapping
	for _, v := range env.history.list() {
		if v.mapping != nil {
			agents[v.mapping.Name] = v.mapping.Spec.AgentID
		}
	}
	requests, unwritten := map[string]int{}, map[string]int{}
	for _, e := range env.ledger.list() {
		name, isWrite := strings.CutPrefix(strings.TrimSuffix(e.description, "/status"), "update agentgroupmappings/")
		if !isWrite {
			name, isWrite = strings.CutPrefix(e.description, "patch agentgroupmappings/")
		}
		switch {
		case e.request && e.agent != "":
			requests[e.agent]++
			if env.hasCrashed() && e.process == 1 {
				unwritten[e.agent] = 1
			}
		case isWrite && e.process == 1 && succeeded(e):
			unwritten[agents[name]] = 0
		}
	}
	var violations []string
	for agent, n := range requests {
		if limit := maxRequests[agent] + unwritten[agent]; n > limit {
			violations = append(violations, fmt.Sprintf("I2: %d requests for agent %s instead of at most %d with a stale cache", n, agent, limit))
		}
	}
	return violations
}

// checkAcceptedReady checks I3 for the statuses that the API server accepted. It rejects those that are computed from a
// stale cache. The n-th new status of a mapping is that of its n-th accepted write.
func (env *environment) checkAcceptedReady() []string {
	effects := env.ledger.list()
	writes := map[string][]int{} // indices of effects
	for i, e := range effects {
		if name, isWrite := strings.CutPrefix(e.description, "update agentgroupmappings/"); isWrite && succeeded(e) {
			name = strings.TrimSuffix(name, "/status")
			writes[name] = append(writes[name], i)
		}
	}
	var violations []string
	last := map[types.UID]*v1alpha1.AgentGroupMapping{}
	for _, v := range env.history.list() {
		if v.mapping == nil {
			continue
		}
		before := last[v.mapping.UID]
		last[v.mapping.UID] = v.mapping
		if before == nil || !v.mapping.OwnsStatus() || equality.Semantic.DeepEqual(before.Status, v.mapping.Status) {
			continue
		}
		name := v.mapping.Name
		if len(writes[name]) == 0 {
			violations = append(violations, fmt.Sprintf("test failure: no write of the status of %s", client.ObjectKeyFromObject(v.mapping)))
			continue
		}
		write := writes[name][0]
		writes[name] = writes[name][1:]
		if problem := checkReady(v.mapping, effects[:write]); problem != "" {
			violations = append(violations, "I3: "+problem)
		}
	}
	return violations
}
