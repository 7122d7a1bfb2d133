package csvimport

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

var acme = Options{Account: v1alpha1.AccountReference{Name: "acme"}, NamePrefix: "agent-"}

// convert returns the mappings of a file, without a cluster.
func convert(file []byte, o Options) ([]*v1alpha1.AgentGroupMapping, []Problem) {
	table, problems := Read(file, o)
	if len(problems) > 0 {
		return nil, problems
	}
	return table.Mappings(nil), nil
}

// mustRead returns the table of a file without problems.
func mustRead(t *testing.T, file string, o Options) *Table {
	t.Helper()
	table, problems := Read([]byte(file), o)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return table
}

// format formats each mapping as NAME=AGENT: GROUP+ (receives) or GROUP- (does not).
func format(mappings []*v1alpha1.AgentGroupMapping) string {
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

func TestReadAcceptsTables(t *testing.T) {
	const want = "agent-7=7: 90+ 91-; agent-10=10: 9+ 90+"
	for name, file := range map[string]string{
		"commas":                   "agent,group,receives\n7,90,yes\n10,90,true\n7,91,no\n10,9,1\n",
		"no final newline":         "agent,group,receives\n7,90,yes\n10,90,true\n7,91,no\n10,9,1",
		"lines in another order":   "agent,group,receives\n10,9,Y\n7,91,N\n10,90,1\n7,90,Y\n",
		"columns in any order":     "receives,agent,group\nYES,7,90\nTRUE,10,90\nFALSE,7,91\ny,10,9\n",
		"headings in upper case":   "AGENT,Group,Receives\n7,90,Yes\n10,90,True\n7,91,0\n10,9,1\n",
		"other columns":            "name,agent,team,group,receives\nAsha,7,day,90,yes\nBen,10,night,90,yes\nAsha,7,,91,n\nBen,10,,9,y\n",
		"semicolons and CRLF":      "agent;group;receives\r\n7;90;yes\r\n10;90;yes\r\n7;91;no\r\n10;9;yes\r\n",
		"tabs":                     "agent\tgroup\treceives\n7\t90\tyes\n10\t90\tyes\n7\t91\tno\n10\t9\tyes\n",
		"tabs and an empty field":  "agent\tname\tgroup\treceives\n7\t\t90\tyes\n10\t\t90\tyes\n7\t\t91\tno\n10\tBen\t9\tyes\n",
		"a byte order mark":        "\ufeffagent,group,receives\n7,90,yes\n10,90,yes\n7,91,no\n10,9,yes\n",
		"quotes and spaces":        "agent, group ,\"receives\"\n\"7\", 90 ,yes \n 10,\"90\", \"yes\"\n7,91,no\n10,9,yes\n",
		"empty lines":              "\nagent,group,receives\n\n7,90,yes\n,,\n10,90,yes\n , ,\n7,91,no\n10,9,yes\n\n,,\n",
		"empty cells at the end":   "agent,group,receives,,\n7,90,yes,,\n10,90,yes\n7,91,no,,,,\n10,9,yes,\n",
		"missing cells":            "agent,group,receives,name,team\n7,90,yes\n10,90,yes,Ben\n7,91,no,Asha,day\n10,9,yes,,\n",
		"a remark below the table": "agent,group,receives,,\n7,90,yes,,\n10,90,yes,,\n7,91,no,,\n10,9,yes,,\n,,,,checked in March\n",
		"a cell without heading":   "agent,group,receives,,\n7,90,yes,,checked\n10,90,yes,,\n7,91,no,,\n10,9,yes,,\n",
		"blank cells above":        ",,\n,,\nagent,group,receives\n7,90,yes\n10,90,yes\n7,91,no\n10,9,yes\n",
		"carriage returns":         "agent,group,receives\r7,90,yes\r10,90,yes\r7,91,no\r10,9,yes",
		"sep=":                     "sep=;\r\nagent;group;receives\r\n7;90;yes\r\n10;90;yes\r\n7;91;no\r\n10;9;yes\r\n",
		"sep= in quotes":           "\"sep=|\",,\nagent|group|receives\n7|90|yes\n10|90|yes\n7|91|no\n10|9|yes\n",
		"separators in headings":   "\"name; a;b;c;d\",agent,group,receives\nAsha,7,90,yes\nBen,10,90,yes\nAsha,7,91,no\nBen,10,9,yes\n",
		"unquoted tabs":            "agent\tgroup\treceives\tname\n7\t90\tyes\t\"Ash\" K\n10\t90\tyes\tBen \"B\"\n7\t91\tno\t\"\n10\t9\tyes\t\n",
		"UTF-16":                   "\xfe\xff" + wide("agent,group,receives\n7,90,y\n10,90,y\n7,91,n\n10,9,y"),
		"UTF-16 without a mark":    wide("agent,group,receives\n7,90,y\n10,90,y\n7,91,n\n10,9,y"),
		"Latin-1":                  "agent,group,receives,name\n7,90,yes,J\xfcrgen\n10,90,yes,\n7,91,no,J\xfcrgen\n10,9,yes,\n",
		"no-break spaces":          "agent,group,receives\n7,90,yes\u00a0\n10\u202f,90,yes\n7,91,no\n10,9,yes\n",
		"a field of two lines":     "agent,group,receives,name\n7,90,yes,\"Asha\nK.\"\n10,90,yes,Ben\n7,91,no,\n10,9,yes,\n",
	} {
		t.Run(name, func(t *testing.T) {
			got, problems := convert([]byte(file), acme)
			if len(problems) > 0 || format(got) != want {
				t.Errorf("got %s and %v, want %s", format(got), problems, want)
			}
		})
	}
}

func TestReadReportsAllProblems(t *testing.T) {
	for _, c := range []struct {
		name, file string
		want       []string
	}{
		{"empty file", "", []string{"line 1: the file is empty: the first line must be agent,group,receives"}},
		{"only a header", "agent,group,receives\n,,\n", []string{"line 1: the file contains no agents"}},
		{
			"no header", "7,90,yes\n",
			[]string{"line 1: missing column agent, group, receives: the first line must name the columns agent, group and receives"},
		},
		{
			"a missing column", "\nagent,groups,receives\n7,90,yes\n",
			[]string{"line 2: missing column group: the first line must name the columns agent, group and receives"},
		},
		{"a duplicate column", "agent,group,receives,Agent\n7,90,yes,8\n", []string{"line 1: duplicate column agent"}},
		{"a malformed quote in the header", "agent,gr\"oup,receives\n7,90,yes\n", []string{`line 1: a quote (") must enclose a whole field`}},
		{
			"invalid values", "agent,group,receives\n7,90,maybe\n,90,yes\n7,,no\n7,91,\n,,x\n7,92,yes\n",
			[]string{
				`line 2: receives is "maybe": use yes or no (or true, false, Y, N, 1, 0)`,
				"line 3: agent is empty", "line 4: group is empty", "line 5: receives is empty: use yes or no",
				"line 6: agent is empty", "line 6: group is empty", `line 6: receives is "x": use yes or no (or true, false, Y, N, 1, 0)`,
			},
		},
		{
			"invalid IDs", "agent,group,receives\n7 8,90,yes\n7,1E+05,yes\nä,90,yes\n7," + strings.Repeat("9", 65) + ",yes\n" + strings.Repeat("a", 64) + ",90,yes\n",
			[]string{
				`line 2: agent "7 8" contains an invalid character: allowed are A-Z a-z 0-9 . _ -`,
				`line 3: group "1E+05" is a number or a date that a spreadsheet has formatted: format the column as text, and enter the ID again`,
				`line 4: agent "ä" contains an invalid character: allowed are A-Z a-z 0-9 . _ -`,
				`line 5: group "9999999999999999…" is longer than 64 characters`,
			},
		},
		{
			"a wrong number of columns", "agent,group,receives\n7,90\nMüller, Jörg,7,91,yes\n\n8,90,yes\n",
			[]string{"line 2: receives is empty: use yes or no", "line 3: got 5 columns, but the first line has 3"},
		},
		{
			"two problems in a line", "agent,group,receives\n7,90,perhaps\n7,90,maybe\n",
			[]string{
				`line 2: receives is "perhaps": use yes or no (or true, false, Y, N, 1, 0)`,
				`line 3: receives is "maybe": use yes or no (or true, false, Y, N, 1, 0)`,
				"line 3: agent 7 and group 90 are already on line 2: remove one of the two",
			},
		},
		{"a line without an ID", "name,agent,group,receives\nAsha,,,\n", []string{"line 2: agent is empty", "line 2: group is empty", "line 2: receives is empty: use yes or no"}},
		{"repeated empty IDs are not duplicates", "agent,group,receives\n,90,yes\n,90,yes\n", []string{"line 2: agent is empty", "line 3: agent is empty"}},
		{
			"duplicates, also with the same value", "agent,group,receives\n7,90,yes\n8,90,yes\n7,90,no\n8,90,yes\n7,90,yes\n",
			[]string{
				"line 4: agent 7 and group 90 are already on line 2: remove one of the two",
				"line 5: agent 8 and group 90 are already on line 3: remove one of the two",
				"line 6: agent 7 and group 90 are already on line 2: remove one of the two",
			},
		},
		{
			"problems below an unclosed quote", "agent,group,receives\n7,90,yes\n7,\"91,yes\n8,90,no\n,1,yes\n9,\"1\"2,yes\n9,2,\n",
			[]string{
				`line 3: a quote (") must enclose a whole field`, "line 5: agent is empty",
				`line 6: a quote (") must enclose a whole field`, "line 7: receives is empty: use yes or no",
			},
		},
		{"a spreadsheet", "PK\x03\x04\x14", []string{"line 1: the file is a spreadsheet, not a CSV file: open it and save it as CSV"}},
		{"another file", "agent,group\x00,receives", []string{"line 1: the file is not a text: save it as CSV"}},
		{
			"line numbers below sep= and carriage returns", "sep=;\r\nagent;group;receives\r\n7;90;\r\n", []string{"line 3: receives is empty: use yes or no"},
		},
		{
			"an ID in Latin-1", "agent,group,receives\nJ\xfcrgen,90,yes\n",
			[]string{`line 2: agent "Jürgen" contains an invalid character: allowed are A-Z a-z 0-9 . _ -`},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			mappings, problems := convert([]byte(c.file), acme)
			if got := texts(problems); !slices.Equal(got, c.want) {
				t.Errorf("got:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(c.want, "\n  "))
			}
			if mappings != nil {
				t.Errorf("got mappings from an invalid file: %s", format(mappings))
			}
		})
	}
}

func TestReadLimitsGroupsPerAgent(t *testing.T) {
	var file strings.Builder
	file.WriteString("agent,group,receives\n")
	for i := range 502 {
		fmt.Fprintf(&file, "8,%d,yes\n", i)
	}
	lines := strings.SplitAfter(file.String(), "\n")
	if got, problems := convert([]byte(strings.Join(lines[:501], "")), acme); len(problems) > 0 || len(got[0].Spec.Groups) != 500 {
		t.Errorf("500 groups: %v", problems)
	}
	_, problems := convert([]byte(file.String()), acme)
	if len(problems) != 1 || problems[0].String() != "line 502: from this line on, agent 8 has more than the maximum of 500 groups" {
		t.Errorf("502 groups: %v", problems)
	}
}

// wide encodes ASCII in UTF-16, with the high byte first.
func wide(text string) string {
	var encoded strings.Builder
	for _, r := range text {
		encoded.WriteByte(0)
		encoded.WriteRune(r)
	}
	return encoded.String()
}
