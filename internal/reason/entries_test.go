package reason

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// shown is where and how a reason appears.
type shown struct {
	object    Object
	ready     metav1.ConditionStatus
	condition string
	event     Event
}

// wantOperatorReasons lists the operator's own reasons. Roster has no conditions and records no events.
var wantOperatorReasons = map[string]shown{
	v1alpha1.ReasonSynced:               {Mapping, "True", "", Recovery},
	v1alpha1.ReasonSuspended:            {Mapping, "False", "", NoEvent},
	v1alpha1.ReasonConflict:             {Mapping, "False", "Stalled", Warning},
	v1alpha1.ReasonAccountNotFound:      {Mapping, "False", "Reconciling", Warning},
	v1alpha1.ReasonAccountNotPermitted:  {Mapping, "False", "Stalled", Warning},
	v1alpha1.ReasonAccountNotReady:      {Mapping, "False", "Reconciling", NoEvent},
	v1alpha1.ReasonWriteRejected:        {Mapping, "False", "Stalled", Warning},
	v1alpha1.ReasonPaused:               {Shared, "False", "Reconciling", NoEvent},
	v1alpha1.ReasonRemovalAbandoned:     {Mapping, "", "", Warning},
	v1alpha1.ReasonSecondOperator:       {Shared, "", "", Warning},
	v1alpha1.ReasonTerminating:          {Account, "False", "Reconciling", NoEvent},
	v1alpha1.ReasonUntried:              {Account, "True", "", Recovery},
	v1alpha1.ReasonUsable:               {Account, "True", "", Recovery},
	v1alpha1.ReasonUnreachable:          {Account, "False", "Reconciling", Warning},
	v1alpha1.ReasonSecretNotFound:       {Account, "False", "Reconciling", Warning},
	v1alpha1.ReasonSecretForbidden:      {Account, "False", "Stalled", Warning},
	v1alpha1.ReasonInvalidCredentials:   {Account, "False", "Stalled", Warning},
	v1alpha1.ReasonInvalidEndpoint:      {Account, "False", "Stalled", Warning},
	v1alpha1.ReasonInvalidCABundle:      {Account, "False", "Stalled", Warning},
	v1alpha1.ReasonCABundleNotFound:     {Account, "False", "Reconciling", Warning},
	v1alpha1.ReasonCABundleForbidden:    {Account, "False", "Stalled", Warning},
	v1alpha1.ReasonInvalidSelector:      {Account, "False", "Stalled", Warning},
	v1alpha1.ReasonSelectorNotSupported: {Account, "False", "Stalled", Warning},
	v1alpha1.ReasonNamespaceUnreadable:  {Account, "False", "Stalled", Warning},
	v1alpha1.ReasonDuplicateAccount:     {Account, "", "Duplicate", Warning},
	Pending:                             {Roster, "", "", NoEvent},
	Deleting:                            {Roster, "", "", NoEvent},
}

// wantAnswers lists DeepCall's answers by class.
var wantAnswers = map[deepcall.Class]shown{
	deepcall.Rejected:  {Mapping, "False", "Stalled", Warning},
	deepcall.Transient: {Mapping, "False", "Reconciling", Warning},
	deepcall.Denied:    {Account, "False", "Stalled", Warning},
}

func (e Entry) shown() shown { return shown{e.Object, e.Ready, e.Condition, e.Event} }

func TestEntries_of_the_operator(t *testing.T) {
	var found []string
	for _, entry := range Entries() {
		if entry.Class != Operator {
			continue
		}
		found = append(found, entry.Reason)
		expect(t, entry.Reason, entry.shown(), wantOperatorReasons[entry.Reason])
		expect(t, "code of "+entry.Reason, entry.Code, 0)
	}
	want := append(apiReasons(t), Pending, Deleting)
	slices.Sort(found)
	slices.Sort(want)
	if !slices.Equal(found, want) {
		t.Errorf("got the reasons %v, want one entry of each of %v", found, want)
	}
}

func TestEntries_of_DeepCalls_answers(t *testing.T) {
	answers := deepcall.Catalogue()
	entries := Entries()
	for i, answer := range answers {
		entry := entries[i]
		if entry.Reason != answer.Reason || entry.Code != answer.Code || entry.Class != answer.Class ||
			entry.Message != answer.Message || entry.Meaning != answer.Meaning || entry.Remedy != answer.Remedy {
			t.Errorf("entry %d is %+v, want that of %+v", i, entry, answer)
		}
		expect(t, fmt.Sprint(answer.Code, " ", answer.Reason), entry.shown(), wantAnswers[answer.Class])
		first, found := Lookup(answer.Reason)
		if !found || first.Class != answer.Class || first.Remedy != answer.Remedy {
			t.Errorf("%d %s: an entry of the same reason differs: %+v", answer.Code, answer.Reason, first)
		}
	}
	expect(t, "class of what follows the catalogue", entries[len(answers)].Class, Operator)
}

func TestEntries_are_found_by_their_reasons(t *testing.T) {
	for _, entry := range Entries() {
		if found, err := Find(entry.Reason); err != nil || found[0].Reason != entry.Reason {
			t.Errorf("Find(%s) = %v, %v", entry.Reason, found, err)
		}
		if found, ok := Lookup(entry.Reason); !ok || found.Reason != entry.Reason {
			t.Errorf("Lookup(%s) = %v, %v", entry.Reason, found, ok)
		}
	}
	if entry, ok := Lookup("Bored"); ok {
		t.Errorf("Lookup(Bored) = %v", entry)
	}
}

func TestEntries_are_described_in_sentences(t *testing.T) {
	for _, entry := range Entries() {
		for _, text := range []string{entry.Meaning, entry.Operator, entry.Remedy} {
			if text == "" || !strings.HasSuffix(text, ".") && !strings.Contains(text, "kubectl ") {
				t.Errorf("%s: %q is not a sentence", entry.Reason, text)
			}
		}
		if (entry.Message == "") != (entry.Object == Roster) || strings.HasSuffix(entry.Message, ".") {
			t.Errorf("%s: the message is %q", entry.Reason, entry.Message)
		}
		if entry.Class == Operator && !strings.HasPrefix(entry.Remedy, "No action is needed") && !strings.HasPrefix(entry.Remedy, "The ") {
			t.Errorf("%s: the remedy does not begin with who acts: %q", entry.Reason, entry.Remedy)
		}
	}
}

func TestMetricLabel(t *testing.T) {
	for _, entry := range Entries() {
		want := "Other"
		if entry.Object == Mapping || entry.Object == Shared || entry.Class == deepcall.Denied {
			want = entry.Reason
		}
		expect(t, "label of "+entry.Reason, MetricLabel(entry.Reason), want)
	}
	for _, reason := range []string{"", "synced", "Bored"} {
		expect(t, "label of "+reason, MetricLabel(reason), "Other")
	}
}

// apiReasons returns the values of the API's constants whose names begin with Reason.
func apiReasons(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(testenv.Root(), "api/v1alpha1/*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var reasons []string
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			spec, ok := node.(*ast.ValueSpec)
			if ok && strings.HasPrefix(spec.Names[0].Name, "Reason") {
				value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				reasons = append(reasons, value)
			}
			return true
		})
	}
	return reasons
}
