package plan

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// A user can write anything into the annotation. Whatever it contains, a new record can be read back, and its groups are pending
// until its own answer.
func FuzzRecordKeepsPendingAdds(f *testing.F) {
	for _, text := range []string{
		"", "{}", "null", "[]", `{"attempt":1,"groups":["90"]}`, `{"attempt":9223372036854775807,"groups":["90"]}`, `{"attempt":-5,"groups":["91","91",""]}`,
		`{"attempt":1e3}`, `{"ATTEMPT":2,"groups":null}`, `{"attempt":3,"groups":["` + "\xff" + `"]}`, `{"attempt":4,"groups":["9"]} `, `{"attempt":4}{}`,
		`{"attempt":1,"groups":["90","../91"," "]}`, `{"uid":"other","attempt":1,"groups":["90"]}`, `{"attempt":4294967296,"groups":["9"]}`, `{"attempt":4294967299,"groups":["9"]}`, `{"attempt":4294967300,"groups":["9"]}`,
	} {
		f.Add(text, int64(0), "92 90")
		f.Add(text, int64(3), "")
	}
	f.Fuzz(func(t *testing.T, text string, answered int64, list string) {
		adds := slices.DeleteFunc(strings.Fields(list), func(id string) bool { return !isGroupID(id) })
		mapping := &v1alpha1.AgentGroupMapping{}
		mapping.Annotations = map[string]string{v1alpha1.AttemptedGroupsAnnotation: text}
		mapping.Status.AnsweredAttempt = max(answered, 0) % (1 << 52) // at least 0 by the CRD
		before := pendingAdds(mapping, MappingState{})
		pending := slices.Compact(slices.Sorted(slices.Values(slices.Concat(before, adds))))

		record := Record(mapping, pending)
		mapping.Annotations[v1alpha1.AttemptedGroupsAnnotation] = record
		attempt := AttemptOf(mapping)
		if got := pendingAdds(mapping, MappingState{}); !slices.Equal(got, pending) {
			t.Errorf("%v are pending in %s, want %v, answered %d", got, record, pending, mapping.Status.AnsweredAttempt)
		}
		mapping.Status.AnsweredAttempt = attempt.Number
		if left := pendingAdds(mapping, MappingState{}); len(left) > 0 {
			t.Errorf("once answered, %v are pending", left)
		}
		if next := attemptOf(mapping, Record(mapping, nil)); next.Number != attempt.Number+1 || len(next.Groups) > 0 {
			t.Errorf("after %s comes %+v", record, next)
		}
		var valid any
		if err := json.Unmarshal([]byte(record), &valid); err != nil {
			t.Errorf("the record %s: %v", record, err)
		}
	})
}

// attemptOf reads a record as if the mapping had it.
func attemptOf(mapping *v1alpha1.AgentGroupMapping, record string) Attempt {
	mapping = mapping.DeepCopy()
	mapping.Annotations[v1alpha1.AttemptedGroupsAnnotation] = record
	return AttemptOf(mapping)
}
