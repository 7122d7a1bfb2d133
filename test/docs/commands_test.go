package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

var (
	goCommand = regexp.MustCompile("(?m)go (?:test|run)((?: +\\./[^\\s`]+)+)([^`\n]*)")
	chosen    = regexp.MustCompile(`-run[= ]'?([^'\s]+)`)
	spec      = regexp.MustCompile(`-ginkgo\.focus=?'([^']+)'`)
	declared  = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)`)
	described = regexp.MustCompile(`\b\w+\((?:"([^"]*)"|` + "`([^`]*)`)")
)

// What go test is told to run is there, whether a page shows it in a block or in a line.
func TestTheTestsThatThePagesNameAreThere(t *testing.T) {
	found := 0
	for _, page := range append(guides(t), pages...) {
		text := strings.ReplaceAll(strings.ReplaceAll(read(t, page), "\\\n", " "), `\|`, "|")
		for _, command := range goCommand.FindAllStringSubmatch(text, -1) {
			source := sourceOf(t, page, strings.Fields(command[1]))
			for _, name := range chosen.FindAllStringSubmatch(command[2], -1) {
				found++
				expectEach(t, page+": "+command[0], name[1], declared.FindAllStringSubmatch(source, -1))
			}
			for _, focus := range spec.FindAllStringSubmatch(command[2], -1) {
				found++
				expectEach(t, page+": "+command[0], focus[1], described.FindAllStringSubmatch(source, -1))
			}
		}
	}
	if found < 15 {
		t.Errorf("only %d names of tests were found", found)
	}
}

// expectEach expects that each alternative of a pattern names something.
func expectEach(t *testing.T, where, pattern string, names [][]string) {
	t.Helper()
	if pattern == "^$" {
		return // none, on purpose
	}
alternatives:
	for alternative := range strings.SplitSeq(pattern, "|") {
		wanted, err := regexp.Compile(alternative)
		if err != nil {
			t.Errorf("%s: %v", where, err)
			continue
		}
		for _, name := range names {
			if wanted.MatchString(strings.Join(name[1:], "")) {
				continue alternatives
			}
		}
		t.Errorf("%s: nothing is called %s", where, alternative)
	}
}

// sourceOf is the text of the packages' Go files.
func sourceOf(t *testing.T, page string, packages []string) string {
	t.Helper()
	var source strings.Builder
	for _, name := range packages {
		pattern := filepath.Join(testenv.Root(), strings.TrimSuffix(name, "/..."), "*.go")
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Errorf("%s: there is no package %s", page, name)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			source.Write(content)
		}
	}
	return source.String()
}
