package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestStack_puts_lines_on_top_of_each_other(t *testing.T) {
	lines := []line{{"a", []point{{t: 0, v: 1}, {t: 1, v: 2}}}, {"b", []point{{t: 1, v: 3}, {t: 2, v: 4}}}}
	stack(lines)
	if want := "[{a [{0 1 0} {1 2 0}]} {b [{1 5 2} {2 4 0}]}]"; fmt.Sprint(lines) != want {
		t.Errorf("got %v, want %s", lines, want)
	}
}

func TestSplit_leaves_gaps(t *testing.T) {
	got := split([]point{{t: 0}, {t: 3}, {t: 9}, {t: 12}}, 3)
	if want := "[[{0 0 0} {3 0 0}] [{9 0 0} {12 0 0}]]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestPath_omits_the_middle_of_horizontal_lines(t *testing.T) {
	got := path([]point{{0, 1, 0}, {1, 1, 0}, {2, 1, 0}, {3, 1, 0}, {4, 2, 0}}, func(p point) (x, y float64) { return p.t, p.v })
	if want := "M0 1L3 1L4 2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestLegend_counts_what_does_not_fit(t *testing.T) {
	var lines []line
	for i := range 20 {
		lines = append(lines, line{name: fmt.Sprintf("support/acme %d", i)})
	}
	var c canvas
	if height := c.legend(lines, box{0, 0, 220, 150}); height != legendHeight*legendLines {
		t.Errorf("the legend has the height %v", height)
	}
	if got := strings.Count(c.String(), ">support/acme"); got != 6 || !strings.Contains(c.String(), ">+14<") {
		t.Errorf("the legend has %d names:\n%s", got, c.String())
	}
}

func TestBucketsOf_subtracts_the_lower_buckets(t *testing.T) {
	bucketSeries := func(le string, v float64) series {
		return series{map[string]string{"le": le}, []sample{{0, v}}}
	}
	got := bucketsOf([]series{bucketSeries("+Inf", 9), bucketSeries("0.1", 2), bucketSeries("10", 7)})
	for i, want := range []float64{2, 5, 2} {
		if got[i].count[0] != want {
			t.Errorf("bucket %d has %v observations, want %v", i, got[i].count[0], want)
		}
	}
}

func TestThresholdColor_is_that_of_the_last_step_reached(t *testing.T) {
	one := 1.0
	steps := []threshold{{"red", nil}, {"green", &one}}
	for value, want := range map[float64]string{0: "red", 1: "green", 2: "green"} {
		if got := thresholdColor(value, steps); got != namedColors[want] {
			t.Errorf("%v is %s, want %s", value, got, want)
		}
	}
}

func TestFormat(t *testing.T) {
	none := 0
	for _, test := range []struct {
		value    float64
		unit     string
		decimals *int
		want     string
	}{
		{0.98765, "percentunit", nil, "98.8%"},
		{0.25, "s", nil, "250 ms"},
		{90, "s", nil, "90 s"},
		{900, "s", nil, "15 min"},
		{64 << 20, "bytes", nil, "64 MiB"},
		{1.5, "reqps", nil, "1.5 req/s"},
		{0.333333, "ops", nil, "0.33 ops/s"},
		{0.025, "short", nil, "0.025"},
		{1.01, "short", &none, "1"},
		{1234, "short", nil, "1234"},
	} {
		if got := format(test.value, test.unit, test.decimals); got != test.want {
			t.Errorf("%v %s is %q, want %q", test.value, test.unit, got, test.want)
		}
	}
}

func TestNewScale_covers_all_values_with_few_steps(t *testing.T) {
	for _, test := range []struct {
		most float64
		unit string
		want scale
	}{
		{0, "short", scale{1, 1}},
		{2, "short", scale{2, 1}},
		{11, "reqps", scale{15, 5}},
		{70 << 20, "bytes", scale{96 << 20, 32 << 20}},
		{200, "short", scale{200, 50}},
	} {
		if got := newScale(test.most, test.unit); got != test.want {
			t.Errorf("the scale of %v %s is %v, want %v", test.most, test.unit, got, test.want)
		}
	}
}

func TestTimeLabels_are_few(t *testing.T) {
	if got := fmt.Sprint(timeLabels(610, 8)); got != "[0 120 240 360 480 600]" {
		t.Errorf("got %s", got)
	}
	if got := clock(125); got != "2:05" {
		t.Errorf("got %s", got)
	}
}
