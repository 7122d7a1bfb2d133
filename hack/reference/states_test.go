package main

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/explain"
)

const (
	api       = "../../api/v1alpha1"
	reference = "../../docs/reference"
)

func TestEveryReasonOfTheAPIIsInTheTableAndNoOther(t *testing.T) {
	named, err := constants(api)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := statesOf(named); err != nil {
		t.Error(err)
	}

	more := append(slices.Clone(named), constant{"ReasonBored", "Bored", "ReasonBored: nothing to do."})
	expectProblem(t, more, "ReasonBored is missing in the table of reasons")
	fewer := slices.DeleteFunc(slices.Clone(named), func(c constant) bool { return c.Name == "ReasonConflict" })
	expectProblem(t, fewer, "lists Conflict, which the API does not have")
}

func expectProblem(t *testing.T, named []constant, want string) {
	t.Helper()
	if _, err := statesOf(named); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestEveryAnswerOfDeepCallIsOnBothPages(t *testing.T) {
	onCodes, onStates := tableRows(t, "codes.md"), tableRows(t, "states.md")
	for _, entry := range deepcall.Catalogue() {
		name := inCode(entry.Reason)
		if !slices.ContainsFunc(onCodes, func(row []string) bool {
			coded := entry.Code == 0 || row[0] == strconv.Itoa(entry.Code)
			return coded && slices.Contains(row[:2], name) && slices.Contains(row, cell(entry.Meaning)) && slices.Contains(row, cell(entry.Remedy))
		}) {
			t.Errorf("codes.md does not tell what %d %s means, and who acts", entry.Code, entry.Reason)
		}
		if !slices.ContainsFunc(onStates, func(row []string) bool {
			coded := entry.Code == 0 || slices.Contains(strings.Split(row[1], ", "), strconv.Itoa(entry.Code))
			return row[0] == name && coded && slices.Contains(row, cell(entry.Meaning)) && slices.Contains(row, cell(entry.Remedy))
		}) {
			t.Errorf("states.md does not tell what %d %s means, and who acts", entry.Code, entry.Reason)
		}
	}
}

func TestEveryReasonHasARemedy(t *testing.T) {
	for name, row := range reasons {
		topic, explained := explain.OwnReason(name)
		acts := strings.Fields(topic.Remedy)
		if !explained || len(acts) == 0 || !slices.Contains([]string{"Nobody.", "Nobody:", "Whoever"}, acts[0]) || !strings.HasSuffix(topic.Remedy, ".") {
			t.Errorf("%s does not say in a sentence who acts: %q", name, topic.Remedy)
		}
		if (row.Ready == readyTrue) != (row.Event == recovers) {
			t.Errorf("%s is ready: %s, but its event is %s", name, row.Ready, row.Event)
		}
	}
}

// tableRows are all rows of a page's tables, by cells.
func tableRows(t *testing.T, page string) [][]string {
	t.Helper()
	var rows [][]string
	for line := range strings.Lines(committed(t, page)) {
		if row, found := strings.CutPrefix(strings.TrimSpace(line), "| "); found {
			rows = append(rows, strings.Split(strings.TrimSuffix(row, " |"), " | "))
		}
	}
	if len(rows) == 0 {
		t.Fatalf("%s has no table", page)
	}
	return rows
}
