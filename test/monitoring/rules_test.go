package monitoring

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

const (
	ruleFile = "../../config/prometheus/prometheusrule.yaml"
	runbook  = "../../docs/alerts.md"
	runbooks = "https://github.com/deepcall/deepcall-operator/blob/main/docs/alerts.md#"
)

// ruleSpec is the spec of a PrometheusRule, which has the format of a rule file of Prometheus.
type ruleSpec struct {
	Groups []struct {
		Name  string `json:"name"`
		Rules []rule `json:"rules"`
	} `json:"groups"`
}

type rule struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	For         string            `json:"for"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

func rules(t *testing.T) (ruleSpec, []rule) {
	t.Helper()
	var object struct {
		APIVersion string         `json:"apiVersion"`
		Kind       string         `json:"kind"`
		Metadata   map[string]any `json:"metadata"`
		Spec       ruleSpec       `json:"spec"`
	}
	if err := yaml.UnmarshalStrict(read(t, ruleFile), &object); err != nil {
		t.Fatalf("%s: %v", ruleFile, err)
	}
	if object.APIVersion != "monitoring.coreos.com/v1" || object.Kind != "PrometheusRule" {
		t.Fatalf("%s contains a %s %s", ruleFile, object.APIVersion, object.Kind)
	}
	var all []rule
	for _, group := range object.Spec.Groups {
		all = append(all, group.Rules...)
	}
	if len(all) == 0 {
		t.Fatalf("%s contains no rules", ruleFile)
	}
	return object.Spec, all
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// inJSON encodes value as JSON, which is also YAML.
func inJSON(t *testing.T, value any) []byte {
	t.Helper()
	content, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// promtool runs promtool and returns its output.
func promtool(t *testing.T, args ...string) string {
	t.Helper()
	path, err := filepath.Abs("../../bin/promtool")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v; build it with: make bin/promtool", err)
	}
	output, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	if err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, bytes.TrimSpace(output))
	}
	return string(output)
}

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRules_pass_promtool(t *testing.T) {
	spec, _ := rules(t)
	promtool(t, "check", "rules", "--lint=all", "--lint-fatal", write(t, "rules.json", inJSON(t, spec)))
}

func TestRules_have_a_severity_and_a_runbook(t *testing.T) {
	_, all := rules(t)
	page := read(t, runbook)
	for _, r := range all {
		if !strings.HasPrefix(r.Alert, "DeepCall") {
			t.Errorf("%q does not begin with DeepCall", r.Alert)
		}
		if r.For == "" {
			t.Errorf("%s has no for", r.Alert)
		}
		if !slices.Contains([]string{"critical", "warning"}, r.Labels["severity"]) {
			t.Errorf("%s has severity %q", r.Alert, r.Labels["severity"])
		}
		for _, key := range []string{"summary", "description"} {
			if !strings.HasSuffix(r.Annotations[key], ".") {
				t.Errorf("%s: %s is not a sentence: %q", r.Alert, key, r.Annotations[key])
			}
		}
		if want := runbooks + strings.ToLower(r.Alert); r.Annotations["runbook_url"] != want {
			t.Errorf("%s: runbook_url is %q, not %q", r.Alert, r.Annotations["runbook_url"], want)
		}
		if !bytes.Contains(page, []byte("\n## "+r.Alert+"\n")) {
			t.Errorf("%s has no heading %q", runbook, "## "+r.Alert)
		}
	}
}

func TestRunbook_has_no_other_alerts(t *testing.T) {
	_, all := rules(t)
	page := read(t, runbook)
	for _, heading := range regexp.MustCompile(`(?m)^## (DeepCall\w+)$`).FindAllStringSubmatch(string(page), -1) {
		if !slices.ContainsFunc(all, func(r rule) bool { return r.Alert == heading[1] }) {
			t.Errorf("%s describes %s, which is not an alert", runbook, heading[1])
		}
	}
}

// TestRules_search_for_logged_messages checks that the operator logs the messages that alerts and the runbook search for.
func TestRules_search_for_logged_messages(t *testing.T) {
	searches := regexp.MustCompile(`search for "([^"]+)"`)
	_, all := rules(t)
	found := 0
	for _, r := range all {
		for _, search := range searches.FindAllStringSubmatch(r.Annotations["description"], -1) {
			found++
			for _, name := range []string{runbook, "../../internal/controller/agent/write.go"} {
				if !bytes.Contains(read(t, name), []byte(search[1])) {
					t.Errorf("%s searches for %q, which %s does not contain", r.Alert, search[1], name)
				}
			}
		}
	}
	if found == 0 {
		t.Error("found no alert that searches for a message")
	}
}

// TestRules_list_all_rejections checks that one rule matches all reasons of the class Rejected, and another one the rest.
func TestRules_list_all_rejections(t *testing.T) {
	var rejected []string
	for _, entry := range deepcall.Catalogue() {
		if entry.Class == deepcall.Rejected {
			rejected = append(rejected, entry.Reason)
		}
	}
	slices.Sort(rejected)
	rejected = slices.Compact(rejected)

	matcher := regexp.MustCompile(`reason[=!]~"([^"]*)"`)
	others := []string{"Suspended", "AccountNotReady", "Paused", "Conflict", "Unobserved"}
	for alert, want := range map[string][]string{
		"DeepCallMappingsRejected": rejected,
		"DeepCallMappingsNotReady": slices.Concat(others, rejected),
	} {
		found := matcher.FindStringSubmatch(named(t, alert).Expr)
		if found == nil {
			t.Errorf("%s matches no reasons", alert)
		} else if want := strings.Join(want, "|"); found[1] != want {
			t.Errorf("%s matches the reasons\n%s\nnot\n%s", alert, found[1], want)
		}
	}
}

// TestRules_agree_on_throttled_requests checks that mappings that wait for limits cause exactly one alert.
func TestRules_agree_on_throttled_requests(t *testing.T) {
	normalize := func(expr string) string { return strings.Join(strings.Fields(expr), " ") }
	throttled, notReady := normalize(named(t, "DeepCallRequestsThrottled").Expr), normalize(named(t, "DeepCallMappingsNotReady").Expr)
	if !strings.Contains(notReady, "unless on () ( "+throttled+" )") {
		t.Errorf("DeepCallMappingsNotReady does not exclude the expression of DeepCallRequestsThrottled\n%s\nin\n%s", throttled, notReady)
	}
}

func named(t *testing.T, alert string) rule {
	t.Helper()
	_, all := rules(t)
	i := slices.IndexFunc(all, func(r rule) bool { return r.Alert == alert })
	if i < 0 {
		t.Fatalf("there is no alert %s", alert)
	}
	return all[i]
}

func TestRules_use_existing_metrics_and_labels(t *testing.T) {
	used := regexp.MustCompile(`\$labels\.(\w+)`)
	_, all := rules(t)
	for _, r := range all {
		labels, err := check(r.Expr)
		if err != nil {
			t.Errorf("%s: %v", r.Alert, err)
			continue
		}
		for key, text := range r.Annotations {
			for _, label := range used.FindAllStringSubmatch(text, -1) {
				if !slices.Contains(labels, label[1]) {
					t.Errorf("%s: %s uses the label %s, but there are only %v", r.Alert, key, label[1], labels)
				}
			}
		}
	}
}
