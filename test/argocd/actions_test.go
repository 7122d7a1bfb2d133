package argocd

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// actionTests is the format of Argo CD's own tests.
type actionTests struct {
	DiscoveryTests []struct {
		InputPath string   `json:"inputPath"`
		Result    []Action `json:"result"`
	} `json:"discoveryTests"`
	ActionTests []struct {
		Action             string `json:"action"`
		InputPath          string `json:"inputPath"`
		ExpectedOutputPath string `json:"expectedOutputPath"`
	} `json:"actionTests"`
}

func TestActions(t *testing.T) {
	for _, kind := range kinds(t) {
		directory := filepath.Join(kind, "actions")
		var tests actionTests
		read(t, filepath.Join(directory, "action_test.yaml"), &tests)
		usedFiles, testedActions := map[string]bool{}, map[string]bool{}
		for _, test := range tests.DiscoveryTests {
			usedFiles[test.InputPath] = true
			t.Run(filepath.Base(kind)+"/discovery/"+test.InputPath, func(t *testing.T) {
				got, err := Actions(readObject(t, filepath.Join(directory, test.InputPath)))
				NewWithT(t).Expect(err).NotTo(HaveOccurred())
				want := map[string]Action{}
				for _, action := range test.Result {
					want[action.Name] = action
				}
				NewWithT(t).Expect(got).To(Equal(want))
			})
		}
		for _, test := range tests.ActionTests {
			usedFiles[test.InputPath], usedFiles[test.ExpectedOutputPath], testedActions[test.Action] = true, true, true
			t.Run(filepath.Base(kind)+"/"+test.Action+"/"+test.InputPath, func(t *testing.T) {
				got, err := Act(test.Action, readObject(t, filepath.Join(directory, test.InputPath)))
				NewWithT(t).Expect(err).NotTo(HaveOccurred())
				replaceRequestTime(t, got)
				want := readObject(t, filepath.Join(directory, test.ExpectedOutputPath))
				NewWithT(t).Expect(got.Object).To(Equal(want.Object))
			})
		}
		expectAllUsed(t, directory, usedFiles)
		expectAllOffered(t, directory, tests, testedActions)
	}
}

// replaceRequestTime expects that reconcile-requested-at is the current time and replaces it with the zero time.
func replaceRequestTime(t *testing.T, object *unstructured.Unstructured) {
	t.Helper()
	annotations := object.GetAnnotations()
	requestedAt, found := annotations[v1alpha1.ReconcileRequestedAtAnnotation]
	if !found {
		return
	}
	at, err := time.Parse(time.RFC3339, requestedAt)
	if err != nil || time.Since(at).Abs() > time.Minute {
		t.Errorf("got the time %q, want the current time: %v", requestedAt, err)
	}
	annotations[v1alpha1.ReconcileRequestedAtAnnotation] = "0001-01-01T00:00:00Z"
	object.SetAnnotations(annotations)
}

// expectAllOffered expects that all actions with a script are offered and tested.
func expectAllOffered(t *testing.T, directory string, tests actionTests, tested map[string]bool) {
	t.Helper()
	scripts, err := filepath.Glob(filepath.Join(directory, "*", "action.lua"))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	for _, discovery := range tests.DiscoveryTests {
		NewWithT(t).Expect(discovery.Result).To(HaveLen(len(scripts)), "%s: got %d offered actions, want %d", directory, len(discovery.Result), len(scripts))
	}
	for _, script := range scripts {
		if name := filepath.Base(filepath.Dir(script)); !tested[name] {
			t.Errorf("%s: the action %s has no test", directory, name)
		}
	}
}

func TestActionKeepsEmptyObjects(t *testing.T) {
	object := parse(t, `
apiVersion: telephony.deepcall.com/v1alpha1
kind: AgentGroupMapping
metadata: {name: asha, labels: {}}
spec: {agentID: "7", groups: []}
status: {conditions: [], lastResponse: {}, appliedGroups: [{}]}
`)
	got, err := Act("suspend", object)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	want := object.DeepCopy()
	NewWithT(t).Expect(unstructured.SetNestedField(want.Object, true, "spec", "suspend")).To(Succeed())
	NewWithT(t).Expect(got.Object).To(Equal(want.Object))
}

func TestUnknownActionIsAnError(t *testing.T) {
	object := parse(t, `{apiVersion: telephony.deepcall.com/v1alpha1, kind: DeepCallAccount}`)
	if _, err := Act("suspend", object); err == nil || !strings.Contains(err.Error(), "action.lua") {
		t.Errorf("got %v", err)
	}
}
