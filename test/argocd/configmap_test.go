package argocd

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// actionsEntry is the entry of argocd-cm with the actions of a kind.
type actionsEntry struct {
	Discovery   string `json:"discovery.lua"`
	Definitions []struct {
		Name   string `json:"name"`
		Action string `json:"action.lua"`
	} `json:"definitions"`
}

func configMap(t *testing.T) map[string]string {
	t.Helper()
	var found corev1.ConfigMap
	read(t, filepath.Join(testenv.Root(), "config", "argocd", "argocd-cm.yaml"), &found)
	if found.Name != "argocd-cm" || found.Kind != "ConfigMap" {
		t.Errorf("got %s %q, want ConfigMap argocd-cm", found.Kind, found.Name)
	}
	return found.Data
}

func TestConfigMapContainsAllScripts(t *testing.T) {
	data := configMap(t)
	for _, kind := range kinds(t) {
		key := filepath.Base(filepath.Dir(kind)) + "_" + filepath.Base(kind)
		expectText(t, data["resource.customizations.health."+key], kind, "health.lua")

		var actions actionsEntry
		NewWithT(t).Expect(yaml.Unmarshal([]byte(data["resource.customizations.actions."+key]), &actions)).To(Succeed())
		expectText(t, actions.Discovery, kind, "actions", "discovery.lua")
		for _, action := range actions.Definitions {
			expectText(t, action.Action, kind, "actions", action.Name, "action.lua")
		}
		scripts, _ := filepath.Glob(filepath.Join(kind, "actions", "*", "action.lua"))
		NewWithT(t).Expect(actions.Definitions).To(HaveLen(len(scripts)), "%s: %d actions in the ConfigMap, %d scripts", key, len(actions.Definitions), len(scripts))
	}
}

func expectText(t *testing.T, got string, path ...string) {
	t.Helper()
	want, err := os.ReadFile(filepath.Join(path...))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	if got != string(want) {
		t.Errorf("the ConfigMap differs from %s:\n%s", filepath.Join(path...), got)
	}
}

func TestConfigMapContainsOnlyKnownKeys(t *testing.T) {
	known := regexp.MustCompile(`^resource\.customizations\.(health|actions|ignoreResourceUpdates)\.telephony\.deepcall\.com_(AgentGroupMapping|DeepCallAccount)$`)
	data := configMap(t)
	NewWithT(t).Expect(data).To(HaveLen(6))
	for key := range data {
		NewWithT(t).Expect(known.MatchString(key)).To(BeTrue(), "unexpected key %s", key)
		NewWithT(t).Expect(key).NotTo(ContainSubstring("useOpenLibs"))
	}
}

func TestIgnoredFieldsExist(t *testing.T) {
	samples := map[string]string{"AgentGroupMapping": "synced.yaml", "DeepCallAccount": "usable.yaml"}
	data := configMap(t)
	for _, kind := range kinds(t) {
		name := filepath.Base(kind)
		object := readObject(t, filepath.Join(kind, "testdata", samples[name]))
		var ignored struct{ JSONPointers []string }
		entry := data["resource.customizations.ignoreResourceUpdates.telephony.deepcall.com_"+name]
		if err := yaml.Unmarshal([]byte(entry), &ignored); err != nil || len(ignored.JSONPointers) == 0 {
			t.Fatalf("%s: %v in %q", name, err, entry)
		}
		for _, pointer := range ignored.JSONPointers {
			if at(object.Object, pointer) == nil {
				t.Errorf("%s: no field at %s", name, pointer)
			}
		}
	}
}

// at returns the value at a JSON pointer.
func at(value any, pointer string) any {
	for _, step := range strings.Split(pointer, "/")[1:] {
		object, _ := value.(map[string]any)
		value = object[strings.ReplaceAll(step, "~1", "/")]
	}
	return value
}
