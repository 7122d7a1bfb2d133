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
go_goroutines 42
`

func TestWritesAreCountedByVerbAndKind(t *testing.T) {
	got := readWrites(metricsText)
	want := writes{"PUT agentgroupmappings/status": 9, "POST events": 1}
	if !maps.Equal(got, want) {
		t.Errorf("counted %v, not %v", got, want)
	}
}

func TestWritesSinceAreThoseThatCame(t *testing.T) {
	before, now := writes{"POST events": 1, "PATCH b": 2}, writes{"POST events": 1, "PATCH b": 5, "PUT c": 1}
	got := now.less(before).without("PATCH b", 2)
	if want := (writes{"PATCH b": 1, "PUT c": 1}); !maps.Equal(got, want) || got.total() != 2 {
		t.Errorf("counted %v, not %v", got, want)
	}
	if got := got.without("PATCH b", 1); len(got) != 1 {
		t.Errorf("%v still has what none is left of", got)
	}
}

func TestASampleWithoutLabelsIsRead(t *testing.T) {
	got := readSamples(metricsText, "go_goroutines")
	if len(got) != 1 || got[0].value != 42 {
		t.Errorf("read %v", got)
	}
}

func TestCPUTimeIsReadWhateverTheNameOfTheProgram(t *testing.T) {
	stat := "4711 (a ) R name) S 42 4711 4711 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 9 0 100 1000 10"
	got, err := cpuSeconds(stat)
	if err != nil || got != 2 {
		t.Errorf("read %v s, %v", got, err)
	}
	if _, err := cpuSeconds("4711 (x) S 42"); err == nil {
		t.Error("half a line was read")
	}
}

func TestTheControlPlaneIsKnownByNameAndParent(t *testing.T) {
	for stat, want := range map[string]bool{
		"7 (kube-apiserver) S 42 7": true,
		"7 (etcd) S 42 7":           true,
		"7 (etcd) S 1 7":            false,
		"7 (manager) S 42 7":        false,
		"":                          false,
	} {
		if got := isPlane(stat, 42); got != want {
			t.Errorf("%q: %t", stat, got)
		}
	}
}

func TestSizesAreReadInMebibytes(t *testing.T) {
	status := "Name:\tmanager\nVmHWM:\t  102400 kB\nVmRSS:\t   51200 kB\n"
	if peak, rss := mebibytes(status, "VmHWM"), mebibytes(status, "VmRSS"); peak != 100 || rss != 50 {
		t.Errorf("read %v and %v", peak, rss)
	}
}

func TestTheCommandLineIsChecked(t *testing.T) {
	for line, complaint := range map[string]string{
		"--scenarios=converge,idel": `no scenario "idel"`,
		"--sizes=100,x":             `"x" is not a number`,
		"--groups=501":              "1 to 500",
		"--workers=0":               "1 to 1000",
		"--mappings=0":              "at least 1",
		"--pairs=0":                 "at least 1",
		"more":                      `"more" is not a flag`,
	} {
		if _, err := parse([]string{line}, &strings.Builder{}); err == nil || !strings.Contains(err.Error(), complaint) {
			t.Errorf("%s: %v", line, err)
		}
	}
	c, err := parse([]string{"--scenarios=growth", "--sizes=10,20"}, &strings.Builder{})
	if err != nil || !c.wants(growth) || c.wants(converge) || len(c.Sizes) != 2 {
		t.Errorf("read %+v, %v", c, err)
	}
}

func TestHelpNamesEachScenario(t *testing.T) {
	var out strings.Builder
	if _, err := parse([]string{"--help"}, &out); err == nil {
		t.Error("help is not told from a run")
	}
	for _, scenario := range scenarios {
		if !strings.Contains(out.String(), "\n                        "+scenario+" ") {
			t.Errorf("help does not name %s", scenario)
		}
	}
}
