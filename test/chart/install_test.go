package chart

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// install installs the chart until the test ends, and returns Helm's output.
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
	listObjects(t)
	mustKubectl(t, "", append([]string{"delete", "crd", "--ignore-not-found", "--timeout=2m"}, crds...)...)
}

// listObjects lists the objects of the CRDs before their deletion. Without it, the API server takes a minute to delete them. It
// also confirms the deletion, which policies could refuse.
func listObjects(t *testing.T) {
	t.Helper()
	for _, crd := range crds {
		if exists(t, "apiextensions.k8s.io/v1", "CustomResourceDefinition", "", crd) {
			mustKubectl(t, "", "wait", "crd", "--for=condition=Established", "--timeout=30s", crd)
			mustKubectl(t, "", "get", crd, "-A")
			mustKubectl(t, "", "annotate", "crd", crd, v1alpha1.ConfirmDeletionAnnotation+"=true", "--overwrite")
		}
	}
}

// waitForCRDs waits until the CRDs are established.
func waitForCRDs(t *testing.T) {
	t.Helper()
	mustKubectl(t, "", append([]string{"wait", "crd", "--for=condition=Established", "--timeout=30s"}, crds...)...)
}

// exists reports whether the object exists.
func exists(t *testing.T, apiVersion, kind, namespace, name string) bool {
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
		NewWithT(t).Expect(exists(t, "apiextensions.k8s.io/v1", "CustomResourceDefinition", "", crd)).To(Equal(want), crd)
	}
}

func TestApplyRenderedObjects(t *testing.T) {
	for _, s := range scenarios(t) {
		if !slices.Contains([]string{"defaults", "everything on", "namespaced"}, s.name) {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			r := render(t, s.release, s.values)
			t.Cleanup(func() {
				listObjects(t)
				mustKubectl(t, r.text, "delete", "--ignore-not-found", "--timeout=2m", "-f", "-")
			})
			mustKubectl(t, r.text, "apply", "--server-side", "--validate=strict", "-f", "-")
			for _, obj := range r.objects {
				NewWithT(t).Expect(admin.Get(t.Context(), client.ObjectKeyFromObject(obj), obj.DeepCopy())).To(Succeed())
			}
			NewWithT(t).Expect(mustKubectl(t, r.text, "diff", "--server-side", "-f", "-")).To(BeEmpty())
		})
	}
}

func TestInstallUpgradeUninstall(t *testing.T) {
	install(t, "")
	deployment := read(t, "apps/v1", "Deployment", operatorNamespace, "deepcall-operator-controller-manager")
	NewWithT(t).Expect(field(t, deployment, "spec", "replicas")).To(Equal(int64(1)), "got %v, want 1 replica", deployment.Object["spec"])

	upgrade(t, readFile(t, "testdata", "everything.yaml"))
	deployment = read(t, "apps/v1", "Deployment", operatorNamespace, "deepcall-operator-controller-manager")
	NewWithT(t).Expect(field(t, deployment, "spec", "replicas")).To(Equal(int64(3)), "got %v after the upgrade, want 3 replicas", deployment.Object["spec"])

	upgrade(t, "watchNamespaces: [support]")
	const rbac = "rbac.authorization.k8s.io/v1"
	if exists(t, rbac, "ClusterRole", "", "deepcall-operator-manager-role") || exists(t, rbac, "ClusterRoleBinding", "", "deepcall-operator-manager-rolebinding") {
		t.Error("the manager has a ClusterRole in namespaced mode")
	}
	NewWithT(t).Expect(exists(t, rbac, "Role", supportNamespace, "deepcall-operator-manager-role")).To(BeTrue(), "the manager has no Role")

	out := mustHelm(t, "", "uninstall", operatorRelease, "-n", operatorNamespace)
	for _, crd := range crds {
		NewWithT(t).Expect(out).To(ContainSubstring("[CustomResourceDefinition] "+crd), "it is kept")
	}
	expectCRDs(t, true)
	if exists(t, "apps/v1", "Deployment", operatorNamespace, "deepcall-operator-controller-manager") ||
		exists(t, rbac, "Role", supportNamespace, "deepcall-operator-manager-role") {
		t.Error("objects of the release are left")
	}

	// The next release of the same name adopts the CRDs.
	mustHelm(t, "", "install", operatorRelease, chart, "-n", operatorNamespace)
}

func TestInstallWithoutClusterScopedObjects(t *testing.T) {
	install(t, "{watchNamespaces: [support], rbac: {aggregate: false}, crds: {install: false}}")
	expectCRDs(t, false)
	mustHelm(t, "", "uninstall", operatorRelease, "-n", operatorNamespace)
	NewWithT(t).Expect(exists(t, "rbac.authorization.k8s.io/v1", "Role", supportNamespace, "deepcall-operator-manager-role")).To(BeFalse(), "the Role is left")
}

func TestUninstallDeletesCRDsIfKeepIsOff(t *testing.T) {
	out := install(t, "{crds: {keep: false}, policies: {enabled: true}}")
	NewWithT(t).Expect(out).To(ContainSubstring("WARNING: crds.keep is off"))
	listObjects(t)
	mustHelm(t, "", "uninstall", operatorRelease, "-n", operatorNamespace, "--wait", "--timeout=2m")
	expectCRDs(t, false)
}

func TestInstallTakesOwnershipOfCRDs(t *testing.T) {
	mustKubectl(t, "", "apply", "--server-side", "-f", filepath.Join(chart, "files", "crds"))
	t.Cleanup(func() { deleteCRDs(t) })
	_, err := helm("", "install", operatorRelease, chart, "-n", operatorNamespace)
	NewWithT(t).Expect(err).To(MatchError(ContainSubstring("invalid ownership metadata")))
	install(t, "", "--take-ownership")
	expectCRDs(t, true)
}

func TestUpgradeUpdatesCRDs(t *testing.T) {
	older := t.TempDir()
	NewWithT(t).Expect(os.CopyFS(older, os.DirFS(chart))).To(Succeed())
	file := filepath.Join(older, "files", "crds", "telephony.deepcall.com_agentgroupmappings.yaml")
	old := strings.Replace(readFile(t, file), "- agm\n", "- mapping\n", 1)
	NewWithT(t).Expect(os.WriteFile(file, []byte(old), 0o600)).To(Succeed())
	shortName := func() any {
		return field(t, read(t, "apiextensions.k8s.io/v1", "CustomResourceDefinition", "", crds[0]), "spec", "names", "shortNames").([]any)[0]
	}

	t.Cleanup(func() {
		mustHelm(t, "", "uninstall", operatorRelease, "-n", operatorNamespace)
		deleteCRDs(t)
	})
	mustHelm(t, "", "install", operatorRelease, older, "-n", operatorNamespace)
	NewWithT(t).Expect(shortName()).To(Equal("mapping"))
	upgrade(t, "")
	NewWithT(t).Expect(shortName()).To(Equal("agm"))
}

func TestInstallReportsMissingNamespace(t *testing.T) {
	t.Cleanup(func() { mustHelm(t, "", "uninstall", operatorRelease, "-n", operatorNamespace, "--ignore-not-found") })
	_, err := helm("{watchNamespaces: [nowhere], crds: {install: false}}", "install", operatorRelease, chart, "-n", operatorNamespace, "-f", "-")
	NewWithT(t).Expect(err).To(MatchError(ContainSubstring(`namespaces "nowhere" not found`)))
}

func TestNotesContainAValidExample(t *testing.T) {
	out := install(t, "watchNamespaces: [support]")
	command, rest, found := strings.Cut(out, " apply -f - <<'END'\n")
	example, _, ended := strings.Cut(rest, "\nEND\n")
	if !found || !ended || !strings.HasSuffix(command, "kubectl -n support") {
		t.Fatalf("found no example: %s", out)
	}
	waitForCRDs(t)
	mustKubectl(t, example, "-n", supportNamespace, "apply", "--validate=strict", "-f", "-")
	t.Cleanup(func() { mustKubectl(t, example, "-n", supportNamespace, "delete", "-f", "-") })
	for kind, name := range map[string]string{"DeepCallAccount": "acme", "AgentGroupMapping": "asha"} {
		NewWithT(t).Expect(exists(t, "telephony.deepcall.com/v1alpha1", kind, supportNamespace, name)).To(BeTrue(), "the %s doesn't exist", kind)
	}
	for _, part := range []string{
		"kubectl -n deepcall-operator-system rollout status deployment/deepcall-operator-controller-manager",
		"helm -n deepcall-operator-system uninstall deepcall-operator", "the namespaces support",
	} {
		NewWithT(t).Expect(out).To(ContainSubstring(part))
	}
	NewWithT(t).Expect(out).NotTo(ContainSubstring("kubectl create namespace"))
	NewWithT(t).Expect(out).NotTo(ContainSubstring("WARNING"))
	NewWithT(t).Expect(upgrade(t, "allowInsecureEndpoints: true")).To(ContainSubstring("WARNING: allowInsecureEndpoints is on"))
}

func TestCommandsOfTheNotesForAllNamespaces(t *testing.T) {
	mustKubectl(t, "", "delete", "namespace", supportNamespace, "--timeout=60s") // as in a new cluster
	t.Cleanup(func() { _, _ = kubectl("", "create", "namespace", supportNamespace) })
	commands, uninstall := notesCommands(t, install(t, ""))
	waitForCRDs(t)
	mapping := "{apiVersion: telephony.deepcall.com/v1alpha1, kind: AgentGroupMapping, metadata: {name: bela}, spec: {accountRef: {name: acme}, agentID: '8', groups: []}}"
	mustKubectl(t, mapping, "-n", salesNamespace, "apply", "-f", "-")

	out := bash(t, commands)
	for _, part := range []string{"namespace/support created", "deepcallaccount.telephony.deepcall.com/acme   https://v4-api.deepcall.com"} {
		NewWithT(t).Expect(out).To(ContainSubstring(part))
	}
	NewWithT(t).Expect(mustKubectl(t, "", "get", "agm", "-A", "--ignore-not-found", "-o", "name")).To(BeEmpty())
	bash(t, uninstall)
}

func TestNotesStopCallsInAllWatchedNamespaces(t *testing.T) {
	out := install(t, "watchNamespaces: [support, sales]")
	commands, _ := notesCommands(t, out)
	for _, namespace := range []string{supportNamespace, salesNamespace} {
		NewWithT(t).Expect(commands).To(ContainSubstring("kubectl -n " + namespace + " delete agentgroupmappings --all\n"))
	}
	NewWithT(t).Expect(out).To(ContainSubstring("are gone:\n\n  kubectl -n support delete agentgroupmappings --all\n  kubectl -n sales "))
}

// notesCommands returns the commands of the notes except those that wait for Pods, because the control plane runs none. It
// returns the uninstall command separately, because the notes show it before the commands that must precede it.
func notesCommands(t *testing.T, notes string) (commands, uninstall string) {
	t.Helper()
	var builder strings.Builder
	inDocument := false
	for line := range strings.Lines(notes) {
		switch {
		case strings.HasSuffix(line, "<<'END'\n"), inDocument:
			inDocument = line != "END\n"
			builder.WriteString(line)
		case strings.HasPrefix(line, "  helm "):
			uninstall += line
		case strings.HasPrefix(line, "  kubectl ") && !strings.Contains(line, " rollout status "):
			builder.WriteString(line)
		}
	}
	NewWithT(t).Expect(uninstall).NotTo(BeEmpty(), "found no uninstall command in the notes: %s", notes)
	return builder.String(), uninstall
}
