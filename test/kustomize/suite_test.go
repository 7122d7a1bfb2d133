// Package kustomize has a real API server take what the kustomizations of config build.
package kustomize

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

var (
	plane  *testenv.ControlPlane
	config = filepath.Join(testenv.Root(), "config")
)

func TestKustomize(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Kustomize")
}

var _ = BeforeSuite(func() {
	SetDefaultEventuallyTimeout(20 * time.Second)
	var err error
	plane, err = testenv.Start()
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(plane.Stop()).To(Succeed()) })
	Expect(plane.InstallMonitoringCRDs()).To(Succeed())
	stop, err := plane.StartNamespaceController()
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(stop)
})

// run runs a program at the top of the repository, as the administrator, and returns what it printed.
func run(input string, program string, args ...string) (output string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, program, args...)
	command.WaitDelay = time.Second // for what make started
	command.Dir = testenv.Root()
	command.Env = append(os.Environ(), "KUBECONFIG="+plane.Kubeconfig, "HOME="+filepath.Dir(plane.Kubeconfig))
	command.Stdin = strings.NewReader(input)
	text, err := command.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, text)
	}
	return string(text), err
}

func kubectl(args ...string) string {
	GinkgoHelper()
	return kubectlWith("", args...)
}

func kubectlWith(input string, args ...string) string {
	GinkgoHelper()
	output, err := run(input, plane.Kubectl, args...)
	Expect(err).NotTo(HaveOccurred())
	return output
}

// build is what kustomize builds of a folder.
func build(folder string) string {
	GinkgoHelper()
	program := filepath.Join(testenv.Root(), "bin", "kustomize")
	if _, err := os.Stat(program); err != nil {
		Fail("there is no " + program + "; run 'make bin/kustomize' first")
	}
	output, err := run("", program, "build", folder)
	Expect(err).NotTo(HaveOccurred())
	return output
}

// objects are those of a built folder, by kind and name.
func objects(text string) map[string]unstructured.Unstructured {
	GinkgoHelper()
	found := map[string]unstructured.Unstructured{}
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096)
	for {
		var object unstructured.Unstructured
		err := decoder.Decode(&object)
		if errors.Is(err, io.EOF) {
			return found
		}
		Expect(err).NotTo(HaveOccurred())
		key := object.GetKind() + "/" + object.GetName()
		Expect(found).NotTo(HaveKey(key))
		found[key] = object
	}
}

// object is the only one of its kind.
func object[T any](text, kind string) *T {
	GinkgoHelper()
	var found *T
	for _, object := range objects(text) {
		if object.GetKind() == kind {
			Expect(found).To(BeNil(), "there is more than one %s", kind)
			found = new(T)
			Expect(runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, found)).To(Succeed())
		}
	}
	Expect(found).NotTo(BeNil(), "there is no %s", kind)
	return found
}
