package plan

import (
	"encoding/json"
	"slices"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// Attempt is the annotation that records, before a request, the groups that the request adds. status.answeredAttempt is
// the number of the newest attempt with a definite answer.
type Attempt struct {
	Number int64    `json:"attempt"`
	Groups []string `json:"groups"`
}

// maxAttemptsAhead bounds how far the number of a record is ahead of the newest answer. A number further ahead was written by
// a user, and incrementing it could overflow.
const maxAttemptsAhead = 1 << 32

// AttemptOf reads the record of a mapping. A record that is not valid counts as none.
func AttemptOf(m *v1alpha1.AgentGroupMapping) Attempt {
	var attempt Attempt
	err := json.Unmarshal([]byte(m.Annotations[v1alpha1.AttemptedGroupsAnnotation]), &attempt)
	if err != nil || attempt.Number < 0 || attempt.Number-maxAttemptsAhead > m.Status.AnsweredAttempt {
		return Attempt{}
	}
	return attempt
}

// pendingAdds returns the groups that a request may have added, without an answer that confirms it.
func pendingAdds(m *v1alpha1.AgentGroupMapping) []string {
	attempt := AttemptOf(m)
	if attempt.Number <= m.Status.AnsweredAttempt {
		return nil
	}
	return attempt.Groups
}

// Record returns the value of the annotation that is to be written before a request that adds groups.
func Record(m *v1alpha1.AgentGroupMapping, adds []string) string {
	groups := append(slices.Clone(pendingAdds(m)), adds...)
	slices.Sort(groups)
	answered := m.Status.AnsweredAttempt
	text, err := json.Marshal(Attempt{
		Number: min(max(AttemptOf(m).Number, answered)+1, answered+maxAttemptsAhead),
		Groups: slices.Compact(groups),
	})
	if err != nil {
		panic(err) // numbers and strings can always be marshalled
	}
	return string(text)
}
