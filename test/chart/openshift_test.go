package chart

import (
	"fmt"
	"strings"
	"testing"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// TestOpenShift tests the properties of the manifests that docs/how-to/openshift.md relies on, with the page's values.
func TestOpenShift(t *testing.T) {
	var values string
	for _, block := range testenv.Blocks(t, "docs/how-to/openshift.md", "sh") {
		if _, after, found := strings.Cut(block.Text, "cat > openshift.yaml <<'END'\n"); found {
			values, _, _ = strings.Cut(after, "\nEND\n")
		}
	}
	if values == "" {
		t.Fatal("found no values in docs/how-to/openshift.md")
	}
	withValues := render(t, operatorRelease, values)

	t.Run("the Pods can run as any user and group", func(t *testing.T) {
		for name, r := range map[string]rendering{"chart": withValues, "kustomize": buildKustomization(t, "default")} {
			pod := fmt.Sprint(r.pod(t).Object)
			if !strings.Contains(pod, "runAsNonRoot") {
				t.Fatalf("%s: found no security context", name)
			}
			for _, unwanted := range []string{"runAsUser", "runAsGroup", "fsGroup", "supplementalGroups", "seLinuxOptions"} {
				if strings.Contains(pod, unwanted) {
					t.Errorf("%s: the Pod sets %s", name, unwanted)
				}
			}
		}
	})
	t.Run("the network policy permits OpenShift's DNS, monitoring and API server", func(t *testing.T) {
		for name, r := range map[string]rendering{"chart": withValues, "kustomize": buildKustomization(t, "network-policy")} {
			egress := fmt.Sprint(field(t, r.only(t, "NetworkPolicy"), "spec", "egress"))
			for _, port := range []string{
				"port:53 protocol:UDP", "port:53 protocol:TCP", "port:5353 protocol:UDP", "port:5353 protocol:TCP",
				"port:443 protocol:TCP", "port:6443 protocol:TCP",
			} {
				if !strings.Contains(egress, "map["+port+"]") {
					t.Errorf("%s: %s is not permitted: %s", name, port, egress)
				}
			}
		}
		ingress := fmt.Sprint(field(t, withValues.only(t, "NetworkPolicy"), "spec", "ingress"))
		if !strings.Contains(ingress, "kubernetes.io/metadata.name:openshift-user-workload-monitoring") {
			t.Errorf("got the ingress %s", ingress)
		}
	})
	t.Run("the monitoring needs no other namespace and no file", func(t *testing.T) {
		for _, kind := range []string{"ServiceMonitor", "PrometheusRule"} {
			if got := withValues.only(t, kind).GetNamespace(); got != operatorNamespace {
				t.Errorf("the %s is in %s", kind, got)
			}
		}
		if monitor := fmt.Sprint(withValues.only(t, "ServiceMonitor").Object); strings.Contains(monitor, "File:") {
			t.Errorf("the ServiceMonitor references a file: %s", monitor)
		}
	})
}
