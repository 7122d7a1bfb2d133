package roster

import (
	"cmp"
	"encoding/csv"
	"io"
	"slices"
	"strconv"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/natsort"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/text"
)

// GroupSummary counts the agents of a group. An agent with several mappings counts once. Its JSON is documented in
// docs/how-to/share-the-roster.md.
type GroupSummary struct {
	Account Account `json:"account"`
	GroupID string  `json:"groupID"`
	// Receivers is the number of agents that receive calls, as DeepCall last confirmed.
	Receivers int `json:"receivers"`
	// Agents is the number of agents with an entry for the group.
	Agents int `json:"agents"`
	// NotInSync is the number of agents with an entry that is not in sync.
	NotInSync int `json:"notInSync"`
}

// groupKey identifies a group.
type groupKey struct {
	account Account
	id      string
}

// Summarize returns the groups with an entry that matches the filter, sorted by account and ID. It counts all agents of these groups.
func Summarize(mappings []*v1alpha1.AgentGroupMapping, filter Filter) []GroupSummary {
	byAgent := map[v1alpha1.AgentKey][]*v1alpha1.AgentGroupMapping{}
	for _, m := range mappings {
		byAgent[m.AgentKey()] = append(byAgent[m.AgentKey()], m)
	}
	byGroup, shown := map[groupKey]GroupSummary{}, map[groupKey]bool{}
	for _, ofAgent := range byAgent {
		inSync := map[groupKey]bool{}
		for _, e := range Entries(ofAgent, ByGroup, Filter{}) {
			if e.GroupID == "" {
				continue
			}
			group := groupKey{e.Account, e.GroupID}
			shown[group] = shown[group] || filter.matches(e)
			others, known := inSync[group]
			inSync[group] = e.InSync && (others || !known)
		}
		confirmed := v1alpha1.ConfirmedGroups(ofAgent)
		for group, isInSync := range inSync {
			summary := byGroup[group]
			summary.Agents++
			if confirmed[group.id].ReceiveCall {
				summary.Receivers++
			}
			if !isInSync {
				summary.NotInSync++
			}
			byGroup[group] = summary
		}
	}
	summaries := []GroupSummary{}
	for group, summary := range byGroup {
		if shown[group] {
			summary.Account, summary.GroupID = group.account, group.id
			summaries = append(summaries, summary)
		}
	}
	slices.SortFunc(summaries, func(a, b GroupSummary) int {
		return cmp.Or(a.Account.compare(b.Account), natsort.Compare(a.GroupID, b.GroupID))
	})
	return summaries
}

// PrintSummary prints the summary of groups as a table.
func PrintSummary(w io.Writer, groups []GroupSummary) error {
	withAccount := slices.ContainsFunc(groups, func(g GroupSummary) bool { return g.Account != groups[0].Account })
	rows := [][]string{{"ACCOUNT", "GROUP", "RECEIVERS", "AGENTS", "NOT IN SYNC"}}
	for _, g := range groups {
		rows = append(rows, g.cells())
	}
	if !withAccount {
		for i := range rows {
			rows[i] = rows[i][1:]
		}
	}
	return text.WriteTable(w, rows)
}

// PrintSummaryCSV prints the summary of groups with one line per group.
func PrintSummaryCSV(w io.Writer, groups []GroupSummary) error {
	records := [][]string{{"account", "group", "receivers", "agents", "not_in_sync"}}
	for _, g := range groups {
		records = append(records, g.cells())
	}
	return csv.NewWriter(w).WriteAll(records)
}

func (g GroupSummary) cells() []string {
	return []string{
		g.Account.Namespace + "/" + g.Account.Name, g.GroupID, strconv.Itoa(g.Receivers), strconv.Itoa(g.Agents), strconv.Itoa(g.NotInSync),
	}
}

// SummaryDocument is the summary as one document. Version 1 is as stable as that of Document.
type SummaryDocument struct {
	Kind    string         `json:"kind"`
	Version string         `json:"version"`
	Groups  []GroupSummary `json:"groups"`
}

// NewSummaryDocument returns the document with these groups.
func NewSummaryDocument(groups []GroupSummary) SummaryDocument {
	return SummaryDocument{Kind: "RosterSummary", Version: "1", Groups: groups}
}
