package csvimport

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/utils/ptr"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/text"
)

// Check compares the table with the live mappings. It returns the problems and the warnings that only they show, sorted by line.
func (t *Table) Check(live []*v1alpha1.AgentGroupMapping) (problems, warnings []Problem) {
	existing, others := ByName(live), namesByAgent(live)
	for _, m := range t.mappings {
		names := others[mappedAgent{m.namespace, m.agentKey()}]
		switch object := existing[m.key()]; {
		case object != nil:
			changed, ignored := m.compare(object, t.options.Force)
			problems, warnings = append(problems, changed...), append(warnings, ignored...)
		case len(names) > 0 && !t.options.Force:
			problems = append(problems, Problem{m.line, m.explainSecond(names)})
		}
	}
	return sortProblems(problems), sortProblems(append(warnings, t.reformatted(live)...))
}

// mappedAgent is an agent with the namespace of its mappings.
type mappedAgent struct {
	namespace string
	agent     v1alpha1.AgentKey
}

// namesByAgent returns the names of the mappings of each agent, without those that are being deleted.
func namesByAgent(live []*v1alpha1.AgentGroupMapping) map[mappedAgent][]string {
	names := map[mappedAgent][]string{}
	for _, m := range live {
		if m.DeletionTimestamp == nil {
			key := mappedAgent{m.Namespace, m.AgentKey()}
			names[key] = append(names[key], m.Name)
		}
	}
	return names
}

func (m *mapping) agentKey() v1alpha1.AgentKey {
	return v1alpha1.AgentKey{Account: keyOf(m.account, m.namespace), AgentID: m.agent}
}

// explainSecond returns the text of a problem: the agent already has mappings with other names.
func (m *mapping) explainSecond(names []string) string {
	return fmt.Sprintf("agent %s already has mapping %s: enter this name in the column mapping, as kubectl deepcall roster -o csv does; "+
		"or add --force to create %s as well, where the older mapping keeps the groups that both declare", m.agent, strings.Join(names, ", "), m.name)
}

// compare returns the problems and warnings about an existing mapping of the same name.
func (m *mapping) compare(live *v1alpha1.AgentGroupMapping, force bool) (problems, warnings []Problem) {
	switch {
	case live.DeletionTimestamp != nil:
		return []Problem{{m.line, fmt.Sprintf("mapping %s is being deleted: import the file again when it is gone", m.name)}}, nil
	case live.Spec.AgentID != m.agent:
		return []Problem{{m.line, fmt.Sprintf("mapping %s is for agent %s, which can't be changed: enter another name in the column mapping", m.name, live.Spec.AgentID)}}, nil
	case live.AccountKey() != keyOf(m.account, m.namespace):
		return []Problem{{m.line, fmt.Sprintf("mapping %s uses account %s, which can't be changed: correct the column account or --account", m.name, live.AccountKey())}}, nil
	case force:
		return nil, nil
	}
	if added := m.addedSince(live); len(added) > 0 {
		problems = append(problems, Problem{m.line, fmt.Sprintf("mapping %s was changed after the export, and declares groups that the file lacks: %s; "+
			"export the roster again, or add --force to remove them", m.name, strings.Join(added, ", "))})
	}
	for _, g := range m.groups {
		switch current := declared(live, g.GroupID); {
		case g.exported == nil || ptr.Equal(g.exported, current):
		case current == nil:
			problems = append(problems, Problem{g.line, fmt.Sprintf("mapping %s does not declare group %s: export the roster again if it was removed meanwhile; "+
				"if it is new, leave the column declared empty", m.name, g.GroupID)})
		case *current == g.ReceiveCall:
			warnings = append(warnings, Problem{g.line, fmt.Sprintf("declared is %s, but only the column receives is imported, and mapping %s already declares %s",
				text.YesNo(g.exported), m.name, text.YesNo(current))})
		default:
			problems = append(problems, Problem{g.line, fmt.Sprintf("mapping %s declares %s for group %s, not %s: export the roster again if it was changed meanwhile; "+
				"to change it, edit only the column receives", m.name, text.YesNo(current), g.GroupID, text.YesNo(g.exported))})
		}
	}
	return problems, warnings
}

// addedSince returns the groups of an existing mapping that the file lacks, if the mapping was changed after the export. Without a
// change, their lines were deleted from the file.
func (m *mapping) addedSince(live *v1alpha1.AgentGroupMapping) (added []string) {
	if m.generation == 0 || m.generation == live.Generation {
		return nil
	}
	for _, g := range live.Spec.Groups {
		if _, ok := m.lines[g.GroupID]; !ok {
			added = append(added, g.GroupID)
		}
	}
	return added
}

// declared returns the value that a mapping declares for a group, or nil.
func declared(live *v1alpha1.AgentGroupMapping, group string) *bool {
	i := slices.IndexFunc(live.Spec.Groups, func(g v1alpha1.AgentGroup) bool { return g.GroupID == group })
	if i < 0 {
		return nil
	}
	return &live.Spec.Groups[i].ReceiveCall
}

// reformatted returns a warning about the first line of each ID that a spreadsheet may have changed, because an ID exists, live or in
// the table, that it would change in this way.
func (t *Table) reformatted(live []*v1alpha1.AgentGroupMapping) []Problem {
	agents, groups := idIndex{}, idIndex{}
	for _, m := range append(t.Mappings(nil), live...) {
		agents.add(m.Spec.AgentID)
		for _, g := range append(slices.Clone(m.Spec.Groups), m.Status.AppliedGroups...) {
			groups.add(g.GroupID)
		}
	}
	var warnings []Problem
	seen := map[string]bool{}
	warn := func(line int, kind, id string, originals idIndex) {
		original := originals.find(id)
		if original == "" || seen[kind+id] {
			return
		}
		seen[kind+id] = true
		warnings = append(warnings, Problem{line, fmt.Sprintf("%s %s may be %s, changed by a spreadsheet: if so, format the column as text, and enter the ID again", kind, id, original)})
	}
	for _, m := range t.mappings {
		warn(m.line, "agent", m.agent, agents)
		for _, g := range m.groups {
			warn(g.line, "group", g.GroupID, groups)
		}
	}
	return warnings
}
