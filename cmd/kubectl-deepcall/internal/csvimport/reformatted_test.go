package csvimport

import (
	"testing"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

func TestFindOriginal(t *testing.T) {
	for _, c := range []struct{ original, saved string }{
		{"007", "7"},
		{"000", "0"}, // without leading zeros
		{"7", "7.00"},
		{"7.0", "7"},
		{"1.10", "1.1"}, // other decimals
		{"1E5", "100000"},
		{"1e5", "1.00E+05"},
		{"100000", "1E+05"}, // with and without an exponent
		{"123456789012", "1.23457E+11"},
		{"123456789012", "1,23457E+11"},
		{"123456789012345678", "1.23456789012346E+017"},
		{"1234567890123456", "1234567890123460"},
		{"1234567890123456", "1234567890123450"}, // rounded
		{"1.001", "1001"},
		{"1001", "1.001"},
		{"1001", "1,001"},
		{"1001", "1\u202f001"},
		{"1001", "1'001"}, // with and without separators
		{"3-4", "03/04/26"},
		{"3/4", "2026-03-04"},
		{"10.11", "10.11.2026"},
		{"10-11", "10-Nov"}, // dates
		{"MAR1", "1-Mar"},
		{"mar1", "01. Mär"},
		{"OCT-7", "7 oct."},
		{"2026-03", "Mar-26"},
		{"3-26", "2026-03-01"},
		{"2026-03-01", "01.03.2026"},
		{"2026-03-01", "01.03.26"},
	} {
		index := idIndex{}
		index.add(c.original)
		if got := index.find(c.saved); got != c.original {
			t.Errorf("%q: got %q, want %q", c.saved, got, c.original)
		}
	}
}

func TestFindNoOriginal(t *testing.T) {
	for _, c := range []struct{ existing, saved string }{
		{"7", "7"},
		{"7", "007"},
		{"8", "7"},
		{"1234567890123456", "1234567890123457"},
		{"123456789012", "123457000000"},
		{"1e999", "1e-999"},
		{"1.2", "1.2.3"},
		{"1-2", "2-1"},
		{"3-7", "market-7"},
		{"3-7", "mar7"},
		{"5-1", "may-be-1"},
		{"asha", "Asha"},
		{"", ""},
	} {
		index := idIndex{}
		index.add(c.existing)
		if got := index.find(c.saved); got != "" {
			t.Errorf("%q: got %q, want none", c.saved, got)
		}
	}
}

func TestCheckWarnsAboutReformattedIDs(t *testing.T) {
	table := mustRead(t, "agent,group,receives\n7,100000,yes\n7,2026-03-04,no\n8,100000,no\n9,90,yes\n009,90,yes\n", acme)
	asha := live("asha", "007", "1E5+", "90+")
	asha.Status.AppliedGroups = []v1alpha1.AgentGroup{{GroupID: "3-4"}}
	problems, warnings := table.Check([]*v1alpha1.AgentGroupMapping{asha})
	expectTexts(t, problems)
	expectTexts(t, warnings,
		"line 2: agent 7 may be 007, changed by a spreadsheet", "line 2: group 100000 may be 1E5, changed by a spreadsheet",
		"line 3: group 2026-03-04 may be 3-4, changed by a spreadsheet", "line 5: agent 9 may be 009, changed by a spreadsheet")
}
