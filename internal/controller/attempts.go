package controller

import (
	"encoding/json"
	"slices"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// attempts is the annotation that records, before a call, the groups that the call adds. Its
// number tells whether DeepCall has answered since: status.answeredAttempt is the newest answered.
type attempts struct {
	Attempt int64    `json:"attempt"`
	Groups  []string `json:"groups"`
}

// mostAhead is how far the number of a record can be ahead of the newest answer. One further ahead is a
// person's, and counting on from it might overflow.
const mostAhead = 1 << 32

// attemptsOf reads the record of a mapping. One that a person spoiled counts as none.
func attemptsOf(mapping *v1alpha1.AgentGroupMapping) attempts {
	var record attempts
	err := json.Unmarshal([]byte(mapping.Annotations[v1alpha1.AttemptedGroupsAnnotation]), &record)
	if err != nil || record.Attempt < 0 || record.Attempt-mostAhead > mapping.Status.AnsweredAttempt {
		return attempts{}
	}
	return record
}

// unanswered are the groups that a call may have added, with no answer that says so.
func unanswered(mapping *v1alpha1.AgentGroupMapping) []string {
	record := attemptsOf(mapping)
	if record.Attempt <= mapping.Status.AnsweredAttempt {
		return nil
	}
	return record.Groups
}

// withAdds is the record to be written before a call that adds groups.
func withAdds(mapping *v1alpha1.AgentGroupMapping, adds []string) attempts {
	groups := append(slices.Clone(unanswered(mapping)), adds...)
	slices.Sort(groups)
	answered := mapping.Status.AnsweredAttempt
	return attempts{
		Attempt: min(max(attemptsOf(mapping).Attempt, answered)+1, answered+mostAhead),
		Groups:  slices.Compact(groups),
	}
}

func (a attempts) String() string {
	text, err := json.Marshal(a)
	if err != nil {
		return "" // numbers and strings always marshal
	}
	return string(text)
}
