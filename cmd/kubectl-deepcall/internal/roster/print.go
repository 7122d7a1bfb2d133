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

// Table says how a table is drawn.
type Table struct {
	By By
	// Namespaces adds the column NAMESPACE.
	Namespaces bool
	// Wide adds the account, the declared value and the time of the last confirmation, and shows messages in full.
	Wide bool
	// Now is what ages are counted from.
	Now time.Time
}

// column is a heading, and what stands below it.
type column struct {
	heading string
	text    func(Entry) string
}

// Print draws the table.
func (t Table) Print(w io.Writer, entries []Entry) error {
	columns := t.columns(entries)
	var text strings.Builder
	out := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
	headings := make([]string, len(columns))
	for i, c := range columns {
		headings[i] = c.heading
	}
	fmt.Fprintln(out, strings.Join(headings, "\t"))
	for _, e := range entries {
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = oneLine(c.text(e))
		}
		fmt.Fprintln(out, strings.Join(cells, "\t"))
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("align the table: %w", err)
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
	if t.Namespaces {
		columns = append(columns, column{"NAMESPACE", func(e Entry) string { return e.Namespace }})
	}
	if t.Wide || severalAccounts(entries) {
		columns = append(columns, column{"ACCOUNT", func(e Entry) string { return e.Account.in(e.Namespace) }})
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
	return append(columns, column{"NOT IN SYNC", t.trouble})
}

// trouble is empty for what is in sync.
func (t Table) trouble(e Entry) string {
	if e.InSync {
		return ""
	}
	message := oneLine(e.Message) // before it is cut
	if !t.Wide {
		message = short(message)
	}
	return e.Reason + ": " + message
}

func (t Table) age(at *time.Time) string {
	if at == nil {
		return "never"
	}
	return duration.HumanDuration(t.Now.Sub(*at)) + " ago"
}

func severalAccounts(entries []Entry) bool {
	return slices.ContainsFunc(entries, func(e Entry) bool { return e.Account != entries[0].Account })
}

// in is the account's name as somebody in the namespace writes it.
func (a Account) in(namespace string) string {
	if a.Namespace == namespace {
		return a.Name
	}
	return a.Namespace + "/" + a.Name
}

// shortLength is how much of a message a table shows, so that a line fits on most screens.
const shortLength = 60

func short(message string) string {
	if runes := []rune(message); len(runes) > shortLength {
		return strings.TrimRight(string(runes[:shortLength-1]), " ") + "…"
	}
	return message
}

// oneLine also takes out what would command a terminal.
func oneLine(text string) string {
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

// PrintCSV writes one line for each entry. Its columns agent, group and receives are those that import reads.
func PrintCSV(w io.Writer, entries []Entry) error {
	out := csv.NewWriter(w)
	lines := [][]string{{"namespace", "mapping", "account", "agent", "group", "receives", "declared", "in_sync", "suspended", "reason", "message", "last_sync_time"}}
	for _, e := range entries {
		confirmed := ""
		if e.LastSyncTime != nil {
			confirmed = e.LastSyncTime.Format(time.RFC3339)
		}
		lines = append(lines, []string{
			e.Namespace, e.Mapping, e.Account.Namespace + "/" + e.Account.Name, e.AgentID, e.GroupID,
			blankOr(e.Receives), blankOr(e.Declared), blankOr(&e.InSync), blankOr(&e.Suspended), e.Reason, oneLine(e.Message), confirmed,
		})
	}
	return out.WriteAll(lines)
}

func blankOr(value *bool) string {
	if value == nil {
		return ""
	}
	return yesNo(value)
}

// document is the JSON of a roster.
type document struct {
	Kind    string  `json:"kind"`
	Version string  `json:"version"`
	By      By      `json:"by"`
	Entries []Entry `json:"entries"`
}

// PrintJSON writes the entries as one document. Fields may be added to version 1, and none be changed or taken away.
func PrintJSON(w io.Writer, by By, entries []Entry) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	if err := out.Encode(document{Kind: "Roster", Version: "1", By: by, Entries: entries}); err != nil {
		return fmt.Errorf("write the roster as JSON: %w", err)
	}
	return nil
}
