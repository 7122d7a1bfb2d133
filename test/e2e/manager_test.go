package e2e

import (
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
	"k8s.io/client-go/tools/clientcmd"
)

const (
	// managerUser has the rights of config/rbac/role.yaml.
	managerUser = "deepcall-manager"
	// managerNamespace is the one whose lease config/rbac/role.yaml allows.
	managerNamespace = "system"
)

// manager is a running process.
type manager struct {
	*gexec.Session
	probes, metrics string
}

// buildFlags give the manager the race detector if the tests have it.
func buildFlags() []string {
	info, _ := debug.ReadBuildInfo()
	if info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		return []string{"-race"}
	}
	return nil
}

// startManager starts a manager for the simulator, and waits until it is ready. It is stopped at the
// spec's end at the latest.
func startManager(flags ...string) *manager {
	GinkgoHelper()
	return startManagerAs(managerUser, append([]string{"--allow-insecure-endpoints"}, flags...)...)
}

func startManagerAs(user string, flags ...string) *manager {
	GinkgoHelper()
	m := &manager{probes: freeAddress(), metrics: freeAddress()}
	m.Session = execute(append([]string{
		"--kubeconfig=" + kubeconfigOf(user), "--health-probe-bind-address=" + m.probes,
		"--metrics-bind-address=" + m.metrics, "--metrics-secure=false",
	}, flags...)...)
	DeferCleanup(m.stop)
	Eventually(func() int { status, _ := get(m.probes, "/readyz"); return status }).Should(Equal(http.StatusOK))
	return m
}

// execute starts the program, which is killed at the spec's end if it still runs.
func execute(flags ...string) *gexec.Session {
	GinkgoHelper()
	session, err := gexec.Start(exec.Command(program, flags...), GinkgoWriter, GinkgoWriter)
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

// kubeconfigOf is a kubeconfig with the rights of that user.
func kubeconfigOf(user string) string {
	GinkgoHelper()
	config, err := clientcmd.LoadFromFile(plane.Kubeconfig)
	Expect(err).NotTo(HaveOccurred())
	for _, info := range config.AuthInfos {
		info.Impersonate = user
	}
	path := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	Expect(clientcmd.WriteToFile(*config, path)).To(Succeed())
	return path
}
