package reason

import (
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
	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// summaries returns every summary there is, with these names, groups and errors.
func summaries(name string, groups []string, failure *deepcall.Error) []Summary {
	bundle := v1alpha1.CABundleReference{Kind: v1alpha1.CABundleKindConfigMap, Name: name, Key: name}
	all := []Summary{
		Synced(), NothingToSend(), Suspended(), AccountNotPermitted(), Conflict(groups), AccountNotFound(name),
		AccountNotReady(types.NamespacedName{Namespace: "other", Name: name}, "support"), FromError(failure),
		Untried(), Usable(), Unreachable(failure), SecretNotFound(name), SecretForbidden(), InvalidCredentials(name, "is empty"),
		InvalidEndpoint("has no host"), InvalidCABundle(v1alpha1.CABundleReference{}, "is empty"), InvalidCABundle(bundle, "is empty"), CABundleNotFound(bundle, true),
		CABundleForbidden(bundle.Kind), InvalidSelector("is invalid"), SelectorNotSupported(), NamespaceUnreadable(),
	}
	for _, s := range slices.Clone(all) {
		all = append(all, s.BlocksDeletion())
	}
	return all
}

func FuzzConditionsFollowKstatus(f *testing.F) {
	f.Add("acme", "90 91", 1505, uint8(0), int64(1), []byte{})
	f.Add(strings.Repeat("x", 253), strings.Repeat("9 ", 500), -1, uint8(1), int64(2), []byte{1, 2, 3})
	f.Add("\x00\xff", "", 1014, uint8(2), int64(-1), []byte{6, 5, 4, 3, 2, 1})
	f.Fuzz(func(t *testing.T, name, list string, code int, last uint8, generation int64, history []byte) {
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
		all := summaries(name, groups, &deepcall.Error{Entry: entry})

		// Any summary can follow any other.
		var conditions []metav1.Condition
		at := time.Unix(1_767_323_045, 0)
		for i, which := range append(slices.Clone(history[:min(len(history), 64)]), last) {
			s := all[int(which)%len(all)]
			before := slices.Clone(conditions)
			at = at.Add(time.Duration(i) * time.Second)
			SetConditions(&conditions, s, generation, at)
			expectConditions(t, s, before, conditions, generation, at)
		}
	})
}

func expectConditions(t *testing.T, s Summary, before, conditions []metav1.Condition, generation int64, at time.Time) {
	t.Helper()
	entry, _ := Lookup(s.Reason)
	isReady := entry.Ready == metav1.ConditionTrue
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	if ready == nil || (ready.Status == metav1.ConditionTrue) != isReady || len(conditions) > 2 {
		t.Fatalf("%+v became %+v", s, conditions)
	}
	if ready.Status == metav1.ConditionTrue && len(conditions) > 1 {
		t.Errorf("Ready, and %s as well", conditions[1].Type)
	}
	for _, c := range conditions {
		if c.Type != v1alpha1.ConditionReady && (c.Type != entry.Condition || c.Status != metav1.ConditionTrue) {
			t.Errorf("%s is %s, want only %q beside Ready", c.Type, c.Status, entry.Condition)
		}
		if c.ObservedGeneration != generation || c.Reason != s.Reason || c.Message != s.Message {
			t.Errorf("the condition %+v does not state the summary %+v", c, s)
		}
		if c.Reason == "" || len(c.Message) == 0 || len(c.Message) > 8<<10 {
			t.Errorf("%s has the reason %q, and a message of %d bytes", c.Type, c.Reason, len(c.Message))
		}
		since := at
		if was := meta.FindStatusCondition(before, c.Type); was != nil && was.Status == c.Status {
			since = was.LastTransitionTime.Time
		}
		if !c.LastTransitionTime.Time.Equal(since) {
			t.Errorf("%s changed at %s, it states %s", c.Type, since, c.LastTransitionTime)
		}
	}
	want := map[string]kstatus.Status{
		"": kstatus.InProgressStatus, v1alpha1.ConditionReconciling: kstatus.InProgressStatus, v1alpha1.ConditionStalled: kstatus.FailedStatus,
	}[entry.Condition]
	if isReady {
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
		t.Errorf("kstatus computes %+v from %+v, want %s: %v", got, conditions, want, err)
	}
}
