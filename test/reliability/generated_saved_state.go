package reliability

import (
	"fmt"
	"maps"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// savedState is the state at the start of a round trip.
type savedState struct {
	specs    map[string]v1alpha1.AgentGroupMappingSpec
	statuses map[string]string
	groups   map[string]map[string]string // by agent
}

// saveState waits for convergence and saves the state. A round trip starts without conflicts, since the owner of a group
// in conflict depends on the order of events.
func (r *runner) saveState() {
	r.converge()
	r.saved = &savedState{specs: map[string]v1alpha1.AgentGroupMappingSpec{}, statuses: r.statusSummaries(), groups: map[string]map[string]string{}}
	for key, mapping := range r.env.history.mappings() {
		r.saved.specs[r.objectName(key)] = *mapping.Spec.DeepCopy()
	}
	for agent := range agentAccounts {
		r.saved.groups[agent] = r.effectiveGroups(agent)
	}
}

// statusSummaries returns the statuses of the mappings without times and DeepCall's last message.
func (r *runner) statusSummaries() map[string]string {
	summaries := map[string]string{}
	for key, mapping := range r.env.history.mappings() {
		status := mapping.Status
		summaries[r.objectName(key)] = fmt.Sprintf("%s, %s, applied %v", mappingSummary(mapping), status.Receiving, status.AppliedGroups)
	}
	return summaries
}

// effectiveGroups returns an agent's groups in DeepCall except those that no mapping declares and that are N or
// released.
func (r *runner) effectiveGroups(agent string) map[string]string {
	groups := r.server(agent).Agent(agent)
	declared := map[string]bool{}
	for _, mapping := range r.env.history.mappings() {
		if mapping.Spec.AgentID == agent {
			for id := range declaredGroups(mapping) {
				declared[id] = true
			}
		}
	}
	released := r.released(agent)
	maps.DeleteFunc(groups, func(id, value string) bool { return !declared[id] && (value == "N" || released[id]) })
	return groups
}

// restoreState applies the saved specs.
func (r *runner) restoreState() {
	if r.saved == nil {
		return
	}
	r.repair()
	for _, f := range mappingFixtures {
		spec, existed := r.saved.specs[f.name]
		if !existed {
			r.delete(f.name)
			continue
		}
		if m := r.mapping(f.name); m != nil && m.DeletionTimestamp != nil {
			r.waitFor(f.name+" is deleted", func() string {
				if m := r.mapping(f.name); m != nil {
					return "I7: it is " + mappingSummary(m) + "\n" + r.describe()
				}
				return ""
			})
		}
		r.apply(f.name, spec)
	}
	r.restored = true
}

// checkRestored checks that a round trip leads to the saved state.
func (r *runner) checkRestored() []string {
	if !r.restored {
		return nil
	}
	var violations []string
	statuses := r.statusSummaries()
	for _, f := range mappingFixtures {
		if want, got := r.saved.statuses[f.name], statuses[f.name]; want != got {
			violations = append(violations, fmt.Sprintf("after a round trip, %s is %q instead of %q", f.name, got, want))
		}
	}
	for agent, want := range r.saved.groups {
		if got := r.effectiveGroups(agent); !maps.Equal(want, got) {
			violations = append(violations, fmt.Sprintf("after a round trip, agent %s has %q instead of %q", agent, formatGroups(got), formatGroups(want)))
		}
	}
	return violations
}
