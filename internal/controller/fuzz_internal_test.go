package controller

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	kstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/account"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// verdictsOf are all verdicts that there are, about these names, groups and answers.
func verdictsOf(name string, groups []string, failure *deepcall.Error, state uint8) []verdict {
	states := []account.State{account.Untried, account.Usable, account.Refused, account.Unreachable}
	standing := account.Standing{State: states[state%4], Cause: failure, Epoch: int(state)}
	said := []verdict{
		synced(), nothingToSend(), suspended(), accountNotPermitted(),
		conflict(groups), accountNotFound(name), accountNotReady(types.NamespacedName{Namespace: "apart", Name: name}, "support"), refused(failure), failing(failure),
		accountVerdict(&v1alpha1.DeepCallAccount{}, standing),
	}
	for _, v := range slices.Clone(said) {
		said = append(said, v.removing())
	}
	return said
}

func FuzzConditionsFollowKstatus(f *testing.F) {
	f.Add("acme", "90 91", 1505, uint8(0), int64(1), []byte{})
	f.Add(strings.Repeat("x", 253), strings.Repeat("9 ", 500), -1, uint8(1), int64(2), []byte{1, 2, 3})
	f.Add("\x00\xff", "", 1014, uint8(2), int64(-1), []byte{6, 5, 4, 3, 2, 1})
	f.Fuzz(func(t *testing.T, name, list string, code int, state uint8, generation int64, history []byte) {
		groups := strings.Fields(list)
		for i := range groups { // as the CRD bounds them
			groups[i] = groups[i][:min(len(groups[i]), 64)]
		}
		name = name[:min(len(name), 253)]
		if len(groups) == 0 {
			groups = []string{"90"}
		}
		entry, known := deepcall.Lookup(code)
		if rows := deepcall.Catalogue(); !known {
			entry = rows[int(uint(code)%uint(len(rows)))]
		}
		verdicts := verdictsOf(name, groups, &deepcall.Error{Entry: entry}, state)

		// Every verdict comes after any others.
		var conditions []metav1.Condition
		at := time.Unix(1_767_323_045, 0)
		for i, which := range append(slices.Clone(history[:min(len(history), 64)]), state) {
			v := verdicts[int(which)%len(verdicts)]
			before := slices.Clone(conditions)
			at = at.Add(time.Duration(i) * time.Second)
			v.apply(&conditions, generation, at)
			expectConditions(t, v, before, conditions, generation, at)
		}
	})
}

func expectConditions(t *testing.T, v verdict, before, conditions []metav1.Condition, generation int64, at time.Time) {
	t.Helper()
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	if ready == nil || (ready.Status == metav1.ConditionTrue) != v.ready || len(conditions) > 2 {
		t.Fatalf("%+v became %+v", v, conditions)
	}
	if ready.Status == metav1.ConditionTrue && len(conditions) > 1 {
		t.Errorf("Ready, and %s as well", conditions[1].Type)
	}
	for _, c := range conditions {
		if c.Type != v1alpha1.ConditionReady && (c.Type != v.progress || c.Status != metav1.ConditionTrue) {
			t.Errorf("%s is %s, for the progress %q", c.Type, c.Status, v.progress)
		}
		if c.ObservedGeneration != generation || c.Reason != v.reason || c.Message != v.message {
			t.Errorf("the condition %+v does not say what the verdict does: %+v", c, v)
		}
		if c.Reason == "" || len(c.Message) == 0 || len(c.Message) > 8<<10 {
			t.Errorf("%s has the reason %q, and a message of %d bytes", c.Type, c.Reason, len(c.Message))
		}
		since := at
		if was := meta.FindStatusCondition(before, c.Type); was != nil && was.Status == c.Status {
			since = was.LastTransitionTime.Time
		}
		if !c.LastTransitionTime.Time.Equal(since) {
			t.Errorf("%s is so since %s, it says %s", c.Type, since, c.LastTransitionTime)
		}
	}
	want := map[string]kstatus.Status{
		"": kstatus.InProgressStatus, v1alpha1.ConditionReconciling: kstatus.InProgressStatus, v1alpha1.ConditionStalled: kstatus.FailedStatus,
	}[v.progress]
	if v.ready {
		want = kstatus.CurrentStatus
	}
	mapping := &v1alpha1.AgentGroupMapping{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "AgentGroupMapping"},
		ObjectMeta: metav1.ObjectMeta{Name: "asha", Generation: generation},
		Status:     v1alpha1.AgentGroupMappingStatus{ObservedGeneration: generation, Conditions: conditions},
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(mapping)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := kstatus.Compute(&unstructured.Unstructured{Object: content}); err != nil || got.Status != want {
		t.Errorf("kstatus says %+v of %+v, want %s: %v", got, conditions, want, err)
	}
}

// A person may write anything into the annotation. Whatever stands there, a new attempt is recorded so
// that it reads back, and counts as unanswered until its own answer.
func FuzzARecordOfAttemptsIsNeverLost(f *testing.F) {
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
		mapping.Status.AnsweredAttempt = max(answered, 0) % (1 << 52) // the CRD's least is 0; it counts from there
		before := unanswered(mapping)

		record := withAdds(mapping, adds)
		mapping.Annotations[v1alpha1.AttemptedGroupsAnnotation] = record.String()
		if again := attemptsOf(mapping); again.Attempt != record.Attempt || !slices.Equal(again.Groups, record.Groups) && len(record.Groups) > 0 {
			t.Fatalf("%+v reads back as %+v", record, again)
		}
		for _, group := range append(before, adds...) {
			if !slices.Contains(unanswered(mapping), group) {
				t.Errorf("group %q is not on the record %s, answered %d", group, record, mapping.Status.AnsweredAttempt)
			}
		}
		mapping.Status.AnsweredAttempt = record.Attempt
		if left := unanswered(mapping); len(left) > 0 {
			t.Errorf("once answered, %v are left", left)
		}
		if next := withAdds(mapping, nil); next.Attempt != record.Attempt+1 || len(next.Groups) > 0 {
			t.Errorf("after %s comes %s", record, next)
		}
		var valid any
		if err := json.Unmarshal([]byte(record.String()), &valid); err != nil {
			t.Errorf("the record %s: %v", record, err)
		}
	})
}
