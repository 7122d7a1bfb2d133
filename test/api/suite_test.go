// Package api tests what the API server makes of the two kinds: what it defaults, what it refuses
// and in which words, and how kubectl shows them. No manager runs here.
package api

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var (
	plane *testenv.ControlPlane
	admin client.Client
)

func TestMain(m *testing.M) {
	flag.Parse() // a bad flag ends the program, so before anything runs
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if plane, err = testenv.Start(); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, plane.Stop()) }()
	if admin, err = client.New(plane.Config, client.Options{}); err != nil {
		return 1, fmt.Errorf("make the client: %w", err)
	}
	return m.Run(), nil
}

// object is a kind of ours, and a spec that is good.
type object struct{ kind, good string }

var (
	mapping = object{"AgentGroupMapping", `{accountRef: {name: acme}, agentID: "7"}`}
	account = object{"DeepCallAccount", `{endpoint: https://v4-api.deepcall.com, credentialsSecretRef: {name: acme-deepcall}}`}
)

// with is an object of a good spec, but for the keys given in YAML; a null takes a key away.
func (o object) with(t *testing.T, name, spec string) *unstructured.Unstructured {
	t.Helper()
	full := fromYAML(t, o.good)
	maps.Copy(full, fromYAML(t, spec))
	maps.DeleteFunc(full, func(_ string, value any) bool { return value == nil })
	obj := &unstructured.Unstructured{Object: map[string]any{"spec": full}}
	obj.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(o.kind))
	obj.SetNamespace(metav1.NamespaceDefault)
	obj.SetName(name)
	return obj
}

func fromYAML(t *testing.T, text string) map[string]any {
	t.Helper()
	out := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return out
}

// created is the object as the API server keeps it, until the test ends.
func created(t *testing.T, obj *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	if err := admin.Create(t.Context(), obj); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := admin.Delete(context.Background(), obj); client.IgnoreNotFound(err) != nil {
			t.Error(err)
		}
	})
	return obj
}

// attempt is a spec, and what the API server says to it.
type attempt struct {
	name string
	spec string
	// field that is named by the refusal; none: the spec is taken.
	field string
	says  string
}

// technical is what no message may show: how a rule failed to be worked out.
var technical = regexp.MustCompile(`no such (key|overload)|evaluat|rule:|failed rule|CEL|cost|duration\(|matches\(`)

// try sends every attempt, and looks at the answer. Nothing is kept.
func (o object) try(t *testing.T, attempts []attempt) {
	for _, a := range attempts {
		t.Run(a.name, func(t *testing.T) {
			obj := o.with(t, "a", a.spec)
			err := admin.Create(t.Context(), obj, client.DryRunAll)
			if a.field == "" {
				if err != nil {
					t.Fatalf("got %v, want it to be taken", err)
				}
				return
			}
			expectRefusal(t, err, a.field, a.says)
		})
	}
}

// expectRefusal expects that the API server names the field and says what it wants there.
func expectRefusal(t *testing.T, err error, field, says string) {
	t.Helper()
	status := &apierrors.StatusError{}
	if !apierrors.IsInvalid(err) || !errors.As(err, &status) {
		t.Fatalf("got %v, want a refusal that names %s", err, field)
	}
	if found := technical.FindString(err.Error()); found != "" {
		t.Errorf("the message shows %q: %v", found, err)
	}
	if !slices.ContainsFunc(status.ErrStatus.Details.Causes, func(cause metav1.StatusCause) bool {
		return cause.Field == field && strings.Contains(cause.Message, says)
	}) {
		t.Errorf("got %v\nwant %s: … %s …", err, field, says)
	}
}

// kubectl runs the real kubectl, and returns what it printed; its standard input is the YAML.
func kubectl(t *testing.T, input string, args ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(context.Background(), plane.Kubectl, append([]string{"--kubeconfig", plane.Kubeconfig}, args...)...)
	command.Env = append(os.Environ(), "HOME="+filepath.Dir(plane.Kubeconfig))
	command.Stdin = strings.NewReader(input)
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	err := command.Run()
	return output.String(), err
}

// document is an object in YAML, with the spec as a person wrote it.
func (o object) document(name, spec string) string {
	return fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: %s}\nspec:\n%s", v1alpha1.GroupVersion, o.kind, name, spec)
}
