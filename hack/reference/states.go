package main

import (
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/internal/reason"
)

// statesPage is the data of states.md.
type statesPage struct {
	Conditions, Finalizers, Annotations, Labels []constant
	// DeletionNote ends the messages of a mapping whose deletion waits for DeepCall.
	DeletionNote string
	// Own are the operator's own reasons, Answered those of DeepCall's answers.
	MappingOwn, MappingAnswered, AccountOwn, AccountAnswered []state
}

// state is a row of states.md: one reason of one kind of object.
type state struct {
	reason.Entry
	// Codes lists DeepCall's codes that have this reason.
	Codes string
}

// EventText describes the event of the reason.
func (s state) EventText() string {
	switch s.Event {
	case reason.Warning:
		return "Warning"
	case reason.Recovery:
		return "Normal, after " + string(metav1.ConditionFalse)
	default:
		return "none"
	}
}

func newStatesPage(constants []constant) statesPage {
	page := statesPage{
		Conditions: selectConstants(constants, "Condition"), Finalizers: selectConstants(constants, "Finalizer"), Annotations: selectConstants(constants, "Annotation"),
		Labels:       selectConstants(constants, "Label"),
		DeletionNote: strings.TrimPrefix(reason.Summary{}.BlocksDeletion().Message, ". "),
	}
	for _, entry := range reason.Entries() {
		switch own := entry.Class == reason.Operator; {
		case entry.Object == reason.Shared:
			page.MappingOwn = append(page.MappingOwn, state{Entry: entry})
			page.AccountOwn = append(page.AccountOwn, state{Entry: entry})
		case entry.Object == reason.Mapping && own:
			page.MappingOwn = append(page.MappingOwn, state{Entry: entry})
		case entry.Object == reason.Account && own:
			page.AccountOwn = append(page.AccountOwn, state{Entry: entry})
		case entry.Object == reason.Mapping:
			page.MappingAnswered = withAnswer(page.MappingAnswered, entry)
		case entry.Object == reason.Account:
			page.AccountAnswered = withAnswer(page.AccountAnswered, entry)
		}
	}
	for _, rows := range [][]state{page.MappingAnswered, page.AccountAnswered} {
		slices.SortFunc(rows, func(a, b state) int { return strings.Compare(a.Reason, b.Reason) })
	}
	return page
}

// withAnswer adds an answer to rows. Codes that share a reason share a row.
func withAnswer(rows []state, entry reason.Entry) []state {
	if i := slices.IndexFunc(rows, func(s state) bool { return s.Reason == entry.Reason }); i >= 0 {
		rows[i].Codes += ", " + strconv.Itoa(entry.Code)
		return rows
	}
	row := state{Entry: entry}
	if entry.Code != 0 {
		row.Codes = strconv.Itoa(entry.Code)
	}
	return append(rows, row)
}
