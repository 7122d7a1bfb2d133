package argocd

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

func documents(t *testing.T, file string) []unstructured.Unstructured {
	t.Helper()
	opened, err := os.Open(file)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	defer opened.Close()
	found, err := testenv.DecodeYAML[unstructured.Unstructured](opened)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return found
}

func TestExampleSyncWaves(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testenv.Root(), "config", "argocd", "example", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no example: %v", err)
	}
	waves := map[string][]int{}
	for _, file := range files {
		for _, object := range documents(t, file) {
			wave, err := strconv.Atoi(object.GetAnnotations()["argocd.argoproj.io/sync-wave"])
			if err != nil {
				t.Errorf("%s %s: %v", object.GetKind(), object.GetName(), err)
			}
			waves[object.GetKind()] = append(waves[object.GetKind()], wave)
		}
	}
	secret, account, mapping := waves["Secret"], waves["DeepCallAccount"], waves["AgentGroupMapping"]
	if len(waves) != 3 || len(secret) == 0 || len(account) == 0 || len(mapping) == 0 {
		t.Fatalf("got the kinds %v, want Secret, DeepCallAccount and AgentGroupMapping", waves)
	}
	if slices.Max(secret) >= slices.Min(account) || slices.Max(account) >= slices.Min(mapping) {
		t.Errorf("got the waves %v, want Secrets before accounts before mappings", waves)
	}
}

func TestApplicationAllowsTheExample(t *testing.T) {
	found := documents(t, filepath.Join(testenv.Root(), "config", "argocd", "application.yaml"))
	if len(found) != 2 || found[0].GetKind() != "AppProject" || found[1].GetKind() != "Application" {
		t.Fatalf("got %v, want an AppProject and an Application", found)
	}
	project, application := found[0], found[1]
	if !slices.Contains(application.GetFinalizers(), "resources-finalizer.argocd.argoproj.io") {
		t.Error("the Application lacks the finalizer for foreground deletion")
	}
	if name, _, _ := unstructured.NestedString(application.Object, "spec", "project"); name != project.GetName() {
		t.Errorf("got the project %q", name)
	}
	repository, _, _ := unstructured.NestedString(application.Object, "spec", "source", "repoURL")
	repositories, _, _ := unstructured.NestedStringSlice(project.Object, "spec", "sourceRepos")
	NewWithT(t).Expect(repositories).To(ContainElement(repository))
	allowed, _, _ := unstructured.NestedSlice(project.Object, "spec", "namespaceResourceWhitelist")
	for _, kind := range []map[string]any{
		{"group": "", "kind": "Secret"},
		{"group": "telephony.deepcall.com", "kind": "DeepCallAccount"},
		{"group": "telephony.deepcall.com", "kind": "AgentGroupMapping"},
	} {
		if !slices.ContainsFunc(allowed, func(entry any) bool {
			resource, _ := entry.(map[string]any)
			return resource["group"] == kind["group"] && resource["kind"] == kind["kind"]
		}) {
			t.Errorf("the project does not allow %v", kind)
		}
	}
}
