// Package sheet turns a table of agent, group, receives into mappings: what spreadsheets export as CSV goes in, and
// either every mapping comes out, or every complaint. It is pure.
package sheet

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/natural"
)

// Problem is something wrong with a line.
type Problem struct {
	// Line counts from 1, as an editor does.
	Line int
	Text string
}

func (p Problem) String() string { return fmt.Sprintf("line %d: %s", p.Line, p.Text) }

// maxGroups is how many groups the CRD takes for an agent.
const maxGroups = 500

// idPattern is that of the CRD; 64 is its maximum length.
var idPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// agent is what the table says of one agent.
type agent struct {
	id     string
	groups []v1alpha1.AgentGroup
	lines  map[string]int // of each group
}

// check turns the rows into agents, in the order of their IDs, and says what is wrong with each row.
func check(rows []row) ([]*agent, []Problem) {
	agents := map[string]*agent{}
	var problems []Problem
	for _, r := range rows {
		receives, complaint := r.answer()
		complaints := r.checkIDs()
		if len(complaints) == 0 {
			group := v1alpha1.AgentGroup{GroupID: r.group, ReceiveCall: receives}
			complaints = append(complaints, agentOf(agents, r.agent).add(group, r.line))
		}
		for _, complaint := range append(complaints, complaint) {
			if complaint != "" {
				problems = append(problems, Problem{r.line, complaint})
			}
		}
	}
	return inOrder(agents), problems
}

func agentOf(agents map[string]*agent, id string) *agent {
	if agents[id] == nil {
		agents[id] = &agent{id: id, lines: map[string]int{}}
	}
	return agents[id]
}

func (r row) checkIDs() []string {
	var complaints []string
	for _, id := range []struct{ column, value string }{{columnAgent, r.agent}, {columnGroup, r.group}} {
		if complaint := checkID(id.column, id.value); complaint != "" {
			complaints = append(complaints, complaint)
		}
	}
	return complaints
}

// answer is what the row says in receives, or a complaint about it.
func (r row) answer() (receives bool, complaint string) {
	receives, ok := answers[strings.ToLower(r.receives)]
	switch {
	case r.receives == "":
		return false, "receives is empty: say yes or no"
	case !ok:
		return false, fmt.Sprintf("receives is %q: say yes or no (or true, false, Y, N, 1, 0)", r.receives)
	}
	return receives, ""
}

var answers = map[string]bool{
	"true": true, "yes": true, "y": true, "1": true,
	"false": false, "no": false, "n": false, "0": false,
}

func checkID(column, id string) string {
	switch {
	case id == "":
		return column + " is empty"
	case len(id) > 64 && idPattern.MatchString(id[:64]):
		return fmt.Sprintf("%s %q is longer than 64 characters", column, id[:16]+"…")
	case !idPattern.MatchString(id):
		return fmt.Sprintf("%s %q has a character that an ID can't have: A-Z a-z 0-9 . _ - are allowed", column, id)
	}
	return ""
}

// add says why the agent can't have the group, if it can't. The same line twice is refused as well: most often one of
// the two was meant to be another.
func (a *agent) add(group v1alpha1.AgentGroup, line int) string {
	if first, twice := a.lines[group.GroupID]; twice {
		return fmt.Sprintf("agent %s has group %s on line %d already: keep one of the two", a.id, group.GroupID, first)
	}
	a.lines[group.GroupID] = line
	a.groups = append(a.groups, group)
	if len(a.groups) == maxGroups+1 {
		return fmt.Sprintf("from here on, agent %s has more than the %d groups that a mapping can have", a.id, maxGroups)
	}
	return ""
}

func inOrder(agents map[string]*agent) []*agent {
	var list []*agent
	for _, a := range agents {
		slices.SortFunc(a.groups, func(a, b v1alpha1.AgentGroup) int { return natural.Compare(a.GroupID, b.GroupID) })
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b *agent) int { return natural.Compare(a.id, b.id) })
	return list
}
