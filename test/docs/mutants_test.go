package docs

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// make mutants takes half an hour to detect that a mutant doesn't apply.
func TestMutantsApplyAndAreDocumented(t *testing.T) {
	root := testenv.Root()
	patches, err := filepath.Glob(filepath.Join(root, "hack", "mutants", "*.patch"))
	if err != nil || len(patches) < 10 {
		t.Fatalf("got %d mutants and %v, want at least 10", len(patches), err)
	}
	page := read(t, "docs/reliability.md")
	for _, patch := range patches {
		name := strings.TrimSuffix(filepath.Base(patch), ".patch")
		check := exec.CommandContext(t.Context(), "git", "apply", "--check", patch)
		check.Dir = root
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("%s doesn't apply: %s", name, out)
		}
		defect, _, _ := strings.Cut(read(t, filepath.Join("hack", "mutants", name+".patch")), "\n")
		if row := "| `" + name + "` | " + defect + " |"; !strings.Contains(page, row) {
			t.Errorf("docs/reliability.md doesn't describe %s: no row starts with %s", name, row)
		}
	}
}
