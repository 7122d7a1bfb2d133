// Package plugin tests the built kubectl deepcall against an API server, a manager process and the DeepCall simulator.
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
	programs string // the directory of kubectl and the plugin
	operator *gexec.Session
	manager  string // the program
)

func TestSpecs(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "kubectl deepcall")
}

var _ = SynchronizedBeforeSuite(func() []byte {
	// The specs expect the version of a build without a tag, so Go may not stamp that of the checkout.
	plugin, err := gexec.Build("github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall", "-buildvcs=false")
	Expect(err).NotTo(HaveOccurred())
	program, err := gexec.Build("github.com/deepcall/deepcall-operator/cmd")
	Expect(err).NotTo(HaveOccurred())
	return []byte(plugin + "\n" + program)
}, func(built []byte) {
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

	var plugin string
	plugin, manager, _ = strings.Cut(string(built), "\n")
	programs, err = os.MkdirTemp("", "deepcall-plugin-")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(os.RemoveAll, programs)
	Expect(os.Symlink(plugin, filepath.Join(programs, "kubectl-deepcall"))).To(Succeed())
	Expect(os.Symlink(plane.Kubectl, filepath.Join(programs, "kubectl"))).To(Succeed())
	startManager()
	DeferCleanup(stopManager)
})

var _ = SynchronizedAfterSuite(func() {}, gexec.CleanupBuildArtifacts)

func startManager() {
	GinkgoHelper()
	var err error
	operator, err = gexec.Start(exec.CommandContext(context.Background(), manager, "--kubeconfig="+plane.Kubeconfig, "--allow-insecure-endpoints",
		"--leader-elect=false", "--metrics-bind-address=0", "--health-probe-bind-address=0"), GinkgoWriter, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
}

func stopManager() {
	operator.Terminate().Wait(20 * time.Second)
}

// user runs commands in a directory of their own. Their kubeconfig selects a namespace with the account acme.
type user struct {
	namespace, kubeconfig, dir string
	deepcall                   *deepcalltest.Server
	url                        string // of the simulator
}

// newUser creates the namespace of a user. Their DeepCall simulator has agents 7 to 10 and groups 90 to 92, and those given.
func newUser(namespace string, agents ...string) *user {
	GinkgoHelper()
	u := &user{namespace: namespace, dir: GinkgoT().TempDir()}
	agents = append(agents, "7", "8", "9", "10")
	u.deepcall, u.url = deepcalltest.Start(GinkgoTB(), deepcalltest.Options{Agents: agents, Groups: []string{"90", "91", "92"}})
	u.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	secret := testenv.UserToken("acme", "1001", "s3cr3t")
	secret.Namespace = namespace
	u.create(secret)
	u.create(testenv.Account("acme", u.url).In(namespace).Limits(1000, 1000, 16).Build())

	config, err := clientcmd.LoadFromFile(plane.Kubeconfig)
	Expect(err).NotTo(HaveOccurred())
	config.Contexts[config.CurrentContext].Namespace = namespace
	u.kubeconfig = filepath.Join(u.dir, "kubeconfig")
	Expect(clientcmd.WriteToFile(*config, u.kubeconfig)).To(Succeed())
	DeferCleanup(u.deleteMappings)
	return u
}

func (u *user) create(object client.Object) {
	GinkgoHelper()
	Expect(admin.Create(context.Background(), object)).To(Succeed())
}

// deleteMappings deletes the user's mappings, since other specs list all namespaces.
func (u *user) deleteMappings() {
	Expect(admin.DeleteAllOf(context.Background(), &v1alpha1.AgentGroupMapping{}, client.InNamespace(u.namespace))).To(Succeed())
	Eventually(u.mappings).Should(BeEmpty())
}

func (u *user) mappings() []v1alpha1.AgentGroupMapping {
	GinkgoHelper()
	var list v1alpha1.AgentGroupMappingList
	Expect(admin.List(context.Background(), &list, client.InNamespace(u.namespace))).To(Succeed())
	return list.Items
}

// createMapping creates a mapping and waits for the reason of its Ready condition.
func (u *user) createMapping(builder *testenv.MappingBuilder, reason string) {
	GinkgoHelper()
	mapping := builder.In(u.namespace).Build()
	u.create(mapping)
	u.waitForReason(mapping.Name, reason)
}

func (u *user) waitForReason(name, reason string) {
	GinkgoHelper()
	Eventually(func() []metav1.Condition { return u.mapping(name).Status.Conditions }).Should(ContainElement(
		SatisfyAll(HaveField("Type", v1alpha1.ConditionReady), HaveField("Reason", reason))))
}

func (u *user) mapping(name string) *v1alpha1.AgentGroupMapping {
	GinkgoHelper()
	var mapping v1alpha1.AgentGroupMapping
	Expect(admin.Get(context.Background(), client.ObjectKey{Namespace: u.namespace, Name: name}, &mapping)).To(Succeed())
	return &mapping
}

// result is the output and the exit status of a command.
type result struct {
	out, err string
	status   int
}

// environment returns the environment variables of the user's commands.
func (u *user) environment() []string {
	return append(os.Environ(), "KUBECONFIG="+u.kubeconfig, "HOME="+u.dir, "PATH="+programs+":"+os.Getenv("PATH"))
}

// run runs a bash command line in the user's directory.
func (u *user) run(line string) result {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", line)
	command.Dir = u.dir
	command.Env = u.environment()
	var out, errOut bytes.Buffer
	command.Stdout, command.Stderr = &out, &errOut
	err := command.Run()
	var exitErr *exec.ExitError
	if err != nil && !errors.As(err, &exitErr) {
		Expect(err).NotTo(HaveOccurred(), line)
	}
	return result{out.String(), errOut.String(), command.ProcessState.ExitCode()}
}

// mustRun runs a command line that must succeed, and returns its standard output.
func (u *user) mustRun(format string, args ...any) string {
	GinkgoHelper()
	line := fmt.Sprintf(format, args...)
	r := u.run(line)
	Expect(r.status).To(BeZero(), "%s: %s%s", line, r.out, r.err)
	return r.out
}

// writeFile writes a file in the user's directory.
func (u *user) writeFile(name string, lines ...string) {
	GinkgoHelper()
	Expect(os.WriteFile(filepath.Join(u.dir, name), []byte(strings.Join(lines, "\n")+"\n"), 0o600)).To(Succeed())
}

// stub creates a program in the directory bin that runs a shell command.
func (u *user) stub(name, command string) {
	GinkgoHelper()
	Expect(os.MkdirAll(filepath.Join(u.dir, "bin"), 0o700)).To(Succeed())
	Expect(os.WriteFile(filepath.Join(u.dir, "bin", name), []byte("#!/bin/sh\n"+command+"\n"), 0o700)).To(Succeed())
}
