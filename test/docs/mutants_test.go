package docs

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// make mutants takes half an hour to detect that a mutant doesn't apply.
func TestMutantsApplyAndAreDescribed(t *testing.T) {
	root := testenv.Root()
	patches, err := filepath.Glob(filepath.Join(root, "hack", "mutants", "*.patch"))
	if err != nil || len(patches) < 10 {
		t.Fatalf("got %d mutants and %v, want at least 10", len(patches), err)
	}
	for _, patch := range patches {
		name := strings.TrimSuffix(filepath.Base(patch), ".patch")
		check := exec.CommandContext(t.Context(), "git", "apply", "--check", patch)
		check.Dir = root
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("%s doesn't apply: %s", name, out)
		}
		defect, rest, _ := strings.Cut(read(t, filepath.Join("hack", "mutants", name+".patch")), "\n")
		if !strings.HasSuffix(defect, ".") || !strings.HasPrefix(rest, "test: ") {
			t.Errorf("%s does not begin with a line that describes the defect, and one that names the test", name)
		}
	}
}
