package docs

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// A mutant that can't be put in any more shows nothing, and takes half an hour to say so.
func TestEveryMutantCanBePutInAndIsTold(t *testing.T) {
	root := testenv.Root()
	patches, err := filepath.Glob(filepath.Join(root, "hack", "mutants", "*.patch"))
	if err != nil || len(patches) < 10 {
		t.Fatalf("there are %d mutants, %v", len(patches), err)
	}
	page := read(t, "docs/reliability.md")
	for _, patch := range patches {
		name := strings.TrimSuffix(filepath.Base(patch), ".patch")
		check := exec.CommandContext(t.Context(), "git", "apply", "--check", patch)
		check.Dir = root
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("%s can't be put in: %s", name, out)
		}
		defect, _, _ := strings.Cut(read(t, filepath.Join("hack", "mutants", name+".patch")), "\n")
		if row := "| `" + name + "` | " + defect + " |"; !strings.Contains(page, row) {
			t.Errorf("docs/reliability.md does not tell of %s: no row begins with %s", name, row)
		}
	}
}
