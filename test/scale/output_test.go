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

// ran is a round of 10 mappings that took so long.
func ran(who string, pair int, seconds float64) round {
	r := round{Scenario: converge, Who: who, Pair: pair, Mappings: 10}
	r.add("time to converge", "s", seconds)
	if who == theOperator {
		r.addWrites(writes{"PUT x/status": 10})
	}
	r.Curve = []point{{0, 0}, {seconds, 10}}
	return r
}

var threePairs = []round{
	ran(theFloor, 1, 2), ran(theOperator, 1, 3), ran(theOperator, 2, 12), ran(theFloor, 2, 10), ran(theFloor, 3, 4), ran(theOperator, 3, 4),
}

func TestTheTableShowsMediansAndBothRatios(t *testing.T) {
	var out strings.Builder
	if err := writeTable(&out, rowsOf(threePairs)); err != nil {
		t.Fatal(err)
	}
	// 3, 12 and 4 to 2, 10 and 4: medians 4 and 4; the pairs' ratios 1.5, 1.2 and 1.
	expectLines(t, out.String(), `converge, 10 mappings     floor  operator  ratio  of pairs
time to converge       s  4      4         1      1.2
writes                    -      10        -      -
  PUT x/status            -      10        -      -`)
}

func TestTwoResultsAreComparedRowByRow(t *testing.T) {
	older := &result{Version: version, Commit: "aaa", CPUs: 2, Rows: rowsOf(threePairs)}
	newer := &result{Version: version, Commit: "bbb", CPUs: 2, Rows: rowsOf([]round{ran(theFloor, 1, 5), ran(theOperator, 1, 2)})}
	older.Config.Latency, newer.Config.Latency = 20*time.Millisecond, 10*time.Millisecond
	var out strings.Builder
	if err := compare(&out, older, newer); err != nil {
		t.Fatal(err)
	}
	expectLines(t, out.String(), `old: aaa, 2 CPUs, latency 20ms, 0 workers, 0 groups, 0 pairs
new: bbb, 2 CPUs, latency 10ms, 0 workers, 0 groups, 0 pairs

converge, 10 mappings     old  new  new/old  floor's
time to converge       s  4    2    0.5      1.25
writes                    10   10   1        -
  PUT x/status            10   10   1        -`)
	if err := compare(io.Discard, older, &result{}); err == nil {
		t.Error("results with nothing in common were compared")
	}
}

func TestAResultIsReadBackAsItWasWritten(t *testing.T) {
	directory := t.TempDir()
	written := &result{Version: version, Commit: "aaa", Rounds: threePairs}
	if err := written.publish(directory, io.Discard); err != nil {
		t.Fatal(err)
	}
	read, err := readResult(filepath.Join(directory, "result.json"))
	if err != nil || len(read.Rounds) != len(threePairs) || len(read.Rows) != 3 || read.Commit != "aaa" {
		t.Errorf("read %+v, %v", read, err)
	}
	if _, err := os.Stat(filepath.Join(directory, "converged.svg")); err != nil {
		t.Error(err)
	}
	written.Version++
	if err := written.publish(directory, io.Discard); err != nil {
		t.Fatal(err)
	}
	if _, err := readResult(filepath.Join(directory, "result.json")); err == nil || !strings.Contains(err.Error(), "reads version 1") {
		t.Errorf("a later version is read: %v", err)
	}
}

func TestThePlotHasACurveForEachRound(t *testing.T) {
	drawn := plot(threePairs)
	for decoder := xml.NewDecoder(strings.NewReader(drawn)); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, drawn)
		}
	}
	if n := strings.Count(drawn, "<polyline"); n != len(threePairs) {
		t.Errorf("%d curves instead of %d", n, len(threePairs))
	}
	// The slowest takes 12 s of the 12.5 s, and comes to the 10 mappings at the top.
	if !strings.Contains(drawn, `points="70.0,360.0 684.4,40.0"`) {
		t.Errorf("the slowest round is not where it should be:\n%s", drawn)
	}
	if drawn := plot([]round{{Scenario: growth, Who: theOperator}}); drawn != "" {
		t.Errorf("there is nothing to draw, but:\n%s", drawn)
	}
}

func TestAxesAreDividedByRoundNumbers(t *testing.T) {
	for least, want := range map[float64]float64{1: 1, 1.1: 2, 2.4: 2.5, 3: 5, 5.1: 10, 0.03: 0.05, 260: 500} {
		if got := roundStep(least); got != want {
			t.Errorf("%v for %v, not %v", got, least, want)
		}
	}
}

func TestACurveKeepsItsLastPoint(t *testing.T) {
	var times []time.Duration
	for i := range 1001 {
		times = append(times, time.Duration(i+1)*time.Second)
	}
	got := curve(times)
	if len(got) > 202 || got[len(got)-1] != (point{1001, 1001}) {
		t.Errorf("%d points, the last %v", len(got), got[len(got)-1])
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

func TestWhatAMappingCostsIsComparedWithTheFewest(t *testing.T) {
	of := func(n int, seconds, memory float64) round {
		r := round{Mappings: n}
		r.add("time to converge", "s", seconds)
		r.add("CPU", "s", seconds/2)
		r.add("memory, peak", "MiB", memory)
		return r
	}
	few, many := of(1000, 4, 50), of(11_000, 66, 150)
	many.addPerMapping(&few)
	for name, want := range map[string]float64{
		"time per mapping":                        6,
		"CPU per mapping":                         3,
		"time per mapping, to that of the fewest": 1.5,
		"memory, peak, for each mapping more":     10.24,
	} {
		if got := many.value(name); got != want {
			t.Errorf("%s is %v, not %v", name, got, want)
		}
	}
}
