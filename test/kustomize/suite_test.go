// Package kustomize tests the kustomizations of config with an API server.
package kustomize

import (
	"context"
	"fmt"
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
	stop, err := plane.StartControllers()
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(stop)
})

// run runs a program in the root directory of the repository and returns its output.
func run(input string, program string, args ...string) (output string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, program, args...)
	command.WaitDelay = time.Second // for child processes of make
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

// build returns the output of kustomize build.
func build(folder string) string {
	GinkgoHelper()
	program := filepath.Join(testenv.Root(), "bin", "kustomize")
	if _, err := os.Stat(program); err != nil {
		Fail(program + " not found; run 'make bin/kustomize' first")
	}
	output, err := run("", program, "build", folder)
	Expect(err).NotTo(HaveOccurred())
	return output
}

// objects returns the objects in a YAML stream by kind and name.
func objects(text string) map[string]unstructured.Unstructured {
	GinkgoHelper()
	decoded, err := testenv.DecodeYAML[unstructured.Unstructured](strings.NewReader(text))
	Expect(err).NotTo(HaveOccurred())
	found := map[string]unstructured.Unstructured{}
	for _, object := range decoded {
		key := object.GetKind() + "/" + object.GetName()
		Expect(found).NotTo(HaveKey(key))
		found[key] = object
	}
	return found
}

// object returns the only object of the kind.
func object[T any](text, kind string) *T {
	GinkgoHelper()
	var found *T
	for _, object := range objects(text) {
		if object.GetKind() == kind {
			Expect(found).To(BeNil(), "more than one %s", kind)
			found = new(T)
			Expect(runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, found)).To(Succeed())
		}
	}
	Expect(found).NotTo(BeNil(), "no %s", kind)
	return found
}
