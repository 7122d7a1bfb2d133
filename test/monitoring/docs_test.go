package monitoring

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

const metricsPage = "../../docs/metrics.md"

// rows returns the cells of the table below a heading.
func rows(t *testing.T, heading string) [][]string {
	t.Helper()
	_, section, found := strings.Cut(string(read(t, metricsPage)), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("%s has no heading %q", metricsPage, heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var rows [][]string
	for line := range strings.Lines(section) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "|") {
			cells := strings.Split(strings.ReplaceAll(strings.Trim(line, "|"), `\|`, "\x00"), "|")
			for i := range cells {
				cells[i] = strings.ReplaceAll(strings.TrimSpace(cells[i]), "\x00", "|")
			}
			rows = append(rows, cells)
		}
	}
	return rows[2:] // without the header
}

var code = regexp.MustCompile("`([^`]+)`")

func inCode(cell string) []string {
	var found []string
	for _, each := range code.FindAllStringSubmatch(cell, -1) {
		found = append(found, each[1])
	}
	return found
}

func TestMetricsPage_lists_all_metrics_of_the_operator(t *testing.T) {
	listed := map[string]bool{}
	for _, row := range rows(t, "Operator metrics") {
		name, kind, labels := inCode(row[0])[0], row[1], inCode(row[2])
		listed[name] = true
		known, found := knownMetrics()[name]
		if !found || known.kind != kind || !same(known.labels, labels) {
			t.Errorf("%s is listed as a %s with the labels %v, but it is %+v", name, kind, labels, known)
		}
	}
	for name := range knownMetrics() {
		if strings.HasPrefix(name, "deepcall_") && !listed[name] {
			t.Errorf("%s is not listed", name)
		}
	}
}

func TestMetricsPage_lists_the_labels_of_library_metrics(t *testing.T) {
	for _, row := range rows(t, "Library metrics") {
		name := inCode(row[0])[0]
		if strings.HasSuffix(name, "*") {
			continue
		}
		known, found := knownMetrics()[name]
		if labels := inCode(row[1]); !found || !same(known.labels, labels) {
			t.Errorf("%s is listed with the labels %v, but it is %+v", name, labels, known)
		}
	}
}

func TestMetricsPage_queries_are_valid(t *testing.T) {
	queries := []string{"controller_runtime_active_workers and on (job, instance) deepcall_build_info"}
	for _, row := range rows(t, "Queries") {
		queries = append(queries, inCode(row[1])[0])
	}
	for _, query := range queries {
		if _, err := check(query); err != nil {
			t.Error(err)
		}
		promtool(t, "--experimental", "promql", "format", query)
	}
	if !slices.Contains(inCode(string(read(t, metricsPage))), queries[0]) {
		t.Errorf("%s lacks the query %s", metricsPage, queries[0])
	}
}
