package guides

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// skipped are the blocks that can't run in this test: a line of each block, and the reason.
var skipped = map[string]map[string]string{
	"README.md": {
		"make demo   # see it work: a control plane, a simulated DeepCall, the operator, kubectl": "make test would run recursively",
		"kubectl apply -k config/default": "test/kustomize runs the command of docs/install-kustomize.md",
	},
	"docs/how-to/pause.md": {
		"kubectl scale deployment/deepcall-operator-controller-manager -n deepcall-operator-system --replicas=0": "the control plane runs no Pods",
		"kubectl scale deployment/deepcall-operator-controller-manager -n deepcall-operator-system --replicas=1": "the control plane runs no Pods",
	},
	"docs/how-to/preview-changes.md": {
		"mkdir base": "the checkout of this test is no git repository; test/plugin runs the same commands in the job for GitHub Actions",
	},
	"docs/how-to/upgrade.md": {
		"kubectl rollout status deployment/deepcall-operator-controller-manager -n deepcall-operator-system": "the control plane runs no Pods",
		"helm rollback deepcall-operator -n deepcall-operator-system":                                        "test/chart runs the command of docs/install-helm.md",
	},
	"docs/how-to/uninstall.md": {
		"helm uninstall deepcall-operator -n deepcall-operator-system":                         "test/chart runs the command of docs/install-helm.md",
		`kubectl patch agm asha -n support --type=merge -p '{"metadata":{"finalizers":null}}'`: "only needed without the operator",
	},
	"docs/how-to/use-a-proxy.md": {
		"helm upgrade --install deepcall-operator config/chart -n deepcall-operator-system --reset-then-reuse-values \\": "Helm is not installed; test/chart renders this value",
	},
	"docs/how-to/openshift.md": {
		`oc get pods -n deepcall-operator-system -o jsonpath='{.items[*].metadata.annotations.openshift\.io/scc}{"\n"}'`: "needs OpenShift",
		"cat > openshift.yaml <<'END'":        "Helm is not installed",
		"kubectl create configmap trusted-ca": "needs OpenShift, which writes the certificates",
	},
	"docs/how-to/guard.md": {
		"helm upgrade deepcall-operator config/chart -n deepcall-operator-system --reset-then-reuse-values --set policies.enabled=true": "test/chart runs the command of docs/install-helm.md",
	},
	"docs/how-to/validate-manifests.md": {
		"mkdir schemas": "the checkout of this test has no Go code; hack/schemas tests the schemas",
		"kubeconform -summary -skip Secret -schema-location 'schemas/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json' config/samples/account.yaml config/samples/mapping.yaml": "kubeconform is not installed; hack/schemas tests the schemas",
	},
	"docs/how-to/verify-release.md": {
		"gh release download v0.1.0 --repo deepcall/deepcall-operator --dir release":                     "needs a release",
		"gh attestation verify kubectl-deepcall-linux-amd64.tar.gz --repo deepcall/deepcall-operator \\": "needs a release",
		"cosign verify ghcr.io/deepcall/deepcall-operator:v0.1.0 \\":                                     "needs a release",
		"cosign verify ghcr.io/deepcall/charts/deepcall-operator:0.1.0 \\":                               "needs a release",
		"cosign verify-attestation ghcr.io/deepcall/deepcall-operator:v0.1.0 --type cyclonedx \\":        "needs a release",
		"GOTOOLCHAIN=go$(sed -n 's/^ARG GO_VERSION=//p' Dockerfile) make release-artifacts":              "takes minutes; make release-rehearsal runs it",
		"diff dist/release/checksums.txt release/checksums.txt":                                          "needs a release",
		"id=$(docker create --platform linux/amd64 ghcr.io/deepcall/deepcall-operator:v0.1.0)":           "needs a release",
	},
	"docs/gitops.md": {
		"kubectl apply -f config/flux/sync.yaml": "the control plane has no Flux; test/flux tests the file",
	},
	"docs/alerts.md": {
		`kubectl logs -n deepcall-operator-system -l app.kubernetes.io/name=deepcall-operator --tail=-1 | grep "without removing its groups"`: "the control plane runs no Pods",
		`kubectl logs -n deepcall-operator-system -l app.kubernetes.io/name=deepcall-operator --tail=-1 | grep "rejected a write"`:            "the control plane runs no Pods",
	},
}

func TestTutorial(t *testing.T) {
	t.Parallel()
	newTerminal(t).follow(t, "docs/tutorial.md")
}

func TestGuides(t *testing.T) {
	t.Parallel()
	pages := []struct{ page, setup string }{
		{"README.md", setupSamples},
		{"docs/how-to/rotate-credentials.md", setupNewToken},
		{"docs/how-to/trust-a-private-ca.md", setupBundle},
		{"docs/how-to/preview-changes.md", setupMapping},
		{"docs/how-to/share-an-agent.md", setupMapping},
		{"docs/how-to/move-agents.md", "true"}, // continues after the previous page
		{"docs/how-to/pause.md", "kubectl delete agm --all -n sales\n" + setupMapping},
		{"docs/how-to/change-account.md", setupMapping},
		{"docs/how-to/back-up-and-restore.md", setupMapping},
		{"docs/how-to/second-cluster.md", applyMapping + setupMapping}, // first applies the objects that the previous page restored
		{"docs/how-to/share-the-roster.md", setupMapping},
		{"docs/how-to/import-a-roster.md", setupMapping},
		{"docs/how-to/upgrade.md", setupMapping},
		{"docs/alerts.md", setupInstallation},
		{"docs/how-to/guard.md", setupMapping},
		{"docs/plugin/status.md", setupWithoutPolicies + setupRejected},
		{"docs/plugin/check.md", setupRunning},
		{"docs/troubleshooting.md", setupRunning},
		{"docs/how-to/use-a-proxy.md", setupRunning},
		{"docs/gitops.md", "true"}, // these pages need no setup
		{"docs/how-to/validate-manifests.md", "true"},
		{"docs/how-to/without-kubectl.md", "true"},
		{"docs/how-to/verify-release.md", "true"}, // needs a release
		{"docs/how-to/openshift.md", "true"},      // needs OpenShift
		{"docs/metrics.md", "true"},
		{"docs/tracing.md", "true"},
		{"docs/how-to/uninstall.md", setupMapping}, // deletes the CRDs
	}
	howTos, err := filepath.Glob(filepath.Join(testenv.Root(), "docs", "how-to", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, howTo := range howTos {
		name := "docs/how-to/" + filepath.Base(howTo)
		if !slices.ContainsFunc(pages, func(p struct{ page, setup string }) bool { return p.page == name }) {
			t.Errorf("%s is not tested", name)
		}
	}
	terminal := newTerminal(t)
	terminal.mustRun(t, "make playground; source bin/playground/env")
	for _, p := range pages {
		t.Run(p.page, func(t *testing.T) {
			terminal.mustRun(t, p.setup)
			terminal.follow(t, p.page)
		})
	}
}

// follow runs all commands of a page in order and expects the output that it shows.
func (r *terminal) follow(t *testing.T, page string) {
	t.Helper()
	unused := maps.Clone(skipped[page])
	for _, block := range testenv.Blocks(t, page, "sh", "console") {
		if line := skippedLine(page, block); line != "" {
			delete(unused, line)
			continue
		}
		if block.Language == "sh" {
			r.mustRun(t, block.Text)
			continue
		}
		for _, shown := range block.Shown() {
			r.expectOutput(t, shown.Command+deepcallState(shown.Output), shown.Output)
		}
	}
	for line, reason := range unused {
		t.Errorf("%s: found no block with the skipped line %q: %s", page, line, reason)
	}
}

// skippedLine returns the line of the block that is listed in skipped, or an empty string.
func skippedLine(page string, block testenv.Block) string {
	for line := range strings.Lines(block.Text) {
		line = strings.TrimSuffix(line, "\n")
		if _, found := skipped[page][line]; found {
			return line
		}
	}
	return ""
}

// deepcallState returns commands that print the state of DeepCall like the demo, if the shown output contains it.
func deepcallState(shown string) string {
	if !strings.Contains(shown, "  DeepCall received: ") {
		return ""
	}
	return `
echo "  DeepCall received: $(tail -n 1 bin/playground/simulator.log)"
echo "  DeepCall has: agent 7  $(curl -s "$DEEPCALL/_sim/agents/7?format=text" | sed -n '2s|.*/[0-9]*  *||p')"
`
}

var comments = regexp.MustCompile(`(?m)^#.*\n`)

func TestREADMEShowsTheSamples(t *testing.T) {
	var shown []string
	for _, block := range testenv.Blocks(t, "README.md", "yaml") {
		shown = append(shown, block.Text)
	}
	var samples []string
	for _, name := range []string{"account.yaml", "mapping.yaml"} {
		content, err := os.ReadFile(filepath.Join(testenv.Root(), "config", "samples", name))
		if err != nil {
			t.Fatal(err)
		}
		samples = append(samples, comments.ReplaceAllString(string(content), ""))
	}
	if !slices.Equal(shown, samples) {
		t.Errorf("got %q in README.md, want the samples %q", shown, samples)
	}
}
