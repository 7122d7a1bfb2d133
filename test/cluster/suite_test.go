//go:build cluster

// Package cluster tests the operator in a cluster with Pods: the image, the chart and the manifests, with a simulated
// DeepCall in a Pod of its own. hack/test-cluster.sh starts the cluster and runs the tests.
package cluster

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
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var (
	admin   client.Client
	clients *kubernetes.Clientset
	// previousChart is the chart from which the tests upgrade; its image has the tag "previous".
	previousChart = os.Getenv("PREVIOUS_CHART")
	currentChart  = filepath.Join(testenv.Root(), "config", "chart")
)

func TestCluster(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Cluster")
}

var _ = BeforeSuite(func() {
	SetDefaultEventuallyTimeout(time.Minute)
	SetDefaultEventuallyPollingInterval(100 * time.Millisecond)
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	Expect(err).NotTo(HaveOccurred())
	config.QPS = -1
	scheme := runtime.NewScheme()
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	admin, err = client.New(config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	clients, err = kubernetes.NewForConfig(config)
	Expect(err).NotTo(HaveOccurred())

	// When the API server was away, the node counts as not ready for some seconds, and its Pods with it.
	kubectl("patch", "service", "kube-dns", "--namespace=kube-system", `--patch={"spec":{"publishNotReadyAddresses":true}}`)
	startSimulator()
	applyCRDs()
	startShortToken()
})

// The specs run in this order. Those that delete the CRDs come last.
var _ = Describe("In a cluster", Ordered, ContinueOnFailure, func() {
	describeChart()
	describeLeaders()
	describeUpgrade()
	describeShortTokens()
	describeKustomize()
	describeOutages()
	describeDeletion()
	describeMissingCRDs()
})

var _ = JustAfterEach(func() {
	if !CurrentSpecReport().Failed() {
		return
	}
	for _, args := range [][]string{
		{"get", "pods,events,leases,agm,dca", "--all-namespaces", "--output=wide"},
		{"logs", "--all-containers", "--prefix", "--tail=100", "--selector=control-plane=controller-manager", "--namespace=" + operatorNamespace},
	} {
		output, err := runCommand(kubectlCommand(args...))
		GinkgoWriter.Printf("kubectl %s: %v\n%s\n", strings.Join(args, " "), err, output)
	}
	removeFinalizers()
})

// removeFinalizers releases the objects of a failed spec, so that its namespaces can be deleted without the operator.
func removeFinalizers() {
	for _, kind := range []string{"agm", "dca"} {
		names, err := runCommand(kubectlCommand("get", kind, "--all-namespaces",
			`--output=jsonpath={range .items[*]}{.metadata.namespace} {.metadata.name}{"\n"}{end}`))
		if err != nil {
			continue
		}
		for line := range strings.Lines(names) {
			namespace, name, _ := strings.Cut(strings.TrimSpace(line), " ")
			if namespace != tokenNamespace {
				_, _ = runCommand(kubectlCommand("patch", kind, name, "--namespace="+namespace, "--type=merge", `--patch={"metadata":{"finalizers":null}}`))
			}
		}
	}
}

// kubectl runs kubectl and returns its output.
func kubectl(args ...string) string {
	GinkgoHelper()
	return run(kubectlCommand(args...))
}

func kubectlCommand(args ...string) *exec.Cmd {
	return exec.Command(filepath.Join(testenv.Root(), "bin", "k8s", "kubectl"), args...)
}

// helm runs helm and returns its output.
func helm(args ...string) string {
	GinkgoHelper()
	return run(exec.Command(filepath.Join(testenv.Root(), "bin", "helm"), args...))
}

// onNode runs a shell script in the node's namespaces.
func onNode(script string) string {
	GinkgoHelper()
	return run(onNodeCommand(script))
}

func onNodeCommand(script string) *exec.Cmd {
	command := append(strings.Fields(os.Getenv("NODE")), "sh", "-c", script)
	return exec.Command(command[0], command[1:]...)
}

func run(command *exec.Cmd) string {
	GinkgoHelper()
	output, err := runCommand(command)
	Expect(err).NotTo(HaveOccurred(), "%s: %s", strings.Join(command.Args, " "), output)
	return output
}

// runCommand runs a command and ends it after five minutes.
func runCommand(command *exec.Cmd) (output string, err error) {
	timer := time.AfterFunc(5*time.Minute, func() { _ = command.Process.Kill() })
	defer timer.Stop()
	text, err := command.CombinedOutput()
	return string(text), err
}

// createNamespace creates a namespace that enforces the Pod Security Standard restricted.
func createNamespace(name string) {
	GinkgoHelper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
		"pod-security.kubernetes.io/enforce": "restricted",
	}}}
	Expect(admin.Create(context.Background(), namespace)).To(Succeed())
}

// deleteNamespace deletes a namespace and waits until it is gone.
func deleteNamespace(name string) {
	GinkgoHelper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	Expect(client.IgnoreNotFound(admin.Delete(context.Background(), namespace))).To(Succeed())
	Eventually(func() bool {
		return apierrors.IsNotFound(admin.Get(context.Background(), client.ObjectKey{Name: name}, &corev1.Namespace{}))
	}).Should(BeTrue(), fmt.Sprintf("namespace %s is deleted", name))
}
