package csvimport

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/natsort"
)

// maxGroups and idPattern are those of the CRD.
const maxGroups = 500

var idPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// agent is an agent with its groups, and the line of each group.
type agent struct {
	id     string
	groups []v1alpha1.AgentGroup
	lines  map[string]int
}

// validate groups the rows by agent, sorted by ID, and returns the problems of all rows.
func validate(rows []row) ([]*agent, []Problem) {
	agents := map[string]*agent{}
	var problems []Problem
	for _, r := range rows {
		invalidAgent, invalidGroup := validateID(columnAgent, r.agent), validateID(columnGroup, r.group)
		receives, invalidReceives := r.parseReceives()
		notAdded := ""
		if invalidAgent+invalidGroup == "" {
			if agents[r.agent] == nil {
				agents[r.agent] = &agent{id: r.agent, lines: map[string]int{}}
			}
			notAdded = agents[r.agent].add(v1alpha1.AgentGroup{GroupID: r.group, ReceiveCall: receives}, r.line)
		}
		for _, text := range []string{invalidAgent, invalidGroup, notAdded, invalidReceives} {
			if text != "" {
				problems = append(problems, Problem{r.line, text})
			}
		}
	}
	return sorted(agents), problems
}

// The following functions return the text of a problem, or an empty string.

func validateID(column, id string) string {
	switch {
	case id == "":
		return column + " is empty"
	case len(id) > 64 && idPattern.MatchString(id[:64]):
		return fmt.Sprintf("%s %q is longer than 64 characters", column, id[:16]+"…")
	case !idPattern.MatchString(id):
		return fmt.Sprintf("%s %q contains an invalid character: allowed are A-Z a-z 0-9 . _ -", column, id)
	}
	return ""
}

func (r row) parseReceives() (receives bool, problem string) {
	receives, ok := booleans[strings.ToLower(r.receives)]
	switch {
	case r.receives == "":
		return false, "receives is empty: use yes or no"
	case !ok:
		return false, fmt.Sprintf("receives is %q: use yes or no (or true, false, Y, N, 1, 0)", r.receives)
	}
	return receives, ""
}

var booleans = map[string]bool{
	"true": true, "yes": true, "y": true, "1": true,
	"false": false, "no": false, "n": false, "0": false,
}

// add adds a group to the agent. A repeated group is a problem even with the same value, since one of the two lines
// usually has a wrong ID.
func (a *agent) add(group v1alpha1.AgentGroup, line int) string {
	if first, exists := a.lines[group.GroupID]; exists {
		return fmt.Sprintf("agent %s and group %s are already on line %d: remove one of the two", a.id, group.GroupID, first)
	}
	a.lines[group.GroupID] = line
	a.groups = append(a.groups, group)
	if len(a.groups) == maxGroups+1 {
		return fmt.Sprintf("from this line on, agent %s has more than the maximum of %d groups", a.id, maxGroups)
	}
	return ""
}

func sorted(agents map[string]*agent) []*agent {
	var list []*agent
	for _, a := range agents {
		slices.SortFunc(a.groups, func(a, b v1alpha1.AgentGroup) int { return natsort.Compare(a.GroupID, b.GroupID) })
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b *agent) int { return natsort.Compare(a.id, b.id) })
	return list
}
