package chart

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// pageSections returns the blocks of commands in docs/install-helm.md by section.
func pageSections(t *testing.T) map[string][]string {
	t.Helper()
	sections := map[string][]string{}
	for _, block := range testenv.Blocks(t, "docs/install-helm.md", "sh") {
		sections[block.Section] = append(sections[block.Section], block.Text)
	}
	return sections
}

// bash runs commands in the root directory of a checkout.
func bash(t *testing.T, commands string) string {
	t.Helper()
	checkout := t.TempDir()
	NewWithT(t).Expect(os.Symlink(filepath.Join(testenv.Root(), "config"), filepath.Join(checkout, "config"))).To(Succeed())
	command := exec.Command("bash", "-euo", "pipefail", "-c", commands)
	command.Dir = checkout
	command.Env = append(os.Environ(), "HOME="+home, "KUBECONFIG="+plane.Kubeconfig,
		"PATH="+filepath.Dir(tool("helm"))+":"+filepath.Dir(plane.Kubectl)+":"+os.Getenv("PATH"))
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s%v\n%s", commands, err, output)
	}
	return string(output)
}

func TestCommandsOfTheInstallPage(t *testing.T) {
	sections := pageSections(t)
	NewWithT(t).Expect(slices.Sorted(maps.Keys(sections))).To(HaveLen(10))
	for title, blocks := range sections {
		if strings.HasPrefix(title, "Uninstall") {
			continue // tested by TestUninstall
		}
		t.Run(title, func(t *testing.T) {
			t.Cleanup(func() {
				mustHelm(t, "", "uninstall", "calls", "-n", marketingNamespace, "--ignore-not-found")
				mustHelm(t, "", "uninstall", operatorRelease, "-n", operatorNamespace, "--ignore-not-found")
				mustHelm(t, "", "uninstall", crdRelease, "-n", operatorNamespace, "--ignore-not-found")
				deleteCRDs(t)
			})
			if !strings.Contains(blocks[0], "helm install") {
				mustHelm(t, "", "install", operatorRelease, chart, "-n", operatorNamespace)
			}
			for _, block := range blocks {
				bash(t, withoutRolloutStatus(block))
			}
			expectDistinctOperators(t)
		})
	}
}

// expectDistinctOperators expects that no two installed operators watch the same namespace or share a lease.
func expectDistinctOperators(t *testing.T) {
	t.Helper()
	operators := &unstructured.UnstructuredList{}
	operators.SetAPIVersion("apps/v1")
	operators.SetKind("Deployment")
	NewWithT(t).Expect(admin.List(t.Context(), operators, client.MatchingLabels{"app.kubernetes.io/name": "deepcall-operator"})).To(Succeed())
	watchedBy, installedIn := map[string]string{}, map[string]string{}
	for _, operator := range operators.Items {
		name := operator.GetNamespace() + "/" + operator.GetName()
		if other := installedIn[operator.GetNamespace()]; other != "" {
			t.Errorf("%s and %s share a lease", name, other)
		}
		installedIn[operator.GetNamespace()] = name
		for _, arg := range managerArgs(t, &operator) {
			list, found := strings.CutPrefix(arg, "--watch-namespaces=")
			if !found {
				continue
			}
			for _, namespace := range strings.Split(list, ",") {
				if other := watchedBy[namespace]; other != "" {
					t.Errorf("%s and %s both watch %s", name, other, namespace)
				}
				watchedBy[namespace] = name
			}
		}
	}
	NewWithT(t).Expect(installedIn).NotTo(BeEmpty(), "no operator is installed")
}

// withoutRolloutStatus removes the commands that wait for Pods, because the control plane runs none.
func withoutRolloutStatus(commands string) string {
	var kept strings.Builder
	for line := range strings.Lines(commands) {
		if !strings.Contains(line, "rollout status") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

func TestUninstall(t *testing.T) {
	sections := pageSections(t)
	keepCalls, stopCalls := sections["Uninstall without stopping calls"], sections["Uninstall and stop the calls"]
	if len(keepCalls) != 2 || len(stopCalls) != 1 {
		t.Fatalf("got %d and %d blocks, want 2 and 1", len(keepCalls), len(stopCalls))
	}
	for _, test := range []struct {
		name, commands, receiveCall string
		keepsObjects                bool
	}{
		{"only the operator", keepCalls[0], "Y", true},
		{"all objects, without stopping calls", keepCalls[1], "Y", false},
		{"all objects, stopping calls", stopCalls[0], "N", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			install(t, "allowInsecureEndpoints: true")
			waitForCRDs(t)
			m := start(t)
			deepcall, remove := createSyncedMapping(t)
			t.Cleanup(remove)
			bash(t, test.commands)
			expectCRDs(t, test.keepsObjects)
			NewWithT(t).Expect(deepcall.Agent("7")).To(Equal(map[string]string{"90": test.receiveCall}))
			m.kill()
			if test.keepsObjects && !exists(t, "telephony.deepcall.com/v1alpha1", "AgentGroupMapping", supportNamespace, "asha") {
				t.Error("the mapping is gone")
			}
		})
	}
}
