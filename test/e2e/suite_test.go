// Package e2e tests the manager as a process with the ServiceAccount of config/default, against a real API server and a
// simulated DeepCall, by the kubectl commands that users run.
package e2e

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
	"github.com/onsi/gomega/gexec"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var (
	controlPlane  *testenv.ControlPlane
	admin         client.WithWatch
	managerBinary string
	auditLog      string // the path of the API server's audit log
)

func TestSpecs(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "End to end")
}

var _ = SynchronizedBeforeSuite(func() []byte {
	program, err := gexec.Build("github.com/deepcall/deepcall-operator/cmd", buildFlags()...)
	Expect(err).NotTo(HaveOccurred())
	return []byte(program)
}, func(program []byte) {
	managerBinary = string(program)
	SetDefaultEventuallyTimeout(20 * time.Second)
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	SetDefaultConsistentlyDuration(time.Second)
	scheme := runtime.NewScheme()
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())

	directory, err := os.MkdirTemp("", "deepcall-audit-")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(os.RemoveAll, directory)
	auditLog = filepath.Join(directory, "audit.log")
	controlPlane, err = testenv.Start(testenv.WithAudit(auditLog))
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(controlPlane.Stop()).To(Succeed()) })
	admin, err = client.NewWithWatch(controlPlane.Config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())

	kubectl("apply", "-k", filepath.Join(testenv.Root(), "config", "default"))
	kubectl("apply", "-k", filepath.Join("testdata", "namespaced"))
})

var _ = SynchronizedAfterSuite(func() {}, gexec.CleanupBuildArtifacts)

// testEnv is the namespace and the simulated DeepCall of one spec.
type testEnv struct {
	namespace string
	deepcall  *deepcalltest.Server
	url       string
	token     string
}

func newTestEnv() *testEnv {
	GinkgoHelper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "spec-"}}
	Expect(admin.Create(context.Background(), namespace)).To(Succeed())
	return newTestEnvIn(namespace.Name)
}

func newTestEnvIn(namespace string) *testEnv {
	GinkgoHelper()
	env := &testEnv{namespace: namespace, token: "s3cr3t"}
	env.deepcall, env.url = deepcalltest.Start(GinkgoTB(), deepcalltest.Options{KeepBodies: true})
	DeferCleanup(env.cleanUp)
	return env
}

// cleanUp deletes the objects of the spec, so that the next manager finds none.
func (env *testEnv) cleanUp() {
	ctx := context.Background()
	inNamespace := client.InNamespace(env.namespace)
	Expect(admin.DeleteAllOf(ctx, &v1alpha1.AgentGroupMapping{}, inNamespace)).To(Succeed())
	Expect(admin.DeleteAllOf(ctx, &v1alpha1.DeepCallAccount{}, inNamespace)).To(Succeed())
	removeFinalizers := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))
	for _, mapping := range env.mappings() {
		Expect(client.IgnoreNotFound(admin.Patch(ctx, &mapping, removeFinalizers))).To(Succeed())
	}
	var accounts v1alpha1.DeepCallAccountList
	Expect(admin.List(ctx, &accounts, inNamespace)).To(Succeed())
	for _, account := range accounts.Items {
		Expect(client.IgnoreNotFound(admin.Patch(ctx, &account, removeFinalizers))).To(Succeed())
	}
}

func (env *testEnv) mappings() []v1alpha1.AgentGroupMapping {
	GinkgoHelper()
	var list v1alpha1.AgentGroupMappingList
	Expect(admin.List(context.Background(), &list, client.InNamespace(env.namespace))).To(Succeed())
	return list.Items
}

// secret returns the manifest of the account's Secret.
func (env *testEnv) secret() string {
	return fmt.Sprintf("---\napiVersion: v1\nkind: Secret\nmetadata: {name: acme-deepcall}\nstringData: {userId: %q, token: %q}\n", "1001", env.token)
}

func (env *testEnv) account() string {
	return fmt.Sprintf(`---
apiVersion: telephony.deepcall.com/v1alpha1
kind: DeepCallAccount
metadata: {name: acme}
spec:
  endpoint: %s
  credentialsSecretRef: {name: acme-deepcall}
  limits: {requestsPerSecond: 1000, burst: 1000, maxInFlight: 16}
`, env.url)
}

func (env *testEnv) mapping(name, agent string, groups ...string) string {
	text := fmt.Sprintf(`---
apiVersion: telephony.deepcall.com/v1alpha1
kind: AgentGroupMapping
metadata: {name: %s}
spec:
  accountRef: {name: acme}
  agentID: %q
`, name, agent)
	if len(groups) == 0 {
		return text + "  groups: []\n"
	}
	text += "  groups:\n"
	for _, group := range groups {
		id, receives, _ := strings.Cut(group, "=")
		text += fmt.Sprintf("  - {groupID: %q, receiveCall: %s}\n", id, receives)
	}
	return text
}

// apply runs kubectl apply.
func (env *testEnv) apply(documents ...string) {
	GinkgoHelper()
	env.kubectlWithInput(strings.Join(documents, ""), "apply", "-f-")
}

// kubectl runs kubectl in the namespace of the spec and returns its output.
func (env *testEnv) kubectl(args ...string) string {
	GinkgoHelper()
	return env.kubectlWithInput("", args...)
}

func (env *testEnv) kubectlWithInput(input string, args ...string) string {
	GinkgoHelper()
	return runKubectl(input, append([]string{"--namespace", env.namespace}, args...)...)
}

func kubectl(args ...string) string {
	GinkgoHelper()
	return runKubectl("", args...)
}

func runKubectl(input string, args ...string) string {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, controlPlane.Kubectl, append([]string{"--kubeconfig", controlPlane.Kubeconfig}, args...)...)
	command.Env = append(os.Environ(), "HOME="+filepath.Dir(controlPlane.Kubeconfig))
	command.Stdin = strings.NewReader(input)
	output, err := command.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), "kubectl %s: %s", strings.Join(args, " "), output)
	return string(output)
}

// waitForReason waits until the reason of an object's Ready condition matches.
func (env *testEnv) waitForReason(object, reason string) {
	GinkgoHelper()
	env.kubectl("wait", object, "--timeout=20s", `--for=jsonpath={.status.conditions[?(@.type=="Ready")].reason}=`+reason)
}

// applySynced applies the Secret, the account and a mapping, and waits until the mapping is synced.
func (env *testEnv) applySynced(name, agent string, groups ...string) {
	GinkgoHelper()
	env.apply(env.secret(), env.account(), env.mapping(name, agent, groups...))
	env.waitForReason("agm/"+name, "Synced")
}

func namespaceObject(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

// expectGone waits until the objects don't exist any more.
func expectGone[T client.Object](objects ...T) {
	GinkgoHelper()
	for _, object := range objects {
		Eventually(func() bool {
			copied, _ := object.DeepCopyObject().(client.Object)
			return apierrors.IsNotFound(admin.Get(context.Background(), client.ObjectKeyFromObject(object), copied))
		}, time.Minute).Should(BeTrue(), "%T %s", object, object.GetName())
	}
}
