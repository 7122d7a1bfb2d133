package chart

import (
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// crdChart is the chart that contains only the CRDs, and crdRelease its release in docs/install-helm.md.
var crdChart = filepath.Join(testenv.Root(), "config", "chart-crds")

const crdRelease = "deepcall-operator-crds"

// renderCRDs returns the CRDs of a chart.
func renderCRDs(t *testing.T, chart, values string) []*unstructured.Unstructured {
	t.Helper()
	return renderChart(t, chart, operatorRelease, values).kind("CustomResourceDefinition")
}

func TestCRDsMatchConfig(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testenv.Root(), "config", "crd", "bases", "*.yaml"))
	if err != nil || len(files) != len(crds) {
		t.Fatalf("got %q and %v, want the CRDs", files, err)
	}
	for _, test := range []struct{ name, chart, keepOff string }{
		{"the operator's chart", chart, "crds: {keep: false}"},
		{"the chart of the CRDs", crdChart, "keep: false"},
	} {
		t.Run(test.name, func(t *testing.T) {
			kept, notKept := renderCRDs(t, test.chart, ""), renderCRDs(t, test.chart, test.keepOff)
			if len(kept) != len(files) || len(notKept) != len(files) {
				t.Fatalf("got %d and %d CRDs, want %d", len(kept), len(notKept), len(files))
			}
			for _, file := range files {
				want := source(t, "config", "crd", "bases", filepath.Base(file))
				expectCRD(t, notKept, want)
				annotations := want.GetAnnotations()
				annotations["helm.sh/resource-policy"] = "keep"
				want.SetAnnotations(annotations)
				expectCRD(t, kept, want)
			}
		})
	}
}

// expectCRD expects a CRD with the same spec and annotations.
func expectCRD(t *testing.T, rendered []*unstructured.Unstructured, want *unstructured.Unstructured) {
	t.Helper()
	i := slices.IndexFunc(rendered, func(obj *unstructured.Unstructured) bool { return obj.GetName() == want.GetName() })
	switch {
	case i < 0:
		t.Errorf("%s is missing", want.GetName())
	case !reflect.DeepEqual(rendered[i].Object["spec"], want.Object["spec"]):
		t.Errorf("%s differs; run 'make generate'", want.GetName())
	case !reflect.DeepEqual(rendered[i].GetAnnotations(), want.GetAnnotations()):
		t.Errorf("%s has the annotations %v, want %v", want.GetName(), rendered[i].GetAnnotations(), want.GetAnnotations())
	}
}

func TestCRDChart(t *testing.T) {
	const values = "{commonLabels: {team: telephony, app.kubernetes.io/part-of: other}, commonAnnotations: {owner: telephony@example.com}}"
	mustHelm(t, values, "lint", crdChart, "--strict", "--kube-version", "1.37", "-f", "-")
	for _, crd := range renderCRDs(t, crdChart, values) {
		labels := crd.GetLabels()
		if labels["team"] != "telephony" || labels["app.kubernetes.io/part-of"] != "deepcall-operator" || crd.GetAnnotations()["owner"] != "telephony@example.com" {
			t.Errorf("%s has the labels %v and annotations %v", crd.GetName(), labels, crd.GetAnnotations())
		}
	}
	for given, want := range map[string]string{
		"crds: {keep: false}":       "additional properties 'crds' not allowed",
		"keep: null":                "missing property 'keep'",
		"commonLabels: {a: 1}":      "at '/commonLabels/a': got number, want string",
		"commonAnnotations: {a: 1}": "at '/commonAnnotations/a': got number, want string",
	} {
		_, err := template(crdChart, crdRelease, given)
		NewWithT(t).Expect(err).To(MatchError(ContainSubstring(want)), given)
	}
	NewWithT(t).Expect(renderCRDs(t, crdChart, "{commonLabels: null, commonAnnotations: null}")).To(HaveLen(len(crds)))
}

func TestCRDsMoveToTheirOwnRelease(t *testing.T) {
	t.Cleanup(func() { mustHelm(t, "", "uninstall", crdRelease, "-n", operatorNamespace, "--ignore-not-found") })
	install(t, "crds: {keep: false}")
	waitForCRDs(t)
	before := map[string]string{}
	for _, crd := range crds {
		before[crd] = string(read(t, "apiextensions.k8s.io/v1", "CustomResourceDefinition", "", crd).GetUID())
	}
	for _, commands := range pageSections(t)["CRDs in a release of their own"] {
		bash(t, commands)
	}
	expectOwner := func(owner string) {
		t.Helper()
		for _, name := range crds {
			crd := read(t, "apiextensions.k8s.io/v1", "CustomResourceDefinition", "", name)
			if string(crd.GetUID()) != before[name] || crd.GetDeletionTimestamp() != nil {
				t.Errorf("%s was deleted", name)
			}
			NewWithT(t).Expect(crd.GetAnnotations()).To(HaveKeyWithValue("meta.helm.sh/release-name", owner), name)
		}
	}
	expectOwner(crdRelease)

	// The operator's release does not own them any more.
	mustHelm(t, "", "uninstall", operatorRelease, "-n", operatorNamespace)
	expectOwner(crdRelease)

	// And back.
	mustHelm(t, "", "install", operatorRelease, chart, "-n", operatorNamespace, "--take-ownership")
	expectOwner(operatorRelease)
	mustHelm(t, "", "uninstall", crdRelease, "-n", operatorNamespace)
	expectOwner(operatorRelease)
}
