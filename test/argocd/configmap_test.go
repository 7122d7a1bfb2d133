package argocd

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

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
		if err := yaml.Unmarshal([]byte(data["resource.customizations.actions."+key]), &actions); err != nil {
			t.Fatal(err)
		}
		expectText(t, actions.Discovery, kind, "actions", "discovery.lua")
		for _, action := range actions.Definitions {
			expectText(t, action.Action, kind, "actions", action.Name, "action.lua")
		}
		scripts, _ := filepath.Glob(filepath.Join(kind, "actions", "*", "action.lua"))
		if len(actions.Definitions) != len(scripts) {
			t.Errorf("%s: %d actions in the ConfigMap, %d scripts", key, len(actions.Definitions), len(scripts))
		}
	}
}

func expectText(t *testing.T, got string, path ...string) {
	t.Helper()
	want, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the ConfigMap differs from %s:\n%s", filepath.Join(path...), got)
	}
}

func TestConfigMapContainsOnlyKnownKeys(t *testing.T) {
	known := regexp.MustCompile(`^resource\.customizations\.(health|actions|ignoreResourceUpdates)\.telephony\.deepcall\.com_(AgentGroupMapping|DeepCallAccount)$`)
	data := configMap(t)
	if len(data) != 6 {
		t.Errorf("got %d entries, want three for each kind", len(data))
	}
	for key := range data {
		if !known.MatchString(key) {
			t.Errorf("unexpected key %s", key)
		}
		if strings.Contains(key, "useOpenLibs") {
			t.Errorf("%s enables all libraries", key)
		}
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
