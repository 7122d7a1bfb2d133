package roster

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"k8s.io/apimachinery/pkg/util/duration"
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
	var text strings.Builder
	out := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
	headers := make([]string, len(columns))
	for i, c := range columns {
		headers[i] = c.header
	}
	fmt.Fprintln(out, strings.Join(headers, "\t"))
	for _, e := range entries {
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = singleLine(c.cell(e))
		}
		fmt.Fprintln(out, strings.Join(cells, "\t"))
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("format the table: %w", err)
	}
	for line := range strings.Lines(text.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return fmt.Errorf("write the table: %w", err)
		}
	}
	return nil
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
		column{"RECEIVES", func(e Entry) string { return yesNo(e.Receives) }},
		column{"DECLARED", func(e Entry) string { return yesNo(e.Declared) }},
		column{"MAPPING", func(e Entry) string { return e.Mapping }})
	if t.Wide {
		columns = append(columns,
			column{"SUSPENDED", func(e Entry) string { return yesNo(&e.Suspended) }},
			column{"CONFIRMED", func(e Entry) string { return t.age(e.LastSyncTime) }})
	}
	return append(columns, column{"NOT IN SYNC", t.notInSync})
}

func (t Table) notInSync(e Entry) string {
	if e.InSync {
		return ""
	}
	message := singleLine(e.Message)
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

// singleLine replaces line breaks by spaces, and removes control characters, which a terminal would interpret.
func singleLine(text string) string {
	printable := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || unicode.IsSpace(r) {
			return r
		}
		return -1
	}, text)
	return strings.Join(strings.Fields(printable), " ")
}

func yesNo(value *bool) string {
	switch {
	case value == nil:
		return "-"
	case *value:
		return "yes"
	default:
		return "no"
	}
}

// PrintCSV prints one line per entry. The import command reads its columns agent, group and receives.
func PrintCSV(w io.Writer, entries []Entry) error {
	out := csv.NewWriter(w)
	records := [][]string{{"namespace", "mapping", "account", "agent", "group", "receives", "declared", "in_sync", "suspended", "reason", "message", "last_sync_time"}}
	for _, e := range entries {
		lastSync := ""
		if e.LastSyncTime != nil {
			lastSync = e.LastSyncTime.Format(time.RFC3339)
		}
		records = append(records, []string{
			e.Namespace, e.Mapping, e.Account.Namespace + "/" + e.Account.Name, e.AgentID, e.GroupID,
			yesNoOrEmpty(e.Receives), yesNoOrEmpty(e.Declared), yesNoOrEmpty(&e.InSync), yesNoOrEmpty(&e.Suspended), e.Reason, singleLine(e.Message), lastSync,
		})
	}
	return out.WriteAll(records)
}

func yesNoOrEmpty(value *bool) string {
	if value == nil {
		return ""
	}
	return yesNo(value)
}

// document is the JSON representation of a roster.
type document struct {
	Kind    string  `json:"kind"`
	Version string  `json:"version"`
	By      SortBy  `json:"by"`
	Entries []Entry `json:"entries"`
}

// PrintJSON prints the entries as one document. Version 1 is stable: fields are added to it, but not changed or removed.
func PrintJSON(w io.Writer, by SortBy, entries []Entry) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	if err := out.Encode(document{Kind: "Roster", Version: "1", By: by, Entries: entries}); err != nil {
		return fmt.Errorf("write the roster as JSON: %w", err)
	}
	return nil
}
