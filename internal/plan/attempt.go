package plan

import (
	"encoding/json"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// Attempt is the annotation that records, before a request, the groups that the request adds. status.answeredAttempt is
// the number of the newest attempt with a definite answer.
type Attempt struct {
	// UID is that of the mapping. A record that was copied from another object counts as none.
	UID    types.UID `json:"uid"`
	Number int64     `json:"attempt"`
	Groups []string  `json:"groups"`
}

// maxAttemptsAhead bounds how far the number of a record is ahead of the newest answer. A number further ahead was written by
// a user, and incrementing it could overflow.
const maxAttemptsAhead = 1 << 32

// AttemptOf reads the record of a mapping. A record that is not valid counts as none.
func AttemptOf(m *v1alpha1.AgentGroupMapping) Attempt {
	var attempt Attempt
	err := json.Unmarshal([]byte(m.Annotations[v1alpha1.AttemptedGroupsAnnotation]), &attempt)
	if err != nil || attempt.UID != m.UID || len(attempt.Groups) > maxPending || attempt.Number < 0 || attempt.Number-maxAttemptsAhead > m.Status.AnsweredAttempt {
		return Attempt{}
	}
	attempt.Groups = slices.DeleteFunc(attempt.Groups, func(id string) bool { return !isGroupID(id) })
	return attempt
}

// pendingAdds are the groups that a request may have added, without an answer that confirms it. They are recorded in an
// annotation before the request, kept in memory, and written to the status with the failure, since a user's tool can erase
// the annotation.
func pendingAdds(m *v1alpha1.AgentGroupMapping, state MappingState) []string {
	pending := slices.Concat(m.Status.PendingGroups, state.PendingAdds)
	if attempt := AttemptOf(m); attempt.Number > m.Status.AnsweredAttempt {
		pending = append(pending, attempt.Groups...)
	}
	slices.Sort(pending)
	return slices.Compact(pending)
}

// Record returns the value of the annotation that is to be written before a request: the groups that it adds, and those that
// are pending already.
func Record(m *v1alpha1.AgentGroupMapping, pending []string) string {
	answered := m.Status.AnsweredAttempt
	text, err := json.Marshal(Attempt{
		UID:    m.UID,
		Number: min(max(AttemptOf(m).Number, answered)+1, answered+maxAttemptsAhead),
		Groups: pending,
	})
	if err != nil {
		panic(err) // numbers and strings can always be marshalled
	}
	return string(text)
}
