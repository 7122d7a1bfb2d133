package docs

import (
	"regexp"
	"strings"
	"testing"
)

func TestStabilityNamesThePinnedVersions(t *testing.T) {
	page := strings.ReplaceAll(read(t, "docs/stability.md"), "\n", " ")
	for _, c := range []struct{ file, module, text string }{
		{"hack/controlplane/go.mod", "k8s.io/kubernetes", "Kubernetes "},
		{"hack/deploy/go.mod", "helm.sh/helm/v3", "version "},
	} {
		pinned := regexp.MustCompile(`(?m)^\s*` + regexp.QuoteMeta(c.module) + ` v(\d+\.\d+)\.`).FindStringSubmatch(read(t, c.file))
		if pinned == nil {
			t.Fatalf("%s requires no %s", c.file, c.module)
		}
		if want := c.text + pinned[1] + "."; !strings.Contains(page, want) {
			t.Errorf("docs/stability.md does not contain %q, which %s requires", want, c.file)
		}
	}
}
