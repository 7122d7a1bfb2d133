package docs

import (
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
	// A link to a name in code, to a quoted title of a spec, or to anything else.
	link = regexp.MustCompile(`\[([^\]]+)\]\(([^)\s]+)\)`)
	code = regexp.MustCompile("^`([^`]+)`$")
	// The diagram can't link, so it names functions as name() and files by their base name.
	called    = regexp.MustCompile(`(\w+)\(\)`)
	inDiagram = regexp.MustCompile("(?s)```mermaid\n(.*?)```")
	goFile    = regexp.MustCompile(`\w+\.go`)
	ruleRow   = regexp.MustCompile(`(?m)^\| \*\*(R\d+) .*$`)
)

func TestWhatIsLinkedInTheCodeExistsThere(t *testing.T) {
	for page, atLeast := range map[string]int{architecture: 100, contributing: 30} {
		links := link.FindAllStringSubmatch(read(t, page), -1)
		if len(links) < atLeast {
			t.Errorf("%s has only %d links; can they be read?", page, len(links))
		}
		for _, l := range links {
			if complaint := check(l[1], l[2]); complaint != "" {
				t.Errorf("%s: %s: %s", page, l[0], complaint)
			}
		}
	}
}

// check says what is wrong with a link into the code; empty when it is right, or leads elsewhere.
func check(text, target string) string {
	name := code.FindStringSubmatch(text)
	quoted := strings.HasPrefix(text, `"`)
	if name == nil && !quoted {
		return ""
	}
	switch _, err := os.Stat(filepath.Join(testenv.Root(), target)); {
	case err != nil:
		return "there is no such file"
	case !quoted && name[1] == target:
		return ""
	case path.Ext(target) != ".go":
		return "it leads to another file"
	}
	file, err := parse(filepath.Join(testenv.Root(), target))
	switch {
	case err != nil:
		return err.Error()
	case quoted && !file.texts[strings.Trim(text, `"`)]:
		return "no spec there has this title"
	case !quoted && !file.has(name[1]):
		return "the file declares nothing of that name"
	}
	return ""
}

// has takes record for AgentReconciler.record where a sentence names the method alone.
func (s source) has(name string) bool {
	return s.names[name] || s.names["AgentReconciler."+name]
}

func TestWhatTheDiagramNamesExists(t *testing.T) {
	diagram := inDiagram.FindStringSubmatch(read(t, architecture))
	if diagram == nil {
		t.Fatalf("%s has no diagram", architecture)
	}
	functions, files := everything(t)
	for _, f := range called.FindAllStringSubmatch(diagram[1], -1) {
		if !functions[f[1]] {
			t.Errorf("no function or method is called %s", f[1])
		}
	}
	for _, file := range goFile.FindAllString(diagram[1], -1) {
		if !files[file] {
			t.Errorf("no file is called %s", file)
		}
	}
}

// everything is what the packages of the manager declare: functions by their bare names, and base names of files.
func everything(t *testing.T) (functions, files map[string]bool) {
	t.Helper()
	functions, files = map[string]bool{}, map[string]bool{}
	for _, folder := range []string{"cmd", "internal"} {
		err := filepath.WalkDir(filepath.Join(testenv.Root(), folder), func(name string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(name) != ".go" {
				return err
			}
			file, err := parse(name)
			for declared := range file.names {
				functions[declared[strings.LastIndex(declared, ".")+1:]] = true
			}
			files[filepath.Base(name)] = true
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return functions, files
}

func TestEveryRuleHasAPlaceAndATest(t *testing.T) {
	rows := map[string]string{}
	for _, row := range ruleRow.FindAllStringSubmatch(read(t, architecture), -1) {
		if rows[row[1]] != "" {
			t.Errorf("%s stands there twice", row[1])
		}
		rows[row[1]] = row[0]
	}
	for i := 1; i <= 15; i++ {
		rule := fmt.Sprintf("R%d", i)
		cells := strings.Split(rows[rule], " | ")
		if len(cells) != 3 {
			t.Errorf("%s has no row of rule, place and test", rule)
			continue
		}
		places, tests := link.FindAllStringSubmatch(cells[1], -1), link.FindAllStringSubmatch(cells[2], -1)
		if len(places) == 0 || len(tests) == 0 {
			t.Errorf("%s names %d places and %d tests", rule, len(places), len(tests))
		}
		for _, test := range tests {
			if !strings.HasSuffix(test[2], "_test.go") {
				t.Errorf("%s: %s is no test", rule, test[0])
			}
		}
	}
	if len(rows) != 15 {
		t.Errorf("there are %d rules, want R1 to R15", len(rows))
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
