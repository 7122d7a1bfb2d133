// Package e2e runs the manager as a real process, as the ServiceAccount of config/default, against a
// real API server and a simulated DeepCall, and does with kubectl what a person does.
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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var (
	plane   *testenv.ControlPlane
	admin   client.WithWatch
	program string // the manager's
	audited string // the path of the API server's audit log
)

func TestEndToEnd(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "End to end")
}

var _ = BeforeSuite(func() {
	SetDefaultEventuallyTimeout(20 * time.Second)
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	SetDefaultConsistentlyDuration(time.Second)
	scheme := runtime.NewScheme()
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())

	var err error
	program, err = gexec.Build("github.com/deepcall/deepcall-operator/cmd", buildFlags()...)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(gexec.CleanupBuildArtifacts)
	directory, err := os.MkdirTemp("", "deepcall-audit-")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(os.RemoveAll, directory)
	audited = filepath.Join(directory, "audit.log")
	plane, err = testenv.Start(testenv.WithAudit(audited))
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(plane.Stop()).To(Succeed()) })
	admin, err = client.NewWithWatch(plane.Config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())

	kubectl("apply", "-k", filepath.Join(testenv.Root(), "config", "default"))
	kubectl("apply", "-k", filepath.Join("testdata", "namespaced"))
})

// world is what one spec plays in: a namespace and a DeepCall.
type world struct {
	namespace string
	deepcall  *deepcalltest.Server
	url       string
	token     string
}

func newWorld() *world {
	GinkgoHelper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "spec-"}}
	Expect(admin.Create(context.Background(), namespace)).To(Succeed())
	return newWorldIn(namespace.Name)
}

func newWorldIn(namespace string) *world {
	GinkgoHelper()
	w := &world{namespace: namespace, token: "s3cr3t"}
	w.deepcall, w.url = deepcalltest.Start(GinkgoTB(), deepcalltest.Options{KeepBodies: true})
	DeferCleanup(w.clear)
	return w
}

// clear takes away what the spec left behind, so that the next manager finds nothing.
func (w *world) clear() {
	ctx := context.Background()
	inside := client.InNamespace(w.namespace)
	Expect(admin.DeleteAllOf(ctx, &v1alpha1.AgentGroupMapping{}, inside)).To(Succeed())
	Expect(admin.DeleteAllOf(ctx, &v1alpha1.DeepCallAccount{}, inside)).To(Succeed())
	free := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))
	for _, mapping := range w.mappings() {
		Expect(client.IgnoreNotFound(admin.Patch(ctx, &mapping, free))).To(Succeed())
	}
	var accounts v1alpha1.DeepCallAccountList
	Expect(admin.List(ctx, &accounts, inside)).To(Succeed())
	for _, account := range accounts.Items {
		Expect(client.IgnoreNotFound(admin.Patch(ctx, &account, free))).To(Succeed())
	}
}

func (w *world) mappings() []v1alpha1.AgentGroupMapping {
	GinkgoHelper()
	var list v1alpha1.AgentGroupMappingList
	Expect(admin.List(context.Background(), &list, client.InNamespace(w.namespace))).To(Succeed())
	return list.Items
}

// secret, account and mapping are documents as a person writes them.
func (w *world) secret() string {
	return fmt.Sprintf("---\napiVersion: v1\nkind: Secret\nmetadata: {name: acme-deepcall}\nstringData: {userId: %q, token: %q}\n", "1001", w.token)
}

func (w *world) account() string {
	return fmt.Sprintf(`---
apiVersion: telephony.deepcall.com/v1alpha1
kind: DeepCallAccount
metadata: {name: acme}
spec:
  endpoint: %s
  credentialsSecretRef: {name: acme-deepcall}
  limits: {requestsPerSecond: 1000, burst: 1000, maxInFlight: 16}
`, w.url)
}

func (w *world) mapping(name, agent string, groups ...string) string {
	text := fmt.Sprintf(`---
apiVersion: telephony.deepcall.com/v1alpha1
kind: AgentGroupMapping
metadata: {name: %s}
spec:
  accountRef: {name: acme}
  agentID: %q
  groups:
`, name, agent)
	for _, group := range groups {
		id, receives, _ := strings.Cut(group, "=")
		text += fmt.Sprintf("  - {groupID: %q, receiveCall: %s}\n", id, receives)
	}
	return text
}

// apply gives the documents to kubectl apply.
func (w *world) apply(documents ...string) {
	GinkgoHelper()
	w.kubectlWith(strings.Join(documents, ""), "apply", "-f-")
}

// kubectl runs kubectl in the world's namespace and returns what it printed.
func (w *world) kubectl(args ...string) string {
	GinkgoHelper()
	return w.kubectlWith("", args...)
}

func (w *world) kubectlWith(input string, args ...string) string {
	GinkgoHelper()
	return runKubectl(input, append([]string{"--namespace", w.namespace}, args...)...)
}

func kubectl(args ...string) string {
	GinkgoHelper()
	return runKubectl("", args...)
}

func runKubectl(input string, args ...string) string {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, plane.Kubectl, append([]string{"--kubeconfig", plane.Kubeconfig}, args...)...)
	command.Env = append(os.Environ(), "HOME="+filepath.Dir(plane.Kubeconfig))
	command.Stdin = strings.NewReader(input)
	output, err := command.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), "kubectl %s: %s", strings.Join(args, " "), output)
	return string(output)
}

// waitFor has kubectl wait until an object's Ready condition has the reason.
func (w *world) waitFor(object, reason string) {
	GinkgoHelper()
	w.kubectl("wait", object, "--timeout=20s", `--for=jsonpath={.status.conditions[?(@.type=="Ready")].reason}=`+reason)
}
