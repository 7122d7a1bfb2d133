package main

import (
	"maps"
	"strings"
	"testing"
)

const metricsText = `# HELP apiserver_request_total Counter of requests
# TYPE apiserver_request_total counter
apiserver_request_total{code="200",resource="agentgroupmappings",subresource="status",verb="PUT"} 7
apiserver_request_total{code="409",resource="agentgroupmappings",subresource="status",verb="PUT"} 2
apiserver_request_total{code="200",resource="agentgroupmappings",subresource="",verb="GET"} 5
apiserver_request_total{code="200",resource="leases",subresource="",verb="PUT"} 100
apiserver_request_total{code="201",resource="events",subresource="",verb="POST"} 1
apiserver_request_total_other{resource="agentgroupmappings",verb="PUT"} 1000
`

func TestParseWritesCountsByVerbAndResource(t *testing.T) {
	got := parseWrites(metricsText)
	want := writes{"PUT agentgroupmappings/status": 9, "POST events": 1}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestWritesSinceReturnsTheDifference(t *testing.T) {
	before, now := writes{"POST events": 1, "PATCH b": 2}, writes{"POST events": 1, "PATCH b": 5, "PUT c": 1}
	got := now.since(before).without("PATCH b", 2)
	if want := (writes{"PATCH b": 1, "PUT c": 1}); !maps.Equal(got, want) || got.total() != 2 {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := got.without("PATCH b", 1); len(got) != 1 {
		t.Errorf("%v still contains a kind with no writes", got)
	}
}

func TestParseFlagsValidates(t *testing.T) {
	for arg, message := range map[string]string{
		"--scenarios=converge,idel": `unknown scenario "idel"`,
		"--sizes=100,x":             `"x" is not a number`,
		"--groups=501":              "1 to 500",
		"--workers=0":               "1 to 1000",
		"--mappings=0":              "at least 1",
		"--pairs=0":                 "at least 1",
		"--floor-writes=patch":      "two of put, patch and apply",
		"more":                      `unexpected argument "more"`,
	} {
		if _, err := parseFlags([]string{arg}, &strings.Builder{}); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%s: %v", arg, err)
		}
	}
	c, err := parseFlags([]string{"--scenarios=growth", "--sizes=10,20"}, &strings.Builder{})
	if err != nil || !c.wants(growth) || c.wants(converge) || len(c.Sizes) != 2 {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestHelpListsEachScenario(t *testing.T) {
	var out strings.Builder
	if _, err := parseFlags([]string{"--help"}, &out); err == nil {
		t.Error("--help returns no error")
	}
	for _, scenario := range scenarios {
		if !strings.Contains(out.String(), "\n                        "+scenario+" ") {
			t.Errorf("help doesn't list %s", scenario)
		}
	}
}
