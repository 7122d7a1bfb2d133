package reason

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// conditionsOf returns the conditions of an object whose summary was s from generation 1 on.
func conditionsOf(s Summary) []metav1.Condition {
	var conditions []metav1.Condition
	SetConditions(&conditions, s, 1, time.Unix(1, 0))
	return conditions
}

func TestSetConditions_of_every_reason(t *testing.T) {
	for _, entry := range Entries() {
		if entry.Ready == "" {
			continue
		}
		for name, conditions := range map[string][]metav1.Condition{
			"new": nil, "reconciling": conditionsOf(AccountNotFound("acme")), "stalled": conditionsOf(AccountNotPermitted()),
		} {
			SetConditions(&conditions, Summary{entry.Reason, "a message"}, 2, time.Unix(2, 0))
			want := map[string]metav1.ConditionStatus{v1alpha1.ConditionReady: entry.Ready}
			if entry.Condition != "" {
				want[entry.Condition] = metav1.ConditionTrue
			}
			got := map[string]metav1.ConditionStatus{}
			for _, condition := range conditions {
				got[condition.Type] = condition.Status
				if condition.Reason != entry.Reason || condition.Message != "a message" || condition.ObservedGeneration != 2 {
					t.Errorf("%s, %s: got %+v", entry.Reason, name, condition)
				}
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s, %s: got %v, want %v", entry.Reason, name, got, want)
			}
		}
	}
}

func TestSetConditions_treats_an_unknown_reason_as_transient(t *testing.T) {
	conditions := conditionsOf(Summary{"Bored", "a message"})
	if !meta.IsStatusConditionFalse(conditions, v1alpha1.ConditionReady) || !meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionReconciling) {
		t.Errorf("got %+v", conditions)
	}
}

func TestSetConditions_keeps_the_time_of_a_status(t *testing.T) {
	conditions := conditionsOf(AccountNotFound("acme"))
	SetConditions(&conditions, AccountNotPermitted(), 2, time.Unix(2, 0))
	for conditionType, want := range map[string]int64{v1alpha1.ConditionReady: 1, v1alpha1.ConditionStalled: 2} {
		if got := meta.FindStatusCondition(conditions, conditionType).LastTransitionTime.Unix(); got != want {
			t.Errorf("%s changed at %d, want %d", conditionType, got, want)
		}
	}
	SetConditions(&conditions, Synced(), 2, time.Unix(3, 0))
	if got := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady).LastTransitionTime.Unix(); got != 3 {
		t.Errorf("Ready changed at %d, want 3", got)
	}
}

func TestSetConditions_sets_Ready_for_reasons_that_it_can_not_have(t *testing.T) {
	for _, reason := range []string{Pending, v1alpha1.ReasonDuplicateAccount, "Bored"} {
		if got := conditionsOf(Summary{reason, "a message"}); got[0].Status != metav1.ConditionFalse {
			t.Errorf("%s: Ready is %q", reason, got[0].Status)
		}
	}
}

func TestRejected(t *testing.T) {
	for _, entry := range Entries() {
		if entry.Ready == "" {
			continue
		}
		conditions := conditionsOf(Summary{entry.Reason, "a message"})
		if got, want := Rejected(conditions, 1), entry.Class == deepcall.Rejected; got != want {
			t.Errorf("%s: got %v, want %v", entry.Reason, got, want)
		}
		if Rejected(conditions, 2) {
			t.Errorf("%s: another generation is rejected", entry.Reason)
		}
	}
	if Rejected(nil, 1) {
		t.Error("an object without conditions is rejected")
	}
}

// event returns the event of a change as "type reason: note"; empty for none.
func event(before, after []metav1.Condition) string {
	eventType, reason, note, ok := Transition(before, after)
	if !ok {
		return ""
	}
	return eventType + " " + reason + ": " + note
}

func TestTransition_to_every_reason(t *testing.T) {
	for _, entry := range Entries() {
		if entry.Ready == "" {
			continue
		}
		after := conditionsOf(Summary{entry.Reason, "a message"})
		note := "a message"
		if entry.Class != Operator {
			note += ". " + entry.Remedy
		}
		for name, test := range map[string]struct {
			before  []metav1.Condition
			records []Event
		}{
			"new":                  {nil, []Event{Warning}},
			"from Synced":          {conditionsOf(Synced()), []Event{Warning}},
			"from Conflict":        {conditionsOf(Conflict([]string{"90"})), []Event{Warning, Recovery}},
			"from AccountNotReady": {conditionsOf(Summary{v1alpha1.ReasonAccountNotReady, "it was not"}), []Event{Warning}},
			"from Suspended":       {conditionsOf(Suspended()), []Event{Warning}},
			"unchanged":            {after, nil},
		} {
			want := ""
			if slices.Contains(test.records, entry.Event) {
				want = string(entry.Event) + " " + entry.Reason + ": " + note
			}
			if got := event(test.before, after); got != want {
				t.Errorf("%s, %s: got %q, want %q", entry.Reason, name, got, want)
			}
		}
	}
}

func TestTransition(t *testing.T) {
	rejected := &deepcall.Error{Entry: answer(t, "InvalidGroupData")}
	const asMessage = "DeepCall confirmed the declared groups"
	for name, test := range map[string]struct {
		before, after []metav1.Condition
		want          string
	}{
		"records nothing of a new mapping that is ready":    {nil, conditionsOf(Synced()), ""},
		"records nothing without a condition":               {conditionsOf(Suspended()), nil, ""},
		"records a rejection with its remedy":               {conditionsOf(Synced()), conditionsOf(FromError(rejected)), "Warning InvalidGroupData: " + rejected.Message + ". " + rejected.Remedy},
		"records a rejection once":                          {conditionsOf(FromError(rejected)), conditionsOf(FromError(rejected)), ""},
		"records the recovery":                              {conditionsOf(FromError(rejected)), conditionsOf(Synced()), "Normal Synced: " + asMessage},
		"records nothing of a resumed mapping":              {conditionsOf(Suspended()), conditionsOf(Synced()), ""},
		"records another message of the same reason":        {conditionsOf(Conflict([]string{"90"})), conditionsOf(Conflict([]string{"91"})), "Warning Conflict: Another mapping of this agent owns group 91; declare each group in one mapping only"},
		"records nothing of a change between ready reasons": {conditionsOf(Untried()), conditionsOf(Usable()), ""},
		"records the recovery from an unknown reason":       {conditionsOf(Summary{"Bored", "by hand"}), conditionsOf(Synced()), "Normal Synced: " + asMessage},
		"records an unknown reason without a remedy":        {nil, conditionsOf(Summary{"Bored", "by hand"}), "Warning Bored: by hand"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			if got := event(test.before, test.after); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func answer(t *testing.T, reason string) deepcall.Entry {
	t.Helper()
	answers := deepcall.Catalogue()
	i := slices.IndexFunc(answers, func(e deepcall.Entry) bool { return e.Reason == reason })
	if i < 0 {
		t.Fatalf("the catalogue has no %s", reason)
	}
	return answers[i]
}
