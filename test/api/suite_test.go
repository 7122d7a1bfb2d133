// Package api tests the CRDs with an API server: defaults, validation and its messages, and the output of kubectl. It
// doesn't run the manager.
package api

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var (
	plane *testenv.ControlPlane
	admin client.Client
)

func TestMain(m *testing.M) { testenv.Main(m, run) }

func run(m *testing.M) (code int, err error) {
	if plane, err = testenv.Start(); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, plane.Stop()) }()
	if admin, err = client.New(plane.Config, client.Options{}); err != nil {
		return 1, fmt.Errorf("create the client: %w", err)
	}
	return m.Run(), nil
}

// fixture is a kind with a valid spec.
type fixture struct{ kind, spec string }

var (
	mapping = fixture{"AgentGroupMapping", `{accountRef: {name: acme}, agentID: "7", groups: []}`}
	account = fixture{"DeepCallAccount", `{endpoint: https://v4-api.deepcall.com, credentialsSecretRef: {name: acme-deepcall}}`}
)

// with returns an object with the valid spec, in which the keys of spec replace the original ones. A null removes a key.
func (f fixture) with(t *testing.T, name, spec string) *unstructured.Unstructured {
	t.Helper()
	full := fromYAML(t, f.spec)
	maps.Copy(full, fromYAML(t, spec))
	maps.DeleteFunc(full, func(_ string, value any) bool { return value == nil })
	obj := &unstructured.Unstructured{Object: map[string]any{"spec": full}}
	obj.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(f.kind))
	obj.SetNamespace(metav1.NamespaceDefault)
	obj.SetName(name)
	return obj
}

func fromYAML(t *testing.T, text string) map[string]any {
	t.Helper()
	out := map[string]any{}
	NewWithT(t).Expect(yaml.Unmarshal([]byte(text), &out)).To(Succeed(), text)
	return out
}

// create creates the object until the test ends, and returns it as stored.
func create(t *testing.T, obj *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	g := NewWithT(t)
	g.Expect(admin.Create(t.Context(), obj)).To(Succeed())
	t.Cleanup(func() { g.Expect(client.IgnoreNotFound(admin.Delete(context.Background(), obj))).To(Succeed()) })
	return obj
}

// validation is a test case of the validation of a spec.
type validation struct {
	name string
	spec string
	// field is the invalid field. If it is empty, the spec is valid.
	field   string
	message string
}

// internals matches details of the evaluation of CEL rules, which no message must show.
var internals = regexp.MustCompile(`no such (key|overload)|evaluat|rule:|failed rule|CEL|cost|duration\(|matches\(`)

// validate runs the test cases with dry-run creates.
func (f fixture) validate(t *testing.T, cases []validation) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := admin.Create(t.Context(), f.with(t, "a", c.spec), client.DryRunAll)
			if c.field != "" {
				expectInvalid(t, err, c.field, c.message)
			} else if err != nil {
				t.Fatalf("got %v, want a valid object", err)
			}
		})
	}
}

// expectInvalid expects that err reports the field as invalid with the message.
func expectInvalid(t *testing.T, err error, field, message string) {
	t.Helper()
	status := &apierrors.StatusError{}
	if !apierrors.IsInvalid(err) || !errors.As(err, &status) {
		t.Fatalf("got %v, want %s to be invalid", err, field)
	}
	if found := internals.FindString(err.Error()); found != "" {
		t.Errorf("the message shows %q: %v", found, err)
	}
	if !slices.ContainsFunc(status.ErrStatus.Details.Causes, func(cause metav1.StatusCause) bool {
		return cause.Field == field && strings.Contains(cause.Message, message)
	}) {
		t.Errorf("got %v\nwant %s: … %s …", err, field, message)
	}
}

// kubectl runs kubectl with the input and returns its output.
func kubectl(input string, args ...string) (string, error) {
	return plane.Run(input, plane.Kubectl, args...)
}

// mustKubectl runs kubectl, which must succeed, and returns its output.
func mustKubectl(t *testing.T, input string, args ...string) string {
	t.Helper()
	output, err := kubectl(input, args...)
	NewWithT(t).Expect(err).NotTo(HaveOccurred(), output)
	return output
}

// document returns a YAML document with the spec.
func (f fixture) document(name, spec string) string {
	return fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: %s}\nspec:\n%s", v1alpha1.GroupVersion, f.kind, name, spec)
}
