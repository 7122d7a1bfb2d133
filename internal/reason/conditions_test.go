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

func expect[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// conditionsOf returns the conditions of an object whose summary was s from generation 1 on.
func conditionsOf(s Summary) []metav1.Condition {
	var conditions []metav1.Condition
	SetConditions(&conditions, s, 1, time.Unix(1, 0))
	return conditions
}

// entriesOfReady returns the entries whose reasons Ready can have.
func entriesOfReady() []Entry {
	return slices.DeleteFunc(Entries(), func(entry Entry) bool { return entry.Ready == "" })
}

func TestSetConditions_of_every_reason(t *testing.T) {
	for _, entry := range entriesOfReady() {
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
		expect(t, "time of "+conditionType, meta.FindStatusCondition(conditions, conditionType).LastTransitionTime.Unix(), want)
	}
	SetConditions(&conditions, Synced(), 2, time.Unix(3, 0))
	expect(t, "time of Ready", meta.FindStatusCondition(conditions, v1alpha1.ConditionReady).LastTransitionTime.Unix(), 3)
}

func TestSetConditions_sets_Ready_for_reasons_that_it_can_not_have(t *testing.T) {
	for _, reason := range []string{Pending, v1alpha1.ReasonDuplicateAccount, "Bored"} {
		expect(t, "Ready for "+reason, conditionsOf(Summary{reason, "a message"})[0].Status, metav1.ConditionFalse)
	}
}

func TestRejected(t *testing.T) {
	for _, entry := range entriesOfReady() {
		conditions := conditionsOf(Summary{entry.Reason, "a message"})
		expect(t, "rejected by "+entry.Reason, Rejected(conditions, 1), entry.Class == deepcall.Rejected)
		expect(t, "another generation is rejected by "+entry.Reason, Rejected(conditions, 2), false)
	}
	expect(t, "an object without conditions is rejected", Rejected(nil, 1), false)
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
	for _, entry := range entriesOfReady() {
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
			expect(t, entry.Reason+", "+name, event(test.before, after), want)
		}
	}
}

func TestTransition(t *testing.T) {
	rejection, _ := deepcall.Lookup(1505)
	rejected := &deepcall.Error{Entry: rejection}
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
			expect(t, "event", event(test.before, test.after), test.want)
		})
	}
}
