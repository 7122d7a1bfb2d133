// Package preview prints the effect of a change as a table, as Markdown, or as JSON. It does no I/O of its own.
package preview

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/effect"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/text"
)

// Document is the effect of a change, as it is printed.
type Document struct {
	effect.Report
	// Notes state the limits of the report, such as objects that could not be read.
	Notes []string
}

// Printer prints a document.
type Printer func(io.Writer, Document) error

// severity is the order in which kinds are listed: the stop and the start of calls first.
var severity = []effect.Kind{
	effect.Stops, effect.Starts, effect.Conflict, effect.Pending, effect.Orphaned, effect.HandedOver, effect.Unchanged,
}

// summary describes the document, such as "1 request to DeepCall. Groups of 1 agent: 1 stops, 2 starts."
func (d Document) summary() string {
	if !d.HasEffect() {
		return "Nothing changes in DeepCall."
	}
	counts := map[effect.Kind]int{}
	agents := map[v1alpha1.AgentKey]bool{}
	for _, g := range d.Groups {
		counts[g.Kind]++
		agents[v1alpha1.AgentKey{Account: g.Account, AgentID: g.AgentID}] = true
	}
	var parts []string
	for _, kind := range severity {
		if counts[kind] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[kind], kind))
		}
	}
	return fmt.Sprintf("%s to DeepCall. Groups of %s: %s.", text.Count(len(d.Requests), "request"), text.Count(len(agents), "agent"), strings.Join(parts, ", "))
}

// split separates the groups that change from those that don't.
func (d Document) split() (changed, unchanged []effect.Group) {
	for _, g := range d.Groups {
		if g.Changed {
			changed = append(changed, g)
		} else {
			unchanged = append(unchanged, g)
		}
	}
	return changed, unchanged
}

// showsAccount reports whether the report concerns several accounts.
func (d Document) showsAccount() bool {
	return slices.ContainsFunc(d.Groups, func(g effect.Group) bool { return g.Account != d.Groups[0].Account })
}

// column is a column of the table of groups.
type column struct {
	header string
	cell   func(effect.Group) string
}

func (d Document) columns() []column {
	var columns []column
	if d.showsAccount() {
		columns = append(columns, column{"ACCOUNT", func(g effect.Group) string { return g.Account.String() }})
	}
	return append(columns,
		column{"AGENT", func(g effect.Group) string { return g.AgentID }},
		column{"GROUP", func(g effect.Group) string { return g.GroupID }},
		column{"CALLS", calls},
		column{"BEFORE", func(g effect.Group) string { return text.YesNo(g.Before) }},
		column{"AFTER", func(g effect.Group) string { return text.YesNo(g.After) }},
		column{"MAPPING", owners})
}

func calls(g effect.Group) string {
	if g.Reason != "" {
		return string(g.Kind) + " (" + g.Reason + ")"
	}
	return string(g.Kind)
}

// owners names the mapping that owns the group, or the former and the new one.
func owners(g effect.Group) string {
	before, after := g.OwnerBefore, g.OwnerAfter
	others := ""
	if len(g.Others) > 0 && g.Kind == effect.Conflict {
		others = ", not " + text.List(g.Others, len(g.Others))
	}
	switch {
	case before == after && before.Name == "":
		return cmp.Or(text.List(g.Others, len(g.Others)), "-")
	case before == after || before.Name == "":
		return after.String() + others
	case after.Name == "":
		return before.String() + others
	default:
		return before.String() + " -> " + after.String() + others
	}
}

// describeRequest returns the groups of a request as DeepCall gets them.
func describeRequest(r effect.Request) string {
	var groups []string
	for _, group := range r.Groups {
		value := "N"
		if group.ReceiveCall {
			value = "Y"
		}
		groups = append(groups, group.GroupID+"="+value)
	}
	return strings.Join(groups, " ")
}
