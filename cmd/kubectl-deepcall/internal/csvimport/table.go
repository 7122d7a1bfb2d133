package csvimport

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/natsort"
)

// Table contains the mappings that a valid file declares.
type Table struct {
	options Options
	// mappings are sorted by agent and name.
	mappings []*mapping
}

// mapping is a mapping of the file. Its fields are those of the first entry that names it, and of generation the first that has one.
type mapping struct {
	entry
	name   string
	groups []*group
	// lines are those of the groups.
	lines map[string]int
}

func (m *mapping) key() types.NamespacedName {
	return types.NamespacedName{Namespace: m.namespace, Name: m.name}
}

// Read returns the contents of a file. If the file has any problem, it returns no table, and all problems sorted by line.
func Read(data []byte, o Options) (*Table, []Problem) {
	rows, problems := parseRows(data)
	problems = append(problems, o.checkComplete(rows)...)
	var entries []*entry
	for _, r := range rows {
		e, texts := o.newEntry(r)
		for _, text := range texts {
			problems = append(problems, Problem{r.line, text})
		}
		if e != nil {
			entries = append(entries, e)
		}
	}
	t := &Table{options: o}
	problems = append(problems, t.add(entries)...)
	if len(entries)+len(problems) == 0 {
		problems = []Problem{{1, "the file contains no agents"}}
	}
	if len(problems) > 0 {
		return nil, sortProblems(problems)
	}
	return t, nil
}

func sortProblems(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return problems
}

// add adds the entries to their mappings.
func (t *Table) add(entries []*entry) (problems []Problem) {
	names := namesOfAgents(entries)
	mappings := map[types.NamespacedName]*mapping{}
	for _, e := range entries {
		name, problem := t.nameOf(e, names)
		if problem != "" {
			problems = append(problems, Problem{e.line, problem})
			continue
		}
		m := mappings[types.NamespacedName{Namespace: e.namespace, Name: name}]
		if m == nil {
			m = &mapping{entry: *e, name: name, lines: map[string]int{}}
			mappings[m.key()] = m
		}
		if problem := m.add(e); problem != "" {
			problems = append(problems, Problem{e.line, problem})
		}
	}
	t.mappings = slices.SortedFunc(maps.Values(mappings), func(a, b *mapping) int {
		return cmp.Or(natsort.Compare(a.agent, b.agent), cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name))
	})
	return problems
}

// namesOfAgents returns the mappings that the file names for each agent of a namespace.
func namesOfAgents(entries []*entry) map[types.NamespacedName][]string {
	names := map[types.NamespacedName][]string{}
	for _, e := range entries {
		agent := types.NamespacedName{Namespace: e.namespace, Name: e.agent}
		if e.mapping != "" && !slices.Contains(names[agent], e.mapping) {
			names[agent] = append(names[agent], e.mapping)
		}
	}
	return names
}

// nameOf returns the name of an entry's mapping. An entry that names none belongs to the one that the file names for the agent on
// other lines, or to one that is named after the agent.
func (t *Table) nameOf(e *entry, names map[types.NamespacedName][]string) (name, problem string) {
	named := names[types.NamespacedName{Namespace: e.namespace, Name: e.agent}]
	switch {
	case e.mapping != "":
		return e.mapping, ""
	case len(named) == 0:
		return t.options.NamePrefix + nameFor(e.agent), ""
	case len(named) > 1:
		return "", fmt.Sprintf("mapping is empty, and agent %s has several: enter one of %s", e.agent, strings.Join(named, ", "))
	}
	return named[0], ""
}

// add adds an entry to its mapping. A repeated group is a problem even with the same value, since one of the two lines usually has a
// wrong ID.
func (m *mapping) add(e *entry) (problem string) {
	switch {
	case e.agent != m.agent:
		return fmt.Sprintf("mapping %s is for agent %s on line %d: a mapping has one agent", m.name, m.agent, m.line)
	case keyOf(e.account, e.namespace) != keyOf(m.account, m.namespace):
		return fmt.Sprintf("mapping %s is for account %s on line %d: a mapping has one account", m.name, keyOf(m.account, m.namespace), m.line)
	}
	m.generation = cmp.Or(m.generation, e.generation)
	if e.group == nil {
		return ""
	}
	if first, exists := m.lines[e.group.GroupID]; exists {
		return fmt.Sprintf("agent %s and group %s are already on line %d: remove one of the two", m.agent, e.group.GroupID, first)
	}
	m.lines[e.group.GroupID] = e.line
	m.groups = append(m.groups, e.group)
	if len(m.groups) == maxGroups+1 {
		return fmt.Sprintf("from this line on, agent %s has more than the maximum of %d groups", m.agent, maxGroups)
	}
	return ""
}

// Namespaces returns the namespaces of the mappings, sorted.
func (t *Table) Namespaces() []string {
	names := map[string]bool{}
	for _, m := range t.mappings {
		names[m.namespace] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// Accounts returns the accounts of the mappings, sorted.
func (t *Table) Accounts() []types.NamespacedName {
	names := map[types.NamespacedName]bool{}
	for _, m := range t.mappings {
		names[keyOf(m.account, m.namespace)] = true
	}
	return slices.SortedFunc(maps.Keys(names), func(a, b types.NamespacedName) int { return cmp.Compare(a.String(), b.String()) })
}

// Mappings returns the mappings as objects. They reference their account as the live mappings of the same name do, because that
// reference can't be changed.
func (t *Table) Mappings(live []*v1alpha1.AgentGroupMapping) []*v1alpha1.AgentGroupMapping {
	existing := ByName(live)
	objects := make([]*v1alpha1.AgentGroupMapping, len(t.mappings))
	for i, m := range t.mappings {
		objects[i] = m.object(t.options, existing[m.key()])
	}
	return objects
}

// ByName returns the mappings by their names.
func ByName(mappings []*v1alpha1.AgentGroupMapping) map[types.NamespacedName]*v1alpha1.AgentGroupMapping {
	names := map[types.NamespacedName]*v1alpha1.AgentGroupMapping{}
	for _, m := range mappings {
		names[types.NamespacedName{Namespace: m.Namespace, Name: m.Name}] = m
	}
	return names
}
