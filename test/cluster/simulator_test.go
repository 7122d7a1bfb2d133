//go:build cluster

package cluster

import (
	"context"
	"crypto/x509"
	"encoding/json"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

const (
	simulatorNamespace = "deepcall"
	simulatorHost      = "simulator.deepcall.svc"
)

// simulatorCA is the PEM certificate of the private CA that signed the simulator's certificate.
var simulatorCA []byte

// startSimulator starts a simulated DeepCall as a Deployment with a Service, served over https.
func startSimulator() {
	GinkgoHelper()
	ctx := context.Background()
	ca := testenv.NewCA("Test CA")
	simulatorCA = ca.Bundle()
	certificate, key := testenv.EncodePEM(ca.Issue(func(c *x509.Certificate) { c.DNSNames = []string{simulatorHost} }))
	createNamespace(simulatorNamespace)
	meta := metav1.ObjectMeta{Namespace: simulatorNamespace, Name: "simulator", Labels: map[string]string{"app": "simulator"}}
	Expect(admin.Create(ctx, &corev1.Secret{ObjectMeta: meta, Type: corev1.SecretTypeTLS, Data: map[string][]byte{
		corev1.TLSCertKey: certificate, corev1.TLSPrivateKeyKey: key,
	}})).To(Succeed())
	Expect(admin.Create(ctx, &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{
		Selector: &metav1.LabelSelector{MatchLabels: meta.Labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: meta.Labels}, Spec: simulatorPod()},
	}})).To(Succeed())
	Expect(admin.Create(ctx, &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{
		Selector:                 meta.Labels,
		Ports:                    []corev1.ServicePort{{Port: 443, TargetPort: intstr.FromInt32(8443)}},
		PublishNotReadyAddresses: true, // after an outage of the API server, as for kube-dns
	}})).To(Succeed())
	kubectl("rollout", "status", "deployment/simulator", "--namespace="+simulatorNamespace, "--timeout=1m")
	Eventually(func() error {
		_, err := getFromSimulator("stats")
		return err
	}).Should(Succeed())
}

func simulatorPod() corev1.PodSpec {
	return corev1.PodSpec{
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: new(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Volumes: []corev1.Volume{{Name: "tls", VolumeSource: corev1.VolumeSource{
			Secret: &corev1.SecretVolumeSource{SecretName: "simulator"},
		}}},
		Containers: []corev1.Container{{
			Name: "simulator", Image: "deepcall.test/simulator:test", ImagePullPolicy: corev1.PullNever,
			Args:         []string{"--listen=:8443", "--tls-cert=/tls/tls.crt", "--tls-key=/tls/tls.key", "--quiet", "--latency=20ms"},
			VolumeMounts: []corev1.VolumeMount{{Name: "tls", MountPath: "/tls"}},
			SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: new(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			},
		}},
	}
}

// getFromSimulator reads from the simulator's own API, through the API server.
func getFromSimulator(path string) ([]byte, error) {
	return clients.CoreV1().Services(simulatorNamespace).ProxyGet("https", "simulator", "443", "_sim/"+path, nil).
		DoRaw(context.Background())
}

// resetSimulator removes all agents and requests.
func resetSimulator() {
	GinkgoHelper()
	Expect(clients.CoreV1().RESTClient().Post().Namespace(simulatorNamespace).Resource("services").
		Name("https:simulator:443").SubResource("proxy").Suffix("_sim/reset").Do(context.Background()).Error()).To(Succeed())
}

// requests returns all requests that the simulator got since its last reset.
func requests() []deepcalltest.Request {
	GinkgoHelper()
	var list []deepcalltest.Request
	readSimulator("requests", &list)
	return list
}

// agents returns the groups of all agents.
func agents() map[string]map[string]string {
	GinkgoHelper()
	var byAgent map[string]map[string]string
	readSimulator("agents", &byAgent)
	return byAgent
}

func readSimulator(path string, into any) {
	GinkgoHelper()
	text, err := getFromSimulator(path)
	Expect(err).NotTo(HaveOccurred())
	Expect(json.Unmarshal(text, into)).To(Succeed())
}
