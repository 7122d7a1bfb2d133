package docs

import (
	"io/fs"
	"os"
	"path"
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
	// What a heading loses in its anchor.
	notInAnchor = regexp.MustCompile(`[^\w -]`)
)

// guides are the pages for users: README.md and all of docs.
func guides(t *testing.T) []string {
	t.Helper()
	found := []string{"README.md"}
	err := fs.WalkDir(os.DirFS(testenv.Root()), "docs", func(name string, _ fs.DirEntry, err error) error {
		if path.Ext(name) == ".md" {
			found = append(found, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestEveryLinkOfThePagesLeadsSomewhere(t *testing.T) {
	for _, page := range append(guides(t), pages...) {
		for _, l := range link.FindAllStringSubmatch(read(t, page), -1) {
			if strings.HasPrefix(l[2], "https://") {
				continue
			}
			file, anchor, _ := strings.Cut(l[2], "#")
			if file == "" {
				file = page
			} else {
				file = path.Join(path.Dir(page), file)
			}
			switch _, err := os.Stat(filepath.Join(testenv.Root(), file)); {
			case err != nil:
				t.Errorf("%s: %s: there is no such file", page, l[0])
			case anchor != "" && !anchors(read(t, file))[anchor]:
				t.Errorf("%s: %s: there is no such heading", page, l[0])
			}
		}
	}
}

func TestTheIndexHasEveryPage(t *testing.T) {
	linked := map[string]bool{}
	for _, index := range []string{"docs/README.md", "docs/reference/README.md"} {
		linked[index] = true
		for _, l := range link.FindAllStringSubmatch(read(t, index), -1) {
			linked[path.Join(path.Dir(index), l[2])] = true
		}
	}
	for _, page := range guides(t) {
		if !linked[page] && page != "README.md" {
			t.Errorf("%s is not in docs/README.md", page)
		}
	}
}

// anchors are the ends of links to the headings of a page, as GitHub makes them.
func anchors(page string) map[string]bool {
	found := map[string]bool{}
	for _, h := range heading.FindAllStringSubmatch(page, -1) {
		words := notInAnchor.ReplaceAllString(strings.ToLower(h[1]), "")
		found[strings.ReplaceAll(words, " ", "-")] = true
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
