package roster

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	_ "embed" // for the parts of the page
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"time"

	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/text"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

var (
	//go:embed html/page.gohtml
	pageText string
	//go:embed html/style.css
	style string
	//go:embed html/script.js
	script string

	pageTemplate = template.Must(template.New("page").Parse(pageText))
	// policy permits nothing but the page's own style and script, not even if a value were not escaped.
	policy = fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'", hash(style), hash(script))
)

func hash(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// Page prints a roster as one HTML file, for people without kubectl.
type Page struct {
	// By is the view that comes first.
	By SortBy
	// Scope states which mappings the roster contains, such as "namespace support".
	Scope string
	// Partial reports whether there can be mappings outside the scope, so that a group can have other agents. Filters of entries
	// do not matter, because all agents of a group are counted.
	Partial bool
	// Now is when the roster is made.
	Now time.Time
}

// pageData is the data of page.gohtml.
type pageData struct {
	Policy        string
	Style         template.CSS
	Script        template.JS
	Scope         string
	Partial       bool
	Made, MadeISO string

	Groups, GroupsWithoutReceivers, Agents, NotInSync, Entries int

	Problems []problem
	Views    []view
}

// problem is a reason, with all entries that have it.
type problem struct {
	Reason, Meaning, Remedy string
	Rows                    []row
}

// view lists all entries, by group or by agent.
type view struct {
	ID, Title, Caption string
	// Key is the heading of the first column.
	Key      string
	Sections []section
}

// section is a group or an agent. Account is empty if there is only one. Count is the number of receivers of a group.
type section struct {
	Heading, Account, Count string
	Empty                   bool
	Rows                    []row
}

type row struct {
	Agent, Group, Mapping, Confirmed, Reason, Message string
	Receives, Declared                                value
	InSync                                            bool
}

// value is a cell with yes, no, or neither.
type value struct{ Class, Text string }

// Print prints the page. groups are the groups of the entries.
func (p Page) Print(w io.Writer, entries []Entry, groups []GroupSummary) error {
	at := p.Now.UTC()
	data := pageData{
		Policy: policy, Style: template.CSS(style), Script: template.JS(script), //nolint:gosec // both are constants
		Scope: text.SingleLine(p.Scope), Partial: p.Partial, Made: at.Format("2 January 2006, 15:04 UTC"), MadeISO: at.Format(time.RFC3339),
		Groups: len(groups), Entries: len(entries), Problems: problems(entries),
		Views: []view{p.byGroup(entries, groups), byAgent(entries)},
	}
	if p.By == ByAgent {
		slices.Reverse(data.Views)
	}
	agents := map[groupKey]bool{}
	for _, e := range entries {
		agents[groupKey{e.Account, e.AgentID}] = true
		if !e.InSync {
			data.NotInSync++
		}
	}
	data.Agents = len(agents)
	for _, g := range groups {
		if g.Receivers == 0 {
			data.GroupsWithoutReceivers++
		}
	}
	out := bufio.NewWriter(w)
	if err := pageTemplate.Execute(out, data); err != nil {
		return fmt.Errorf("write the roster as HTML: %w", err)
	}
	return out.Flush()
}

func (p Page) byGroup(entries []Entry, groups []GroupSummary) view {
	summaries := map[groupKey]GroupSummary{}
	for _, g := range groups {
		summaries[groupKey{g.Account, g.GroupID}] = g
	}
	v := view{ID: "by-group", Title: "By group", Key: "Agent", Caption: "The agents of each group, and whether they receive its calls"}
	v.Sections = sections(entries, ByGroup, func(e Entry) section {
		if e.GroupID == "" {
			return section{Heading: "Agents without groups"}
		}
		s := section{Heading: "Group " + text.SingleLine(e.GroupID)}
		g := summaries[groupKey{e.Account, e.GroupID}]
		s.Count, s.Empty = fmt.Sprintf("%d of %d agents receive calls", g.Receivers, g.Agents), g.Receivers == 0
		switch {
		case s.Empty && p.Partial:
			s.Count = "no agent is confirmed to receive calls with a listed mapping"
		case s.Empty:
			s.Count = "no agent is confirmed to receive calls"
		}
		return s
	})
	return v
}

func byAgent(entries []Entry) view {
	v := view{ID: "by-agent", Title: "By agent", Key: "Group", Caption: "The groups of each agent, and whether the agent receives their calls"}
	v.Sections = sections(entries, ByAgent, func(e Entry) section {
		return section{Heading: "Agent " + text.SingleLine(e.AgentID)}
	})
	return v
}

// sections returns one section for each group or agent, with the heading that newSection returns.
func sections(entries []Entry, by SortBy, newSection func(Entry) section) []section {
	entries = slices.Clone(entries)
	sortEntries(entries, by)
	withAccount := hasSeveralAccounts(entries)
	id := func(e Entry) groupKey {
		if by == ByAgent {
			return groupKey{e.Account, e.AgentID}
		}
		return groupKey{e.Account, e.GroupID}
	}
	var list []section
	for i, e := range entries {
		if i == 0 || id(e) != id(entries[i-1]) {
			s := newSection(e)
			if withAccount {
				s.Account = text.SingleLine(e.Account.Namespace + "/" + e.Account.Name)
			}
			list = append(list, s)
		}
		last := &list[len(list)-1]
		last.Rows = append(last.Rows, newRow(e))
	}
	return list
}

// problems returns the entries that are not in sync by reason, in alphabetical order.
func problems(entries []Entry) []problem {
	byReason := map[string]*problem{}
	for _, e := range entries {
		if e.InSync {
			continue
		}
		p := byReason[e.Reason]
		if p == nil {
			described, _ := reason.Lookup(e.Reason) // a user can write any reason into a status
			p = &problem{Reason: cmp.Or(text.SingleLine(e.Reason), "Unknown"), Meaning: described.Meaning, Remedy: described.Remedy}
			byReason[e.Reason] = p
		}
		p.Rows = append(p.Rows, newRow(e))
	}
	list := make([]problem, 0, len(byReason))
	for _, p := range byReason {
		list = append(list, *p)
	}
	slices.SortFunc(list, func(a, b problem) int { return cmp.Compare(a.Reason, b.Reason) })
	return list
}

func newRow(e Entry) row {
	r := row{
		Agent: text.SingleLine(e.AgentID), Group: cmp.Or(text.SingleLine(e.GroupID), "none"), Mapping: text.SingleLine(e.Namespace + "/" + e.Mapping),
		Confirmed: "never", Reason: text.SingleLine(e.Reason), Message: text.SingleLine(e.Message), InSync: e.InSync,
		Receives: newValue(e.Receives, "not confirmed"), Declared: newValue(e.Declared, "not declared"),
	}
	if e.LastSyncTime != nil {
		r.Confirmed = e.LastSyncTime.UTC().Format("2006-01-02 15:04")
	}
	return r
}

func newValue(receives *bool, unset string) value {
	if receives == nil {
		return value{"unset", unset}
	}
	return value{text.YesNo(receives), text.YesNo(receives)}
}
