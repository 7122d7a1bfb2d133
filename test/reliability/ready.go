package reliability

import (
	"encoding/json"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// checkReady checks I3 for a status before it is written: Ready=True requires that the manager received a 200 to a
// request with every declared group, and that no other value was accepted since. A mapping that declares nothing
// requires no request.
func checkReady(mapping *v1alpha1.AgentGroupMapping, effects []effect) string {
	if !isReady(mapping) {
		return ""
	}
	declared := declaredGroups(mapping)
	if len(declared) == 0 {
		return ""
	}
	confirmed := false
	for _, e := range effects {
		if !e.accepted || e.agent != mapping.Spec.AgentID || e.endpoint != mapping.Status.AppliedEndpoint {
			continue
		}
		sent := map[string]string{}
		for id := range declared {
			if value, found := e.groups[id]; found {
				sent[id] = value
			}
		}
		switch {
		case containsAll(sent, declared):
			confirmed = true
		case !containsAll(declared, sent):
			confirmed = false
		}
	}
	if confirmed {
		return ""
	}
	return fmt.Sprintf("%s is Ready for generation %d without a 200 to %s", mapping.Name, mapping.Generation, formatGroups(declared))
}

// isReady reports whether a mapping is Ready for its current generation.
func isReady(mapping *v1alpha1.AgentGroupMapping) bool {
	ready := meta.FindStatusCondition(mapping.Status.Conditions, v1alpha1.ConditionReady)
	return ready != nil && ready.Status == metav1.ConditionTrue && ready.ObservedGeneration == mapping.Generation
}

// readyWrite is a write of a status with Ready=True, and the number of effects before it.
type readyWrite struct {
	effect  *effect
	before  int
	mapping *v1alpha1.AgentGroupMapping
}

func (l *ledger) addReadyWrite(write readyWrite) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ready = append(l.ready, write)
}

// readyWrites returns the writes that the API server accepted.
func (l *ledger) readyWrites() []readyWrite {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(l.ready), func(write readyWrite) bool { return !succeeded(*write.effect) })
}

// checkRemovals checks I3 for groups that are no longer declared: under StopCalls, a group that the previous version
// possibly applied is "N" in the last accepted request that contains it. Groups that another mapping of the agent ever
// declared are ignored, since they can be handed over. The history must be complete.
func (env *environment) checkRemovals() []string {
	var violations []string
	all, effects := env.specHistories(), env.ledger.list()
	for _, write := range env.ledger.readyWrites() {
		mapping := write.mapping
		previous := env.history.versionBefore(mapping)
		if previous == nil || mapping.Spec.RemovalPolicy != v1alpha1.RemovalPolicyStopCalls {
			continue
		}
		exclusive := exclusiveGroups(specHistoryOf(mapping, all), all)
		for _, id := range possiblyApplied(previous) {
			_, declares := declaredGroups(mapping)[id]
			if exclusive[id] && !declares && lastAcceptedValue(effects[:write.before], mapping, id) == "Y" {
				violations = append(violations, fmt.Sprintf("I3: %s is Ready for generation %d, and its former group %s was not removed",
					mapping.Name, mapping.Generation, id))
			}
		}
	}
	return violations
}

// versionBefore returns the version that a write replaced.
func (h *history) versionBefore(mapping *v1alpha1.AgentGroupMapping) *v1alpha1.AgentGroupMapping {
	for _, v := range h.list() {
		if v.mapping != nil && v.mapping.UID == mapping.UID && v.mapping.ResourceVersion == mapping.ResourceVersion {
			return v.mapping
		}
	}
	return nil
}

// possiblyApplied returns the groups that a mapping applied, and those of a request whose result is unknown.
func possiblyApplied(mapping *v1alpha1.AgentGroupMapping) []string {
	var groups []string
	if mapping.OwnsStatus() {
		for _, applied := range mapping.Status.AppliedGroups {
			groups = append(groups, applied.GroupID)
		}
	}
	var attempted struct {
		UID     types.UID
		Attempt int64
		Groups  []string
	}
	err := json.Unmarshal([]byte(mapping.Annotations[v1alpha1.AttemptedGroupsAnnotation]), &attempted)
	if err == nil && attempted.UID == mapping.UID && attempted.Attempt > mapping.Status.AnsweredAttempt {
		groups = append(groups, attempted.Groups...)
	}
	return groups
}

// lastAcceptedValue returns the value of a group in the last request that the manager knows to be accepted.
func lastAcceptedValue(effects []effect, mapping *v1alpha1.AgentGroupMapping, group string) string {
	last := ""
	for _, e := range effects {
		if value := e.groups[group]; value != "" && e.accepted && e.agent == mapping.Spec.AgentID && e.endpoint == mapping.Status.AppliedEndpoint {
			last = value
		}
	}
	return last
}
