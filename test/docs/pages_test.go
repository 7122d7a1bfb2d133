package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// pages are those for contributors.
var pages = []string{architecture, contributing, "CHANGELOG.md", "SECURITY.md", "CODE_OF_CONDUCT.md"}

var (
	target  = regexp.MustCompile(`(?m)^make ([a-z][^A-Z\n]*)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
)

func TestEveryLinkOfThePagesLeadsSomewhere(t *testing.T) {
	for _, page := range pages {
		for _, l := range link.FindAllStringSubmatch(read(t, page), -1) {
			file, anchor, _ := strings.Cut(l[2], "#")
			switch _, err := os.Stat(filepath.Join(testenv.Root(), file)); {
			case strings.HasPrefix(l[2], "https://"):
			case err != nil:
				t.Errorf("%s: %s: there is no such file", page, l[0])
			case anchor != "" && !anchors(read(t, file))[anchor]:
				t.Errorf("%s: %s: there is no such heading", page, l[0])
			}
		}
	}
}

// anchors are the ends of links to the headings of a page.
func anchors(page string) map[string]bool {
	found := map[string]bool{}
	for _, h := range heading.FindAllStringSubmatch(page, -1) {
		found[strings.ReplaceAll(strings.ToLower(h[1]), " ", "-")] = true
	}
	return found
}

func TestEveryTargetOfThePagesIsInTheMakefile(t *testing.T) {
	makefile, seen := read(t, "Makefile"), 0
	for _, page := range pages {
		for _, block := range testenv.Blocks(t, page, "sh") {
			for _, command := range target.FindAllStringSubmatch(block.Text, -1) {
				for _, name := range strings.Fields(command[1]) {
					seen++
					if !strings.Contains(makefile, "\n"+name+":") {
						t.Errorf("%s: make %s: there is no such target", page, name)
					}
				}
			}
		}
	}
	if seen < 5 {
		t.Errorf("only %d targets were found; can the pages be read?", seen)
	}
}
