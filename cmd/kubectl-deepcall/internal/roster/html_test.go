package roster

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// page prints the page of mappings, made at noon.
func page(t *testing.T, by SortBy, all []*v1alpha1.AgentGroupMapping) string {
	t.Helper()
	return printPage(t, Page{By: by, Scope: "all namespaces", Now: noon}, all)
}

func printPage(t *testing.T, p Page, all []*v1alpha1.AgentGroupMapping) string {
	t.Helper()
	var text strings.Builder
	if err := p.Print(&text, Entries(all, p.By, Filter{}), Summarize(all, Filter{})); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func parse(t *testing.T, page string) *html.Node {
	t.Helper()
	document, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// elements returns all elements with a name below a node, in order.
func elements(node *html.Node, name string) []*html.Node {
	var found []*html.Node
	for n := range node.Descendants() {
		if n.Type == html.ElementNode && n.Data == name {
			found = append(found, n)
		}
	}
	return found
}

func attribute(node *html.Node, name string) string {
	for _, a := range node.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func withAttribute(node *html.Node, name, value string) *html.Node {
	for n := range node.Descendants() {
		if n.Type == html.ElementNode && attribute(n, name) == value {
			return n
		}
	}
	return nil
}

// content returns the text of a node, with single spaces.
func content(node *html.Node) string {
	var text strings.Builder
	for n := range node.Descendants() {
		if n.Type == html.TextNode {
			text.WriteString(n.Data)
		}
	}
	return strings.Join(strings.Fields(text.String()), " ")
}

// rows returns the rows of a section's tables, with | between cells.
func rows(t *testing.T, document *html.Node, id string) []string {
	t.Helper()
	heading := withAttribute(document, "id", id)
	if heading == nil {
		t.Fatalf("no section %s", id)
	}
	var rows []string
	for _, tr := range elements(heading.Parent, "tr") {
		var cells []string
		for cell := range tr.ChildNodes() {
			if cell.Type == html.ElementNode {
				cells = append(cells, content(cell))
			}
		}
		rows = append(rows, strings.Join(cells, "|"))
	}
	return rows
}

func expectRows(t *testing.T, document *html.Node, id string, want ...string) {
	t.Helper()
	if got := rows(t, document, id); !slices.Equal(got, want) {
		t.Errorf("%s: got\n  %s\nwant\n  %s", id, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestPageOfSomeMappingsDoesNotStateThatNobodyReceivesCalls(t *testing.T) {
	document := parse(t, printPage(t, Page{By: ByGroup, Scope: "namespace support", Partial: true, Now: noon}, team()[:1]))
	expectRows(t, document, "by-group", "Agent|Receives|Declared|Mapping|Confirmed (UTC)|In sync",
		"Group 9: no agent is confirmed to receive calls with a listed mapping", "10|no|no|support/ben|2026-03-01 12:00|yes",
		"Group 90: 1 of 1 agents receive calls", "10|yes|yes|support/ben|2026-03-01 12:00|yes")
	header := content(elements(document, "header")[0])
	for _, want := range []string{"for namespace support. Other mappings are not listed", "1 whose calls no agent is confirmed to receive with a listed mapping"} {
		if !strings.Contains(header, want) {
			t.Errorf("the header lacks %q: %s", want, header)
		}
	}
}

func TestPageListsTheRoster(t *testing.T) {
	document := parse(t, page(t, ByGroup, append(team()[:0:0], team()[0], team()[1], team()[3], team()[4])))
	expectRows(t, document, "not-in-sync", "Agent|Group|Mapping|Message", "9|90|support/asha-night|Another mapping")
	expectRows(t, document, "by-group", "Agent|Receives|Declared|Mapping|Confirmed (UTC)|In sync",
		"Group 9: no agent is confirmed to receive calls", "10|no|no|support/ben|2026-03-01 12:00|yes",
		"Group 90: 1 of 2 agents receive calls", "9|no|no|support/asha|2026-03-01 12:00|yes", "9|not confirmed|yes|support/asha-night|never|no: Conflict",
		"10|yes|yes|support/ben|2026-03-01 12:00|yes",
		"Group 100: 1 of 1 agents receive calls", "9|yes|yes|support/asha|2026-03-01 12:00|yes",
		"Agents without groups", "8|not confirmed|not declared|support/cara|never|yes")
	expectRows(t, document, "by-agent", "Group|Receives|Declared|Mapping|Confirmed (UTC)|In sync",
		"Agent 8", "none|not confirmed|not declared|support/cara|never|yes",
		"Agent 9", "90|no|no|support/asha|2026-03-01 12:00|yes", "90|not confirmed|yes|support/asha-night|never|no: Conflict",
		"100|yes|yes|support/asha|2026-03-01 12:00|yes",
		"Agent 10", "9|no|no|support/ben|2026-03-01 12:00|yes", "90|yes|yes|support/ben|2026-03-01 12:00|yes")

	header := content(elements(document, "header")[0])
	for _, want := range []string{
		"for all namespaces. Made on 1 March 2026, 12:00 UTC", "Groups3, 1 whose calls no agent is confirmed to receive", "Agents3", "1 of 6 entries",
	} {
		if !strings.Contains(header, want) {
			t.Errorf("the header lacks %q: %s", want, header)
		}
	}
	if at := attribute(elements(document, "time")[0], "datetime"); at != "2026-03-01T12:00:00Z" {
		t.Errorf("got the time %s", at)
	}
	problem := content(withAttribute(document, "id", "not-in-sync").Parent)
	for _, want := range []string{"Conflict", "What to do: "} {
		if !strings.Contains(problem, want) {
			t.Errorf("the explanation lacks %q: %s", want, problem)
		}
	}
}

func TestPageNamesAccountsIfThereAreSeveral(t *testing.T) {
	got := rows(t, parse(t, page(t, ByAgent, team())), "by-agent")
	for _, want := range []string{"Agent 1 of account apart/acme", "Agent 9 of account support/acme"} {
		if !slices.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
}

func TestPageStartsWithTheChosenView(t *testing.T) {
	for by, want := range map[SortBy][]string{ByGroup: {"not-in-sync", "by-group", "by-agent"}, ByAgent: {"not-in-sync", "by-agent", "by-group"}} {
		var got []string
		for _, section := range elements(parse(t, page(t, by, team())), "section") {
			got = append(got, attribute(section, "aria-labelledby"))
		}
		if !slices.Equal(got, want) {
			t.Errorf("by %s: got %v", by, got)
		}
	}
}

func TestPageWithoutProblemsOrEntries(t *testing.T) {
	for name, all := range map[string][]*v1alpha1.AgentGroupMapping{"in sync": team()[:1], "no entries": nil} {
		text := content(parse(t, page(t, ByGroup, all)))
		if !strings.Contains(text, "Everything that is listed is in sync") || strings.Contains(text, "There are no entries") != (name == "no entries") {
			t.Errorf("%s: got %s", name, text)
		}
	}
}

// hostile are mappings whose texts try to run scripts, to load something, or to end the element that they are in.
func hostile() []*v1alpha1.AgentGroupMapping {
	const markup = `</td></script></style><script>alert(1)</script><img src=//evil.example onerror=alert(1)>"'` + "`{{.}}\u202e\x1b[2J"
	b := withStatus(testenv.Mapping("a"+markup).Agent("7"+markup).Group("90"+markup, true)).notReady("R"+markup, "M"+markup)
	b.Spec.AccountRef.Name = "acme" + markup
	return mappings(b, withStatus(testenv.Mapping("asha").Group("90", true)).synced())
}

func TestPageEscapesHostileTexts(t *testing.T) {
	text := page(t, ByGroup, hostile())
	document := parse(t, text)
	for name, want := range map[string]int{"script": 1, "style": 1, "img": 0} {
		if got := len(elements(document, name)); got != want {
			t.Errorf("%d elements %s, not %d", got, name, want)
		}
	}
	if strings.ContainsAny(text, "\u202e\x1b") {
		t.Error("the page contains control characters")
	}
	shown := `7</td></script></style><script>alert(1)</script><img src=//evil.example onerror=alert(1)>"'` + "`{{.}}[2J"
	if got := rows(t, document, "by-agent"); !slices.ContainsFunc(got, func(row string) bool { return strings.HasPrefix(row, "Agent "+shown) }) {
		t.Errorf("the agent's ID is not shown as it is: %q", got)
	}
}

func TestPageIsSelfContainedAndForbidsEverythingElse(t *testing.T) {
	document := parse(t, page(t, ByGroup, hostile()))
	styles, scripts := elements(document, "style"), elements(document, "script")
	want := fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'",
		hash(styles[0].FirstChild.Data), hash(scripts[0].FirstChild.Data))
	if got := attribute(withAttribute(document, "http-equiv", "Content-Security-Policy"), "content"); got != want {
		t.Errorf("got the policy %s\nwant %s", got, want)
	}
	for n := range document.Descendants() {
		for _, a := range n.Attr {
			local := a.Key == "href" && strings.HasPrefix(a.Val, "#")
			if slices.Contains([]string{"src", "href", "action", "style", "srcset", "background", "data", "ping"}, a.Key) && !local || strings.HasPrefix(a.Key, "on") {
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			}
		}
	}
	if regexp.MustCompile(`url\(|@import|https?:`).MatchString(styles[0].FirstChild.Data + scripts[0].FirstChild.Data) {
		t.Error("the style or the script refers to another file")
	}
}
