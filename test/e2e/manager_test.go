package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// serviceAccount is one as which a program asks the API server.
type serviceAccount struct{ namespace, name string }

// managerNamespace is where config/default has the manager, and its lease.
const managerNamespace = "deepcall-operator-system"

var (
	// clusterManager has the rights of config/default.
	clusterManager = serviceAccount{managerNamespace, "deepcall-operator-controller-manager"}
	// namespacedManager has the rights of config/namespaced, in a namespace of its own.
	namespacedManager = serviceAccount{"deepcall-namespaced", "deepcall-operator-controller-manager"}
)

// manager is a running process.
type manager struct {
	*gexec.Session
	probes, metrics string
}

// buildFlags stamp the manager as a release is, and give it the race detector if the tests have it.
func buildFlags() []string {
	flags := []string{"-ldflags=-X main.version=v1.2.3-test -X main.revision=abc123"}
	info, _ := debug.ReadBuildInfo()
	if info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		flags = append(flags, "-race")
	}
	return flags
}

// startManager starts a manager for the simulator, and waits until it is ready. It is stopped at the
// spec's end at the latest.
func startManager(flags ...string) *manager {
	GinkgoHelper()
	return startManagerAs(clusterManager, append([]string{"--allow-insecure-endpoints"}, flags...)...)
}

func startManagerAs(account serviceAccount, flags ...string) *manager {
	GinkgoHelper()
	m := &manager{probes: freeAddress(), metrics: freeAddress()}
	m.Session = execute(append([]string{
		"--kubeconfig=" + kubeconfigOf(account), "--health-probe-bind-address=" + m.probes,
		"--metrics-bind-address=" + m.metrics, "--metrics-secure=false",
	}, flags...)...)
	m.untilReady()
	return m
}

func (m *manager) untilReady() {
	GinkgoHelper()
	DeferCleanup(m.stop)
	Eventually(func() int { status, _ := get(m.probes, "/readyz"); return status }).Should(Equal(http.StatusOK))
}

// execute starts the program, which is killed at the spec's end if it still runs.
func execute(flags ...string) *gexec.Session {
	GinkgoHelper()
	return start(exec.Command(program, flags...))
}

func start(command *exec.Cmd) *gexec.Session {
	GinkgoHelper()
	session, err := gexec.Start(command, GinkgoWriter, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { session.Kill().Wait(10 * time.Second) })
	return session
}

// stop ends the manager as Kubernetes does, and expects that it ends well.
func (m *manager) stop() {
	GinkgoHelper()
	if m.ExitCode() == 128+9 {
		return // killed by the spec
	}
	m.Terminate()
	Eventually(m.Session, 20*time.Second).Should(gexec.Exit(0))
}

// metric sums the manager's samples of a name whose labels match.
func (m *manager) metric(name, labels string) int {
	GinkgoHelper()
	status, text := get(m.metrics, "/metrics")
	Expect(status).To(Equal(http.StatusOK))
	return sumOf(text, name, labels)
}

// looks is how often the manager has looked at an agent and found its queue empty since.
func (m *manager) looks() int {
	GinkgoHelper()
	if m.metric("workqueue_depth", `"agent"`) > 0 {
		return 0
	}
	return m.metric("controller_runtime_reconcile_total", `controller="agent"`)
}

// sumOf sums the samples of a name whose labels match a pattern, in a text of metrics.
func sumOf(text, name, labels string) int {
	GinkgoHelper()
	pattern := regexp.MustCompile(labels)
	sum := 0.0
	for line := range strings.Lines(text) {
		rest, found := strings.CutPrefix(strings.TrimSpace(line), name+"{")
		between, value, ok := strings.Cut(rest, "} ")
		if !found || !ok || !pattern.MatchString(between) {
			continue
		}
		number, err := strconv.ParseFloat(value, 64)
		Expect(err).NotTo(HaveOccurred())
		sum += number
	}
	return int(sum)
}

func get(address, path string) (status int, body string) {
	client := http.Client{Timeout: 5 * time.Second}
	response, err := client.Get(fmt.Sprintf("http://%s%s", address, path))
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(text)
}

func freeAddress() string {
	GinkgoHelper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	defer listener.Close()
	return listener.Addr().String()
}

// kubeconfigOf is a kubeconfig with a token of that ServiceAccount.
func kubeconfigOf(account serviceAccount) string {
	GinkgoHelper()
	config, err := clientcmd.LoadFromFile(plane.Kubeconfig)
	Expect(err).NotTo(HaveOccurred())
	for name := range config.AuthInfos {
		config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: tokenOf(account)}
	}
	path := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	Expect(clientcmd.WriteToFile(*config, path)).To(Succeed())
	return path
}

// tokenOf is a token as the pods of that ServiceAccount get it, good for the longest of tests.
func tokenOf(account serviceAccount) string {
	GinkgoHelper()
	owner := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: account.namespace, Name: account.name}}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: new(int64(6 * 60 * 60))}}
	Expect(admin.SubResource("token").Create(context.Background(), owner, request)).To(Succeed())
	return request.Status.Token
}
