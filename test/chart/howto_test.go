package chart

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// howTo are the commands of docs/install-helm.md, by section, one string for each block.
func howTo(t *testing.T) map[string][]string {
	t.Helper()
	sections := map[string][]string{}
	for _, block := range testenv.Blocks(t, "docs/install-helm.md", "sh") {
		sections[block.Section] = append(sections[block.Section], block.Text)
	}
	return sections
}

// bash runs commands as a person does in a checkout.
func bash(t *testing.T, commands string) string {
	t.Helper()
	checkout := t.TempDir()
	if err := os.Symlink(filepath.Join(testenv.Root(), "config"), filepath.Join(checkout, "config")); err != nil {
		t.Fatal(err)
	}
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

func TestTheHowToIsTrue(t *testing.T) {
	sections := howTo(t)
	if got := slices.Sorted(maps.Keys(sections)); len(got) != 6 {
		t.Fatalf("got the sections %q", got)
	}
	for title, blocks := range sections {
		if strings.HasPrefix(title, "Uninstall") {
			continue // see below
		}
		t.Run(title, func(t *testing.T) {
			t.Cleanup(func() {
				mustHelm(t, "", "uninstall", "calls", "-n", marketingNamespace, "--ignore-not-found")
				mustHelm(t, "", "uninstall", operatorRelease, "-n", operatorNamespace, "--ignore-not-found")
				deleteCRDs(t)
			})
			if !strings.Contains(blocks[0], "helm install") {
				mustHelm(t, "", "install", operatorRelease, chart, "-n", operatorNamespace)
			}
			for _, block := range blocks {
				bash(t, withoutPods(block))
			}
			watchedApart(t)
		})
	}
}

// watchedApart expects that no two operators that the page had installed watch one namespace, or stand in one.
func watchedApart(t *testing.T) {
	t.Helper()
	operators := &unstructured.UnstructuredList{}
	operators.SetAPIVersion("apps/v1")
	operators.SetKind("Deployment")
	if err := admin.List(t.Context(), operators, client.MatchingLabels{"app.kubernetes.io/name": "deepcall-operator"}); err != nil {
		t.Fatal(err)
	}
	watched, stand := map[string]string{}, map[string]string{}
	for _, operator := range operators.Items {
		name := operator.GetNamespace() + "/" + operator.GetName()
		if other := stand[operator.GetNamespace()]; other != "" {
			t.Errorf("%s and %s share a lease", name, other)
		}
		stand[operator.GetNamespace()] = name
		for _, arg := range argsOf(t, &operator) {
			list, _ := strings.CutPrefix(arg, "--watch-namespaces=")
			if list == arg {
				continue
			}
			for _, namespace := range strings.Split(list, ",") {
				if other := watched[namespace]; other != "" {
					t.Errorf("%s and %s both watch %s", name, other, namespace)
				}
				watched[namespace] = name
			}
		}
	}
	if len(stand) == 0 {
		t.Error("there is no operator")
	}
}

// withoutPods leaves out what waits for Pods: none run here.
func withoutPods(commands string) string {
	var kept strings.Builder
	for line := range strings.Lines(commands) {
		if !strings.Contains(line, "rollout status") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

func TestUninstallingDoesToTheCallsWhatTheHowToSays(t *testing.T) {
	sections := howTo(t)
	leave, stop := sections["Uninstall, and leave DeepCall as it is"], sections["Uninstall, and stop the calls"]
	if len(leave) != 2 || len(stop) != 1 {
		t.Fatalf("got %d and %d blocks", len(leave), len(stop))
	}
	for _, test := range []struct {
		name, commands, receives string
		objects                  bool
	}{
		{"the operator alone", leave[0], "Y", true},
		{"everything, without stopping calls", leave[1], "Y", false},
		{"everything, with the calls stopped", stop[0], "N", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			install(t, "allowInsecureEndpoints: true")
			established(t)
			m := start(t)
			deepcall, remove := synced(t)
			t.Cleanup(remove)
			bash(t, test.commands)
			expectCRDs(t, test.objects)
			if got := deepcall.Agent("7"); !maps.Equal(got, map[string]string{"90": test.receives}) {
				t.Errorf("DeepCall has %v, want %s", got, test.receives)
			}
			m.kill()
			if test.objects && !there(t, "telephony.deepcall.com/v1alpha1", "AgentGroupMapping", supportNamespace, "asha") {
				t.Error("the mapping is gone")
			}
		})
	}
}
