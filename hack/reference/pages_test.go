package main

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

func committed(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(reference, page))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestPages_are_up_to_date skips the two pages that take long to generate. CI compares all of them.
func TestPages_are_up_to_date(t *testing.T) {
	constants, err := parseConstants(api)
	if err != nil {
		t.Fatal(err)
	}
	for page, data := range map[string]any{"README.md": nil, "states.md": newStatesPage(constants), "codes.md": newCodesPage(), "rbac.md": roles} {
		fresh, err := render(page, data)
		if err != nil {
			t.Fatal(err)
		}
		if fresh != committed(t, page) {
			t.Errorf("%s is stale: run make generate", page)
		}
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^)#]*)(?:#([^)]*))?\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
)

func TestPages_have_no_broken_links(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(reference, "*.md"))
	if err != nil || len(pages) != 6 {
		t.Fatalf("found %v, %v", pages, err)
	}
	for _, page := range pages {
		page = filepath.Base(page)
		text := committed(t, page)
		anchors := map[string]bool{}
		for _, found := range heading.FindAllStringSubmatch(text, -1) {
			anchors[strings.ToLower(strings.ReplaceAll(found[1], " ", "-"))] = true
		}
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			target, anchor := found[1], found[2]
			if strings.HasPrefix(target, "https://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(reference, target)); err != nil {
				t.Errorf("%s links to %s, which does not exist", page, target)
			}
			if target == "" && !anchors[anchor] {
				t.Errorf("%s links to #%s, which does not exist", page, anchor)
			}
		}
	}
}

func TestParseHelp(t *testing.T) {
	help := "go: downloading something\n" +
		"Usage of /tmp/cmd:\n" +
		"  -leader-elect\n    \tElect a leader.\n" +
		"  -metrics-secure\n    \tServe over HTTPS. (default true)\n" +
		"  -metrics-bind-address string\n    \tThe address, such as :8443.\n    \t0 turns it off. (default \"0\")\n" +
		"  -watch-namespaces string\n    \tA list. Default: all.\n"
	want := []option{
		{"leader-elect", "", "", "Elect a leader."},
		{"metrics-secure", "", "true", "Serve over HTTPS."},
		{"metrics-bind-address", "string", "0", "The address, such as :8443. 0 turns it off."},
		{"watch-namespaces", "string", "", "A list. Default: all."},
	}
	if got := parseHelp(help); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	page, err := render("flags.md", want)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{
		"| `--leader-elect` | true or false | `false` | Elect a leader. |\n",
		"| `--metrics-secure` | true or false | `true` | Serve over HTTPS. |\n",
		"| `--metrics-bind-address` | string | `0` | The address, such as :8443. 0 turns it off. |\n",
		"| `--watch-namespaces` | string |  | A list. Default: all. |\n",
	} {
		if !strings.Contains(page, row) {
			t.Errorf("the page lacks %q", row)
		}
	}
}

func TestCell_joins_lines_and_escapes_bars(t *testing.T) {
	if got := cell("one|two\n three"); got != `one\|two three` {
		t.Errorf("got %q", got)
	}
}
