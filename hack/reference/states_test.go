package main

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

const (
	api       = "../../api/v1alpha1"
	reference = "../../docs/reference"
)

func TestStates_lists_every_reason_of_the_operator(t *testing.T) {
	rows := map[reason.Object][][]string{
		reason.Mapping: tableRows(t, section(t, "states.md", "Reasons of a mapping")),
		reason.Account: tableRows(t, section(t, "states.md", "Reasons of an account")),
	}
	for _, entry := range reason.Entries() {
		if entry.Class != reason.Operator || entry.Object == reason.Roster {
			continue
		}
		event := map[reason.Event]string{reason.NoEvent: "none", reason.Warning: "Warning", reason.Recovery: "Normal, after False"}[entry.Event]
		want := []string{inCode(entry.Reason), string(entry.Ready), entry.Condition, cell(entry.Meaning), cell(entry.Remedy), event}
		objects := []reason.Object{entry.Object}
		if entry.Object == reason.Shared {
			objects = []reason.Object{reason.Mapping, reason.Account}
		}
		for _, object := range objects {
			if !slices.ContainsFunc(rows[object], func(row []string) bool { return slices.Equal(row, want) }) {
				t.Errorf("states.md has no row %q of a %s", want, object)
			}
		}
	}
}

func TestStates_and_codes_list_every_answer_of_DeepCall(t *testing.T) {
	onCodes, onStates := tableRows(t, committed(t, "codes.md")), tableRows(t, committed(t, "states.md"))
	for _, entry := range deepcall.Catalogue() {
		name := inCode(entry.Reason)
		if !slices.ContainsFunc(onCodes, func(row []string) bool {
			coded := entry.Code == 0 || row[0] == strconv.Itoa(entry.Code)
			return coded && slices.Contains(row[:2], name) && slices.Contains(row, cell(entry.Meaning)) && slices.Contains(row, cell(entry.Remedy))
		}) {
			t.Errorf("codes.md lacks the meaning or the remedy of %d %s", entry.Code, entry.Reason)
		}
		if !slices.ContainsFunc(onStates, func(row []string) bool {
			coded := entry.Code == 0 || slices.Contains(strings.Split(row[1], ", "), strconv.Itoa(entry.Code))
			return row[0] == name && coded && slices.Contains(row, cell(entry.Meaning)) && slices.Contains(row, cell(entry.Remedy))
		}) {
			t.Errorf("states.md lacks the meaning or the remedy of %d %s", entry.Code, entry.Reason)
		}
	}
}

// section returns the text below a heading of a page.
func section(t *testing.T, page, heading string) string {
	t.Helper()
	_, text, found := strings.Cut(committed(t, page), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("%s has no section %q", page, heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

// tableRows returns the cells of all rows of the tables in text.
func tableRows(t *testing.T, text string) [][]string {
	t.Helper()
	var rows [][]string
	for line := range strings.Lines(text) {
		if row, found := strings.CutPrefix(strings.TrimSpace(line), "| "); found {
			rows = append(rows, strings.Split(strings.TrimSuffix(row, " |"), " | "))
		}
	}
	if len(rows) == 0 {
		t.Fatal("there is no table")
	}
	return rows
}
