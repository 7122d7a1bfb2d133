//go:build cluster

package cluster

import (
	"bufio"
	"context"
	"crypto/tls"
	"net/http"
	"regexp"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func describeChart() {
	It("an installation by the chart meets the Pod Security Standard restricted, and protects its metrics", func() {
		installChart("--set=metrics.readers[0].name=default,metrics.readers[0].namespace=" + operatorNamespace)
		Eventually(leader).ShouldNot(BeNil())
		pod := leader()
		Expect(pod.Status.ContainerStatuses[0].Ready).To(BeTrue())
		Expect(restarts(operatorNamespace)).To(BeZero())
		Expect(onNode(managerProcess(pod) + `grep ^Uid: /proc/$pid/status`)).To(MatchRegexp(`Uid:\s+65532\s+65532\s`))
		Expect(onNode(managerProcess(pod) + `grep ' / ' /proc/$pid/mounts`)).To(MatchRegexp(` ro[, ]`))
		Expect(onNode(managerProcess(pod) + `grep ^CapEff: /proc/$pid/status`)).To(MatchRegexp(`CapEff:\s+0+\s`))

		address := forwardPort("service/deepcall-operator-controller-manager-metrics-service", "8443")
		Expect(getMetrics(address, "")).To(Equal(http.StatusUnauthorized))
		Expect(getMetrics(address, tokenOf("default"))).To(Equal(http.StatusOK))
	})

	It("an installation by the chart sends one request per mapping to DeepCall by its Service name, with a private CA", func() {
		installChart()
		readyTeam(500)
		Expect(requests()).To(HaveLen(500))
	})

	It("an installation for chosen namespaces restarts although one of them was deleted", func() {
		createNamespace("support")
		createNamespace("sales")
		installChart("--set=watchNamespaces={support,sales}")
		support, sales := newTeamIn("support"), newTeamIn("sales")
		DeferCleanup(support.remove)
		support.declare(1)
		support.expectReady(1)
		sales.remove()

		kubectl("rollout", "restart", "deployment/"+deployment, "--namespace="+operatorNamespace)
		waitForRollout()
		support.expectEditSent(1)
		Eventually(restarts).WithArguments(operatorNamespace).Should(BeZero())
		Expect(kubectl("logs", "deployment/"+deployment, "--namespace="+operatorNamespace)).To(ContainSubstring(`"sales"`))
	})
}

func describeKustomize() {
	It("an installation by kustomize for the whole cluster is ready and sends a request", func() {
		directory := applyKustomization("default")
		DeferCleanup(func() {
			kubectl("delete", "--kustomize="+directory, "--wait=false", "--ignore-not-found")
			deleteNamespace(operatorNamespace)
			applyCRDs()
		})
		team := newTeam("support")
		team.declare(1)
		team.expectReady(1)
		Expect(requests()).To(HaveLen(1))
		team.remove()
		Expect(agents()).To(HaveKeyWithValue("1", map[string]string{"90": "N"}))
	})

	It("an installation by kustomize for its own namespace is ready and sends a request", func() {
		directory := applyKustomization("namespaced")
		DeferCleanup(func() {
			kubectl("delete", "--kustomize="+directory, "--wait=false", "--ignore-not-found")
			deleteNamespace(operatorNamespace)
		})
		team := newTeamIn(operatorNamespace)
		team.declare(1)
		team.expectReady(1)
		Expect(requests()).To(HaveLen(1))
		team.removeObjects()
	})
}

// forwardPort forwards a local port to a port of an object in the operator's namespace, and returns its address.
func forwardPort(object, port string) string {
	GinkgoHelper()
	command := kubectlCommand("port-forward", object, ":"+port, "--namespace="+operatorNamespace)
	output, err := command.StdoutPipe()
	Expect(err).NotTo(HaveOccurred())
	command.Stderr = GinkgoWriter
	Expect(command.Start()).To(Succeed())
	DeferCleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	line, err := bufio.NewReader(output).ReadString('\n')
	Expect(err).NotTo(HaveOccurred())
	address := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(line)
	Expect(address).NotTo(BeEmpty(), line)
	return address
}

// getMetrics returns the HTTP status of the metrics for a token. The certificate is self-signed.
func getMetrics(address, token string) int {
	GinkgoHelper()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://"+address+"/metrics", nil)
	Expect(err).NotTo(HaveOccurred())
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	insecure := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	response, err := insecure.Do(request)
	Expect(err).NotTo(HaveOccurred())
	Expect(response.Body.Close()).To(Succeed())
	return response.StatusCode
}

// tokenOf returns a token of a ServiceAccount in the operator's namespace.
func tokenOf(name string) string {
	GinkgoHelper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: operatorNamespace, Name: name}}
	request := &authenticationv1.TokenRequest{}
	Expect(admin.SubResource("token").Create(context.Background(), account, request)).To(Succeed())
	return request.Status.Token
}
