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
		`{"attempt":4294967296,"groups":["9"]}`, `{"attempt":4294967299,"groups":["9"]}`, `{"attempt":4294967300,"groups":["9"]}`,
	} {
		f.Add(text, int64(0), "92 90")
		f.Add(text, int64(3), "")
	}
	f.Fuzz(func(t *testing.T, text string, answered int64, list string) {
		adds := strings.Fields(strings.ToValidUTF8(list, "?"))
		mapping := &v1alpha1.AgentGroupMapping{}
		mapping.Annotations = map[string]string{v1alpha1.AttemptedGroupsAnnotation: text}
		mapping.Status.AnsweredAttempt = max(answered, 0) % (1 << 52) // at least 0 by the CRD
		before := pendingAdds(mapping)

		record := Record(mapping, adds)
		mapping.Annotations[v1alpha1.AttemptedGroupsAnnotation] = record
		attempt := AttemptOf(mapping)
		for _, group := range append(before, adds...) {
			if !slices.Contains(pendingAdds(mapping), group) {
				t.Errorf("group %q is not pending in %s, answered %d", group, record, mapping.Status.AnsweredAttempt)
			}
		}
		mapping.Status.AnsweredAttempt = attempt.Number
		if left := pendingAdds(mapping); len(left) > 0 {
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
