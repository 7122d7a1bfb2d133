package roster

import (
	"cmp"
	"encoding/csv"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/text"
)

// Table prints a roster as a table.
type Table struct {
	By SortBy
	// ShowNamespace adds the column NAMESPACE.
	ShowNamespace bool
	// Wide adds columns and does not truncate messages.
	Wide bool
	// Now is used to compute ages.
	Now time.Time
}

type column struct {
	header string
	cell   func(Entry) string
}

// Print prints the table.
func (t Table) Print(w io.Writer, entries []Entry) error {
	columns := t.columns(entries)
	rows := make([][]string, 1, 1+len(entries))
	for _, c := range columns {
		rows[0] = append(rows[0], c.header)
	}
	for _, e := range entries {
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = c.cell(e)
		}
		rows = append(rows, cells)
	}
	return text.WriteTable(w, rows)
}

func (t Table) columns(entries []Entry) []column {
	var columns []column
	if t.ShowNamespace {
		columns = append(columns, column{"NAMESPACE", func(e Entry) string { return e.Namespace }})
	}
	if t.Wide || hasSeveralAccounts(entries) {
		columns = append(columns, column{"ACCOUNT", func(e Entry) string { return e.Account.nameIn(e.Namespace) }})
	}
	group := column{"GROUP", func(e Entry) string { return cmp.Or(e.GroupID, "-") }}
	agent := column{"AGENT", func(e Entry) string { return e.AgentID }}
	if t.By == ByAgent {
		group, agent = agent, group
	}
	columns = append(columns, group, agent,
		column{"RECEIVES", func(e Entry) string { return text.YesNo(e.Receives) }},
		column{"DECLARED", func(e Entry) string { return text.YesNo(e.Declared) }},
		column{"MAPPING", func(e Entry) string { return e.Mapping }})
	if t.Wide {
		columns = append(columns,
			column{"SUSPENDED", func(e Entry) string { return text.YesNo(&e.Suspended) }},
			column{"CONFIRMED", func(e Entry) string { return t.age(e.LastSyncTime) }})
	}
	return append(columns, column{"NOT IN SYNC", t.notInSync})
}

func (t Table) notInSync(e Entry) string {
	if e.InSync {
		return ""
	}
	message := text.SingleLine(e.Message)
	if !t.Wide {
		message = truncate(message)
	}
	return e.Reason + ": " + message
}

func (t Table) age(at *time.Time) string {
	if at == nil {
		return "never"
	}
	return duration.HumanDuration(t.Now.Sub(*at)) + " ago"
}

func hasSeveralAccounts(entries []Entry) bool {
	return slices.ContainsFunc(entries, func(e Entry) bool { return e.Account != entries[0].Account })
}

// nameIn returns the account's name, qualified unless it is in the given namespace.
func (a Account) nameIn(namespace string) string {
	if a.Namespace == namespace {
		return a.Name
	}
	return a.Namespace + "/" + a.Name
}

// maxMessageLength keeps most lines of a table within the width of a terminal.
const maxMessageLength = 60

func truncate(message string) string {
	if runes := []rune(message); len(runes) > maxMessageLength {
		return strings.TrimRight(string(runes[:maxMessageLength-1]), " ") + "…"
	}
	return message
}

// PrintCSV prints one line per entry that the filter selected. The import command reads it.
func PrintCSV(w io.Writer, entries []Entry, filter Filter) error {
	complete := filter.keepsMappings()
	out := csv.NewWriter(w)
	records := [][]string{{"namespace", "mapping", "account", "agent", "group", "receives", "declared", "in_sync", "suspended", "reason", "message", "last_sync_time", "generation", "complete"}}
	for _, e := range entries {
		lastSync := ""
		if e.LastSyncTime != nil {
			lastSync = e.LastSyncTime.Format(time.RFC3339)
		}
		records = append(records, []string{
			e.Namespace, e.Mapping, e.Account.Namespace + "/" + e.Account.Name, e.AgentID, e.GroupID,
			yesNoOrEmpty(e.Receives), yesNoOrEmpty(e.Declared), yesNoOrEmpty(&e.InSync), yesNoOrEmpty(&e.Suspended), e.Reason, withoutFormula(text.SingleLine(e.Message)), lastSync,
			strconv.FormatInt(e.Generation, 10), text.YesNo(&complete),
		})
	}
	return out.WriteAll(records)
}

// withoutFormula returns a text that a spreadsheet does not evaluate. Names and IDs can call no function.
func withoutFormula(text string) string {
	if text != "" && strings.ContainsRune("=+-@", rune(text[0])) {
		return "'" + text
	}
	return text
}

func yesNoOrEmpty(value *bool) string {
	if value == nil {
		return ""
	}
	return text.YesNo(value)
}

// Document is a roster as JSON or YAML. Version 1 is stable: fields are added to it, but not changed or removed.
type Document struct {
	Kind    string  `json:"kind"`
	Version string  `json:"version"`
	By      SortBy  `json:"by"`
	Entries []Entry `json:"entries"`
}

// NewDocument returns the document with these entries.
func NewDocument(by SortBy, entries []Entry) Document {
	return Document{Kind: "Roster", Version: "1", By: by, Entries: entries}
}
