// Package guides does what the tutorial, the how-to pages and README.md tell a reader to do: with a real API server, the
// built manager and plugin, and the simulated DeepCall of make playground. It holds the pages to what is printed.
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

// folder is where programs puts what it built; empty before.
var folder string

// programs builds what make playground builds, once.
var programs = sync.OnceValue(func() (err error) {
	if folder, err = os.MkdirTemp("", "deepcall-guides-"); err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	for name, source := range map[string]string{"manager": "./cmd", "simulator": "./test/simulator", "kubectl-deepcall": "./cmd/kubectl-deepcall"} {
		build := exec.CommandContext(context.Background(), "go", "build", "-o", filepath.Join(folder, name), source)
		build.Dir = testenv.Root()
		if output, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w: %s", name, err, output)
		}
	}
	return nil
})

func TestMain(m *testing.M) {
	format.TruncatedDiff = false // show all that was printed
	status := m.Run()
	if folder != "" {
		_ = os.RemoveAll(folder)
	}
	os.Exit(status)
}

// terminal is that of a reader, at the top of a checkout of their own.
type terminal struct{ checkout, home string }

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	if err := programs(); err != nil {
		t.Fatal(err)
	}
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		assets = filepath.Join(testenv.Root(), "bin", "k8s")
	}
	reader := &terminal{checkout: t.TempDir(), home: t.TempDir()}
	bin := filepath.Join(reader.checkout, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	links := map[string]string{filepath.Join(bin, "k8s"): assets}
	for _, name := range []string{"Makefile", "config", "hack"} {
		links[filepath.Join(reader.checkout, name)] = filepath.Join(testenv.Root(), name)
	}
	for _, name := range []string{"manager", "simulator", "kubectl-deepcall"} {
		links[filepath.Join(bin, name)] = filepath.Join(folder, name)
	}
	for link, target := range links {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { reader.does(t, "[[ ! -e bin/playground ]] || hack/demo.sh stop bin/playground") })
	return reader
}

// session is what each command is run in: variables outlive it, and make finds all built.
const session = `
[[ ! -e $HOME/variables ]] || source "$HOME/variables"
trap 'export -p > "$HOME/variables"' EXIT
make() { command make --no-print-directory --old-file=build --old-file=control-plane "$@"; }
`

func (r *terminal) run(command string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	bash := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", session+command)
	bash.Dir = r.checkout
	bash.Env = append(os.Environ(), "HOME="+r.home)
	output, err := bash.CombinedOutput()
	return strings.ReplaceAll(string(output), r.checkout, "/home/you/deepcall-operator"), err
}

// does runs commands that succeed.
func (r *terminal) does(t *testing.T, commands string) {
	t.Helper()
	if output, err := r.run(commands); err != nil {
		t.Fatalf("%s\n%v\n%s", commands, err, output)
	}
}

// looks are commands that only look, so that they can be repeated until the operator has come as far as the page.
var looks = regexp.MustCompile(`^(kubectl (get|describe|api-resources) |kubectl deepcall roster|curl )`)

// sees runs a command that succeeds and prints what the page shows.
func (r *terminal) sees(t *testing.T, command, shown string) {
	t.Helper()
	patience := time.Duration(0)
	if looks.MatchString(command) {
		patience = 20 * time.Second
	}
	NewWithT(t).Eventually(func() (string, error) {
		output, err := r.run(command)
		return masked(output), err
	}).WithTimeout(patience).WithPolling(100*time.Millisecond).Should(Equal(masked(shown)), command)
}

// masks are what differs from run to run.
var masks = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z|\d\d:\d\d:\d\d\.\d{3}`), "TIME"},
	{regexp.MustCompile(`\b(\d+m)?\d+s\b|\b\d+ms\b`), "AGE"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:PORT"},
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), "UID"},
	{regexp.MustCompile(`Resource Version: +\d+`), "Resource Version: N"},
	{regexp.MustCompile(` +`), " "}, // columns are as wide as what is in them
	{regexp.MustCompile(` \n`), "\n"},
}

func masked(output string) string {
	for _, mask := range masks {
		output = mask.what.ReplaceAllString(output, mask.with)
	}
	return output
}
