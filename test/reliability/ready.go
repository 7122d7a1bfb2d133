package reliability

import (
	"encoding/json"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// readyTooEarly holds I3 for a status that is about to be written: Ready=True takes a 200 that reached the
// manager, to a request with every declared group, and no other value accepted since. A mapping that
// declares nothing needs none.
func readyTooEarly(mapping *v1alpha1.AgentGroupMapping, effects []effect) string {
	if !readyNow(mapping) {
		return ""
	}
	declared := declaredBy(mapping)
	if len(declared) == 0 {
		return ""
	}
	confirmed := false
	for _, e := range effects {
		if !e.accepted || e.agent != mapping.Spec.AgentID || e.endpoint != mapping.Status.AppliedEndpoint {
			continue
		}
		said := map[string]string{}
		for id := range declared {
			if receives, is := e.groups[id]; is {
				said[id] = receives
			}
		}
		switch {
		case includes(said, declared):
			confirmed = true
		case !includes(declared, said):
			confirmed = false
		}
	}
	if confirmed {
		return ""
	}
	return fmt.Sprintf("%s is Ready for generation %d without a 200 to %s", mapping.Name, mapping.Generation, inWords(declared))
}

// readyNow is true for a mapping that is Ready for the generation that it has.
func readyNow(mapping *v1alpha1.AgentGroupMapping) bool {
	ready := meta.FindStatusCondition(mapping.Status.Conditions, v1alpha1.ConditionReady)
	return ready != nil && ready.Status == metav1.ConditionTrue && ready.ObservedGeneration == mapping.Generation
}

// readyWrite is a status with Ready=True on its way out, and how many effects there were before.
type readyWrite struct {
	effect  *effect
	before  int
	mapping *v1alpha1.AgentGroupMapping
}

func (l *ledger) noteReady(write readyWrite) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ready = append(l.ready, write)
}

// readyWrites are those that the API server took.
func (l *ledger) readyWrites() []readyWrite {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(l.ready), func(write readyWrite) bool { return !landed(*write.effect) })
}

// missingStops holds I3 for what is no longer declared: under StopCalls, a group that the version before had applied,
// or may have, is "N" in the last accepted request that names it. It is judged once the history is complete. It does
// not look at groups that another mapping of the agent ever declared, which may take them over.
func (w *world) missingStops() []string {
	var broken []string
	all, effects := w.generations(), w.ledger.look()
	for _, write := range w.ledger.readyWrites() {
		mapping := write.mapping
		previous := w.history.replacedBy(mapping)
		if previous == nil || mapping.Spec.RemovalPolicy != v1alpha1.RemovalPolicyStopCalls {
			continue
		}
		own := exclusive(generationsOf(mapping, all), all)
		for _, id := range mayHave(previous) {
			_, declares := declaredBy(mapping)[id]
			if own[id] && !declares && lastAccepted(effects[:write.before], mapping, id) == "Y" {
				broken = append(broken, fmt.Sprintf("I3: %s is Ready for generation %d, and its former group %s was not stopped",
					mapping.Name, mapping.Generation, id))
			}
		}
	}
	return broken
}

// replacedBy is the version of a mapping that another one was written over.
func (h *history) replacedBy(mapping *v1alpha1.AgentGroupMapping) *v1alpha1.AgentGroupMapping {
	for _, v := range h.look() {
		if v.mapping != nil && v.mapping.UID == mapping.UID && v.mapping.ResourceVersion == mapping.ResourceVersion {
			return v.mapping
		}
	}
	return nil
}

// mayHave are the groups that a mapping applied, or for which a call was made whose answer is not known.
func mayHave(mapping *v1alpha1.AgentGroupMapping) []string {
	var groups []string
	for _, applied := range mapping.Status.AppliedGroups {
		groups = append(groups, applied.GroupID)
	}
	var attempted struct {
		Attempt int64
		Groups  []string
	}
	err := json.Unmarshal([]byte(mapping.Annotations[v1alpha1.AttemptedGroupsAnnotation]), &attempted)
	if err == nil && attempted.Attempt > mapping.Status.AnsweredAttempt {
		groups = append(groups, attempted.Groups...)
	}
	return groups
}

// lastAccepted is what a mapping's DeepCall last accepted of a group, to the knowledge of the manager.
func lastAccepted(effects []effect, mapping *v1alpha1.AgentGroupMapping, group string) string {
	last := ""
	for _, e := range effects {
		if said := e.groups[group]; said != "" && e.accepted && e.agent == mapping.Spec.AgentID && e.endpoint == mapping.Status.AppliedEndpoint {
			last = said
		}
	}
	return last
}
