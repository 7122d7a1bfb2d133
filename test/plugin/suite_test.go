// Package plugin does with kubectl deepcall what a person does: with the built program, a real API server, the manager
// as a real process, and a simulated DeepCall.
package plugin

import (
	"bytes"
	"context"
	"errors"
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
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var (
	plane    *testenv.ControlPlane
	admin    client.Client
	programs string // a folder with kubectl and the plugin
)

func TestPlugin(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "kubectl deepcall")
}

var _ = BeforeSuite(func() {
	SetDefaultEventuallyTimeout(20 * time.Second)
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	scheme := runtime.NewScheme()
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())

	var err error
	plane, err = testenv.Start()
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(plane.Stop()).To(Succeed()) })
	admin, err = client.New(plane.Config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())

	DeferCleanup(gexec.CleanupBuildArtifacts)
	plugin, err := gexec.Build("github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall")
	Expect(err).NotTo(HaveOccurred())
	programs, err = os.MkdirTemp("", "deepcall-plugin-")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(os.RemoveAll, programs)
	Expect(os.Symlink(plugin, filepath.Join(programs, "kubectl-deepcall"))).To(Succeed())
	Expect(os.Symlink(plane.Kubectl, filepath.Join(programs, "kubectl"))).To(Succeed())
	startManager()
})

// startManager starts the manager for all specs, and stops it at the end.
func startManager() {
	GinkgoHelper()
	program, err := gexec.Build("github.com/deepcall/deepcall-operator/cmd")
	Expect(err).NotTo(HaveOccurred())
	session, err := gexec.Start(exec.CommandContext(context.Background(), program, "--kubeconfig="+plane.Kubeconfig, "--allow-insecure-endpoints",
		"--leader-elect=false", "--metrics-bind-address=0", "--health-probe-bind-address=0"), GinkgoWriter, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { session.Terminate().Wait(20 * time.Second) })
}

// person is somebody at a terminal, whose kubectl is in a namespace with the account acme.
type person struct {
	namespace, kubeconfig, folder string
	deepcall                      *deepcalltest.Server
}

// somebody works in the namespace, which is made if it is not there. DeepCall knows agents 7 to 10 and groups 90 to 92.
func somebody(namespace string) *person {
	GinkgoHelper()
	p := &person{namespace: namespace, folder: GinkgoT().TempDir()}
	var url string
	p.deepcall, url = deepcalltest.Start(GinkgoTB(), deepcalltest.Options{Agents: []string{"7", "8", "9", "10"}, Groups: []string{"90", "91", "92"}})
	p.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	secret := testenv.UserToken("acme", "1001", "s3cr3t")
	secret.Namespace = namespace
	p.create(secret)
	p.create(testenv.Account("acme", url).In(namespace).Limits(1000, 1000, 16).Build())

	config, err := clientcmd.LoadFromFile(plane.Kubeconfig)
	Expect(err).NotTo(HaveOccurred())
	config.Contexts[config.CurrentContext].Namespace = namespace
	p.kubeconfig = filepath.Join(p.folder, "kubeconfig")
	Expect(clientcmd.WriteToFile(*config, p.kubeconfig)).To(Succeed())
	DeferCleanup(p.leave)
	return p
}

func (p *person) create(object client.Object) {
	GinkgoHelper()
	Expect(admin.Create(context.Background(), object)).To(Succeed())
}

// leave takes the mappings away, so that other specs that look at all namespaces do not see them.
func (p *person) leave() {
	Expect(admin.DeleteAllOf(context.Background(), &v1alpha1.AgentGroupMapping{}, client.InNamespace(p.namespace))).To(Succeed())
	Eventually(func() ([]v1alpha1.AgentGroupMapping, error) {
		var left v1alpha1.AgentGroupMappingList
		err := admin.List(context.Background(), &left, client.InNamespace(p.namespace))
		return left.Items, err
	}).Should(BeEmpty())
}

// declare creates a mapping, and waits for the reason of its Ready condition.
func (p *person) declare(mapping *testenv.MappingBuilder, reason string) {
	GinkgoHelper()
	built := mapping.In(p.namespace).Build()
	p.create(built)
	p.waitFor(built.Name, reason)
}

func (p *person) waitFor(name, reason string) {
	GinkgoHelper()
	p.does("kubectl wait agm/%s --timeout=20s '--for=jsonpath={.status.conditions[?(@.type==\"Ready\")].reason}=%s'", name, reason)
}

func (p *person) mapping(name string) *v1alpha1.AgentGroupMapping {
	GinkgoHelper()
	var mapping v1alpha1.AgentGroupMapping
	Expect(admin.Get(context.Background(), client.ObjectKey{Namespace: p.namespace, Name: name}, &mapping)).To(Succeed())
	return &mapping
}

// result is what a command did.
type result struct {
	out, err string
	status   int
}

// run runs a command line in the person's folder, as bash does.
func (p *person) run(line string) result {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", line)
	command.Dir = p.folder
	command.Env = append(os.Environ(), "KUBECONFIG="+p.kubeconfig, "HOME="+p.folder, "PATH="+programs+":"+os.Getenv("PATH"))
	var out, errOut bytes.Buffer
	command.Stdout, command.Stderr = &out, &errOut
	err := command.Run()
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		Expect(err).NotTo(HaveOccurred(), line)
	}
	return result{out.String(), errOut.String(), command.ProcessState.ExitCode()}
}

// does runs a command that succeeds, and returns what it printed to standard output.
func (p *person) does(format string, args ...any) string {
	GinkgoHelper()
	line := fmt.Sprintf(format, args...)
	r := p.run(line)
	Expect(r.status).To(BeZero(), "%s: %s%s", line, r.out, r.err)
	return r.out
}

// writes makes a file in the person's folder.
func (p *person) writes(name string, lines ...string) {
	GinkgoHelper()
	Expect(os.WriteFile(filepath.Join(p.folder, name), []byte(strings.Join(lines, "\n")+"\n"), 0o600)).To(Succeed())
}
