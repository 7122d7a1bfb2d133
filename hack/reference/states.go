package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/explain"
)

// states are the data of states.md.
type states struct {
	Conditions, Finalizers, Annotations []constant
	// Own are the operator's own reasons, Answered those of DeepCall's answers.
	MappingOwn, MappingAnswered, AccountOwn, AccountAnswered []state
}

// state is a row: one reason of one kind of object.
type state struct {
	reason
	// Name is the reason's, Meaning says what happened, and Remedy who acts, and how.
	Name, Meaning, Remedy string
	// Codes are those of DeepCall that give this reason.
	Codes string
}

func statesOf(named []constant) (states, error) {
	s := states{
		Conditions: like(named, "Condition"), Finalizers: like(named, "Finalizer"), Annotations: like(named, "Annotation"),
		MappingAnswered: answered(deepcall.Rejected, deepcall.Transient),
		AccountAnswered: answered(deepcall.Denied),
	}
	var problems []error
	constants := like(named, "Reason")
	for _, c := range constants {
		row, listed := reasons[c.Value]
		if !listed {
			problems = append(problems, fmt.Errorf("%s is missing in the table of reasons", c.Name))
			continue
		}
		topic, explained := explain.OwnReason(c.Value)
		if !explained {
			problems = append(problems, fmt.Errorf("%s is missing in internal/explain", c.Name))
			continue
		}
		own := &s.MappingOwn
		if row.Object == account {
			own = &s.AccountOwn
		}
		*own = append(*own, state{reason: row, Name: c.Value, Meaning: topic.Meaning, Remedy: topic.Remedy})
	}
	for name := range reasons {
		if !slices.ContainsFunc(constants, func(c constant) bool { return c.Value == name }) {
			problems = append(problems, fmt.Errorf("the table of reasons lists %s, which the API does not have", name))
		}
	}
	return s, errors.Join(problems...)
}

// shown is how a class of answers shows in the conditions of the object that it is about.
var shown = map[deepcall.Class]reason{
	deepcall.Rejected:  {Object: mapping, Ready: notReady, Beside: v1alpha1.ConditionStalled, Event: warns},
	deepcall.Transient: {Object: mapping, Ready: notReady, Beside: v1alpha1.ConditionReconciling, Event: warns},
	deepcall.Denied:    {Object: account, Ready: notReady, Beside: v1alpha1.ConditionStalled, Event: warns},
}

// answered are the reasons of some classes of answers: one row for the codes that share a reason.
func answered(classes ...deepcall.Class) []state {
	var rows []state
	for _, class := range classes {
		for _, entry := range deepcall.Catalogue() {
			if entry.Class != class {
				continue
			}
			if i := slices.IndexFunc(rows, func(s state) bool { return s.Name == entry.Reason }); i >= 0 {
				rows[i].Codes += ", " + strconv.Itoa(entry.Code)
				continue
			}
			row := state{reason: shown[class], Name: entry.Reason, Meaning: entry.Meaning, Remedy: entry.Remedy}
			if entry.Code != 0 {
				row.Codes = strconv.Itoa(entry.Code)
			}
			rows = append(rows, row)
		}
	}
	slices.SortStableFunc(rows, func(a, b state) int { return strings.Compare(a.Name, b.Name) })
	return rows
}
