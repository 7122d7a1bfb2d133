package sheet

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

var acme = Options{Account: v1alpha1.AccountReference{Name: "acme"}, NamePrefix: "agent-"}

// told is each mapping as name=agent:group+ or group-, which stand for receiving and paused.
func told(mappings []*v1alpha1.AgentGroupMapping) string {
	var texts []string
	for _, m := range mappings {
		text := m.Name + "=" + m.Spec.AgentID + ":"
		for _, group := range m.Spec.Groups {
			text += " " + group.GroupID + map[bool]string{true: "+", false: "-"}[group.ReceiveCall]
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, "; ")
}

func TestTablesAsSpreadsheetsSaveThem(t *testing.T) {
	const want = "agent-7=7: 90+ 91-; agent-10=10: 9+ 90+"
	for name, table := range map[string]string{
		"commas":                 "agent,group,receives\n7,90,yes\n10,90,true\n7,91,no\n10,9,1\n",
		"the last line is open":  "agent,group,receives\n7,90,yes\n10,90,true\n7,91,no\n10,9,1",
		"another order of lines": "agent,group,receives\n10,9,Y\n7,91,N\n10,90,1\n7,90,Y\n",
		"columns in any order":   "receives,agent,group\nYES,7,90\nTRUE,10,90\nFALSE,7,91\ny,10,9\n",
		"headings in capitals":   "AGENT,Group,Receives\n7,90,Yes\n10,90,True\n7,91,0\n10,9,1\n",
		"other columns":          "name,agent,team,group,receives\nAsha,7,day,90,yes\nBen,10,night,90,yes\nAsha,7,,91,n\nBen,10,,9,y\n",
		"semicolons and CRLF":    "agent;group;receives\r\n7;90;yes\r\n10;90;yes\r\n7;91;no\r\n10;9;yes\r\n",
		"tabs":                   "agent\tgroup\treceives\n7\t90\tyes\n10\t90\tyes\n7\t91\tno\n10\t9\tyes\n",
		"tabs and an empty name": "agent\tname\tgroup\treceives\n7\t\t90\tyes\n10\t\t90\tyes\n7\t\t91\tno\n10\tBen\t9\tyes\n",
		"a byte order mark":      "\ufeffagent,group,receives\n7,90,yes\n10,90,yes\n7,91,no\n10,9,yes\n",
		"quotes and blanks":      "agent, group ,\"receives\"\n\"7\", 90 ,yes \n 10,\"90\", \"yes\"\n7,91,no\n10,9,yes\n",
		"empty lines":            "\nagent,group,receives\n\n7,90,yes\n,,\n10,90,yes\n , ,\n7,91,no\n10,9,yes\n\n,,\n",
		"a name of two lines":    "agent,group,receives,name\n7,90,yes,\"Asha\nK.\"\n10,90,yes,Ben\n7,91,no,\n10,9,yes,\n",
	} {
		t.Run(name, func(t *testing.T) {
			got, problems := Mappings([]byte(table), acme)
			if len(problems) > 0 || told(got) != want {
				t.Errorf("got %s and %v, want %s", told(got), problems, want)
			}
		})
	}
}

func TestEveryBadLineIsTold(t *testing.T) {
	for _, c := range []struct {
		name, table string
		want        []string
	}{
		{"nothing", "", []string{"line 1: the table is empty: it begins with the line agent,group,receives"}},
		{"only a heading", "agent,group,receives\n,,\n", []string{"line 1: no agents are in the table"}},
		{
			"no heading", "7,90,yes\n",
			[]string{"line 1: no column agent and group and receives: the first line names the columns agent, group and receives"},
		},
		{
			"a column is missing", "\nagent,groups,receives\n7,90,yes\n",
			[]string{"line 2: no column group: the first line names the columns agent, group and receives"},
		},
		{"a column is there twice", "agent,group,receives,Agent\n7,90,yes,8\n", []string{"line 1: there are two columns agent"}},
		{"a heading with a broken quote", "agent,gr\"oup,receives\n7,90,yes\n", []string{`line 1: a quote (") that does not open and close a whole field`}},
		{
			"values", "agent,group,receives\n7,90,maybe\n,90,yes\n7,,no\n7,91,\n,,x\n7,92,yes\n",
			[]string{
				`line 2: receives is "maybe": say yes or no (or true, false, Y, N, 1, 0)`,
				"line 3: agent is empty", "line 4: group is empty", "line 5: receives is empty: say yes or no",
				"line 6: agent is empty", "line 6: group is empty", `line 6: receives is "x": say yes or no (or true, false, Y, N, 1, 0)`,
			},
		},
		{
			"IDs", "agent,group,receives\n7 8,90,yes\n7,1E+05,yes\nä,90,yes\n7," + strings.Repeat("9", 65) + ",yes\n" + strings.Repeat("a", 64) + ",90,yes\n",
			[]string{
				`line 2: agent "7 8" has a character that an ID can't have: A-Z a-z 0-9 . _ - are allowed`,
				`line 3: group "1E+05" has a character that an ID can't have: A-Z a-z 0-9 . _ - are allowed`,
				`line 4: agent "ä" has a character that an ID can't have: A-Z a-z 0-9 . _ - are allowed`,
				`line 5: group "9999999999999999…" is longer than 64 characters`,
			},
		},
		{
			"columns of a line", "agent,group,receives\n7,90\n7,91,yes,\n\n8,90,yes\n",
			[]string{"line 2: 2 columns, where the first line has 3", "line 3: 4 columns, where the first line has 3"},
		},
		{
			"a line that is wrong twice", "agent,group,receives\n7,90,perhaps\n7,90,maybe\n",
			[]string{
				`line 2: receives is "perhaps": say yes or no (or true, false, Y, N, 1, 0)`,
				"line 3: agent 7 has group 90 on line 2 already: keep one of the two",
				`line 3: receives is "maybe": say yes or no (or true, false, Y, N, 1, 0)`,
			},
		},
		{"IDs that are empty twice are no doubles", "agent,group,receives\n,90,yes\n,90,yes\n", []string{"line 2: agent is empty", "line 3: agent is empty"}},
		{
			"the same twice, also with the same word", "agent,group,receives\n7,90,yes\n8,90,yes\n7,90,no\n8,90,yes\n7,90,yes\n",
			[]string{
				"line 4: agent 7 has group 90 on line 2 already: keep one of the two",
				"line 5: agent 8 has group 90 on line 3 already: keep one of the two",
				"line 6: agent 7 has group 90 on line 2 already: keep one of the two",
			},
		},
		{
			"an open quote hides nothing below it", "agent,group,receives\n7,90,yes\n7,\"91,yes\n8,90,no\n,1,yes\n9,\"1\"2,yes\n9,2,\n",
			[]string{
				`line 3: a quote (") that does not open and close a whole field`, "line 5: agent is empty",
				`line 6: a quote (") that does not open and close a whole field`, "line 7: receives is empty: say yes or no",
			},
		},
		{"UTF-16", "\xff\xfea\x00g\x00", []string{"line 1: the table is in UTF-16: save it as CSV UTF-8"}},
		{"Latin-1", "agent,group,receives,name\n7,90,yes,J\xfcrgen\n", []string{"line 1: the table is not in UTF-8 (see line 2): save it as CSV UTF-8"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			mappings, problems := Mappings([]byte(c.table), acme)
			var got []string
			for _, p := range problems {
				got = append(got, p.String())
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(c.want, "\n  "))
			}
			if mappings != nil {
				t.Errorf("a bad table made mappings: %s", told(mappings))
			}
		})
	}
}

func TestAnAgentHasUpToFiveHundredGroups(t *testing.T) {
	var table strings.Builder
	table.WriteString("agent,group,receives\n")
	for i := range 502 {
		fmt.Fprintf(&table, "8,%d,yes\n", i)
	}
	lines := strings.SplitAfter(table.String(), "\n")
	if got, problems := Mappings([]byte(strings.Join(lines[:501], "")), acme); len(problems) > 0 || len(got[0].Spec.Groups) != 500 {
		t.Errorf("500 groups: %v", problems)
	}
	_, problems := Mappings([]byte(table.String()), acme)
	if len(problems) != 1 || problems[0].String() != "line 502: from here on, agent 8 has more than the 500 groups that a mapping can have" {
		t.Errorf("502 groups: %v", problems)
	}
}
