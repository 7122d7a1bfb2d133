package reliability

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// checkInvariants waits until the environment has converged and returns the violated invariants. maxRequests limits
// the requests for each agent in a run without faults.
//
//	I1  With stable spec, credentials and endpoint, DeepCall converges to the declared groups, stays there,
//	    and Ready reports it.
//	I2  Requests per (agent, generation, credentials) are at most 1 + crashes + lost answers + retries.
//	I3  Ready is never written for a generation without an accepted 200 for it.
//	I4  An older generation is never accepted after a newer one.
//	I5  A group of an agent has one owner.
//	I6  An agent has at most one request in flight, as its client sees it. A crashed process has no clients.
//	I7  Deletion ends.
//	I8  No credential is in any object, event or log.
//	I9  After convergence the manager is quiet, also after a restart: no requests, no writes.
//
// Most of I3, I6, and the finalizer of I7 are checked while the manager runs, and recorded in the ledger.
func (env *environment) checkInvariants(expected expectation, maxRequests map[string]int) []string {
	env.t.Helper()
	var violations []string
	if unmet := env.converge(expected); unmet != "" {
		violations = append(violations, unmet)
	} else {
		violations = append(violations, env.checkQuiet(expected)...)
	}
	env.history.sort()
	violations = append(violations, env.checkRequestCounts(maxRequests)...)
	violations = append(violations, env.checkOrder()...)
	violations = append(violations, env.checkOwners()...)
	violations = append(violations, env.checkRemovals()...)
	violations = append(violations, findCredentials(env.sinks(), []string{userID, token, nextToken})...)
	return append(violations, env.ledger.listViolations()...)
}

// converge waits until the environment is as expected and quiet. It returns the differences after a timeout.
func (env *environment) converge(expected expectation) string {
	env.t.Helper()
	end := time.Now().Add(patience)
	for {
		unmet := env.await(func() string { return env.unmet(expected) })
		env.waitQuiet()
		// The expected state may have been the one before the last edit, if the watch lagged behind.
		if unmet != "" || env.unmet(expected) == "" || time.Now().After(end) {
			return unmet
		}
	}
}

// checkQuiet checks that the manager does nothing after convergence, for longer than a first back-off, so that a
// superfluous retry is noticed, and after a restart.
func (env *environment) checkQuiet(expected expectation) []string {
	env.t.Helper()
	env.ledger.disarm()
	before := len(env.ledger.list())
	env.waitQuietFor(firstRetry + quietPeriod)
	return env.checkRestart(before, func() string { return env.unmet(expected) })
}

// checkRestart restarts the manager and returns all effects after the first ones (I9), and the differences from the
// expected state (I1).
func (env *environment) checkRestart(first int, unmet func() string) []string {
	env.t.Helper()
	env.restart()
	env.waitQuiet()
	var violations []string
	for _, e := range env.ledger.list()[first:] {
		violations = append(violations, "I9: after convergence, possibly after a restart: "+e.String())
	}
	if problem := unmet(); problem != "" {
		violations = append(violations, "not stable: "+problem)
	}
	return violations
}

// checkRequestCounts checks I2 as a sum over the generations of an agent's mappings. A crash, a lost answer or
// a failed request may cost one more request for each mapping of the agent, since both sides of a handover can be
// unconfirmed. A failed write costs none (R15).
func (env *environment) checkRequestCounts(maxRequests map[string]int) []string {
	requests, mappings := map[string]int{}, map[string]map[types.UID]bool{}
	for _, e := range env.ledger.list() {
		if e.request && e.agent != "" {
			requests[e.agent]++
		}
	}
	for _, v := range env.history.list() {
		if v.mapping != nil {
			addTo(mappings, v.mapping.Spec.AgentID, v.mapping.UID)
		}
	}
	unknownResults := env.unknownResults()
	var violations []string
	for agent, n := range requests {
		if limit := maxRequests[agent] + unknownResults*len(mappings[agent]); n > limit {
			violations = append(violations, fmt.Sprintf("I2: %d requests for agent %s instead of at most %d", n, agent, limit))
		}
	}
	return violations
}

// addTo adds a value to one of the sets.
func addTo[K, V comparable](sets map[K]map[V]bool, key K, value V) {
	if sets[key] == nil {
		sets[key] = map[V]bool{}
	}
	sets[key][value] = true
}

// checkFinalizer checks a part of I7 for a status before it is written: a mapping that is Ready, and whose groups are
// to be removed at its deletion, has the finalizer.
func checkFinalizer(mapping *v1alpha1.AgentGroupMapping) string {
	removes := mapping.Spec.RemovalPolicy == v1alpha1.RemovalPolicyStopCalls && mapping.DeletionTimestamp.IsZero()
	if !isReady(mapping) || !removes || len(mapping.Status.AppliedGroups) == 0 || slices.Contains(mapping.Finalizers, v1alpha1.StopCallsFinalizer) {
		return ""
	}
	return fmt.Sprintf("%s is Ready for generation %d without its finalizer", mapping.Name, mapping.Generation)
}

// checkOwners checks I5: at no time are two mappings of an agent Ready with the same group, and at the end no two
// have applied it.
func (env *environment) checkOwners() []string {
	var violations []string
	current := map[string]*v1alpha1.AgentGroupMapping{}
	for _, v := range env.history.list() {
		if v.mapping == nil {
			continue
		}
		key := client.ObjectKeyFromObject(v.mapping).String()
		delete(current, key)
		if !v.deleted {
			current[key] = v.mapping
		}
		owners := map[string]string{}
		for name, mapping := range current {
			if !mapping.OwnsStatus() || !strings.HasPrefix(mappingSummary(mapping), "Ready=True") {
				continue
			}
			for id := range declaredGroups(mapping) {
				group := agentKey(mapping) + " " + id
				if other := owners[group]; other != "" {
					violations = append(violations, fmt.Sprintf("I5: %s and %s are both Ready with group %s", name, other, id))
				}
				owners[group] = name
			}
		}
	}
	owners := map[string]string{}
	for name, mapping := range current {
		for _, applied := range mapping.Status.AppliedGroups {
			group := agentKey(mapping) + " " + applied.GroupID
			if other := owners[group]; other != "" {
				violations = append(violations, fmt.Sprintf("I5: %s and %s have both applied group %s", name, other, applied.GroupID))
			}
			owners[group] = name
		}
	}
	slices.Sort(violations)
	return slices.Compact(violations)
}
