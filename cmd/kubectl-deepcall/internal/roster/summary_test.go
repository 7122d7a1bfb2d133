package roster

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// confirmedAt changes when DeepCall confirmed the groups.
func (b *builder) confirmedAt(minute int) *builder {
	at := metav1.NewMicroTime(noon.Add(time.Duration(minute) * time.Minute))
	b.Status.LastSyncTime = &at
	return b
}

func (b *builder) created(minute int) *builder {
	b.CreationTimestamp = metav1.NewTime(noon.Add(time.Duration(minute) * time.Minute))
	return b
}

func agentSeven() *testenv.MappingBuilder {
	return testenv.Mapping("asha").Agent("7").Group("90", true)
}

func TestSummarize(t *testing.T) {
	asha := func() *builder { return withStatus(agentSeven()).synced() }
	ben := withStatus(testenv.Mapping("ben").Agent("8").Group("90", false).Group("9", true)).synced()
	for _, c := range []struct {
		name     string
		mappings []*v1alpha1.AgentGroupMapping
		filter   Filter
		want     string // group:receivers/agents, with ! for each agent that is not in sync
	}{
		{"no mappings", nil, Filter{}, ""},
		{"a mapping without groups", mappings(withStatus(testenv.Mapping("asha")).synced()), Filter{}, ""},
		{"two agents", mappings(asha(), ben), Filter{}, "9:1/1 90:1/2"},
		{"nothing confirmed yet", mappings(withStatus(agentSeven())), Filter{}, "90:0/1!"},
		{
			"a conflict of two mappings of an agent", mappings(asha(), withStatus(testenv.Mapping("night").Group("90", false)).notReady("Conflict", "")),
			Filter{},
			"90:1/1!",
		},
		{
			"two mappings of an agent that confirmed the same group; the later one counts",
			mappings(withStatus(agentSeven()).synced().confirmedAt(2), withStatus(testenv.Mapping("night").Group("90", false)).synced().confirmedAt(1)),
			Filter{},
			"90:1/1",
		},
		{
			"and in the other order",
			mappings(withStatus(agentSeven()).synced().confirmedAt(1), withStatus(testenv.Mapping("night").Group("90", false)).synced().confirmedAt(2)),
			Filter{},
			"90:0/1",
		},
		{
			"at the same time; that of the older mapping counts",
			mappings(withStatus(testenv.Mapping("night").Group("90", false)).synced().created(2), withStatus(agentSeven()).synced().created(1)),
			Filter{},
			"90:1/1",
		},
		{"a copied status does not count", mappings(asha().copied(), ben), Filter{}, "9:1/1 90:0/2!"},
		{"another account", mappings(asha(), withStatus(testenv.Mapping("ben").AccountIn("apart", "acme").Group("90", true)).synced()), Filter{}, "90:1/1 90:1/1"},
		{"a filter selects groups, and counts all their agents", mappings(asha(), ben), Filter{Agent: "7"}, "90:1/2"},
		{"only what is not in sync", mappings(asha(), ben), Filter{NotInSync: true}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, g := range Summarize(c.mappings, c.filter) {
				got = append(got, fmt.Sprintf("%s:%d/%d%s", g.GroupID, g.Receivers, g.Agents, strings.Repeat("!", g.NotInSync)))
			}
			if text := strings.Join(got, " "); text != c.want {
				t.Errorf("got %s, want %s", text, c.want)
			}
		})
	}
}

func TestPrintSummary(t *testing.T) {
	one := Summarize(team()[:2], Filter{})
	two := Summarize(team(), Filter{Group: "1"})
	two = append(two, one[0])
	for _, c := range []struct {
		name  string
		print func(*strings.Builder) error
		want  string
	}{
		{"table", func(w *strings.Builder) error { return PrintSummary(w, one) }, `
GROUP   RECEIVERS   AGENTS   NOT IN SYNC
9       0           1        0
90      1           2        0
100     1           1        0
`},
		{"table of several accounts", func(w *strings.Builder) error { return PrintSummary(w, two) }, `
ACCOUNT        GROUP   RECEIVERS   AGENTS   NOT IN SYNC
apart/acme     1       1           1        0
support/acme   9       0           1        0
`},
		{"CSV", func(w *strings.Builder) error { return PrintSummaryCSV(w, one[1:2]) }, `
account,group,receivers,agents,not_in_sync
support/acme,90,1,2,0
`},
		{"JSON", func(w *strings.Builder) error { return json.NewEncoder(w).Encode(NewSummaryDocument(one[1:2])) }, `
{"kind":"RosterSummary","version":"1","groups":[{"account":{"namespace":"support","name":"acme"},"groupID":"90","receivers":1,"agents":2,"notInSync":0}]}
`},
		{"JSON without groups", func(w *strings.Builder) error {
			return json.NewEncoder(w).Encode(NewSummaryDocument(Summarize(nil, Filter{})))
		}, `
{"kind":"RosterSummary","version":"1","groups":[]}
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var text strings.Builder
			if err := c.print(&text); err != nil {
				t.Fatal(err)
			}
			expectText(t, text.String(), c.want)
		})
	}
}
