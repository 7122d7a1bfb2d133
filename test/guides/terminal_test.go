// Package guides runs the commands of the tutorial, the how-to pages and README.md in the environment of make playground,
// and compares their output with the pages.
package guides

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/format"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// binaries is the directory of the built programs.
var binaries string

// buildPrograms builds the programs of make playground once. Pages show the version of a build without a tag, so Go may not
// stamp that of the checkout.
var buildPrograms = sync.OnceValue(func() (err error) {
	if binaries, err = os.MkdirTemp("", "deepcall-guides-"); err != nil {
		return fmt.Errorf("create a directory: %w", err)
	}
	for name, source := range map[string]string{"manager": "./cmd", "simulator": "./test/simulator", "kubectl-deepcall": "./cmd/kubectl-deepcall"} {
		build := exec.CommandContext(context.Background(), "go", "build", "-buildvcs=false", "-o", filepath.Join(binaries, name), source)
		build.Dir = testenv.Root()
		if output, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w: %s", name, err, output)
		}
	}
	return nil
})

func TestMain(m *testing.M) {
	format.TruncatedDiff = false // show the complete output
	status := m.Run()
	_ = os.RemoveAll(binaries)
	os.Exit(status)
}

// terminal runs commands in the root directory of a checkout.
type terminal struct{ checkout, home string }

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	if err := buildPrograms(); err != nil {
		t.Fatal(err)
	}
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		assets = filepath.Join(testenv.Root(), "bin", "k8s")
	}
	terminal := &terminal{checkout: t.TempDir(), home: t.TempDir()}
	bin := filepath.Join(terminal.checkout, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	links := map[string]string{filepath.Join(bin, "k8s"): assets}
	for _, name := range []string{"Makefile", "config", "hack"} {
		links[filepath.Join(terminal.checkout, name)] = filepath.Join(testenv.Root(), name)
	}
	for _, name := range []string{"manager", "simulator", "kubectl-deepcall"} {
		links[filepath.Join(bin, name)] = filepath.Join(binaries, name)
	}
	for link, target := range links {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { terminal.mustRun(t, "[[ ! -e bin/playground ]] || hack/demo.sh stop bin/playground") })
	return terminal
}

// session precedes each command. It keeps exported variables between commands, and prevents make from building programs.
const session = `
[[ ! -e $HOME/variables ]] || source "$HOME/variables"
trap 'export -p > "$HOME/variables"' EXIT
make() { command make --no-print-directory --old-file=build --old-file=control-plane "$@"; }
`

// run runs commands and returns their output.
func (r *terminal) run(command string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	bash := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", session+command)
	bash.Dir = r.checkout
	bash.Env = append(os.Environ(), "HOME="+r.home)
	output, err := bash.CombinedOutput()
	return strings.ReplaceAll(string(output), r.checkout, "/home/you/deepcall-operator"), err
}

// mustRun runs commands and expects them to succeed.
func (r *terminal) mustRun(t *testing.T, commands string) {
	t.Helper()
	if output, err := r.run(commands); err != nil {
		t.Fatalf("%s\n%v\n%s", commands, err, output)
	}
}

// readOnly matches commands that can be repeated until the operator has reached the state that the page shows.
var readOnly = regexp.MustCompile(`^(kubectl (get|describe|api-resources) |kubectl deepcall (roster|status|check)|curl )`)

// expectOutput runs a command and expects it to succeed with the output that the page shows.
func (r *terminal) expectOutput(t *testing.T, command, shown string) {
	t.Helper()
	timeout := time.Duration(0)
	if readOnly.MatchString(command) {
		timeout = 20 * time.Second
	}
	NewWithT(t).Eventually(func() (string, error) {
		output, err := r.run(command)
		return mask(output), err
	}).WithTimeout(timeout).WithPolling(100*time.Millisecond).Should(Equal(mask(shown)), command)
}

// masks replace text that differs between runs.
var masks = []struct {
	pattern     *regexp.Regexp
	replacement string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z|\d\d:\d\d:\d\d\.\d{3}`), "TIME"},
	{regexp.MustCompile(`\b(\d+m)?\d+s\b|\b\d+ms\b`), "AGE"},
	{regexp.MustCompile(`\babout \d+m\b`), "about AGE"},
	{regexp.MustCompile(`Kubernetes +v1\.\d+\.\d+`), "Kubernetes VERSION"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:PORT"},
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), "UID"},
	{regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{16}\b`), "HASH"},
	{regexp.MustCompile(`Resource Version: +\d+`), "Resource Version: N"},
	{regexp.MustCompile(` +`), " "}, // column widths depend on the values
	{regexp.MustCompile(` \n`), "\n"},
}

func mask(output string) string {
	for _, m := range masks {
		output = m.pattern.ReplaceAllString(output, m.replacement)
	}
	return output
}
