// Package chart tests the Helm chart: the rendered objects, their validation by an API server, and whether the manager
// works with the rights that they grant.
package chart

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

const (
	// With operatorNamespace and operatorRelease, objects have the same names as with kustomize.
	operatorNamespace = "deepcall-operator-system"
	operatorRelease   = "deepcall-operator"
	// supportNamespace and salesNamespace are watched in namespaced mode.
	supportNamespace = "support"
	salesNamespace   = "sales"
	// marketingNamespace has its own release.
	marketingNamespace = "marketing"
	// restrictedNamespace enforces the Pod Security Standard restricted.
	restrictedNamespace = "restricted"
)

var (
	plane    *testenv.ControlPlane
	admin    client.Client
	chart    = filepath.Join(testenv.Root(), "config", "chart")
	home     string // home directory of Helm and kubectl
	auditLog string // path of the API server's audit log
)

func TestMain(m *testing.M) { testenv.Main(m, run) }

func run(m *testing.M) (code int, err error) {
	for _, name := range []string{"helm", "kustomize"} {
		if _, err := os.Stat(tool(name)); err != nil {
			return 1, fmt.Errorf("bin/%s not found; run 'make bin/%s' first: %w", name, name, err)
		}
	}
	directory, err := os.MkdirTemp("", "deepcall-audit-")
	if err != nil {
		return 1, fmt.Errorf("create a directory: %w", err)
	}
	defer os.RemoveAll(directory)
	auditLog = filepath.Join(directory, "audit.log")
	if plane, err = testenv.Start(testenv.WithAudit(auditLog)); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, plane.Stop()) }()
	stop, err := plane.StartControllers()
	if err != nil {
		return 1, err
	}
	defer stop()
	home = filepath.Dir(plane.Kubeconfig)
	if admin, err = client.New(plane.Config, client.Options{}); err != nil {
		return 1, fmt.Errorf("create the client: %w", err)
	}
	if err := errors.Join(plane.InstallMonitoringCRDs(), plane.InstallCertManagerCRDs()); err != nil {
		return 1, err
	}
	// The chart installs the operator's CRDs.
	if _, err := kubectl("", append([]string{"delete", "crd"}, crds...)...); err != nil {
		return 1, fmt.Errorf("delete the CRDs: %w", err)
	}
	for _, name := range []string{operatorNamespace, supportNamespace, salesNamespace, marketingNamespace, restrictedNamespace} {
		namespace := object("v1", "Namespace", "", name)
		if name == restrictedNamespace {
			namespace.SetLabels(map[string]string{"pod-security.kubernetes.io/enforce": "restricted"})
		}
		if err := admin.Create(context.Background(), namespace); err != nil {
			return 1, fmt.Errorf("create the namespace %s: %w", name, err)
		}
	}
	defer gexec.CleanupBuildArtifacts()
	return m.Run(), nil
}

// tool returns the path of a tool in bin, or the absolute path in the environment variable HELM or KUSTOMIZE.
func tool(name string) string {
	if path := os.Getenv(strings.ToUpper(name)); path != "" && filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(testenv.Root(), "bin", name)
}

// helm runs Helm with the values as standard input.
func helm(values string, args ...string) (string, error) {
	return execute(tool("helm"), values, append([]string{"--kubeconfig", plane.Kubeconfig}, args...)...)
}

func kubectl(input string, args ...string) (string, error) {
	return execute(plane.Kubectl, input, append([]string{"--kubeconfig", plane.Kubeconfig}, args...)...)
}

// execute runs a program and returns its output, which an error contains, too.
func execute(program, input string, args ...string) (string, error) {
	command := exec.CommandContext(context.Background(), program, args...)
	command.Env = append(os.Environ(), "HOME="+home, "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
	command.Stdin = strings.NewReader(input)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	out := stdout.String() + stderr.String()
	if err != nil {
		err = fmt.Errorf("%s %s: %w\n%s", filepath.Base(program), strings.Join(args, " "), err, out)
	}
	return out, err
}

func mustHelm(t *testing.T, values string, args ...string) string {
	t.Helper()
	out, err := helm(values, args...)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return out
}

func mustKubectl(t *testing.T, input string, args ...string) string {
	t.Helper()
	out, err := kubectl(input, args...)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return out
}

// template renders a chart with values in YAML.
func template(chart, release, values string, args ...string) (string, error) {
	return helm(values, append([]string{"template", release, chart, "--namespace", operatorNamespace, "--kube-version", "1.37", "-f", "-"}, args...)...)
}

// rendering is the output of helm template.
type rendering struct {
	text    string
	objects []*unstructured.Unstructured
}

func render(t *testing.T, release, values string, args ...string) rendering {
	t.Helper()
	return renderChart(t, chart, release, values, args...)
}

func renderChart(t *testing.T, chart, release, values string, args ...string) rendering {
	t.Helper()
	text, err := template(chart, release, values, args...)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return rendering{text: text, objects: parse(t, text)}
}

// parse decodes the objects and rejects duplicate keys.
func parse(t *testing.T, text string) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	documents := yaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects
		}
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		content, err := sigsyaml.YAMLToJSONStrict(document)
		if err != nil {
			t.Fatalf("%v\n%s", err, document)
		}
		if string(content) == "null" {
			continue
		}
		obj := &unstructured.Unstructured{}
		if err := obj.UnmarshalJSON(content); err != nil {
			t.Fatalf("%v\n%s", err, document)
		}
		objects = append(objects, obj)
	}
}

func (r rendering) kind(kind string) []*unstructured.Unstructured {
	var found []*unstructured.Unstructured
	for _, obj := range r.objects {
		if obj.GetKind() == kind {
			found = append(found, obj)
		}
	}
	return found
}

// only returns the only object of the kind.
func (r rendering) only(t *testing.T, kind string) *unstructured.Unstructured {
	t.Helper()
	found := r.kind(kind)
	NewWithT(t).Expect(found).To(HaveLen(1), "got %d objects of kind %s, want one", len(found), kind)
	return found[0]
}

// args returns the args of the manager.
func (r rendering) args(t *testing.T) []string {
	t.Helper()
	return managerArgs(t, r.only(t, "Deployment"))
}

func managerArgs(t *testing.T, deployment *unstructured.Unstructured) []string {
	t.Helper()
	args, _, err := unstructured.NestedStringSlice(container(t, deployment), "args")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return args
}

func container(t *testing.T, deployment *unstructured.Unstructured) map[string]any {
	t.Helper()
	containers, _, err := unstructured.NestedSlice(deployment.Object, "spec", "template", "spec", "containers")
	if err != nil || len(containers) != 1 {
		t.Fatalf("got %v and %v, want one container", containers, err)
	}
	return containers[0].(map[string]any)
}

// field returns a field of an object, or nil.
func field(t *testing.T, obj *unstructured.Unstructured, path ...string) any {
	t.Helper()
	value, _, err := unstructured.NestedFieldNoCopy(obj.Object, path...)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return value
}

func object(apiVersion, kind, namespace, name string) *unstructured.Unstructured {
	obj := &unstructured.Unstructured{}
	obj.SetAPIVersion(apiVersion)
	obj.SetKind(kind)
	obj.SetNamespace(namespace)
	obj.SetName(name)
	return obj
}

// read returns the object from the API server.
func read(t *testing.T, apiVersion, kind, namespace, name string) *unstructured.Unstructured {
	t.Helper()
	obj := object(apiVersion, kind, namespace, name)
	NewWithT(t).Expect(admin.Get(t.Context(), client.ObjectKeyFromObject(obj), obj)).To(Succeed())
	return obj
}

// source returns the object in a file of the repository.
func source(t *testing.T, path ...string) *unstructured.Unstructured {
	t.Helper()
	return parse(t, readFile(t, append([]string{testenv.Root()}, path...)...))[0]
}

func readFile(t *testing.T, path ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(path...))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return string(content)
}

var crds = []string{"agentgroupmappings.telephony.deepcall.com", "deepcallaccounts.telephony.deepcall.com"}

// clusterScoped reports whether an object of the chart has no namespace.
func clusterScoped(obj *unstructured.Unstructured) bool {
	return slices.Contains([]string{
		"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition",
		"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
	}, obj.GetKind())
}
