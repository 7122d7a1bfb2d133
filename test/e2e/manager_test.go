package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// serviceAccount identifies the ServiceAccount of a manager.
type serviceAccount struct{ namespace, name string }

// managerNamespace is the namespace of the manager and its lease in config/default.
const managerNamespace = "deepcall-operator-system"

var (
	// clusterManager has the permissions of config/default.
	clusterManager = serviceAccount{managerNamespace, "deepcall-operator-controller-manager"}
	// namespacedManager has the permissions of config/namespaced.
	namespacedManager = serviceAccount{"deepcall-namespaced", "deepcall-operator-controller-manager"}
)

// leaderElection are the flags of managers that share a lease.
var leaderElection = []string{"--leader-elect", "--leader-election-namespace=" + managerNamespace}

// manager is a running process.
type manager struct {
	*gexec.Session
	probes, metrics string
	lostLease       bool
}

// buildFlags sets the version as in a release, and enables the race detector if the test uses it.
func buildFlags() []string {
	flags := []string{"-ldflags=-X main.version=v1.2.3-test -X main.revision=abc123"}
	info, _ := debug.ReadBuildInfo()
	if info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		flags = append(flags, "-race")
	}
	return flags
}

// startManager starts a manager that accepts the simulator's endpoint, and waits until it is ready. The manager is
// stopped at the end of the spec.
func startManager(flags ...string) *manager {
	GinkgoHelper()
	return startManagerAs(clusterManager, append([]string{"--allow-insecure-endpoints"}, flags...)...)
}

func startManagerAs(account serviceAccount, flags ...string) *manager {
	GinkgoHelper()
	return startManagerWith(kubeconfigFor(account), flags...)
}

func startManagerWith(kubeconfig string, flags ...string) *manager {
	GinkgoHelper()
	m := launchManager(kubeconfig, flags...)
	m.waitUntilReady()
	return m
}

// launchManager starts a manager and does not wait.
func launchManager(kubeconfig string, flags ...string) *manager {
	GinkgoHelper()
	m := &manager{probes: freeAddress(), metrics: freeAddress()}
	m.Session = startBinary(append([]string{
		"--kubeconfig=" + kubeconfig, "--health-probe-bind-address=" + m.probes,
		"--metrics-bind-address=" + m.metrics, "--metrics-secure=false",
	}, flags...)...)
	return m
}

func (m *manager) waitUntilReady() {
	GinkgoHelper()
	DeferCleanup(m.stop)
	Eventually(func() int {
		if m.ExitCode() >= 0 {
			StopTrying("the manager exited").Now() // its log is above
		}
		status, _ := httpGet(m.probes, "/readyz")
		return status
	}).Should(Equal(http.StatusOK))
}

// startBinary starts the manager's binary.
func startBinary(flags ...string) *gexec.Session {
	GinkgoHelper()
	return start(exec.Command(managerBinary, flags...))
}

// start starts a process that is killed at the end of the spec.
func start(command *exec.Cmd) *gexec.Session {
	GinkgoHelper()
	session, err := gexec.Start(command, GinkgoWriter, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { session.Kill().Wait(10 * time.Second) })
	return session
}

// stop terminates the manager as Kubernetes does, and expects exit code 0.
func (m *manager) stop() {
	GinkgoHelper()
	if m.ExitCode() == 128+9 || m.lostLease {
		return // killed by the spec, or ended as it expected
	}
	m.Terminate()
	Eventually(m.Session, 20*time.Second).Should(gexec.Exit(0))
}

// expectLeaseLost expects the manager to end at once because another process has the lease.
func (m *manager) expectLeaseLost() {
	GinkgoHelper()
	Eventually(m.Session, 5*time.Second).Should(gexec.Exit(1))
	Expect(m.Session).To(haveLogged("this process is not the leader"))
	m.lostLease = true
}

// isLeader reports whether the manager considers itself the leader.
func (m *manager) isLeader() bool {
	GinkgoHelper()
	return m.metric("leader_election_master_status", "") == 1
}

// metric returns the sum of the samples of a metric whose labels match a pattern.
func (m *manager) metric(name, labels string) int {
	GinkgoHelper()
	status, text := httpGet(m.metrics, "/metrics")
	Expect(status).To(Equal(http.StatusOK))
	return sumSamples(text, name, labels)
}

// unlabelled returns the value of a metric without labels.
func (m *manager) unlabelled(name string) int {
	GinkgoHelper()
	_, text := httpGet(m.metrics, "/metrics")
	sample := regexp.MustCompile(`(?m)^` + name + ` (\d+)$`).FindStringSubmatch(text)
	Expect(sample).NotTo(BeEmpty(), "no metric %s", name)
	value, err := strconv.Atoi(sample[1])
	Expect(err).NotTo(HaveOccurred())
	return value
}

// idleReconciles returns the number of reconciled agents, or 0 while the queue isn't empty.
func (m *manager) idleReconciles() int {
	GinkgoHelper()
	if m.metric("workqueue_depth", `"agent"`) > 0 {
		return 0
	}
	return m.metric("controller_runtime_reconcile_total", `controller="agent"`)
}

// sumSamples returns the sum of the samples of a metric whose labels match a pattern.
func sumSamples(text, name, labels string) int {
	GinkgoHelper()
	sum := 0.0
	for _, sample := range regexp.MustCompile(`(?m)^`+name+`\{.*`+labels+`.*\} (\S+)$`).FindAllStringSubmatch(text, -1) {
		value, err := strconv.ParseFloat(sample[len(sample)-1], 64)
		Expect(err).NotTo(HaveOccurred())
		sum += value
	}
	return int(sum)
}

func httpGet(address, path string) (status int, body string) {
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
	address, err := testenv.FreeAddress()
	Expect(err).NotTo(HaveOccurred())
	return address
}

// kubeconfigFor writes a kubeconfig with a token of the ServiceAccount, and changes its clusters.
func kubeconfigFor(account serviceAccount, changes ...func(*clientcmdapi.Cluster)) string {
	GinkgoHelper()
	config, err := clientcmd.LoadFromFile(controlPlane.Kubeconfig)
	Expect(err).NotTo(HaveOccurred())
	for name := range config.AuthInfos {
		config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: tokenFor(account)}
	}
	for _, change := range changes {
		for _, cluster := range config.Clusters {
			change(cluster)
		}
	}
	path := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	Expect(clientcmd.WriteToFile(*config, path)).To(Succeed())
	return path
}

// tokenFor creates a token of the ServiceAccount that doesn't expire during the tests.
func tokenFor(account serviceAccount) string {
	GinkgoHelper()
	serviceAccount := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: account.namespace, Name: account.name}}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: new(int64(6 * 60 * 60))}}
	Expect(admin.SubResource("token").Create(context.Background(), serviceAccount, request)).To(Succeed())
	return request.Status.Token
}
