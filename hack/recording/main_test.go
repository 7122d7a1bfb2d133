package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// steps returns a clock that advances by these durations, one per call.
func steps(durations ...time.Duration) func() time.Time {
	at := time.Unix(0, 0)
	return func() time.Time {
		if len(durations) > 0 {
			at, durations = at.Add(durations[0]), durations[1:]
		}
		return at
	}
}

func TestRecord_shortens_pauses_and_keeps_lines_apart(t *testing.T) {
	var progress strings.Builder
	lines, err := record(strings.NewReader("a\nb\nc\nd\n== e\n"), &progress, steps(0, time.Second, time.Minute, 0, time.Second, 0))
	if err != nil {
		t.Fatal(err)
	}
	second := time.Second
	want := []line{{"a", 0}, {"b", 2 * second}, {"c", 2*second + shortestPause}, {"d", 3*second + shortestPause}, {"== e", 3*second + shortestPause + pauseOfTitle}}
	for i := range want {
		if lines[i] != want[i] {
			t.Errorf("line %d: got %v, want %v", i+1, lines[i], want[i])
		}
	}
	if progress.String() != "a\nb\nc\nd\n== e\n" {
		t.Errorf("progress is %q", progress.String())
	}
}

func TestRun_writes_well_formed_SVG_with_each_line(t *testing.T) {
	text := "$ kubectl get agm\n" + strings.Repeat("x", columns+1) + "\n<b>&\n" + strings.Repeat("row\n", rows)
	var out strings.Builder
	if err := run(strings.NewReader(text), &out, io.Discard, time.Now); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`class="command">$ kubectl get agm<`, strings.Repeat("x", columns-1) + "…<", "&lt;b&gt;&amp;", "translateY(-54px)"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the SVG lacks %s", want)
		}
	}
	if strings.Contains(out.String(), "%!") {
		t.Error("the SVG contains a formatting error")
	}
	decoder := xml.NewDecoder(strings.NewReader(out.String()))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := run(strings.NewReader(""), &out, io.Discard, time.Now); err == nil {
		t.Error("an empty text is accepted")
	}
}
