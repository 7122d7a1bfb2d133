package chart

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

const managerAccount = "deepcall-operator-controller-manager"

// build builds the manager once.
var build = sync.OnceValues(func() (string, error) { return gexec.Build("github.com/deepcall/deepcall-operator/cmd") })

// createSyncedMapping creates a mapping with its account and waits until it is synced. remove force-deletes them.
func createSyncedMapping(t *testing.T) (deepcall *deepcalltest.Server, remove func()) {
	t.Helper()
	deepcall, url := deepcalltest.Start(t, deepcalltest.Options{})
	objects := fmt.Sprintf(`{apiVersion: v1, kind: Secret, metadata: {name: acme-deepcall}, stringData: {userId: "1001", token: s3cr3t}}
---
{apiVersion: telephony.deepcall.com/v1alpha1, kind: DeepCallAccount, metadata: {name: acme}, spec: {endpoint: %q, credentialsSecretRef: {name: acme-deepcall}}}
---
{apiVersion: telephony.deepcall.com/v1alpha1, kind: AgentGroupMapping, metadata: {name: asha}, spec: {accountRef: {name: acme}, agentID: "7", groups: [{groupID: "90", receiveCall: true}]}}
`, url)
	mustKubectl(t, objects, "-n", supportNamespace, "apply", "-f", "-")
	mustKubectl(t, "", "-n", supportNamespace, "wait", "agm/asha", "--for=condition=Ready", "--timeout=20s")
	NewWithT(t).Expect(deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y"}))
	return deepcall, func() {
		forceDelete(supportNamespace, "agm/asha")
		forceDelete(supportNamespace, "dca/acme")
		mustKubectl(t, "", "-n", supportNamespace, "delete", "secret/acme-deepcall", "--ignore-not-found")
	}
}

// forceDelete deletes an object, if it exists, without waiting for its finalizers.
func forceDelete(namespace, object string) {
	_, _ = kubectl("", "-n", namespace, "patch", object, "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)
	_, _ = kubectl("", "-n", namespace, "delete", object, "--timeout=20s")
}

// manager is a manager process with the flags of the release's Deployment.
type manager struct {
	session *gexec.Session
	log     *gbytes.Buffer
	metrics string
}

func start(t *testing.T, environment ...string) *manager {
	t.Helper()
	program, err := build()
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	args := managerArgs(t, read(t, "apps/v1", "Deployment", operatorNamespace, managerAccount))
	m := &manager{metrics: freeAddress(t), log: gbytes.NewBuffer()}
	probes := freeAddress(t)
	args = append(args, "--kubeconfig="+writeKubeconfig(t, operatorNamespace, managerAccount), "--leader-election-namespace="+operatorNamespace,
		"--health-probe-bind-address="+probes, "--metrics-bind-address="+m.metrics)
	command := exec.Command(program, args...)
	command.Env = append(os.Environ(), environment...)
	session, err := gexec.Start(command, m.log, m.log)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	m.session = session
	t.Cleanup(func() {
		m.kill()
		// Otherwise, the next manager waits for the lease of a manager that didn't release it.
		mustKubectl(t, "", "delete", "lease", "--all", "-n", operatorNamespace)
	})
	NewWithT(t).Eventually(func() int { status, _ := get("http://"+probes+"/readyz", ""); return status }, 20*time.Second, 50*time.Millisecond).
		Should(Equal(http.StatusOK), func() string { return string(m.log.Contents()) })
	return m
}

func (m *manager) kill() { <-m.session.Kill().Exited }

func (m *manager) stop(t *testing.T) {
	t.Helper()
	m.session.Terminate()
	NewWithT(t).Eventually(m.session, 20*time.Second).Should(gexec.Exit(0))
}

// expectAuthorizedMetrics expects that only the ServiceAccounts in metrics.readers and the ServiceMonitor can read the metrics.
func (m *manager) expectAuthorizedMetrics(t *testing.T) {
	t.Helper()
	url := "https://" + m.metrics + "/metrics"
	for _, test := range []struct {
		reader, token string
		want          int
	}{
		{"the ServiceAccount in metrics.readers", createToken(t, salesNamespace, "prometheus"), http.StatusOK},
		{"the ServiceMonitor", monitorToken(t), http.StatusOK},
		{"another ServiceAccount", createToken(t, salesNamespace, "default"), http.StatusForbidden},
		{"a client without a token", "", http.StatusUnauthorized},
	} {
		if status, text := get(url, test.token); status != test.want {
			t.Errorf("%s got %d %.200s, want %d", test.reader, status, text, test.want)
		}
	}
}

// monitorToken returns the token in the Secret that the ServiceMonitor references.
func monitorToken(t *testing.T) string {
	t.Helper()
	monitor := read(t, "monitoring.coreos.com/v1", "ServiceMonitor", operatorNamespace, "deepcall-operator-controller-manager-metrics-monitor")
	endpoint := field(t, monitor, "spec", "endpoints").([]any)[0].(map[string]any)
	reference := endpoint["authorization"].(map[string]any)["credentials"].(map[string]any)
	var token string
	NewWithT(t).Eventually(func() string {
		data, _ := field(t, read(t, "v1", "Secret", operatorNamespace, reference["name"].(string)), "data").(map[string]any)
		token, _ = data[reference["key"].(string)].(string)
		return token
	}, 20*time.Second, 50*time.Millisecond).ShouldNot(BeEmpty())
	decoded, err := base64.StdEncoding.DecodeString(token)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return string(decoded)
}

// createToken returns a token of a ServiceAccount, which it creates if it doesn't exist.
func createToken(t *testing.T, namespace, name string) string {
	t.Helper()
	if !exists(t, "v1", "ServiceAccount", namespace, name) {
		NewWithT(t).Expect(admin.Create(t.Context(), object("v1", "ServiceAccount", namespace, name))).To(Succeed())
	}
	return strings.TrimSpace(mustKubectl(t, "", "create", "token", name, "-n", namespace))
}

func writeKubeconfig(t *testing.T, namespace, account string) string {
	t.Helper()
	config := clientcmdapi.NewConfig()
	config.Clusters["test"] = &clientcmdapi.Cluster{Server: plane.Config.Host, CertificateAuthorityData: plane.Config.CAData}
	config.AuthInfos["test"] = &clientcmdapi.AuthInfo{Token: createToken(t, namespace, account)}
	config.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "test"}
	config.CurrentContext = "test"
	path := filepath.Join(t.TempDir(), "kubeconfig")
	NewWithT(t).Expect(clientcmd.WriteToFile(*config, path)).To(Succeed())
	return path
}

func get(url, token string) (status int, body string) {
	// The manager uses a self-signed certificate.
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return 0, err.Error()
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
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

func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := testenv.FreeAddress()
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return address
}
