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
	runFlag   = regexp.MustCompile(`-run[= ]'?([^'\s]+)`)
	focusFlag = regexp.MustCompile(`-ginkgo\.focus=?'([^']+)'`)
	testFunc  = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)`)
	specTitle = regexp.MustCompile(`\b\w+\((?:"([^"]*)"|` + "`([^`]*)`)")
)

func TestTestsInCommandsOfThePagesExist(t *testing.T) {
	found := 0
	for _, page := range append(guides(t), pages...) {
		text := strings.ReplaceAll(strings.ReplaceAll(read(t, page), "\\\n", " "), `\|`, "|")
		for _, command := range goCommand.FindAllStringSubmatch(text, -1) {
			source := readPackages(t, page, strings.Fields(command[1]))
			for _, name := range runFlag.FindAllStringSubmatch(command[2], -1) {
				found++
				expectMatches(t, page+": "+command[0], name[1], testFunc.FindAllStringSubmatch(source, -1))
			}
			for _, focus := range focusFlag.FindAllStringSubmatch(command[2], -1) {
				found++
				expectMatches(t, page+": "+command[0], focus[1], specTitle.FindAllStringSubmatch(source, -1))
			}
		}
	}
	if found < 15 {
		t.Errorf("found only %d names of tests, want at least 15", found)
	}
}

// expectMatches expects that each alternative of a pattern matches one of names.
func expectMatches(t *testing.T, where, pattern string, names [][]string) {
	t.Helper()
	if pattern == "^$" {
		return // deliberately matches no test
	}
alternatives:
	for alternative := range strings.SplitSeq(pattern, "|") {
		expression, err := regexp.Compile(alternative)
		if err != nil {
			t.Errorf("%s: %v", where, err)
			continue
		}
		for _, name := range names {
			if expression.MatchString(strings.Join(name[1:], "")) {
				continue alternatives
			}
		}
		t.Errorf("%s: no test matches %s", where, alternative)
	}
}

// readPackages returns the contents of the packages' Go files.
func readPackages(t *testing.T, page string, packages []string) string {
	t.Helper()
	var source strings.Builder
	for _, name := range packages {
		pattern := filepath.Join(testenv.Root(), strings.TrimSuffix(name, "/..."), "*.go")
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Errorf("%s: package %s not found", page, name)
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
