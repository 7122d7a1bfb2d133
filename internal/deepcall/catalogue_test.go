package deepcall

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The codes by class, independent of the catalogue.
var (
	rejectedCodes = []int{
		1000, 1001, 1003, 1047, 1502, 1503, 1504, 1505, 1506, 1507, 1508, 1509, 1510, 1511, 1512, 1513, 1514,
		1515, 1516, 1517, 1519, 1520, 1521, 1523, 1524, 1525, 1526, 1527, 1528, 1529, 1530,
	}
	deniedCodes    = []int{1002, 1014, 1015, 1020, 1039}
	transientCodes = []int{1032, 1501, 1518, 1522}
)

// wantClass returns the class that a code must have: Transient, unless it is listed as Rejected or Denied.
func wantClass(code int) Class {
	switch {
	case slices.Contains(rejectedCodes, code):
		return Rejected
	case slices.Contains(deniedCodes, code):
		return Denied
	}
	return Transient
}

func TestCatalogueClasses(t *testing.T) {
	byReason := map[string]Class{"Unauthorized": Denied, "Forbidden": Denied, "RequestTooLarge": Rejected}
	for _, e := range Catalogue() {
		want := wantClass(e.Code)
		if class, listed := byReason[e.Reason]; listed && e.Code == 0 {
			want = class
		}
		if e.Class != want {
			t.Errorf("%d %s is %s, want %s", e.Code, e.Reason, e.Class, want)
		}
	}
}

func TestLookupFindsDocumentedCodes(t *testing.T) {
	all := slices.Concat(rejectedCodes, deniedCodes, transientCodes)
	for _, code := range all {
		if e, ok := Lookup(code); !ok || e.Code != code || e.Unreachable {
			t.Errorf("Lookup(%d) = %+v, %v", code, e, ok)
		}
	}
	if len(all) != len(codes) {
		t.Errorf("the catalogue has %d codes, want %d", len(codes), len(all))
	}
	for _, code := range []int{-1, 0, 200, 9999} {
		if e, ok := Lookup(code); ok {
			t.Errorf("Lookup(%d) = %+v, want nothing", code, e)
		}
	}
}

func TestCatalogueMarksUnreachableEntries(t *testing.T) {
	want := map[string]bool{
		"TooManyRequests": true, "ServerError": true, "Redirected": true, "UnexpectedStatus": true, "Blocked": true,
		"UnreadableAnswer": true, "Timeout": true, "ConnectionFailed": true, "TLSFailed": true, "EndpointNotAllowed": true,
	}
	for _, e := range Catalogue() {
		if e.Unreachable != (e.Code == 0 && want[e.Reason]) {
			t.Errorf("%d %s: Unreachable = %v", e.Code, e.Reason, e.Unreachable)
		}
	}
}

func TestCatalogueMarksUnknownAgentsAndInvalidGroups(t *testing.T) {
	for _, e := range Catalogue() {
		if want := e.Code == 1003 || e.Code == 1507 || e.Code == 1509; e.UnknownAgent != want {
			t.Errorf("%d %s: UnknownAgent = %v, want %v", e.Code, e.Reason, e.UnknownAgent, want)
		}
		if want := e.Code == 1505; e.InvalidGroup != want {
			t.Errorf("%d %s: InvalidGroup = %v, want %v", e.Code, e.Reason, e.InvalidGroup, want)
		}
	}
}

func TestCatalogueRemediesNameWhoActs(t *testing.T) {
	role := regexp.MustCompile("^(The mapping's owner|The account's owner|No action is needed:) ")
	for _, e := range Catalogue() {
		if !role.MatchString(e.Remedy) {
			t.Errorf("%d %s: remedy %q", e.Code, e.Reason, e.Remedy)
		}
	}
}

func TestCatalogueEntriesAreWellFormed(t *testing.T) {
	camelCase := regexp.MustCompile(`^[A-Z][A-Za-z0-9]+$`)
	seen := map[string]bool{}
	for _, e := range Catalogue() {
		if !camelCase.MatchString(e.Reason) || strings.Contains(e.Reason, "Id") && !strings.Contains(e.Reason, "Invalid") {
			t.Errorf("%d: reason %q", e.Code, e.Reason)
		}
		for _, sentence := range []string{e.Meaning, e.Remedy} {
			if !strings.HasSuffix(sentence, ".") || strings.ToUpper(sentence[:1]) != sentence[:1] {
				t.Errorf("%d %s: %q is not a sentence", e.Code, e.Reason, sentence)
			}
		}
		if seen[e.Message] {
			t.Errorf("%d %s: message %q is not unique", e.Code, e.Reason, e.Message)
		}
		seen[e.Message] = true
		if (e.Code != 0) != (e.Description != "") || e.Code != 0 && !strings.HasSuffix(e.Message, ": "+e.Description) {
			t.Errorf("%d %s: description %q does not fit message %q", e.Code, e.Reason, e.Description, e.Message)
		}
	}
}

func TestCatalogueMessages(t *testing.T) {
	for code, want := range map[int][2]string{
		1003: {"AgentDoesNotExist", "DeepCall error 1003: AgentId does not exist"},
		1014: {"InvalidToken", "DeepCall error 1014: Invalid token (invalid or expired)"},
		1015: {"PermissionDenied", "DeepCall error 1015: Permission denied"},
		1501: {"DataAlreadyInProcessing", "DeepCall error 1501: Data already in processing"},
		1505: {"InvalidGroupData", "DeepCall error 1505: Invalid group data"},
		1507: {"InvalidAgentID", "DeepCall error 1507: Invalid AgentID"},
		1509: {"InvalidAgentID", "DeepCall error 1509: Invalid agentId"},
		1513: {"InvalidType", "DeepCall error 1513: Invalid type"},
		1527: {"InvalidType", "DeepCall error 1527: Invalid Type"},
	} {
		if e, _ := Lookup(code); e.Reason != want[0] || e.Message != want[1] {
			t.Errorf("Lookup(%d) = %q, %q, want %q", code, e.Reason, e.Message, want)
		}
	}
}

func TestCatalogueReturnsASortedCopy(t *testing.T) {
	first := Catalogue()
	first[0].Reason = "Changed"
	second := Catalogue()
	if second[0].Reason != "InvalidParameters" {
		t.Errorf("a change of the copy changed the catalogue: %q", second[0].Reason)
	}
	for i := 1; i < len(codes); i++ {
		if second[i-1].Code >= second[i].Code {
			t.Errorf("%d comes before %d", second[i-1].Code, second[i].Code)
		}
	}
}
