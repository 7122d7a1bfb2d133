package chart

import (
	"reflect"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

func TestRBACMatchesKustomize(t *testing.T) {
	for _, test := range []struct{ folder, values string }{
		{"default", ""},
		{"namespaced", "{watchNamespaces: [deepcall-operator-system], rbac: {aggregate: false}}"},
	} {
		t.Run(test.folder, func(t *testing.T) {
			got, want := rbacObjects(render(t, operatorRelease, test.values)), rbacObjects(buildKustomization(t, test.folder))
			if len(want) < 7 {
				t.Fatalf("got %d RBAC objects from kustomize, want at least 7", len(want))
			}
			NewWithT(t).Expect(got).To(Equal(want))
		})
	}
}

// rbacObjects returns the RBAC objects by kind and name, without the metadata that differs between installations.
func rbacObjects(r rendering) map[string]map[string]any {
	found := map[string]map[string]any{}
	for _, obj := range r.objects {
		if obj.GroupVersionKind().Group != "rbac.authorization.k8s.io" && obj.GetKind() != "ServiceAccount" {
			continue
		}
		content := map[string]any{}
		for key, value := range obj.Object {
			if key != "metadata" {
				content[key] = value
			}
		}
		for key, value := range obj.GetLabels() {
			if strings.HasPrefix(key, "rbac.authorization.k8s.io/") {
				content[key] = value
			}
		}
		found[obj.GetKind()+" "+obj.GetNamespace()+"/"+obj.GetName()] = content
	}
	return found
}

func TestWatchedNamespacesHaveTheSameRoles(t *testing.T) {
	objects := rbacObjects(render(t, operatorRelease, "watchNamespaces: [support, sales, deepcall-operator-system]"))
	for _, name := range []string{"manager", "namespace"} {
		id := "/deepcall-operator-" + name + "-role"
		for _, namespace := range []string{supportNamespace, salesNamespace} {
			for _, kind := range []string{"Role ", "RoleBinding "} {
				suffix := map[string]string{"Role ": "", "RoleBinding ": "binding"}[kind]
				got, want := objects[kind+namespace+id+suffix], objects[kind+operatorNamespace+id+suffix]
				if got == nil || !reflect.DeepEqual(got, want) {
					t.Errorf("%s%s%s: got %v, want %v", kind, namespace, id+suffix, got, want)
				}
			}
		}
	}
}

func TestDeploymentMatchesKustomize(t *testing.T) {
	for _, test := range []struct{ folder, values string }{{"default", ""}, {"namespaced", "watchNamespaces: [deepcall-operator-system]"}} {
		t.Run(test.folder, func(t *testing.T) {
			r, other := render(t, operatorRelease, test.values), buildKustomization(t, test.folder)
			got, want := podSpec(t, r.only(t, "Deployment")), podSpec(t, other.only(t, "Deployment"))
			NewWithT(t).Expect(got).To(Equal(want))
			if got, want := r.only(t, "Service"), other.only(t, "Service"); got.GetName() != want.GetName() ||
				!reflect.DeepEqual(field(t, got, "spec", "ports"), field(t, want, "spec", "ports")) {
				t.Errorf("got the Service %v, want %v", got.Object, want.Object)
			}
			// The chart sets more flags, and watches the same namespaces by name.
			for _, arg := range managerArgs(t, other.only(t, "Deployment")) {
				if !strings.HasPrefix(arg, "--watch-namespaces=") {
					r.expectArgs(t, arg)
				}
			}
		})
	}
}

// podSpec returns the Pod spec of a Deployment without the fields that differ between kustomize and the chart.
func podSpec(t *testing.T, deployment *unstructured.Unstructured) map[string]any {
	t.Helper()
	content := field(t, deployment.DeepCopy(), "spec", "template", "spec").(map[string]any)
	manager := content["containers"].([]any)[0].(map[string]any)
	for _, key := range []string{"args", "env", "imagePullPolicy"} {
		delete(manager, key)
	}
	for _, item := range content["topologySpreadConstraints"].([]any) {
		delete(item.(map[string]any), "labelSelector")
	}
	return content
}

func TestPodDisruptionBudgetMatchesKustomize(t *testing.T) {
	budget := func(obj *unstructured.Unstructured) map[string]any {
		spec := field(t, obj.DeepCopy(), "spec").(map[string]any)
		delete(spec, "selector")
		return spec
	}
	got := budget(render(t, operatorRelease, "replicas: 2").only(t, "PodDisruptionBudget"))
	want := budget(source(t, "config", "high-availability", "disruption_budget.yaml"))
	NewWithT(t).Expect(got).To(Equal(want))
}

func TestAlertsAndDashboardMatchConfig(t *testing.T) {
	r := render(t, operatorRelease, "metrics: {prometheusRule: {enabled: true}, dashboard: {enabled: true}}")
	want := source(t, "config", "prometheus", "prometheusrule.yaml").Object["spec"]
	NewWithT(t).Expect(r.only(t, "PrometheusRule").Object["spec"]).To(Equal(want), "the alerts differ; run 'make generate'")
	dashboard := readFile(t, testenv.Root(), "config", "prometheus", "dashboard.json")
	NewWithT(t).Expect(field(t, r.only(t, "ConfigMap"), "data", "deepcall-operator.json")).To(Equal(dashboard), "the dashboard differs; run 'make generate'")
}
