package controller

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/account"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// told is what docs/reference/states.md tells of a reason.
type told struct{ ready, beside, event string }

func TestTheReferenceTellsEveryStateOfAMapping(t *testing.T) {
	verdicts := []verdict{
		synced(), nothingToSend(), conflict([]string{"90"}), suspended(),
		accountNotFound("acme"), accountNotPermitted(), accountNotReady(types.NamespacedName{Namespace: "support", Name: "acme"}, "support"),
	}
	for _, entry := range deepcall.Catalogue() {
		switch entry.Class {
		case deepcall.Rejected:
			verdicts = append(verdicts, refused(&deepcall.Error{Entry: entry}))
		case deepcall.Transient:
			verdicts = append(verdicts, failing(&deepcall.Error{Entry: entry}))
		}
	}
	for _, v := range verdicts {
		if !slices.Contains(mappingReasons, v.reason) {
			t.Errorf("%s is counted as Other by the metrics", v.reason)
		}
	}
	expectTold(t, "Reasons of a mapping", verdicts, func(recorder events.EventRecorder, before, after []metav1.Condition) {
		was, is := &v1alpha1.AgentGroupMapping{}, &v1alpha1.AgentGroupMapping{}
		was.Status.Conditions, is.Status.Conditions = before, after
		(&AgentReconciler{Events: recorder}).announce(was, is)
	})
}

func TestTheReferenceTellsEveryStateOfAnAccount(t *testing.T) {
	standings := []account.Standing{
		{State: account.Untried, Epoch: 1},
		{State: account.Usable},
		{State: account.Unreachable, Cause: &deepcall.Error{Entry: deepcall.Entry{Reason: "ServerError", Message: "it failed"}}},
	}
	for _, reason := range []string{
		v1alpha1.ReasonSecretNotFound, v1alpha1.ReasonSecretForbidden, v1alpha1.ReasonInvalidCredentials, v1alpha1.ReasonInvalidEndpoint,
		v1alpha1.ReasonInvalidCABundle, v1alpha1.ReasonInvalidSelector, v1alpha1.ReasonSelectorNotSupported,
	} {
		standings = append(standings, account.Standing{Problem: account.Problem{Reason: reason, Message: "a problem"}})
	}
	for _, entry := range deepcall.Catalogue() {
		if entry.Class == deepcall.Denied {
			standings = append(standings, account.Standing{State: account.Refused, Cause: &deepcall.Error{Entry: entry}})
		}
	}
	var verdicts []verdict
	for _, standing := range standings {
		verdicts = append(verdicts, accountVerdict(&v1alpha1.DeepCallAccount{}, standing))
	}
	expectTold(t, "Reasons of an account", verdicts, func(recorder events.EventRecorder, before, after []metav1.Condition) {
		was, is := &v1alpha1.DeepCallAccount{}, &v1alpha1.DeepCallAccount{}
		was.Status.Conditions, is.Status.Conditions = before, after
		announceAccount(recorder, was, is)
	})
}

// expectTold compares a section of the page with the verdicts there are, and with the events that
// come of them.
func expectTold(t *testing.T, section string, verdicts []verdict, announce func(recorder events.EventRecorder, before, after []metav1.Condition)) {
	t.Helper()
	page := toldIn(t, section)
	given := map[string]bool{}
	for _, v := range verdicts {
		given[v.reason] = true
		want := told{ready: "False", beside: v.progress, event: "none"}
		before := verdict{ready: true, reason: "Before"}
		if v.ready {
			want.ready, before = "True", verdict{reason: "Before", progress: v1alpha1.ConditionStalled}
		}
		switch event := eventOf(before, v, announce); {
		case strings.HasPrefix(event, "Warning "+v.reason+" "):
			want.event = "Warning"
		case strings.HasPrefix(event, "Normal "+v.reason+" "):
			want.event = "Normal, after False"
		case event != "":
			t.Errorf("%s has the event %q", v.reason, event)
		}
		if page[v.reason] != want {
			t.Errorf("%s is told as %+v, but it is %+v", v.reason, page[v.reason], want)
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(page)) {
		if !given[reason] {
			t.Errorf("%s is told, but nothing gives it", reason)
		}
	}
}

// eventOf is the event that comes of a change of the verdict; empty for none.
func eventOf(before, after verdict, announce func(recorder events.EventRecorder, before, after []metav1.Condition)) string {
	var was, is []metav1.Condition
	before.apply(&was, 1, time.Unix(1, 0))
	after.apply(&is, 1, time.Unix(2, 0))
	recorder := events.NewFakeRecorder(1)
	announce(recorder, was, is)
	select {
	case event := <-recorder.Events:
		return event
	default:
		return ""
	}
}

// toldIn reads the tables of a section: the reason first, the event last, and between them what Ready
// is, and what stands beside it.
func toldIn(t *testing.T, section string) map[string]told {
	t.Helper()
	page, err := os.ReadFile("../../docs/reference/states.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(page), fmt.Sprintf("\n## %s\n", section))
	if !found {
		t.Fatalf("the page has no section %q", section)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	rows := map[string]told{}
	for line := range strings.Lines(text) {
		row, found := strings.CutPrefix(line, "| `")
		if !found {
			continue
		}
		cells := strings.Split(strings.TrimSuffix(strings.TrimSpace(row), " |"), " | ")
		ready := slices.IndexFunc(cells, func(cell string) bool { return cell == "True" || cell == "False" })
		rows[strings.TrimSuffix(cells[0], "`")] = told{cells[ready], cells[ready+1], cells[len(cells)-1]}
	}
	return rows
}
