package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// realDashboard returns the dashboard of the repository.
func realDashboard(t *testing.T) dashboard {
	t.Helper()
	board, err := readDashboard(filepath.Join(testenv.Root(), "config", "prometheus", "dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	return board
}

// sampleOf returns results with three samples of one series for each target, the last one an instant.
func sampleOf(board dashboard) recording {
	results := recording{Length: 60, Step: 30, Events: []event{{5, "a < b"}}, Panels: map[int][][]series{}}
	labels := map[string]string{"le": "+Inf", "account_namespace": "support", "account": "acme", "state": "Denied", "pod": "a&b"}
	for _, p := range board.Panels {
		for range p.Targets {
			results.Panels[p.ID] = append(results.Panels[p.ID], []series{{labels, []sample{{0, 0}, {30, 2}, {60, 1}}}})
		}
	}
	return results
}

func assertWellFormed(t *testing.T, svg string) {
	t.Helper()
	for decoder := xml.NewDecoder(strings.NewReader(svg)); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, fault := range []string{"%!", "NaN", "Inf\"", "-0 "} {
		if strings.Contains(svg, fault) {
			t.Errorf("the SVG contains %q", fault)
		}
	}
}

func TestPlace_keeps_panels_apart_and_within_the_picture(t *testing.T) {
	panels := realDashboard(t).Panels
	for i, p := range panels {
		b := place(p.GridPos, 50)
		if b.X < 0 || b.Y < 50 || b.W <= 0 || b.H <= 0 || b.X+b.W > width {
			t.Errorf("%q is at %+v", p.Title, b)
		}
		for _, other := range panels[:i] {
			o := place(other.GridPos, 50)
			if b.X < o.X+o.W && o.X < b.X+b.W && b.Y < o.Y+o.H && o.Y < b.Y+b.H {
				t.Errorf("%q and %q overlap: %+v, %+v", other.Title, p.Title, o, b)
			}
		}
	}
}

func TestDraw_shows_each_panel(t *testing.T) {
	board := realDashboard(t)
	svg := draw(board, sampleOf(board))
	assertWellFormed(t, svg)
	for _, p := range board.Panels {
		if title := strings.ReplaceAll(p.Title, "'", "&#39;"); !strings.Contains(svg, ">"+title+"<") {
			t.Errorf("the picture lacks %q", p.Title)
		}
	}
	for _, want := range []string{">support/acme p95<", ">a&amp;b<", ">0:05 a &lt; b<", ">Denied<"} {
		if !strings.Contains(svg, want) {
			t.Errorf("the picture lacks %s", want)
		}
	}
	if strings.Contains(svg, "No data") {
		t.Error("a panel with data is shown without")
	}
}

func TestDraw_shows_panels_without_data(t *testing.T) {
	board := realDashboard(t)
	svg := draw(board, recording{Length: 60, Step: 30})
	assertWellFormed(t, svg)
	withoutData := 0
	for _, p := range board.Panels {
		if p.Type != typeRow && p.FieldConfig.Defaults.NoValue == "" {
			withoutData++
		}
	}
	if got := strings.Count(svg, "No data"); got != withoutData {
		t.Errorf("%d panels have no data, want %d", got, withoutData)
	}
}

func TestArrange_places_chosen_panels_in_two_columns(t *testing.T) {
	board, err := realDashboard(t).arrange([]string{"CPU", "Memory", "Leader"})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []grid{{0, 0, 12, 8}, {12, 0, 12, 8}, {0, 8, 12, 8}} {
		if got := board.Panels[i].GridPos; got != want {
			t.Errorf("panel %d is at %+v, want %+v", i, got, want)
		}
	}
	if _, err := board.arrange([]string{"GPU"}); err == nil {
		t.Error("a panel that does not exist is accepted")
	}
}

func TestScenarios_draw_existing_panels(t *testing.T) {
	for name, s := range scenarios {
		if _, err := realDashboard(t).arrange(s.panels); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestExpand_leaves_no_variable(t *testing.T) {
	for _, p := range realDashboard(t).Panels {
		for _, target := range p.Targets {
			if expr := expand(target.Expr, 3*time.Second); strings.Contains(expr, "$") {
				t.Errorf("%q queries %s", p.Title, expr)
			}
		}
	}
}

func TestAnswer_series_drops_values_that_are_not_finite(t *testing.T) {
	var a answer
	text := `{"data":{"result":[
		{"metric":{"pod":"a"},"values":[[100,"NaN"],[103,"1.5"],[106,"+Inf"]]},
		{"metric":{"pod":"b"},"values":[[100,"NaN"]]},
		{"metric":{"pod":"c"},"value":[106,"2"]}]}}`
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		t.Fatal(err)
	}
	got, err := a.series(time.Unix(100, 0))
	if err != nil || len(got) != 2 {
		t.Fatalf("got %v, %v", got, err)
	}
	if got[0].Samples[0] != (sample{3, 1.5}) || got[1].Samples[0] != (sample{6, 2}) || len(got[0].Samples)+len(got[1].Samples) != 2 {
		t.Errorf("got %v", got)
	}
}
