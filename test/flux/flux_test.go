package flux

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"github.com/deepcall/deepcall-operator/test/argocd"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// expected is the status of the test objects of the Argo CD scripts.
var expected = map[string]status.Status{
	"AgentGroupMapping/new":                  status.InProgressStatus,
	"AgentGroupMapping/edited":               status.InProgressStatus,
	"AgentGroupMapping/synced":               status.CurrentStatus,
	"AgentGroupMapping/rejected":             status.FailedStatus,
	"AgentGroupMapping/conflict":             status.FailedStatus,
	"AgentGroupMapping/retrying":             status.InProgressStatus,
	"AgentGroupMapping/no-account":           status.InProgressStatus,
	"AgentGroupMapping/suspended-edit-waits": status.CurrentStatus,
	"AgentGroupMapping/suspended-synced":     status.CurrentStatus,
	"AgentGroupMapping/deleting":             status.InProgressStatus,
	"AgentGroupMapping/deletion-waits":       status.InProgressStatus,
	"DeepCallAccount/new":                    status.InProgressStatus,
	"DeepCallAccount/untried":                status.CurrentStatus,
	"DeepCallAccount/usable":                 status.CurrentStatus,
	"DeepCallAccount/denied":                 status.FailedStatus,
	"DeepCallAccount/unreachable":            status.InProgressStatus,
	"DeepCallAccount/no-secret":              status.InProgressStatus,
	"DeepCallAccount/deleting":               status.InProgressStatus,
}

func TestStatus(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(argocd.Directory(), "*", "*", "testdata", "*.yaml"))
	if err != nil || len(files) != len(expected) {
		t.Fatalf("got %d objects and %v, want %d objects", len(files), err, len(expected))
	}
	for _, file := range files {
		kind := filepath.Base(filepath.Dir(filepath.Dir(file)))
		name := kind + "/" + strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got := statusOf(t, string(text)); got != expected[name] {
				t.Errorf("got %s, want %s", got, expected[name])
			}
		})
	}
}

func TestStatusOfIncompleteObjects(t *testing.T) {
	for _, kind := range []string{"AgentGroupMapping", "DeepCallAccount"} {
		for name, text := range map[string]string{
			"an empty status":            `status: {}`,
			"the default status":         `status: {observedGeneration: -1}`,
			"empty conditions":           `status: {observedGeneration: 1, conditions: []}`,
			"unknown conditions":         `status: {observedGeneration: 1, conditions: [{type: Odd, status: "True"}]}`,
			"Ready unknown":              `status: {observedGeneration: 1, conditions: [{type: Ready, status: Unknown, reason: Odd}]}`,
			"Ready of an old generation": `status: {observedGeneration: 0, conditions: [{type: Ready, status: "True", reason: Synced}]}`,
			"Ready false":                `status: {observedGeneration: 1, conditions: [{type: Ready, status: "False", reason: Odd}]}`,
		} {
			t.Run(kind+"/"+name, func(t *testing.T) {
				object := "apiVersion: telephony.deepcall.com/v1alpha1\nkind: " + kind + "\nmetadata: {generation: 1}\nspec: {}\n" + text
				if got := statusOf(t, object); got != status.InProgressStatus {
					t.Errorf("got %s", got)
				}
			})
		}
	}
}

func statusOf(t *testing.T, text string) status.Status {
	t.Helper()
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &object.Object); err != nil {
		t.Fatal(err)
	}
	got, err := Status(object)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestInvalidExpressionIsAnError(t *testing.T) {
	for _, text := range []string{"status.", "nothing.there", "'text'"} {
		if _, err := evaluate(text, map[string]any{"status": map[string]any{}}); err == nil {
			t.Errorf("%q was evaluated", text)
		}
	}
}

func TestSampleIsConsistent(t *testing.T) {
	documents, err := Sample()
	if err != nil {
		t.Fatal(err)
	}
	sources, syncs := map[string]Document{}, map[string]Document{}
	for _, document := range documents {
		switch document.Kind {
		case "GitRepository":
			sources[document.Metadata.Name] = document
		case "Kustomization":
			syncs[document.Metadata.Name] = document
		default:
			t.Errorf("unexpected kind %s", document.Kind)
		}
	}
	for name, sync := range syncs {
		if !sync.Spec.Wait || !sync.Spec.Prune || sync.Spec.Timeout == "" {
			t.Errorf("%s must wait with a timeout and prune", name)
		}
		source, found := sources[sync.Spec.SourceRef.Name]
		if !found || source.Spec.Ref == (gitReference{}) {
			t.Errorf("%s has no source %q with a tag or a branch", name, sync.Spec.SourceRef.Name)
		}
	}
	team := syncs["support-deepcall"]
	if len(team.Spec.HealthCheckExprs) != 2 || len(team.Spec.DependsOn) != 1 {
		t.Fatalf("got %+v", team.Spec)
	}
	operator, found := syncs[team.Spec.DependsOn[0].Name]
	if !found {
		t.Fatalf("Kustomization %q not found", team.Spec.DependsOn[0].Name)
	}
	if _, err := os.Stat(filepath.Join(testenv.Root(), operator.Spec.Path, "kustomization.yaml")); err != nil {
		t.Errorf("the operator's path: %v", err)
	}
}
