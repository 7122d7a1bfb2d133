package reason

import (
	"fmt"
	"strings"
	"testing"
)

func find(query string) string {
	entries, err := Find(query)
	if err != nil {
		return "error: " + err.Error()
	}
	var found []string
	for _, entry := range entries {
		found = append(found, fmt.Sprintf("%d %s %s", entry.Code, entry.Reason, entry.Class))
	}
	return strings.Join(found, "; ")
}

func TestFind(t *testing.T) {
	for query, want := range map[string]string{
		"1505":             "1505 InvalidGroupData Rejected",
		"1014":             "1014 InvalidToken Denied",
		"InvalidGroupData": "1505 InvalidGroupData Rejected",
		"invalidagentid":   "1507 InvalidAgentID Rejected; 1509 InvalidAgentID Rejected",
		"Timeout":          "0 Timeout Transient",
		"UnknownCode":      "0 UnknownCode Transient",
		"Conflict":         "0 Conflict Operator",
		"InvalidEndpoint":  "0 InvalidEndpoint Operator",
		"pending":          "0 Pending Operator",
		"401":              "0 Unauthorized Denied",
		"403":              "0 Forbidden Denied",
		"404":              "0 UnexpectedStatus Transient",
		"429":              "0 TooManyRequests Transient",
		"503":              "0 ServerError Transient",
		"302":              "0 Redirected Transient",
	} {
		expect(t, query, find(query), want)
	}
}

func TestFind_suggests_similar_ones(t *testing.T) {
	for query, want := range map[string]string{
		"1506000": "error: DeepCall documents no code 1506000, and the operator treats it as UnknownCode; similar codes are 1530 (InvalidAgentTiming), 1529 (InvalidDomain), 1528 (InvalidFavoriteData); kubectl deepcall code lists all",
		"1016":    "error: DeepCall documents no code 1016, and the operator treats it as UnknownCode; similar codes are 1015 (PermissionDenied), 1014 (InvalidToken), 1020 (TokenNotFound); kubectl deepcall code lists all",
		"0":       "error: DeepCall documents no code 0, and the operator treats it as UnknownCode; similar codes are 1000 (InvalidParameters), 1001 (InvalidDataType), 1002 (UserIDNotProvided); kubectl deepcall code lists all",
		"200":     "error: 200 is success: DeepCall confirmed the groups",
	} {
		expect(t, query, find(query), want)
	}
	for query, similar := range map[string]string{"Confict": "Conflict", "group": "InvalidGroupData", "invalidgroupdate": "InvalidGroupData", "suspend": "Suspended"} {
		if got := find(query); !strings.HasPrefix(got, fmt.Sprintf("error: there is no code or reason %q; similar ones are ", query)) || !strings.Contains(got, similar) {
			t.Errorf("%q: got %s, want it to name %s", query, got, similar)
		}
	}
	if got := find(""); !strings.HasPrefix(got, "error: ") {
		t.Errorf("empty query: got %s", got)
	}
}
