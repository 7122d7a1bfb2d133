package roster

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestPageIsAccessible(t *testing.T) {
	document := parse(t, page(t, ByGroup, team()))
	ids := map[string]int{}
	for n := range document.Descendants() {
		if id := attribute(n, "id"); id != "" {
			ids[id]++
		}
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("%d elements have the id %s", n, id)
		}
	}
	refer := func(name, id string) {
		t.Helper()
		if ids[strings.TrimPrefix(id, "#")] != 1 {
			t.Errorf("%s refers to %q, which does not exist", name, id)
		}
	}
	if lang := attribute(elements(document, "html")[0], "lang"); lang != "en" {
		t.Errorf("the language is %q", lang)
	}
	for _, a := range elements(document, "a") {
		refer("a link", attribute(a, "href"))
	}
	for _, section := range elements(document, "section") {
		refer("a section", attribute(section, "aria-labelledby"))
	}
	labels := map[string]bool{}
	for _, label := range elements(document, "label") {
		labels[attribute(label, "for")] = true
	}
	for _, input := range elements(document, "input") {
		if !labels[attribute(input, "id")] {
			t.Errorf("the input %s has no label", attribute(input, "id"))
		}
	}
	for _, table := range elements(document, "table") {
		if captions := elements(table, "caption"); len(captions) != 1 || content(captions[0]) == "" {
			t.Errorf("a table has no caption: %.100s", content(table))
		}
		for _, th := range elements(table, "th") {
			if !slices.Contains([]string{"col", "row", "rowgroup"}, attribute(th, "scope")) {
				t.Errorf("the heading %s has no scope", content(th))
			}
		}
		for _, row := range elements(table, "tr") {
			if len(elements(row, "th")) == 0 {
				t.Errorf("a row has no heading: %s", content(row))
			}
		}
	}
	if n := len(elements(document, "h1")); n != 1 {
		t.Errorf("%d elements h1", n)
	}
}

// TestPageColorsHaveContrast checks the ratio that WCAG 2 (AA) requires for text, of all colors on all backgrounds, in all themes.
func TestPageColorsHaveContrast(t *testing.T) {
	themes := regexp.MustCompile(`:root \{([^}]*)\}`).FindAllStringSubmatch(style, -1)
	if len(themes) != 3 {
		t.Fatalf("found %d themes: light, dark and print are expected", len(themes))
	}
	for i, theme := range themes {
		colors := map[string]float64{}
		for _, c := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6})`).FindAllStringSubmatch(theme[1], -1) {
			colors[c[1]] = luminance(t, c[2])
		}
		for _, text := range []string{"text", "muted", "link", "good", "bad"} {
			for _, background := range []string{"page", "heading", "bad-page"} {
				lighter, darker := max(colors[text], colors[background]), min(colors[text], colors[background])
				if ratio := (lighter + 0.05) / (darker + 0.05); ratio < 4.5 {
					t.Errorf("theme %d: %s on %s has the contrast %.2f", i, text, background, ratio)
				}
			}
		}
	}
}

func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	var channels [3]float64
	for i := range channels {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		channels[i] = float64(n) / 255
		if channels[i] <= 0.04045 {
			channels[i] /= 12.92
		} else {
			channels[i] = math.Pow((channels[i]+0.055)/1.055, 2.4)
		}
	}
	return 0.2126*channels[0] + 0.7152*channels[1] + 0.0722*channels[2]
}
