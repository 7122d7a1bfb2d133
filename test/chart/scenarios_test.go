package chart

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	sigsyaml "sigs.k8s.io/yaml"
)

// scenario is a set of values with checks of the rendered objects.
type scenario struct {
	name, release, values string
	check                 func(t *testing.T, r rendering)
}

func scenarios(t *testing.T) []scenario {
	return append([]scenario{
		{"defaults", operatorRelease, "", func(t *testing.T, r rendering) {
			r.expectArgs(t, "--leader-elect", "--metrics-bind-address=:8443")
			r.expectNoArgs(t, "--metrics-secure=false", "--allow-insecure-endpoints")
			r.expectNone(t, "PodDisruptionBudget", "NetworkPolicy", "ServiceMonitor", "PrometheusRule", "ConfigMap", "ValidatingAdmissionPolicy")
		}},
		{"everything on", "all", readFile(t, "testdata", "everything.yaml"), expectEverything},
		{"namespaced", operatorRelease, "watchNamespaces: [support, sales]", func(t *testing.T, r rendering) {
			r.expectArgs(t, "--watch-namespaces=support,sales", "--metrics-secure=false", "--metrics-bind-address=:8080")
			r.expectNone(t, "ClusterRoleBinding")
			NewWithT(t).Expect(names(r.kind("Role"))).To(Equal([]string{
				"deepcall-operator-system/deepcall-operator-leader-election-role",
				"sales/deepcall-operator-manager-role", "sales/deepcall-operator-namespace-role",
				"support/deepcall-operator-manager-role", "support/deepcall-operator-namespace-role",
			}))
		}},
		{"namespaced, without cluster-scoped objects", operatorRelease, "{watchNamespaces: [support], rbac: {aggregate: false}, crds: {install: false}}", func(t *testing.T, r rendering) {
			for _, obj := range r.objects {
				NewWithT(t).Expect(clusterScoped(obj)).To(BeFalse(), "unexpected %s %s", obj.GetKind(), obj.GetName())
			}
		}},
		{"three replicas", operatorRelease, "replicas: 3", func(t *testing.T, r rendering) {
			budget := r.only(t, "PodDisruptionBudget")
			NewWithT(t).Expect(field(t, budget, "spec", "maxUnavailable")).To(Equal(int64(1)), "got the budget %v", budget.Object)
			r.expectSelectsPods(t, budget, "spec", "selector", "matchLabels")
		}},
		{"three replicas without a budget", operatorRelease, "{replicas: 3, podDisruptionBudget: {enabled: false}}", func(t *testing.T, r rendering) {
			r.expectNone(t, "PodDisruptionBudget")
		}},
		{"a digest", operatorRelease, "image: {repository: registry.example.com/deepcall, tag: v9, digest: sha256:" + strings.Repeat("a", 64) + "}", func(t *testing.T, r rendering) {
			want := "registry.example.com/deepcall@sha256:" + strings.Repeat("a", 64)
			NewWithT(t).Expect(container(t, r.only(t, "Deployment"))["image"]).To(Equal(want))
		}},
		{"a tag", operatorRelease, "image: {tag: v9}", func(t *testing.T, r rendering) {
			NewWithT(t).Expect(container(t, r.only(t, "Deployment"))["image"]).To(Equal("ghcr.io/deepcall/deepcall-operator:v9"))
		}},
		{"an existing ServiceAccount", operatorRelease, "serviceAccount: {create: false, name: telephony}", func(t *testing.T, r rendering) {
			r.expectNone(t, "ServiceAccount")
			NewWithT(t).Expect(field(t, r.only(t, "Deployment"), "spec", "template", "spec", "serviceAccountName")).To(Equal("telephony"))
			for _, binding := range append(r.kind("ClusterRoleBinding"), r.kind("RoleBinding")...) {
				subjects := fmt.Sprint(field(t, binding, "subjects"))
				NewWithT(t).Expect(subjects).To(Equal("[map[kind:ServiceAccount name:telephony namespace:deepcall-operator-system]]"), binding.GetName())
			}
		}},
		{"the values of Argo CD's Application", operatorRelease, argoCDValues(t), func(t *testing.T, r rendering) {
			NewWithT(t).Expect(container(t, r.only(t, "Deployment"))["image"]).To(Equal("registry.example.com/deepcall-operator:dev"))
		}},
		{"insecure endpoints", operatorRelease, "allowInsecureEndpoints: true", func(t *testing.T, r rendering) {
			r.expectArgs(t, "--allow-insecure-endpoints")
		}},
		{"a proxy with a password", operatorRelease, "proxy: {existingSecret: proxy}", func(t *testing.T, r rendering) {
			want := "[map[name:HTTPS_PROXY valueFrom:map[secretKeyRef:map[key:HTTPS_PROXY name:proxy]]] map[name:NO_PROXY value:$(KUBERNETES_SERVICE_HOST),.svc,.cluster.local]]"
			NewWithT(t).Expect(fmt.Sprint(container(t, r.only(t, "Deployment"))["env"])).To(Equal(want))
		}},
		{"a proxy whose URL contains characters that Kubernetes replaces", operatorRelease, `proxy: {httpsProxy: "http://u:a$$b$(C)@proxy"}`, func(t *testing.T, r rendering) {
			NewWithT(t).Expect(fmt.Sprint(container(t, r.only(t, "Deployment"))["env"])).To(ContainSubstring("value:http://u:a$$$$b$$(C)@proxy]"))
		}},
		{"no namespaces, as --set 'watchNamespaces={}' sets them", operatorRelease, `watchNamespaces: [""]`, func(t *testing.T, r rendering) {
			r.expectNoArgs(t, "--watch-namespaces=")
			NewWithT(t).Expect(r.kind("ClusterRoleBinding")).NotTo(BeEmpty(), "the manager is not bound to a ClusterRole")
		}},
		{"a numeric release name", "123", `{fullnameOverride: calls, replicas: 2, metrics: {serviceMonitor: {enabled: true}}, networkPolicy: {enabled: true}}`, func(t *testing.T, r rendering) {
			r.expectSelectsPods(t, r.only(t, "NetworkPolicy"), "spec", "podSelector", "matchLabels")
			NewWithT(t).Expect(r.only(t, "Deployment").GetLabels()["app.kubernetes.io/instance"]).To(Equal("123"))
		}},
		{"custom names", "a", "{nameOverride: calls, fullnameOverride: calls-of-support, serviceAccount: {name: caller}}", func(t *testing.T, r rendering) {
			if got := r.only(t, "Deployment"); got.GetName() != "calls-of-support-controller-manager" || got.GetLabels()["app.kubernetes.io/name"] != "calls" {
				t.Errorf("got %s with the labels %v", got.GetName(), got.GetLabels())
			}
			NewWithT(t).Expect(r.only(t, "ServiceAccount").GetName()).To(Equal("caller"), "the ServiceAccount has another name")
		}},
		{"a release name without the chart name", "acme", "", func(t *testing.T, r rendering) {
			NewWithT(t).Expect(r.only(t, "Deployment").GetName()).To(Equal("acme-deepcall-operator-controller-manager"))
		}},
		{"a release name of maximum length", strings.Repeat("a", 53), "{replicas: 2, metrics: {dashboard: {enabled: true}}, networkPolicy: {enabled: true}}", expectShortNames},
		{"a release name that starts with a digit and contains dots", "1.2-support", "replicas: 2", expectShortNames},
		{"no RBAC", operatorRelease, "rbac: {create: false, aggregate: false}", func(t *testing.T, r rendering) {
			NewWithT(t).Expect(r.text).NotTo(ContainSubstring("rbac.authorization.k8s.io/v1"), "unexpected RBAC objects")
		}},
		{"a network policy without ingress", operatorRelease, "networkPolicy: {enabled: true, metricsFrom: [], egressPorts: [443]}", func(t *testing.T, r rendering) {
			policy := r.only(t, "NetworkPolicy")
			if field(t, policy, "spec", "ingress") != nil || fmt.Sprint(field(t, policy, "spec", "policyTypes")) != "[Ingress Egress]" {
				t.Errorf("got %v", policy.Object["spec"])
			}
		}},
		{"labels and annotations that conflict with the chart's", operatorRelease, "{commonLabels: {app.kubernetes.io/name: other, control-plane: other}, podLabels: {app.kubernetes.io/instance: other}, podAnnotations: {kubectl.kubernetes.io/default-container: other}, commonAnnotations: {a: common}, deploymentAnnotations: {a: own}}", func(t *testing.T, r rendering) {
			deployment := r.only(t, "Deployment")
			r.expectSelectsPods(t, deployment, "spec", "selector", "matchLabels")
			NewWithT(t).Expect(deployment.GetAnnotations()).To(HaveKeyWithValue("a", "own"), "deploymentAnnotations override commonAnnotations")
		}},
	}, monitoringScenarios()...)
}

func expectEverything(t *testing.T, r rendering) {
	r.expectArgs(t, "--watch-label-selector=shard in (a,b),team!=sales", "--max-concurrent-reconciles=32", "--zap-log-level=5",
		"--zap-encoder=console", "--zap-stacktrace-level=panic", "--group-metrics")
	deployment := r.only(t, "Deployment")
	probe := fmt.Sprint(container(t, deployment)["startupProbe"])
	NewWithT(t).Expect(probe).To(Equal("map[failureThreshold:90 httpGet:map[path:/healthz port:health] periodSeconds:2]"))
	env := fmt.Sprint(container(t, deployment)["env"])
	for _, want := range []string{
		"name:OTEL_EXPORTER_OTLP_ENDPOINT value:http://collector.observability:4317",
		"name:HTTPS_PROXY value:http://proxy.example.com:3128",
		"name:NO_PROXY value:$(KUBERNETES_SERVICE_HOST),.svc,.cluster.local,.example.com,collector.observability",
	} {
		NewWithT(t).Expect(env).To(ContainSubstring(want))
	}
	for _, obj := range r.objects {
		if obj.GetLabels()["team"] != "telephony" || obj.GetAnnotations()["owner"] != "telephony@example.com" {
			t.Errorf("the %s %s lacks the common labels and annotations", obj.GetKind(), obj.GetName())
		}
	}
	spread, _, _ := unstructured.NestedSlice(deployment.Object, "spec", "template", "spec", "topologySpreadConstraints")
	if len(spread) != 2 || !reflect.DeepEqual(spread[0].(map[string]any)["labelSelector"], field(t, deployment, "spec", "selector")) ||
		fmt.Sprint(spread[1].(map[string]any)["labelSelector"]) != "map[matchLabels:map[a:pod]]" {
		t.Errorf("got the topology spread constraints %v", spread)
	}
	monitor := r.only(t, "ServiceMonitor")
	service := r.only(t, "Service")
	for key, value := range field(t, monitor, "spec", "selector", "matchLabels").(map[string]any) {
		NewWithT(t).Expect(service.GetLabels()[key]).To(Equal(value), "the ServiceMonitor selects %s=%s, the Service has %v", key, value, service.GetLabels())
	}
	endpoint := field(t, monitor, "spec", "endpoints").([]any)[0].(map[string]any)
	port := field(t, service, "spec", "ports").([]any)[0].(map[string]any)
	if endpoint["port"] != port["name"] || endpoint["scheme"] != "https" || endpoint["interval"] != "30s" || endpoint["authorization"] == nil {
		t.Errorf("the ServiceMonitor scrapes %v of the ports %v", endpoint, port)
	}
	r.expectSelectsPods(t, service, "spec", "selector")
	r.expectSelectsPods(t, r.only(t, "PodDisruptionBudget"), "spec", "selector", "matchLabels")
	r.expectSelectsPods(t, r.only(t, "NetworkPolicy"), "spec", "podSelector", "matchLabels")
	NewWithT(t).Expect(r.text).To(ContainSubstring(`name: "prometheus-k8s"`), "Prometheus can't read the metrics")
	configMaps := map[string]map[string]string{}
	for _, obj := range r.kind("ConfigMap") {
		configMaps[obj.GetName()] = obj.GetLabels()
	}
	NewWithT(t).Expect(configMaps["all-deepcall-operator-dashboard"]["grafana_dashboard"]).To(Equal("1"), "the dashboard lacks the label of Grafana's sidecar")
	NewWithT(t).Expect(configMaps).To(HaveKey("extra-of-all"), "the additional object")
	NewWithT(t).Expect(r.text).To(And(Not(ContainSubstring("alert: DeepCallNoLeader")), ContainSubstring("alert: DeepCallOperatorAbsent")), "only the disabled alert is left out")
}

// expectShortNames expects names of at most 63 characters, which are valid for all kinds.
func expectShortNames(t *testing.T, r rendering) {
	for _, obj := range r.objects {
		if len(obj.GetName()) > 63 && obj.GetKind() != "CustomResourceDefinition" {
			t.Errorf("the %s %s has a name of %d characters", obj.GetKind(), obj.GetName(), len(obj.GetName()))
		}
	}
}

// argoCDValues returns the values of config/argocd/operator.yaml.
func argoCDValues(t *testing.T) string {
	t.Helper()
	application := parse(t, readFile(t, "..", "..", "config", "argocd", "operator.yaml"))[0]
	values, err := sigsyaml.Marshal(field(t, application, "spec", "source", "helm", "valuesObject"))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return string(values)
}
