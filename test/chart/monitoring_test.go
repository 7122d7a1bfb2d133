package chart

import (
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

func monitoringScenarios() []scenario {
	return []scenario{
		{"insecure metrics for all namespaces", operatorRelease, "metrics: {secure: false, serviceMonitor: {enabled: true}}", func(t *testing.T, r rendering) {
			r.expectArgs(t, "--metrics-secure=false", "--metrics-bind-address=:8080")
			NewWithT(t).Expect(r.text).NotTo(Or(ContainSubstring("tokenreviews"), ContainSubstring("metrics-reader")), "authorization")
			r.expectEndpoint(t, "map[path:/metrics port:http scheme:http]")
		}},
		{"no metrics", operatorRelease, "metrics: {enabled: false}", func(t *testing.T, r rendering) {
			r.expectNone(t, "Service")
			NewWithT(t).Expect(r.text).NotTo(Or(ContainSubstring("tokenreviews"), ContainSubstring("--metrics")), "objects and flags for metrics")
		}},
		{"a ServiceMonitor", operatorRelease, "metrics: {serviceMonitor: {enabled: true}}", func(t *testing.T, r rendering) {
			r.expectMonitorReader(t, operatorNamespace)
			r.expectEndpoint(t, "map[authorization:map[credentials:map[key:token name:deepcall-operator-metrics-reader-token] type:Bearer] "+
				"path:/metrics port:https scheme:https tlsConfig:map[insecureSkipVerify:true]]")
		}},
		{"a certificate", operatorRelease, "metrics: {certificate: {secretName: metrics}, serviceMonitor: {enabled: true}}", func(t *testing.T, r rendering) {
			r.expectEndpoint(t, "map[authorization:map[credentials:map[key:token name:deepcall-operator-metrics-reader-token] type:Bearer] "+
				"path:/metrics port:https scheme:https tlsConfig:map[ca:map[secret:map[key:ca.crt name:metrics]] "+
				"serverName:deepcall-operator-controller-manager-metrics-service.deepcall-operator-system.svc]]")
			deployment := r.only(t, "Deployment")
			volumes := fmt.Sprint(field(t, deployment, "spec", "template", "spec", "volumes"))
			NewWithT(t).Expect(volumes).To(Equal("[map[name:metrics-certificate secret:map[secretName:metrics]]]"))
			mounts := container(t, deployment)["volumeMounts"].([]any)
			if len(mounts) != 1 || mounts[0].(map[string]any)["name"] != "metrics-certificate" {
				t.Fatalf("got the mounts %v", mounts)
			}
			r.expectArgs(t, fmt.Sprintf("--metrics-cert-path=%s", mounts[0].(map[string]any)["mountPath"]))
		}},
		{
			"an endpoint with its own credentials and TLS settings", operatorRelease,
			"metrics: {serviceMonitor: {enabled: true, endpoint: {authorization: {credentials: {name: own, key: key}}, tlsConfig: {serverName: own}, honorLabels: true}}}",
			func(t *testing.T, r rendering) {
				if len(r.kind("Secret")) > 0 || len(r.kind("ServiceAccount")) != 1 || strings.Contains(r.text, "metrics-readers") {
					t.Error("unexpected account of the ServiceMonitor")
				}
				r.expectEndpoint(t, "map[authorization:map[credentials:map[key:key name:own]] honorLabels:true path:/metrics port:https scheme:https tlsConfig:map[serverName:own]]")
			},
		},
		{
			"monitoring in another namespace", operatorRelease,
			"metrics: {port: 9443, serviceMonitor: {enabled: true, namespace: support}, prometheusRule: {enabled: true, namespace: support}, " +
				"dashboard: {enabled: true, namespace: sales, labels: {grafana_dashboard: null, dashboards: all}}}",
			func(t *testing.T, r rendering) {
				monitor := r.only(t, "ServiceMonitor")
				if monitor.GetNamespace() != supportNamespace || fmt.Sprint(field(t, monitor, "spec", "namespaceSelector", "matchNames")) != "[deepcall-operator-system]" {
					t.Errorf("got %v", monitor.Object)
				}
				r.expectMonitorReader(t, supportNamespace)
				if dashboard := r.only(t, "ConfigMap"); dashboard.GetNamespace() != salesNamespace || dashboard.GetLabels()["grafana_dashboard"] != "" || dashboard.GetLabels()["dashboards"] != "all" {
					t.Errorf("got the dashboard in %s with %v", dashboard.GetNamespace(), dashboard.GetLabels())
				}
				r.expectArgs(t, "--metrics-bind-address=:9443")
			},
		},
	}
}

// expectEndpoint expects the endpoint of the ServiceMonitor, as fmt prints it.
func (r rendering) expectEndpoint(t *testing.T, want string) {
	t.Helper()
	NewWithT(t).Expect(fmt.Sprint(field(t, r.only(t, "ServiceMonitor"), "spec", "endpoints"))).To(Equal("[" + want + "]"))
}

// expectMonitorReader expects a ServiceAccount that can only read the metrics, and a Secret with its token, in the namespace.
func (r rendering) expectMonitorReader(t *testing.T, namespace string) {
	t.Helper()
	const name = "deepcall-operator-metrics-reader"
	secret := r.only(t, "Secret")
	if secret.GetNamespace() != namespace || secret.GetAnnotations()["kubernetes.io/service-account.name"] != name ||
		secret.Object["type"] != "kubernetes.io/service-account-token" {
		t.Errorf("got the Secret %v", secret.Object)
	}
	objects := rbacObjects(r)
	if account := objects["ServiceAccount "+namespace+"/"+name]; account == nil || account["automountServiceAccountToken"] != false {
		t.Errorf("got the ServiceAccount %v", account)
	}
	subject := fmt.Sprintf("map[kind:ServiceAccount name:%s namespace:%s]", name, namespace)
	for id, binding := range objects {
		isReaders := id == "ClusterRoleBinding /deepcall-operator-metrics-readers"
		NewWithT(t).Expect(strings.Contains(fmt.Sprint(binding["subjects"]), subject)).To(Equal(isReaders), "%s binds %v", id, binding["subjects"])
	}
}

func TestServiceMonitorMatchesKustomize(t *testing.T) {
	for _, test := range []struct{ folder, values string }{
		{"prometheus", "metrics: {serviceMonitor: {enabled: true}}"},
		{"namespaced/prometheus", "{watchNamespaces: [deepcall-operator-system], metrics: {serviceMonitor: {enabled: true}}}"},
	} {
		t.Run(test.folder, func(t *testing.T) {
			r, other := render(t, operatorRelease, test.values), buildKustomization(t, test.folder)
			NewWithT(t).Expect(field(t, r.only(t, "ServiceMonitor"), "spec", "endpoints")).To(Equal(field(t, other.only(t, "ServiceMonitor"), "spec", "endpoints")))
			NewWithT(t).Expect(names(r.kind("Secret"))).To(Equal(names(other.kind("Secret"))))
			got := rbacObjects(r)
			for id, want := range rbacObjects(other) {
				NewWithT(t).Expect(got).To(HaveKeyWithValue(id, want))
			}
		})
	}
}
