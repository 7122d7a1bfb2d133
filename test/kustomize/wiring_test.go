package kustomize

import (
	"fmt"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// serviceMonitor is the part of a ServiceMonitor that the tests read.
type serviceMonitor struct {
	Spec struct {
		Selector  metav1.LabelSelector `json:"selector"`
		Endpoints []struct {
			Port          string `json:"port"`
			Scheme        string `json:"scheme"`
			Authorization struct {
				Type        string                   `json:"type"`
				Credentials corev1.SecretKeySelector `json:"credentials"`
			} `json:"authorization"`
			TLSConfig struct {
				InsecureSkipVerify bool `json:"insecureSkipVerify"`
			} `json:"tlsConfig"`
		} `json:"endpoints"`
	} `json:"spec"`
}

var _ = DescribeTable("The objects refer to each other",
	func(folder, scheme string) {
		text := build(filepath.Join("test", "kustomize", "testdata", folder))
		deployment := object[appsv1.Deployment](text, "Deployment")
		template := deployment.Spec.Template
		container := template.Spec.Containers[0]
		expectMatch := func(selector metav1.LabelSelector, set map[string]string) {
			GinkgoHelper()
			s, err := metav1.LabelSelectorAsSelector(&selector)
			Expect(err).NotTo(HaveOccurred())
			Expect(s.Empty()).To(BeFalse())
			Expect(s.Matches(labels.Set(set))).To(BeTrue(), "%s does not match %v", s, set)
		}

		By("the manager and its ports")
		Expect(container.Image).To(HavePrefix("ghcr.io/deepcall/deepcall-operator:v"))
		Expect(container.Args).To(ContainElement("--leader-elect"))
		ports := map[string]string{}
		for _, port := range container.Ports {
			ports[port.Name] = fmt.Sprintf(":%d", port.ContainerPort)
		}
		Expect(container.Args).To(ContainElements("--metrics-bind-address="+ports["metrics"], "--health-probe-bind-address="+ports["health"]))
		for path, probes := range map[string][]*corev1.Probe{
			"/healthz": {container.StartupProbe, container.LivenessProbe}, "/readyz": {container.ReadinessProbe},
		} {
			for _, probe := range probes {
				Expect(probe.HTTPGet).To(HaveValue(Equal(corev1.HTTPGetAction{Path: path, Port: intstr.FromString("health")})))
			}
		}
		Expect(strings.Contains(strings.Join(container.Args, " "), "--metrics-secure=false")).To(Equal(scheme == "http"))
		Expect(objects(text)).To(HaveKey("ServiceAccount/" + template.Spec.ServiceAccountName))
		expectMatch(*template.Spec.TopologySpreadConstraints[0].LabelSelector, template.Labels)

		By("the metrics Service")
		service := object[corev1.Service](text, "Service")
		expectMatch(metav1.LabelSelector{MatchLabels: service.Spec.Selector}, template.Labels)
		Expect(service.Spec.Ports).To(HaveExactElements(SatisfyAll(
			HaveField("Name", scheme), HaveField("TargetPort", intstr.FromString("metrics")),
			HaveField("Port", WithTransform(func(p int32) string { return fmt.Sprintf(":%d", p) }, Equal(ports["metrics"]))),
		)))

		By("the ServiceMonitor")
		monitor := object[serviceMonitor](text, "ServiceMonitor").Spec
		expectMatch(monitor.Selector, service.Labels)
		Expect(monitor.Endpoints).To(HaveExactElements(SatisfyAll(
			HaveField("Port", service.Spec.Ports[0].Name), HaveField("Scheme", scheme), HaveField("TLSConfig.InsecureSkipVerify", scheme == "https"),
		)))
		authorization := monitor.Endpoints[0].Authorization
		if scheme == "http" {
			Expect(authorization).To(BeZero())
			Expect(text).NotTo(ContainSubstring("metrics-reader"))
		} else {
			By("the account of the ServiceMonitor")
			Expect(authorization.Type).To(Equal("Bearer"))
			secret := object[corev1.Secret](text, "Secret")
			Expect(authorization.Credentials.Name).To(Equal(secret.Name))
			Expect(authorization.Credentials.Key).To(Equal(corev1.ServiceAccountTokenKey))
			Expect(secret.Type).To(Equal(corev1.SecretTypeServiceAccountToken))
			account := secret.Annotations[corev1.ServiceAccountNameKey]
			Expect(objects(text)).To(HaveKey("ServiceAccount/" + account))
			binding := asBinding(objects(text)["ClusterRoleBinding/deepcall-operator-metrics-readers"])
			Expect(binding.Subjects).To(ConsistOf(rbacv1.Subject{Kind: "ServiceAccount", Name: account, Namespace: secret.Namespace}))
			Expect(objects(text)).To(HaveKey(binding.RoleRef.Kind + "/" + binding.RoleRef.Name))
		}

		By("the network policy")
		policy := object[networkingv1.NetworkPolicy](text, "NetworkPolicy")
		expectMatch(policy.Spec.PodSelector, template.Labels)
		Expect(policy.Spec.Ingress[0].Ports[0].Port).To(HaveValue(Equal(intstr.FromString("metrics"))))

		By("the PodDisruptionBudget of two replicas")
		budget := object[policyv1.PodDisruptionBudget](text, "PodDisruptionBudget")
		expectMatch(*budget.Spec.Selector, template.Labels)
		Expect(deployment.Spec.Replicas).To(HaveValue(BeEquivalentTo(2)))

		By("the namespace")
		for key, object := range objects(text) {
			if object.GetNamespace() != "" {
				Expect(object.GetNamespace()).To(Equal(deployment.Namespace), key)
			}
		}
	},
	Entry("for all namespaces", "full", "https"),
	Entry("for selected namespaces", "namespaced", "http"),
)

// asBinding converts an object to a ClusterRoleBinding.
func asBinding(object unstructured.Unstructured) (binding rbacv1.ClusterRoleBinding) {
	GinkgoHelper()
	Expect(runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &binding)).To(Succeed())
	return binding
}

var _ = DescribeTable("No cluster-scoped object except the namespace is in",
	func(folder string, want ...string) {
		var kinds []string
		for _, object := range objects(build(filepath.Join(config, folder))) {
			if object.GetNamespace() == "" {
				kinds = append(kinds, object.GetKind())
			}
		}
		Expect(kinds).To(ConsistOf(want))
	},
	Entry(nil, "namespaced", "Namespace"),
	Entry(nil, "namespaced/prometheus"),
)
