package argocd

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// healthTests is the format of Argo CD's own tests.
type healthTests struct {
	Tests []struct {
		InputPath    string       `json:"inputPath"`
		HealthStatus HealthStatus `json:"healthStatus"`
	} `json:"tests"`
}

func TestHealth(t *testing.T) {
	for _, directory := range kinds(t) {
		var tests healthTests
		read(t, filepath.Join(directory, "health_test.yaml"), &tests)
		usedFiles := map[string]bool{}
		for _, test := range tests.Tests {
			usedFiles[test.InputPath] = true
			t.Run(filepath.Base(directory)+"/"+test.InputPath, func(t *testing.T) {
				got, err := Health(readObject(t, filepath.Join(directory, test.InputPath)))
				NewWithT(t).Expect(err).NotTo(HaveOccurred())
				NewWithT(t).Expect(got).To(Equal(test.HealthStatus))
			})
		}
		expectAllUsed(t, directory, usedFiles)
	}
}

func TestTestdataIsValid(t *testing.T) {
	for _, directory := range kinds(t) {
		files, _ := filepath.Glob(filepath.Join(directory, "testdata", "*.yaml"))
		actions, _ := filepath.Glob(filepath.Join(directory, "actions", "testdata", "*.yaml"))
		for _, file := range append(files, actions...) {
			var into any = &v1alpha1.AgentGroupMapping{}
			if strings.Contains(file, "DeepCallAccount") {
				into = &v1alpha1.DeepCallAccount{}
			}
			object := readObject(t, file)
			err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, into, true)
			if err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
}

func TestHealthOfIncompleteObjects(t *testing.T) {
	const waiting = "Waiting for the operator to observe this generation"
	conditions := func(generation int, conditions string) string {
		return fmt.Sprintf("{metadata: {generation: %d}, status: {observedGeneration: 1, conditions: %s}}", generation, conditions)
	}
	deleted := func(text string) string {
		return strings.Replace(text, "metadata: {", `metadata: {deletionTimestamp: "2026-11-02T10:00:00Z", `, 1)
	}
	cases := []struct{ name, text, status, message string }{
		{"no status", `{metadata: {generation: 1}, spec: {}}`, Progressing, waiting},
		{"a null status", `{metadata: {generation: 1}, status: null}`, Progressing, waiting},
		{"an empty status", `{metadata: {generation: 1}, status: {}}`, Progressing, waiting},
		{"an empty object", `{}`, Progressing, waiting},
		{"no metadata", `{status: {observedGeneration: 1}}`, Progressing, waiting},
		{"null conditions", conditions(1, `null`), Progressing, waiting},
		{"empty conditions", conditions(1, `[]`), Progressing, waiting},
		{"an empty condition", conditions(1, `[{}]`), Progressing, waiting},
		{"only unknown condition types", conditions(1, `[{type: Degraded, status: "True", message: no}]`), Progressing, waiting},
		{
			"Ready among unknown condition types", conditions(1, `[{type: Odd, status: "True"}, {type: Ready, status: "True", message: yes it is}]`),
			Healthy, "yes it is",
		},
		{"Ready without a message", conditions(1, `[{type: Ready, status: "True"}]`), Healthy, ""},
		{"Ready unknown", conditions(1, `[{type: Ready, status: Unknown, message: not known}]`), Progressing, "not known"},
		{"only Ready false", conditions(1, `[{type: Ready, status: "False", message: not yet}]`), Progressing, "not yet"},
		{
			"Stalled listed before Ready", conditions(1, `[{type: Stalled, status: "True"}, {type: Ready, status: "False", message: never}]`),
			Degraded, "never",
		},
		{"Stalled false", conditions(1, `[{type: Stalled, status: "False"}, {type: Ready, status: "True", message: fine}]`), Healthy, "fine"},
		{"Ready of an old generation", conditions(2, `[{type: Ready, status: "True", message: fine}]`), Progressing, waiting},
		{
			"Reconciling and Ready true", conditions(1, `[{type: Ready, status: "True", message: fine}, {type: Reconciling, status: "True"}]`),
			Progressing, "fine",
		},
		{"deletion of a ready object", deleted(conditions(1, `[{type: Ready, status: "True", message: fine}]`)), Progressing, "Pending deletion"},
		{"unobserved deletion, Ready false", deleted(conditions(2, `[{type: Ready, status: "False", message: old}]`)), Progressing, "Pending deletion"},
		{"deletion that is blocked", deleted(conditions(1, `[{type: Ready, status: "False", message: the reason}]`)), Progressing, "the reason"},
		{"unobserved deletion", deleted(`{metadata: {generation: 2}, status: {observedGeneration: 1}}`), Progressing, "Pending deletion"},
	}
	for _, directory := range kinds(t) {
		for _, c := range cases {
			t.Run(filepath.Base(directory)+"/"+c.name, func(t *testing.T) {
				object := parse(t, c.text)
				object.SetAPIVersion(v1alpha1.GroupVersion.String())
				object.SetKind(filepath.Base(directory))
				got, err := Health(object)
				NewWithT(t).Expect(err).NotTo(HaveOccurred())
				if want := (HealthStatus{c.status, c.message}); got != want {
					t.Errorf("got %+v, want %+v", got, want)
				}
			})
		}
	}
}
