package argocd

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// kinds returns the directories of the kinds that have scripts.
func kinds(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(Directory(), "*", "*"))
	if err != nil || len(found) != 2 {
		t.Fatalf("got the directories %v and %v, want two", found, err)
	}
	return found
}

func read(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func readObject(t *testing.T, file string) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	read(t, file, &object.Object)
	return object
}

// parse decodes a YAML document.
func parse(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	NewWithT(t).Expect(yaml.Unmarshal([]byte(text), &object.Object)).To(Succeed())
	return object
}

// expectAllUsed expects that a test uses each file in testdata.
func expectAllUsed(t *testing.T, directory string, used map[string]bool) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(directory, "testdata", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata in %s: %v", directory, err)
	}
	for _, file := range files {
		if !used[filepath.Join("testdata", filepath.Base(file))] {
			t.Errorf("no test uses %s", file)
		}
	}
}
