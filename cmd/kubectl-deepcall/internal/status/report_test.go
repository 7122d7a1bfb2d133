package status

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/reason"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

func deleting(m *v1alpha1.AgentGroupMapping) *v1alpha1.AgentGroupMapping {
	m.DeletionTimestamp = &metav1.Time{Time: noon}
	return m
}

func TestOK(t *testing.T) {
	edited := synced(time.Minute)
	edited.Generation++
	suspended := synced(time.Minute)
	suspended.Spec.Suspend = true
	for name, c := range map[string]struct {
		mapping *v1alpha1.AgentGroupMapping
		account *v1alpha1.DeepCallAccount
		want    bool
	}{
		"a synced mapping":                                  {synced(time.Minute), account(v1alpha1.ReasonUsable, 0), true},
		"a suspended mapping without an edit":               {suspended, account(v1alpha1.ReasonUsable, 0), true},
		"a synced mapping whose account could not be read":  {synced(time.Minute), nil, true},
		"a synced mapping whose account is denied":          {synced(time.Minute), account("InvalidToken", 0), false},
		"a synced mapping whose account was not reconciled": {synced(time.Minute), account("", 0), false},
		"an edit that was not sent":                         {edited, account(v1alpha1.ReasonUsable, 0), false},
		"a mapping that is being deleted":                   {deleting(synced(time.Minute)), account(v1alpha1.ReasonUsable, 0), false},
		"a rejected mapping":                                {mapping(testenv.Mapping("asha").Group("90", true), "InvalidGroupData", 0), account(v1alpha1.ReasonUsable, 0), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := New(Input{Mapping: c.mapping, Account: c.account, Now: noon}).OK; got != c.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestPending(t *testing.T) {
	asha := func() *testenv.MappingBuilder { return testenv.Mapping("asha") }
	declares := mapping(testenv.Mapping("ben").Group("90", true), v1alpha1.ReasonConflict, 0)
	owner := apply(mapping(testenv.Mapping("ben").Group("90", true), v1alpha1.ReasonSynced, 0), 0, group("90", true))
	before := apply(mapping(testenv.Mapping("cara").Group("90", true), v1alpha1.ReasonSynced, 0), time.Hour, group("90", true))
	uncertain := synced(0)
	uncertain.Status.Uncertain = true
	pendingAdd := mapping(asha(), v1alpha1.ReasonSynced, 0)
	pendingAdd.Status.PendingGroups = []string{"90"}
	for want, c := range map[string]struct {
		mapping *v1alpha1.AgentGroupMapping
		others  []*v1alpha1.AgentGroupMapping
	}{
		"":                                       {synced(0), nil},
		"add":                                    {mapping(asha().Group("90", true), "Timeout", 0), nil},
		"change":                                 {apply(mapping(asha().Group("90", false), "Timeout", 0), 0, group("90", true)), nil},
		"removal":                                {apply(mapping(asha(), "Timeout", 0), 0, group("90", true)), nil},
		"none: stays as it is (Orphan)":          {apply(mapping(asha().Orphan(), "Timeout", 0), 0, group("90", true)), nil},
		"handover to support/ben":                {apply(mapping(asha(), "Timeout", 0), 0, group("90", true)), []*v1alpha1.AgentGroupMapping{declares}},
		"conflict: support/ben is the owner":     {mapping(asha().Group("90", true), v1alpha1.ReasonConflict, 0), []*v1alpha1.AgentGroupMapping{before, owner}},
		"conflict: another mapping is the owner": {mapping(asha().Group("90", true), v1alpha1.ReasonConflict, 0), nil},
		"repeat: a response was lost":            {uncertain, nil},
		"removal: a request whose response was lost may have added it": {pendingAdd, nil},
	} {
		t.Run(want, func(t *testing.T) {
			got := groups(c.mapping, c.others)
			if len(got) != 1 || got[0].GroupID != "90" || got[0].Pending != want {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestReportIgnoresCopiedStatuses(t *testing.T) {
	copied, other := synced(0), synced(0)
	copied.UID, other.UID = "copied", "other"
	r := New(Input{Mapping: copied, Others: []*v1alpha1.AgentGroupMapping{other}, Now: noon})
	if r.OK || r.State.Ready || r.State.Reason != reason.Pending || r.Groups[0].Applied != nil || r.Next.Action != Send {
		t.Errorf("got %+v", r)
	}
	if o := r.Others[0]; o.Ready || o.Reason != reason.Pending || len(o.Applied) > 0 {
		t.Errorf("got the other mapping %+v", o)
	}
}

func TestPrint(t *testing.T) {
	m := apply(mapping(testenv.Mapping("asha").Group("90", true).Group("99", true), "InvalidGroupData", 2*time.Minute), time.Minute, group("90", true), group("100", true))
	m.Status.LastResponse = &v1alpha1.LastResponse{Code: 1505, Message: "Invalid group data", Time: metav1.NewTime(noon.Add(-2 * time.Minute))}
	m.Spec.ResyncInterval.Duration = 0
	ben := apply(mapping(testenv.Mapping("ben").Group("91", false), v1alpha1.ReasonSynced, 0), time.Minute, group("91", false))
	event := corev1.Event{
		InvolvedObject: corev1.ObjectReference{Kind: "AgentGroupMapping", Name: "asha"}, Type: "Warning", Reason: "InvalidGroupData",
		Message: "DeepCall error 1505:\nInvalid group data\x1b[2J", LastTimestamp: metav1.NewTime(noon.Add(-90 * time.Second)),
	}
	r := New(Input{
		Mapping: m, Account: account("InvalidToken", 0), Others: []*v1alpha1.AgentGroupMapping{ben},
		Events: []corev1.Event{event}, NotRead: []string{"events of the account: needs the right to list events in namespace shared"}, Now: noon,
	})
	var out strings.Builder
	if err := Print(&out, r, noon); err != nil {
		t.Fatal(err)
	}
	want := `Mapping:         asha in namespace support, agent 7
Ready:           no, InvalidGroupData: DeepCall error 1505: Invalid group data
Meaning:         DeepCall does not accept the groups: most often one of them does not exist there.
Operator:        It leaves the groups that DeepCall confirmed before in place, and sends the change again only when the mapping's spec changes, on request (kubectl deepcall resync), or at the next resync.
What to do:      The mapping's owner corrects spec.groups, or creates the group in DeepCall.
Account:         acme, ready: no, InvalidToken: DeepCall error 1014: Invalid token (invalid or expired)
Meaning:         DeepCall does not accept the token, or it has expired.
Operator:        It sends no request with the account until the Secret or the account changes, except for single probes, 5 minutes to 1 hour apart. If only one agent is denied, it retries that agent's mappings alone, 5 minutes to 1 hour apart. After the cause was fixed in DeepCall, retry at once and resync all mappings of the account: kubectl deepcall resync account/NAME
What to do:      The account's owner puts a new token into the Secret that spec.credentialsSecretRef names.
Last response:   1505 Invalid group data, 2m ago
Next:            While a mapping waits to be sent, a probe of the account is due within about 6m15s
Not read:        events of the account: needs the right to list events in namespace shared

GROUP   DESIRED   APPLIED   PENDING
90      yes       yes
99      yes       -         add
100     -         yes       removal

OTHER MAPPING   READY   REASON   DESIRED   APPLIED
support/ben     yes     Synced   91=no     91=no

EVENT     TYPE      OBJECT                   REASON             MESSAGE
90s ago   Warning   AgentGroupMapping/asha   InvalidGroupData   DeepCall error 1505: Invalid group data[2J
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestPrintOfTheAccount(t *testing.T) {
	duplicate := account(v1alpha1.ReasonUsable, 0)
	duplicate.Status.Conditions = append(duplicate.Status.Conditions, metav1.Condition{
		Type: v1alpha1.ConditionDuplicate, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonDuplicateAccount, Message: "This account shares its endpoint",
	})
	waiting := mapping(testenv.Mapping("asha").Group("90", true), v1alpha1.ReasonAccountNotReady, 0)
	for want, in := range map[string]Input{
		" acme, ready: no, AccountNotFound: The account does not exist\n": {Mapping: synced(0), AccountMissing: true},
		"; DuplicateAccount: This account shares its endpoint\n":          {Mapping: synced(0), Account: duplicate},
		" acme\n": {Mapping: synced(0)},
		"What to do:      The account's owner puts": {Mapping: waiting, Account: account("InvalidToken", 0)},
	} {
		var out strings.Builder
		if err := Print(&out, New(in), noon); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); !strings.Contains(got, want) || strings.Count(got, "What to do:") > 1 {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestOthersSortTheirGroups(t *testing.T) {
	ben := mapping(testenv.Mapping("ben").Group("100", true).Group("90", true), "", 0)
	got := New(Input{Mapping: synced(0), Others: []*v1alpha1.AgentGroupMapping{ben}, Now: noon}).Others[0].Desired
	if groupList(got) != "90=yes 100=yes" {
		t.Errorf("got %v", got)
	}
}

func TestReportContainsTheLastEvents(t *testing.T) {
	var events []corev1.Event
	for i := range 7 {
		events = append(events, corev1.Event{Reason: string(rune('A' + i)), EventTime: metav1.NewMicroTime(noon.Add(-time.Duration(i) * time.Minute))})
	}
	events[6].Series = &corev1.EventSeries{LastObservedTime: metav1.NewMicroTime(noon.Add(time.Minute))}
	var reasons strings.Builder
	for _, e := range New(Input{Mapping: synced(0), Events: events, Now: noon}).Events {
		reasons.WriteString(e.Reason)
	}
	if reasons.String() != "DCBAG" {
		t.Errorf("got the events %s", reasons.String())
	}
}
