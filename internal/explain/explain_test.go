package explain

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

func found(t *testing.T, query string) string {
	t.Helper()
	topics, err := Find(query)
	if err != nil {
		return "error: " + err.Error()
	}
	var texts []string
	for _, topic := range topics {
		texts = append(texts, fmt.Sprintf("%d %s %s", topic.Code, topic.Reason, topic.Class))
	}
	return strings.Join(texts, "; ")
}

func TestWhatIsAskedForIsFound(t *testing.T) {
	for query, want := range map[string]string{
		"1505":             "1505 InvalidGroupData Rejected",
		"1014":             "1014 InvalidToken Denied",
		"InvalidGroupData": "1505 InvalidGroupData Rejected",
		"invalidagentid":   "1507 InvalidAgentID Rejected; 1509 InvalidAgentID Rejected",
		"Timeout":          "0 Timeout Transient",
		"UnknownCode":      "0 UnknownCode Transient",
		"Conflict":         "0 Conflict Operator",
		"pending":          "0 Pending Operator",
		"401":              "0 Unauthorized Denied",
		"403":              "0 Forbidden Denied",
		"404":              "0 UnexpectedStatus Transient",
		"429":              "0 TooManyRequests Transient",
		"503":              "0 ServerError Transient",
		"302":              "0 Redirected Transient",
	} {
		if got := found(t, query); got != want {
			t.Errorf("%q: got %s, want %s", query, got, want)
		}
	}
}

func TestWhatIsNotThereNamesWhatIsNear(t *testing.T) {
	for query, want := range map[string]string{
		"1506000": "error: DeepCall documents no code 1506000, and the operator takes it for UnknownCode; near ones are 1530 (InvalidAgentTiming), 1529 (InvalidDomain), 1528 (InvalidFavoriteData); kubectl deepcall code lists all",
		"1016":    "error: DeepCall documents no code 1016, and the operator takes it for UnknownCode; near ones are 1015 (PermissionDenied), 1014 (InvalidToken), 1020 (TokenNotFound); kubectl deepcall code lists all",
		"0":       "error: DeepCall documents no code 0, and the operator takes it for UnknownCode; near ones are 1000 (InvalidParameters), 1001 (InvalidDataType), 1002 (UserIDNotProvided); kubectl deepcall code lists all",
		"200":     "error: 200 is success: DeepCall confirmed the groups",
	} {
		if got := found(t, query); got != want {
			t.Errorf("%q: got %s\nwant %s", query, got, want)
		}
	}
	for query, near := range map[string]string{"Confict": "Conflict", "group": "InvalidGroupData", "invalidgroupdate": "InvalidGroupData", "suspend": "Suspended"} {
		if got := found(t, query); !strings.HasPrefix(got, fmt.Sprintf("error: there is no code or reason %q; near ones are ", query)) || !strings.Contains(got, near) {
			t.Errorf("%q: got %s, want it to name %s", query, got, near)
		}
	}
	if got := found(t, ""); !strings.HasPrefix(got, "error: ") {
		t.Errorf("nothing: got %s", got)
	}
}

// reasonsIn are the values of the constants of a package whose names begin with Reason.
func reasonsIn(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(testenv.Root(), folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var reasons []string
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			spec, ok := node.(*ast.ValueSpec)
			if ok && strings.HasPrefix(spec.Names[0].Name, "Reason") {
				value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				reasons = append(reasons, value)
			}
			return true
		})
	}
	return reasons
}

func TestEveryReasonThatAPersonCanMeetIsExplained(t *testing.T) {
	reasons := append(reasonsIn(t, "api/v1alpha1"), reasonsIn(t, "internal/explain")...)
	if len(reasons) < 18 {
		t.Fatalf("found only %v", reasons)
	}
	for _, entry := range deepcall.Catalogue() {
		reasons = append(reasons, entry.Reason)
	}
	for _, reason := range reasons {
		if topics, err := Find(reason); err != nil || topics[0].Reason != reason {
			t.Errorf("%s is not explained: %v", reason, err)
		}
	}
	if topics, err := Find("InvalidEndpoint"); err != nil || len(topics) != 1 {
		t.Errorf("got %v, %v", topics, err)
	}
}

func TestEveryTopicIsToldInSentences(t *testing.T) {
	for _, topic := range Topics() {
		for _, text := range []string{topic.Meaning, topic.Operator, topic.Remedy} {
			if text == "" || !strings.HasSuffix(text, ".") && !strings.Contains(text, "kubectl ") {
				t.Errorf("%s: %q is no sentence", topic.Reason, text)
			}
		}
	}
}
