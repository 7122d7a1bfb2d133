package roster

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

func expectText(t *testing.T, got, want string) {
	t.Helper()
	if want = strings.TrimPrefix(want, "\n"); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func teamEntries() []Entry {
	return Entries(mappings(
		withStatus(testenv.Mapping("asha").Group("90", true).Group("91", false)).synced(),
		withStatus(testenv.Mapping("a-longer-name").Agent("10").Group("90", true)).notReady("Conflict",
			"Another mapping of this agent holds group 90; take it out of one of the two\x1b[31m\nand more"),
	), ByGroup, Filter{})
}

func TestTable(t *testing.T) {
	twoAccounts := Entries(mappings(
		withStatus(testenv.Mapping("asha").Group("90", true)).synced(),
		withStatus(testenv.Mapping("same").AccountIn("apart", "ac\x1b[2Jme").Group("90", true)).synced(),
	), ByGroup, Filter{})
	for name, c := range map[string]struct {
		table   Table
		entries []Entry
		want    string
	}{
		"by group": {Table{By: ByGroup}, teamEntries(), `
GROUP   AGENT   RECEIVES   DECLARED   MAPPING         NOT IN SYNC
90      7       yes        yes        asha
90      10      -          yes        a-longer-name   Conflict: Another mapping of this agent holds group 90; take it out o…
91      7       no         no         asha
`},
		"by agent, with namespaces": {Table{By: ByAgent, ShowNamespace: true}, teamEntries()[:1], `
NAMESPACE   AGENT   GROUP   RECEIVES   DECLARED   MAPPING   NOT IN SYNC
support     7       90      yes        yes        asha
`},
		"wide": {Table{By: ByGroup, Wide: true}, teamEntries(), `
ACCOUNT   GROUP   AGENT   RECEIVES   DECLARED   MAPPING         SUSPENDED   CONFIRMED   NOT IN SYNC
acme      90      7       yes        yes        asha            no          90s ago
acme      90      10      -          yes        a-longer-name   no          never       Conflict: Another mapping of this agent holds group 90; take it out of one of the two[31m and more
acme      91      7       no         no         asha            no          90s ago
`},
		"of several accounts": {Table{By: ByGroup}, twoAccounts, `
ACCOUNT         GROUP   AGENT   RECEIVES   DECLARED   MAPPING   NOT IN SYNC
apart/ac[2Jme   90      7       yes        yes        same
acme            90      7       yes        yes        asha
`},
	} {
		t.Run(name, func(t *testing.T) {
			var text strings.Builder
			c.table.Now = noon.Add(90 * time.Second)
			if err := c.table.Print(&text, c.entries); err != nil {
				t.Fatal(err)
			}
			expectText(t, text.String(), c.want)
		})
	}
}

func TestPrintCSV(t *testing.T) {
	var text strings.Builder
	if err := PrintCSV(&text, teamEntries(), Filter{Agent: "7"}); err != nil {
		t.Fatal(err)
	}
	expectText(t, text.String(), `
namespace,mapping,account,agent,group,receives,declared,in_sync,suspended,reason,message,last_sync_time,generation,complete
support,asha,support/acme,7,90,yes,yes,yes,no,,,2026-03-01T12:00:00Z,1,yes
support,a-longer-name,support/acme,10,90,,yes,no,no,Conflict,Another mapping of this agent holds group 90; take it out of one of the two[31m and more,,1,yes
support,asha,support/acme,7,91,no,no,yes,no,,,2026-03-01T12:00:00Z,1,yes
`)
	for _, filter := range []Filter{{Group: "90"}, {NotInSync: true}} {
		text.Reset()
		if err := PrintCSV(&text, teamEntries()[:1], filter); err != nil || !strings.HasSuffix(text.String(), ",no\n") {
			t.Errorf("%+v: got %s, %v", filter, text.String(), err)
		}
	}
}

func TestPrintCSV_writes_no_formula(t *testing.T) {
	for message, want := range map[string]string{
		`=HYPERLINK("https://evil.example")`: `"'=HYPERLINK(""https://evil.example"")"`, "\n+1": "'+1", "\t-1": "'-1", "@a": "'@a", "1=1": "1=1",
	} {
		entries := teamEntries()[1:2]
		entries[0].Message = message
		var text strings.Builder
		if err := PrintCSV(&text, entries, Filter{}); err != nil || !strings.Contains(text.String(), ",Conflict,"+want+",") {
			t.Errorf("%q: got %s, %v", message, text.String(), err)
		}
	}
}

func TestDocument(t *testing.T) {
	entries := Entries(mappings(withStatus(testenv.Mapping("asha").Suspended().Group("90", true)).confirmed("90", false).notReady("Suspended", "set it")), ByAgent, Filter{})
	text, err := json.MarshalIndent(NewDocument(ByAgent, entries), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	expectText(t, string(text)+"\n", `
{
  "kind": "Roster",
  "version": "1",
  "by": "agent",
  "entries": [
    {
      "namespace": "support",
      "mapping": "asha",
      "account": {
        "namespace": "support",
        "name": "acme"
      },
      "agentID": "7",
      "groupID": "90",
      "receives": false,
      "declared": true,
      "inSync": false,
      "suspended": true,
      "reason": "Suspended",
      "message": "set it",
      "lastSyncTime": "2026-03-01T12:00:00Z",
      "generation": 1
    }
  ]
}
`)
}
