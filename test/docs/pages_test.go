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

// pages are the pages for contributors.
var pages = []string{architecture, contributing, "CHANGELOG.md", "SECURITY.md", "CODE_OF_CONDUCT.md"}

var (
	target  = regexp.MustCompile(`(?m)^make ([a-z][^A-Z\n]*)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	// droppedInAnchor matches the characters of a heading that its anchor omits.
	droppedInAnchor = regexp.MustCompile(`[^\w -]`)
)

// guides returns the pages for users: README.md and all pages in docs.
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

func TestLinksAreValid(t *testing.T) {
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
				t.Errorf("%s: %s: file not found", page, l[0])
			case anchor != "" && !anchors(read(t, file))[anchor]:
				t.Errorf("%s: %s: heading not found", page, l[0])
			}
		}
	}
}

func TestIndexLinksToAllPages(t *testing.T) {
	linked := map[string]bool{}
	for _, index := range []string{"docs/README.md", "docs/reference/README.md"} {
		linked[index] = true
		for _, l := range link.FindAllStringSubmatch(read(t, index), -1) {
			linked[path.Join(path.Dir(index), l[2])] = true
		}
	}
	for _, page := range guides(t) {
		if !linked[page] && page != "README.md" {
			t.Errorf("docs/README.md doesn't link to %s", page)
		}
	}
}

// anchors returns the anchors that GitHub creates for the headings of a page.
func anchors(page string) map[string]bool {
	found := map[string]bool{}
	for _, h := range heading.FindAllStringSubmatch(page, -1) {
		words := droppedInAnchor.ReplaceAllString(strings.ToLower(h[1]), "")
		found[strings.ReplaceAll(words, " ", "-")] = true
	}
	return found
}

func TestMakeTargetsInCommandsExist(t *testing.T) {
	makefile, seen := read(t, "Makefile"), 0
	for _, page := range pages {
		for _, block := range testenv.Blocks(t, page, "sh") {
			for _, command := range target.FindAllStringSubmatch(block.Text, -1) {
				for _, name := range strings.Fields(command[1]) {
					seen++
					isTool := strings.Contains(makefile, ":= "+name+"\n")
					if !isTool && !strings.Contains(makefile, "\n"+name+":") {
						t.Errorf("%s: make %s: target not found", page, name)
					}
				}
			}
		}
	}
	if seen < 5 {
		t.Errorf("found only %d targets, want at least 5", seen)
	}
}
