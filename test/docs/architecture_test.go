package docs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

const (
	architecture = "ARCHITECTURE.md"
	contributing = "CONTRIBUTING.md"
)

var (
	// The text of a link is a name in backquotes, the title of a spec in double quotes, or anything else.
	link = regexp.MustCompile(`\[([^\]]+)\]\(([^)\s]+)\)`)
	code = regexp.MustCompile("^`([^`]+)`$")
	// Diagrams have no links, so they contain functions as name() and files by their base name.
	function  = regexp.MustCompile(`(\w+)\(\)`)
	inDiagram = regexp.MustCompile("(?s)```mermaid\n(.*?)```")
	goFile    = regexp.MustCompile(`\w+\.go`)
	ruleRow   = regexp.MustCompile(`(?m)^\| \*\*(R\d+) .*$`)
)

func TestLinksToCodeAreValid(t *testing.T) {
	for page, atLeast := range map[string]int{architecture: 100, contributing: 30} {
		links := link.FindAllStringSubmatch(read(t, page), -1)
		if len(links) < atLeast {
			t.Errorf("%s: found only %d links, want at least %d", page, len(links), atLeast)
		}
		for _, l := range links {
			if err := checkLink(l[1], l[2]); err != nil {
				t.Errorf("%s: %s: %v", page, l[0], err)
			}
		}
	}
}

// checkLink returns an error if a link to a name or a spec in the code is wrong.
func checkLink(text, target string) error {
	name := code.FindStringSubmatch(text)
	quoted := strings.HasPrefix(text, `"`)
	if name == nil && !quoted {
		return nil
	}
	switch _, err := os.Stat(filepath.Join(testenv.Root(), target)); {
	case err != nil:
		return errors.New("file not found")
	case !quoted && name[1] == target:
		return nil
	case path.Ext(target) != ".go":
		return errors.New("the text is the name of another file")
	}
	file, err := parse(filepath.Join(testenv.Root(), target))
	switch {
	case err != nil:
		return err
	case quoted && !file.literals[strings.Trim(text, `"`)]:
		return errors.New("the file contains no spec with this title")
	case !quoted && !file.declares(name[1]):
		return errors.New("the file contains no declaration with this name")
	}
	return nil
}

// declares reports whether the file declares name. The methods of a Reconciler can be named without their type.
func (s source) declares(name string) bool {
	return s.names[name] || s.names["Reconciler."+name]
}

func TestNamesInTheDiagramExist(t *testing.T) {
	diagram := inDiagram.FindStringSubmatch(read(t, architecture))
	if diagram == nil {
		t.Fatalf("found no diagram in %s", architecture)
	}
	functions, files := declarations(t)
	for _, f := range function.FindAllStringSubmatch(diagram[1], -1) {
		if !functions[f[1]] {
			t.Errorf("found no function or method %s", f[1])
		}
	}
	for _, file := range goFile.FindAllString(diagram[1], -1) {
		if !files[file] {
			t.Errorf("found no file %s", file)
		}
	}
}

// declarations returns the functions and methods of the manager, without their types, and the base names of its files.
func declarations(t *testing.T) (functions, files map[string]bool) {
	t.Helper()
	functions, files = map[string]bool{}, map[string]bool{}
	for _, folder := range []string{"cmd", "internal"} {
		err := filepath.WalkDir(filepath.Join(testenv.Root(), folder), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".go" {
				return err
			}
			file, err := parse(path)
			for name := range file.names {
				functions[name[strings.LastIndex(name, ".")+1:]] = true
			}
			files[filepath.Base(path)] = true
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return functions, files
}

func TestRulesLinkToCodeAndTests(t *testing.T) {
	rows := map[string]string{}
	for _, row := range ruleRow.FindAllStringSubmatch(read(t, architecture), -1) {
		if rows[row[1]] != "" {
			t.Errorf("duplicate rule %s", row[1])
		}
		rows[row[1]] = row[0]
	}
	for i := 1; i <= 17; i++ {
		rule := fmt.Sprintf("R%d", i)
		cells := strings.Split(rows[rule], " | ")
		if len(cells) != 3 {
			t.Errorf("%s: found no row with rule, code and tests", rule)
			continue
		}
		codeLinks, testLinks := link.FindAllStringSubmatch(cells[1], -1), link.FindAllStringSubmatch(cells[2], -1)
		if len(codeLinks) == 0 || len(testLinks) == 0 {
			t.Errorf("%s: found %d links to code and %d to tests, want at least one of each", rule, len(codeLinks), len(testLinks))
		}
		for _, test := range testLinks {
			if !strings.HasSuffix(test[2], "_test.go") {
				t.Errorf("%s: %s is not a test file", rule, test[0])
			}
		}
	}
	if len(rows) != 17 {
		t.Errorf("got %d rules, want R1 to R17", len(rows))
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(testenv.Root(), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}
