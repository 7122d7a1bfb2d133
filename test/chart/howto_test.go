package chart

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// howTo are the commands of docs/install-helm.md, by section, one string for each block.
func howTo(t *testing.T) map[string][]string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(testenv.Root(), "docs", "install-helm.md"))
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string][]string{}
	for _, section := range strings.Split(string(content), "\n## ")[1:] {
		title, text, _ := strings.Cut(section, "\n")
		for _, block := range strings.Split(text, "```sh\n")[1:] {
			commands, _, _ := strings.Cut(block, "```")
			sections[title] = append(sections[title], commands)
		}
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
				mustHelm(t, "", "uninstall", "calls", "-n", salesNamespace, "--ignore-not-found")
				mustHelm(t, "", "uninstall", operatorRelease, "-n", operatorNamespace, "--ignore-not-found")
				deleteCRDs(t)
			})
			if !strings.Contains(blocks[0], "helm install") {
				mustHelm(t, "", "install", operatorRelease, chart, "-n", operatorNamespace)
			}
			for _, block := range blocks {
				bash(t, withoutPods(block))
			}
		})
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
