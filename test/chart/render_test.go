package chart

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

func TestRenderedObjectsAreValid(t *testing.T) {
	for _, s := range scenarios(t) {
		t.Run(s.name, func(t *testing.T) {
			mustHelm(t, s.values, "lint", chart, "--strict", "--kube-version", "1.37", "-f", "-")
			r := render(t, s.release, s.values)
			s.check(t, r)
			r.expectUniqueObjects(t)
			r.expectRestrictedPod(t)
			mustKubectl(t, r.text, "apply", "--server-side", "--validate=strict", "--dry-run=server", "-f", "-")
		})
	}
}

func TestDryRunRejectsUnknownFields(t *testing.T) {
	r := render(t, operatorRelease, "topologySpreadConstraints: [{maxSkew: 1, topologyKey: a, whenUnsatisfiable: ScheduleAnyway, minSkew: 1}]")
	_, err := kubectl(r.text, "apply", "--server-side", "--validate=strict", "--dry-run=server", "-f", "-")
	NewWithT(t).Expect(err).To(MatchError(ContainSubstring("minSkew")))
}

func TestRestrictedNamespaceRejectsPrivilegedPods(t *testing.T) {
	r := render(t, operatorRelease, "securityContext: {allowPrivilegeEscalation: true}")
	NewWithT(t).Expect(admin.Create(t.Context(), r.pod(t), client.DryRunAll)).To(MatchError(ContainSubstring("allowPrivilegeEscalation")))
}

func TestChartAsDependency(t *testing.T) {
	parent := t.TempDir()
	NewWithT(t).Expect(os.CopyFS(filepath.Join(parent, "charts", "deepcall-operator"), os.DirFS(chart))).To(Succeed())
	const metadata = "{apiVersion: v2, name: parent, version: 0.0.1, dependencies: [{name: deepcall-operator, version: 0.1.0, condition: deepcall-operator.enabled}]}"
	NewWithT(t).Expect(os.WriteFile(filepath.Join(parent, "Chart.yaml"), []byte(metadata), 0o600)).To(Succeed())
	for values, want := range map[string]int{
		"{global: {team: a}, deepcall-operator: {enabled: true, replicas: 2}}": 1, "deepcall-operator: {enabled: false}": 0,
	} {
		NewWithT(t).Expect(renderChart(t, parent, "parent", values).kind("Deployment")).To(HaveLen(want), values)
	}
}

func TestOldKubernetesVersionIsRejected(t *testing.T) {
	_, err := helm("", "template", operatorRelease, chart, "--kube-version", "1.31.9")
	NewWithT(t).Expect(err).To(MatchError(ContainSubstring(">=1.32.0-0")))
	// Suffixes of vendors are ignored.
	mustHelm(t, "", "template", operatorRelease, chart, "--kube-version", "v1.33.4-gke.1000")
}

func TestLongReleaseNamesWithTheSamePrefixAreUnique(t *testing.T) {
	prefix := strings.Repeat("a", 52)
	first, second := render(t, prefix+"b", "crds: {install: false}"), render(t, prefix+"c", "crds: {install: false}")
	for _, name := range names(first.objects) {
		NewWithT(t).Expect(names(second.objects)).NotTo(ContainElement(name))
	}
}

func (r rendering) expectArgs(t *testing.T, args ...string) {
	t.Helper()
	for _, arg := range args {
		NewWithT(t).Expect(r.args(t)).To(ContainElement(arg))
	}
}

func (r rendering) expectNoArgs(t *testing.T, args ...string) {
	t.Helper()
	for _, arg := range args {
		NewWithT(t).Expect(r.args(t)).NotTo(ContainElement(arg))
	}
}

// expectNone expects no objects of the kinds.
func (r rendering) expectNone(t *testing.T, kinds ...string) {
	t.Helper()
	for _, kind := range kinds {
		NewWithT(t).Expect(r.kind(kind)).To(BeEmpty(), "unexpected %s", kind)
	}
}

// expectSelectsPods expects that the selector at the path matches the Pods.
func (r rendering) expectSelectsPods(t *testing.T, obj *unstructured.Unstructured, path ...string) {
	t.Helper()
	labels := field(t, r.only(t, "Deployment"), "spec", "template", "metadata", "labels").(map[string]any)
	selector, _ := field(t, obj, path...).(map[string]any)
	NewWithT(t).Expect(selector).NotTo(BeEmpty(), "the selector of the %s is empty", obj.GetKind())
	for key, value := range selector {
		NewWithT(t).Expect(labels[key]).To(Equal(value), "the %s selects %s=%s, the Pods have %v", obj.GetKind(), key, value, labels)
	}
}

// expectUniqueObjects expects that all objects are unique, and that exactly the namespaced ones have a namespace.
func (r rendering) expectUniqueObjects(t *testing.T) {
	t.Helper()
	seen := map[string]bool{}
	for _, obj := range r.objects {
		id := obj.GetKind() + " " + obj.GetNamespace() + "/" + obj.GetName()
		if seen[id] {
			t.Errorf("duplicate object %s", id)
		}
		seen[id] = true
		NewWithT(t).Expect(clusterScoped(obj)).To(Equal(obj.GetNamespace() == ""), "unexpected namespace: %s", id)
	}
}

// pod returns a Pod of the Deployment in the restricted namespace.
func (r rendering) pod(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	pod := object("v1", "Pod", restrictedNamespace, "manager")
	pod.Object["spec"] = field(t, r.only(t, "Deployment"), "spec", "template", "spec")
	return pod
}

func (r rendering) expectRestrictedPod(t *testing.T) {
	t.Helper()
	NewWithT(t).Expect(admin.Create(context.Background(), r.pod(t), client.DryRunAll)).To(Succeed(), "the Pod is rejected")
}

func names(objects []*unstructured.Unstructured) []string {
	list := make([]string, 0, len(objects))
	for _, obj := range objects {
		list = append(list, client.ObjectKeyFromObject(obj).String())
	}
	slices.Sort(list)
	return list
}

// buildKustomization returns the objects of a kustomization in config.
func buildKustomization(t *testing.T, folder string) rendering {
	t.Helper()
	text, err := execute(tool("kustomize"), "", "build", filepath.Join(testenv.Root(), "config", folder))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return rendering{text: text, objects: parse(t, text)}
}
