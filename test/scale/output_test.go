package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// newRound returns a round with 10 mappings.
func newRound(subject string, pair int, seconds float64) round {
	r := round{Scenario: converge, Subject: subject, Pair: pair, Mappings: 10}
	r.add("time to converge", "s", seconds)
	if subject == subjectOperator {
		r.addWrites(writes{"PUT x/status": 10})
	}
	r.Curve = []point{{0, 0}, {seconds, 10}}
	return r
}

var threePairs = []round{
	newRound(subjectFloor, 1, 2), newRound(subjectOperator, 1, 3), newRound(subjectOperator, 2, 12),
	newRound(subjectFloor, 2, 10), newRound(subjectFloor, 3, 4), newRound(subjectOperator, 3, 4),
}

func TestWriteTablePrintsMediansAndBothRatios(t *testing.T) {
	var out strings.Builder
	if err := writeTable(&out, newRows(threePairs)); err != nil {
		t.Fatal(err)
	}
	// 3, 12 and 4 to 2, 10 and 4: the medians are 4 and 4, the ratios of the pairs 1.5, 1.2 and 1.
	expectLines(t, out.String(), `converge, 10 mappings     floor  operator  ratio  pair ratio  from  to
time to converge       s  4      4         1      1.2         -     -
writes                    -      10        -      -           -     -
  PUT x/status            -      10        -      -           -     -

converge, 10 mappings: no conclusion: fewer than 6 pairs`)
}

func TestVerdictDependsOnTheInterval(t *testing.T) {
	for _, c := range []struct {
		seconds [6]float64 // of the operator, where the floor takes 10
		want    string
	}{
		{[6]float64{10, 10.2, 10.4, 10.6, 10.8, 11}, "at most 1.10 times"},
		{[6]float64{11.1, 11.2, 11.3, 11.4, 11.5, 20}, "more than 1.10 times"},
		{[6]float64{10, 10.2, 10.4, 10.6, 10.8, 11.1}, "no conclusion: the machine was too noisy, so that 1.10 is within the interval of 1.000 to 1.110"},
	} {
		var rounds []round
		for i, seconds := range c.seconds {
			rounds = append(rounds, newRound(subjectFloor, i, 10), newRound(subjectOperator, i, seconds))
		}
		var out strings.Builder
		if err := writeTable(&out, newRows(rounds)); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), c.want) {
			t.Errorf("%v: got %s, want %q", c.seconds, out.String(), c.want)
		}
	}
}

func TestComparePrintsEachCommonRow(t *testing.T) {
	before := &result{Version: version, Commit: "aaa", CPUs: 2, Rows: newRows(threePairs)}
	after := &result{Version: version, Commit: "bbb", CPUs: 2, Rows: newRows([]round{newRound(subjectFloor, 1, 5), newRound(subjectOperator, 1, 2)})}
	before.Config.Latency, after.Config.Latency = 20*time.Millisecond, 10*time.Millisecond
	var out strings.Builder
	if err := compare(&out, before, after); err != nil {
		t.Fatal(err)
	}
	expectLines(t, out.String(), `old: aaa, 2 CPUs, latency 20ms, 0 workers, 0 groups, 0 pairs
new: bbb, 2 CPUs, latency 10ms, 0 workers, 0 groups, 0 pairs

converge, 10 mappings     old  new  new/old  floor new/old
time to converge       s  4    2    0.5      1.25
writes                    10   10   1        -
  PUT x/status            10   10   1        -`)
	if err := compare(io.Discard, before, &result{}); err == nil {
		t.Error("results without a common row are accepted")
	}
}

func TestReadResultReadsAPublishedResult(t *testing.T) {
	directory := t.TempDir()
	written := &result{Version: version, Commit: "aaa", Rounds: threePairs}
	if err := written.publish(directory, io.Discard); err != nil {
		t.Fatal(err)
	}
	read, err := readResult(filepath.Join(directory, "result.json"))
	if err != nil || len(read.Rounds) != len(threePairs) || len(read.Rows) != 3 || read.Commit != "aaa" {
		t.Errorf("got %+v, %v", read, err)
	}
	if _, err := os.Stat(filepath.Join(directory, "converged.svg")); err != nil {
		t.Error(err)
	}
	written.Version++
	if err := written.publish(directory, io.Discard); err != nil {
		t.Fatal(err)
	}
	if _, err := readResult(filepath.Join(directory, "result.json")); err == nil || !strings.Contains(err.Error(), "reads version 1") {
		t.Errorf("a later version: %v", err)
	}
}

func TestPlotDrawsACurveForEachRound(t *testing.T) {
	svg := plot(threePairs)
	for decoder := xml.NewDecoder(strings.NewReader(svg)); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
	}
	if n := strings.Count(svg, "<polyline"); n != len(threePairs) {
		t.Errorf("got %d curves, want %d", n, len(threePairs))
	}
	// The slowest round ends at 12 s of 12.5 s, with all 10 mappings at the top.
	if !strings.Contains(svg, `points="70.0,360.0 684.4,40.0"`) {
		t.Errorf("the curve of the slowest round is wrong:\n%s", svg)
	}
	if svg := plot([]round{{Scenario: growth, Subject: subjectOperator}}); svg != "" {
		t.Errorf("without curves, got:\n%s", svg)
	}
}

func TestRoundStepReturnsRoundNumbers(t *testing.T) {
	for least, want := range map[float64]float64{1: 1, 1.1: 2, 2.4: 2.5, 3: 5, 5.1: 10, 0.03: 0.05, 260: 500} {
		if got := roundStep(least); got != want {
			t.Errorf("roundStep(%v) = %v, want %v", least, got, want)
		}
	}
}

func TestCurveKeepsTheLastPoint(t *testing.T) {
	var times []time.Duration
	for i := range 1001 {
		times = append(times, time.Duration(i+1)*time.Second)
	}
	got := curve(times)
	if len(got) > 202 || got[len(got)-1] != (point{1001, 1001}) {
		t.Errorf("got %d points, the last is %v", len(got), got[len(got)-1])
	}
}

func expectLines(t *testing.T, got, want string) {
	t.Helper()
	var lines []string
	for line := range strings.Lines(strings.TrimSpace(got)) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
