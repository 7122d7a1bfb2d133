package chart

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// install installs the chart until the test ends, and returns what Helm said.
func install(t *testing.T, values string, args ...string) string {
	t.Helper()
	t.Cleanup(func() {
		mustHelm(t, "", "uninstall", operatorRelease, "-n", operatorNamespace, "--ignore-not-found")
		deleteCRDs(t)
	})
	return mustHelm(t, values, append([]string{"install", operatorRelease, chart, "-n", operatorNamespace, "-f", "-"}, args...)...)
}

func upgrade(t *testing.T, values string) string {
	t.Helper()
	return mustHelm(t, values, "upgrade", operatorRelease, chart, "-n", operatorNamespace, "-f", "-")
}

func deleteCRDs(t *testing.T) {
	t.Helper()
	askForObjects(t)
	mustKubectl(t, "", append([]string{"delete", "crd", "--ignore-not-found", "--timeout=2m"}, crds...)...)
}

// askForObjects comes before CRDs are deleted: the API server takes a minute to end one whose objects were never asked for.
func askForObjects(t *testing.T) {
	t.Helper()
	for _, crd := range crds {
		if there(t, "apiextensions.k8s.io/v1", "CustomResourceDefinition", "", crd) {
			mustKubectl(t, "", "wait", "crd", "--for=condition=Established", "--timeout=30s", crd)
			mustKubectl(t, "", "get", crd, "-A")
		}
	}
}

// established waits until objects of the CRDs can be made.
func established(t *testing.T) {
	t.Helper()
	mustKubectl(t, "", append([]string{"wait", "crd", "--for=condition=Established", "--timeout=30s"}, crds...)...)
}

// there tells whether the API server has the object.
func there(t *testing.T, apiVersion, kind, namespace, name string) bool {
	t.Helper()
	obj := object(apiVersion, kind, namespace, name)
	err := admin.Get(context.Background(), client.ObjectKeyFromObject(obj), obj)
	if client.IgnoreNotFound(err) != nil {
		t.Fatal(err)
	}
	return err == nil
}

func expectCRDs(t *testing.T, want bool) {
	t.Helper()
	for _, crd := range crds {
		if there(t, "apiextensions.k8s.io/v1", "CustomResourceDefinition", "", crd) != want {
			t.Errorf("%s is there: %v, want %v", crd, !want, want)
		}
	}
}

func TestTheAPIServerTakesWhatIsRenderedForReal(t *testing.T) {
	for _, e := range matrix(t) {
		if !slices.Contains([]string{"defaults", "everything on", "namespaced"}, e.name) {
			continue
		}
		t.Run(e.name, func(t *testing.T) {
			r := render(t, e.release, e.values)
			t.Cleanup(func() {
				askForObjects(t)
				mustKubectl(t, r.text, "delete", "--ignore-not-found", "--timeout=2m", "-f", "-")
			})
			mustKubectl(t, r.text, "apply", "--server-side", "--validate=strict", "-f", "-")
			for _, obj := range r.objects {
				if err := admin.Get(t.Context(), client.ObjectKeyFromObject(obj), obj.DeepCopy()); err != nil {
					t.Error(err)
				}
			}
			if again := mustKubectl(t, r.text, "diff", "--server-side", "-f", "-"); again != "" {
				t.Errorf("what is applied is not what was given:\n%s", again)
			}
		})
	}
}

func TestHelmInstallsUpgradesAndUninstalls(t *testing.T) {
	install(t, "")
	deployment := read(t, "apps/v1", "Deployment", operatorNamespace, "deepcall-operator-controller-manager")
	if field(t, deployment, "spec", "replicas") != int64(1) {
		t.Errorf("got %v", deployment.Object["spec"])
	}

	upgrade(t, testdata(t, "everything.yaml"))
	deployment = read(t, "apps/v1", "Deployment", operatorNamespace, "deepcall-operator-controller-manager")
	if field(t, deployment, "spec", "replicas") != int64(3) {
		t.Errorf("the upgrade left %v", deployment.Object["spec"])
	}

	upgrade(t, "watchNamespaces: [support]")
	const rbac = "rbac.authorization.k8s.io/v1"
	if there(t, rbac, "ClusterRole", "", "deepcall-operator-manager-role") || there(t, rbac, "ClusterRoleBinding", "", "deepcall-operator-manager-rolebinding") {
		t.Error("the manager keeps its ClusterRole in namespaced mode")
	}
	if !there(t, rbac, "Role", supportNamespace, "deepcall-operator-manager-role") {
		t.Error("the manager has no Role")
	}

	out := mustHelm(t, "", "uninstall", operatorRelease, "-n", operatorNamespace)
	for _, crd := range crds {
		if !strings.Contains(out, "[CustomResourceDefinition] "+crd) {
			t.Errorf("Helm does not say that it keeps %s: %s", crd, out)
		}
	}
	expectCRDs(t, true)
	if there(t, "apps/v1", "Deployment", operatorNamespace, "deepcall-operator-controller-manager") ||
		there(t, rbac, "Role", supportNamespace, "deepcall-operator-manager-role") {
		t.Error("something is left")
	}

	// The CRDs that were kept belong to the next release of the same name.
	mustHelm(t, "", "install", operatorRelease, chart, "-n", operatorNamespace)
}

func TestHelmInstallsForOneNamespaceWithNothingClusterWide(t *testing.T) {
	install(t, "{watchNamespaces: [support], rbac: {aggregate: false}, crds: {install: false}}")
	expectCRDs(t, false)
	mustHelm(t, "", "uninstall", operatorRelease, "-n", operatorNamespace)
	if there(t, "rbac.authorization.k8s.io/v1", "Role", supportNamespace, "deepcall-operator-manager-role") {
		t.Error("the Role is left")
	}
}

func TestCRDsThatAreNotToBeKeptGoWithTheRelease(t *testing.T) {
	out := install(t, "crds: {keep: false}")
	if !strings.Contains(out, "WARNING: crds.keep is off") {
		t.Errorf("nobody is warned: %s", out)
	}
	askForObjects(t)
	mustHelm(t, "", "uninstall", operatorRelease, "-n", operatorNamespace, "--wait", "--timeout=2m")
	expectCRDs(t, false)
}

func TestCRDsThatOthersInstalledAreTakenOver(t *testing.T) {
	mustKubectl(t, "", "apply", "--server-side", "-f", filepath.Join(chart, "files", "crds"))
	t.Cleanup(func() { deleteCRDs(t) })
	out, err := helm("", "install", operatorRelease, chart, "-n", operatorNamespace)
	if err == nil || !strings.Contains(out, "invalid ownership metadata") {
		t.Fatalf("got %v: %s", err, out)
	}
	install(t, "", "--take-ownership")
	expectCRDs(t, true)
}

func TestAnUpgradeBringsTheNewCRDs(t *testing.T) {
	older := t.TempDir()
	if err := os.CopyFS(older, os.DirFS(chart)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(older, "files", "crds", "telephony.deepcall.com_agentgroupmappings.yaml")
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	old := strings.Replace(string(content), "- agm\n", "- mapping\n", 1)
	if err := os.WriteFile(file, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	shortNames := func() any {
		return field(t, read(t, "apiextensions.k8s.io/v1", "CustomResourceDefinition", "", crds[0]), "spec", "names", "shortNames").([]any)[0]
	}

	t.Cleanup(func() {
		mustHelm(t, "", "uninstall", operatorRelease, "-n", operatorNamespace)
		deleteCRDs(t)
	})
	mustHelm(t, "", "install", operatorRelease, older, "-n", operatorNamespace)
	if got := shortNames(); got != "mapping" {
		t.Fatalf("the older chart has the short name %v", got)
	}
	upgrade(t, "")
	if got := shortNames(); got != "agm" {
		t.Errorf("got the short name %v after the upgrade", got)
	}
}

func TestAFailedInstallSaysWhichNamespaceIsMissing(t *testing.T) {
	t.Cleanup(func() { mustHelm(t, "", "uninstall", operatorRelease, "-n", operatorNamespace, "--ignore-not-found") })
	out, err := helm("{watchNamespaces: [nowhere], crds: {install: false}}", "install", operatorRelease, chart, "-n", operatorNamespace, "-f", "-")
	if err == nil || !strings.Contains(out, `namespaces "nowhere" not found`) {
		t.Errorf("got %v: %s", err, out)
	}
}

func TestTheNotesHaveAnExampleThatIsTakenAsItStands(t *testing.T) {
	out := install(t, "watchNamespaces: [support]")
	command, rest, found := strings.Cut(out, " apply -f - <<'END'\n")
	example, _, ended := strings.Cut(rest, "\nEND\n")
	if !found || !ended || !strings.HasSuffix(command, "kubectl -n support") {
		t.Fatalf("there is no example: %s", out)
	}
	established(t)
	mustKubectl(t, example, "-n", supportNamespace, "apply", "--validate=strict", "-f", "-")
	t.Cleanup(func() { mustKubectl(t, example, "-n", supportNamespace, "delete", "-f", "-") })
	for _, kind := range []string{"DeepCallAccount", "AgentGroupMapping"} {
		name := map[string]string{"DeepCallAccount": "acme", "AgentGroupMapping": "asha"}[kind]
		if !there(t, "telephony.deepcall.com/v1alpha1", kind, supportNamespace, name) {
			t.Errorf("there is no %s", kind)
		}
	}
	for _, part := range []string{
		"kubectl -n deepcall-operator-system rollout status deployment/deepcall-operator-controller-manager",
		"helm -n deepcall-operator-system uninstall deepcall-operator", "the namespaces support",
	} {
		if !strings.Contains(out, part) {
			t.Errorf("the notes lack %q: %s", part, out)
		}
	}
	if strings.Contains(out, "kubectl create namespace") {
		t.Errorf("the notes have a namespace made that is there: %s", out)
	}
	if strings.Contains(out, "WARNING") {
		t.Errorf("the notes warn of nothing: %s", out)
	}
	if out := upgrade(t, "allowInsecureEndpoints: true"); !strings.Contains(out, "WARNING: allowInsecureEndpoints is on") {
		t.Errorf("nobody is warned: %s", out)
	}
}

func TestTheNotesForAllNamespacesAreTrueAsTheyStand(t *testing.T) {
	mustKubectl(t, "", "delete", "namespace", supportNamespace, "--timeout=60s") // as on a new cluster
	t.Cleanup(func() { _, _ = kubectl("", "create", "namespace", supportNamespace) })
	commands, uninstall := commandsOf(t, install(t, ""))
	established(t)
	mapping := "{apiVersion: telephony.deepcall.com/v1alpha1, kind: AgentGroupMapping, metadata: {name: bela}, spec: {accountRef: {name: acme}, agentID: '8', groups: []}}"
	mustKubectl(t, mapping, "-n", salesNamespace, "apply", "-f", "-")

	out := bash(t, commands)
	for _, part := range []string{"namespace/support created", "deepcallaccount.telephony.deepcall.com/acme   https://v4-api.deepcall.com"} {
		if !strings.Contains(out, part) {
			t.Errorf("following the notes gave no %q:\n%s", part, out)
		}
	}
	if left := mustKubectl(t, "", "get", "agm", "-A", "--ignore-not-found", "-o", "name"); left != "" {
		t.Errorf("mappings whose calls were to be stopped are left: %s", left)
	}
	bash(t, uninstall)
}

func TestTheNotesHaveTheCallsStoppedInAllWatchedNamespaces(t *testing.T) {
	out := install(t, "watchNamespaces: [support, sales]")
	commands, _ := commandsOf(t, out)
	for _, namespace := range []string{supportNamespace, salesNamespace} {
		if !strings.Contains(commands, "kubectl -n "+namespace+" delete agentgroupmappings --all\n") {
			t.Errorf("the mappings of %s are left:\n%s", namespace, commands)
		}
	}
	if !strings.Contains(out, "are gone:\n\n  kubectl -n support delete agentgroupmappings --all\n  kubectl -n sales ") {
		t.Errorf("the commands do not stand apart:\n%s", out)
	}
}

// commandsOf are those in the notes, but for waiting for Pods, of which none run here. The uninstall stands apart: it
// comes before what has to be done before it.
func commandsOf(t *testing.T, notes string) (commands, uninstall string) {
	t.Helper()
	var list strings.Builder
	inside := false
	for line := range strings.Lines(notes) {
		switch {
		case strings.HasSuffix(line, "<<'END'\n"), inside:
			inside = line != "END\n"
			list.WriteString(line)
		case strings.HasPrefix(line, "  helm "):
			uninstall += line
		case strings.HasPrefix(line, "  kubectl ") && !strings.Contains(line, " rollout status "):
			list.WriteString(line)
		}
	}
	if uninstall == "" {
		t.Fatalf("the notes do not say how to uninstall: %s", notes)
	}
	return list.String(), uninstall
}
