package preview

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/effect"
)

var (
	acme = types.NamespacedName{Namespace: "support", Name: "acme"}
	asha = types.NamespacedName{Namespace: "support", Name: "asha"}
	ben  = types.NamespacedName{Namespace: "support", Name: "ben"}
	none = types.NamespacedName{}
)

func example() Document {
	group := func(id string, kind effect.Kind, before, after *bool, ownerBefore, ownerAfter types.NamespacedName) effect.Group {
		return effect.Group{
			Account: acme, AgentID: "7", GroupID: id, Kind: kind, Before: before, After: after,
			OwnerBefore: ownerBefore, OwnerAfter: ownerAfter, Changed: kind != effect.Unchanged,
		}
	}
	yes, no := ptr.To(true), ptr.To(false)
	conflict := group("92", effect.Conflict, yes, yes, asha, asha)
	conflict.Others = []types.NamespacedName{ben}
	pending := group("93", effect.Pending, nil, nil, none, none)
	pending.Others, pending.Reason = []types.NamespacedName{ben}, "Suspended"
	return Document{
		Report: effect.Report{
			Groups: []effect.Group{
				group("90", effect.Stops, yes, no, asha, none), group("91", effect.Starts, nil, yes, none, asha), conflict, pending,
				group("94", effect.HandedOver, no, no, asha, ben), group("95", effect.Unchanged, yes, yes, asha, asha),
			},
			Requests: []effect.Request{{
				Account: acme, AgentID: "7", Mapping: asha,
				Groups: []v1alpha1.AgentGroup{{GroupID: "90"}, {GroupID: "91", ReceiveCall: true}},
			}},
			Warnings: []effect.Warning{{Reason: effect.GroupWithoutReceiver, Account: acme, GroupID: "90", Message: "no agent receives the calls of group 90 any more"}},
		},
		Notes: []string{"You can't read 2 mappings."},
	}
}

func printed(t *testing.T, printer Printer, d Document) string {
	t.Helper()
	var out strings.Builder
	if err := printer(&out, d); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTable(t *testing.T) {
	want := `AGENT   GROUP   CALLS                 BEFORE   AFTER   MAPPING
7       90      stops                 yes      no      support/asha
7       91      starts                -        yes     support/asha
7       92      conflict              yes      yes     support/asha, not support/ben
7       93      pending (Suspended)   -        -       support/ben
7       94      handed over           no       no      support/asha -> support/ben
7       95      unchanged             yes      yes     support/asha

REQUEST FOR AGENT   MAPPING        GROUPS
7                   support/asha   90=N 91=Y

warning: no agent receives the calls of group 90 any more
note: You can't read 2 mappings.
1 request to DeepCall. Groups of 1 agent: 1 stops, 1 starts, 1 conflict, 1 pending, 1 handed over, 1 unchanged.
`
	if got := printed(t, Table, example()); got != want {
		t.Errorf("got\n%s", got)
	}
	if got := printed(t, Table, Document{}); got != "Nothing changes in DeepCall.\n" {
		t.Errorf("got %q without an effect", got)
	}
}

func TestChanges_omits_unchanged_groups_and_requests(t *testing.T) {
	d := example()
	got := printed(t, Changes, d)
	if strings.Contains(got, "   unchanged ") || strings.Contains(got, "REQUEST") || !strings.Contains(got, "handed over ") {
		t.Errorf("got\n%s", got)
	}
	if !strings.HasSuffix(got, "\nnote: You can't read 2 mappings.\n1 request to DeepCall. Groups of 1 agent: 1 stops, 1 starts, 1 conflict, 1 pending, 1 handed over, 1 unchanged.\n") {
		t.Errorf("got\n%s", got)
	}
}

func TestTable_names_the_account_of_each_group_of_several(t *testing.T) {
	d := example()
	d.Groups[1].Account.Name = "other"
	if got := printed(t, Table, d); !strings.HasPrefix(got, "ACCOUNT         AGENT") || !strings.Contains(got, "\nsupport/other   7       91") {
		t.Errorf("got\n%s", got)
	}
}

func TestMarkdown(t *testing.T) {
	want := "### Effect on DeepCall\n\n" +
		"1 request to DeepCall. Groups of 1 agent: 1 stops, 1 starts, 1 conflict, 1 pending, 1 handed over, 1 unchanged.\n\n" +
		"- ⚠️ **GroupWithoutReceiver**: no agent receives the calls of group 90 any more\n" +
		"- ℹ️ You can&#39;t read 2 mappings.\n\n" +
		"| Agent | Group | Calls | Before | After | Mapping |\n|---|---|---|---|---|---|\n" +
		"| `7` | `90` | **stops** | `yes` | `no` | `support/asha` |\n" +
		"| `7` | `91` | **starts** | - | `yes` | `support/asha` |\n" +
		"| `7` | `92` | conflict | `yes` | `yes` | `support/asha, not support/ben` |\n" +
		"| `7` | `93` | pending (Suspended) | - | - | `support/ben` |\n" +
		"| `7` | `94` | handed over | `no` | `no` | `support/asha -> support/ben` |\n\n" +
		"<details><summary>1 unchanged group of these agents</summary>\n\n" +
		"| Agent | Group | Calls | Before | After | Mapping |\n|---|---|---|---|---|---|\n" +
		"| `7` | `95` | unchanged | `yes` | `yes` | `support/asha` |\n\n</details>\n\n" +
		"<details><summary>1 request to DeepCall</summary>\n\n" +
		"| Agent | Mapping | Groups |\n|---|---|---|\n| `7` | `support/asha` | `90=N 91=Y` |\n\n</details>\n"
	if got := printed(t, Markdown, example()); got != want {
		t.Errorf("got\n%s", got)
	}
	if got := printed(t, Markdown, Document{}); got != "### Effect on DeepCall\n\nNothing changes in DeepCall.\n" {
		t.Errorf("got %q without an effect", got)
	}
}

func TestMarkdown_escapes_hostile_texts(t *testing.T) {
	for _, hostile := range []string{
		"`</details><script>alert(1)</script>", "a|b|c", "@everyone", "[click](https://evil.example)", "![x](https://evil.example/x.png)",
		"line\n\n# heading", "**bold**", "<img src=x onerror=alert(1)>", "\x1b[31mred", "fixes #1", `\`, `a\|b|`,
		"x www.evil.example/a", "(WWW.evil.example)", "_www.evil.example_", "kubernetes/kubernetes#1", "(#2)", "GH-3", "see gh-4", "$x$", "%1",
	} {
		d := example()
		d.Groups = d.Groups[:1]
		d.Groups[0].AgentID, d.Groups[0].GroupID, d.Groups[0].Reason = hostile, hostile, hostile
		d.Groups[0].Kind, d.Groups[0].OwnerBefore.Name = effect.Pending, hostile
		d.Requests[0].AgentID, d.Requests[0].Mapping.Name, d.Requests[0].Groups[0].GroupID = hostile, hostile, hostile
		d.Warnings[0].Message, d.Notes[0] = hostile, hostile
		for line := range strings.Lines(printed(t, Markdown, d)) {
			expectHarmless(t, hostile, line)
		}
	}
}

// expectHarmless expects that outside of code spans nothing formats, links or mentions anything, and that a row of a table has as many
// cells as it should.
func expectHarmless(t *testing.T, hostile, line string) {
	t.Helper()
	if strings.HasPrefix(line, "<details>") || strings.HasPrefix(line, "</details>") || strings.HasPrefix(line, "### ") {
		return
	}
	isRow := strings.HasPrefix(line, "| ")
	if bars := strings.Count(line, "|") - strings.Count(line, `\|`); isRow && bars != 7 && bars != 4 {
		t.Errorf("%q: %d bars in %q", hostile, bars, line)
	}
	for i, text := range strings.Split(strings.ReplaceAll(line, "\\`", ""), "`") {
		if i%2 == 1 && isRow {
			continue // a code span
		}
		for _, active := range []string{"<script", "<img", "](", "@e", "://", "www.", "WWW.", "#1", "#2", "GH-3", "gh-4", "$", "%1", "\x1b", "# heading", "**bold"} {
			if strings.Contains(text, active) && !strings.Contains(text, `\`+active) {
				t.Errorf("%q: %q is active in %q", hostile, active, line)
			}
		}
	}
}

// TestMarkdown_fits_into_a_comment renames 200 mappings of agents with many groups.
func TestMarkdown_fits_into_a_comment(t *testing.T) {
	const rename = "mapping support/asha-%d is replaced by support/agent-%d, which takes over groups 90, 91, 92, 93, 94, 95, 96, 97, 98, 99 and 2 more of agent %d " +
		"without a gap if it exists before the old mapping is deleted. Otherwise calls stop in between: create it first"
	const unread = "You can't read account support/acme-%d. It is assumed to exist, and to permit the namespaces of its mappings. " +
		"Mappings of other namespaces can use it; requests also contain their groups."
	d := example()
	many := d.Requests[0]
	many.Groups = nil
	for i := range 500 {
		many.Groups = append(many.Groups, v1alpha1.AgentGroup{GroupID: strings.Repeat("9", 60) + strconv.Itoa(1000+i)})
	}
	for i := range 200 {
		d.Groups = append(d.Groups, d.Groups[4], d.Groups[5])
		d.Requests = append(d.Requests, many)
		d.Warnings = append(d.Warnings, effect.Warning{Reason: effect.RenamedMapping, Message: fmt.Sprintf(rename, i, i, i)})
		d.Notes = append(d.Notes, fmt.Sprintf(unread, i))
	}
	got := printed(t, Markdown, d)
	for _, want := range []string{"more groups", "more requests", "more warnings", "more notes"} {
		if omitted := regexp.MustCompile(`\nand \d+ ` + want + `\n|\n- .* and \d+ ` + want + `\n`); !omitted.MatchString(got) {
			t.Errorf("the output lacks %q", want)
		}
	}
	if length := len(got); length > 65536 || length < 50_000 {
		t.Errorf("the comment has %d bytes", length)
	}
}

func TestMarkdown_separates_older_conflicts_from_changes(t *testing.T) {
	d := example()
	d.Groups[2].Changed = false
	_, unchanged, _ := strings.Cut(printed(t, Markdown, d), "<details><summary>2 unchanged groups of these agents</summary>")
	if !strings.Contains(unchanged, "conflict") {
		t.Errorf("got\n%s", unchanged)
	}
}

func TestJSON(t *testing.T) {
	var got map[string]any
	if err := json.Unmarshal([]byte(printed(t, JSON, example())), &got); err != nil {
		t.Fatal(err)
	}
	var want map[string]any
	name := func(name string) string { return `{"namespace": "support", "name": "` + name + `"}` }
	text := `{"kind": "Effect", "version": "1", "hasEffect": true, "notes": ["You can't read 2 mappings."],
		"requests": [{"account": ` + name("acme") + `, "agentID": "7", "mapping": ` + name("asha") + `,
			"groups": [{"groupID": "90", "receiveCall": false}, {"groupID": "91", "receiveCall": true}]}],
		"warnings": [{"reason": "GroupWithoutReceiver", "account": ` + name("acme") + `, "agentID": "", "groupID": "90",
			"message": "no agent receives the calls of group 90 any more"}]}`
	if err := json.Unmarshal([]byte(text), &want); err != nil {
		t.Fatal(err)
	}
	groups := got["groups"].([]any)
	delete(got, "groups")
	if a, b := marshal(t, got), marshal(t, want); a != b {
		t.Errorf("got  %s\nwant %s", a, b)
	}
	pending := `{"account":{"name":"acme","namespace":"support"},"after":null,"agentID":"7","before":null,"calls":"pending","groupID":"93",` +
		`"others":[{"name":"ben","namespace":"support"}],"ownerAfter":null,"ownerBefore":null,"reason":"Suspended"}`
	if got := marshal(t, groups[3]); len(groups) != 6 || got != pending {
		t.Errorf("got %s", got)
	}
	if empty := printed(t, JSON, Document{}); !strings.Contains(empty, `"hasEffect": false`) || strings.Contains(empty, "null") {
		t.Errorf("got %s without an effect", empty)
	}
}

func marshal(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
