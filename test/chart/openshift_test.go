package chart

import (
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

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
	NewWithT(t).Expect(values).NotTo(BeEmpty(), "found no values in docs/how-to/openshift.md")
	withValues := render(t, operatorRelease, values)

	t.Run("the Pods can run as any user and group", func(t *testing.T) {
		for name, r := range map[string]rendering{"chart": withValues, "kustomize": buildKustomization(t, "default")} {
			pod := fmt.Sprint(r.pod(t).Object)
			NewWithT(t).Expect(pod).To(ContainSubstring("runAsNonRoot"), "%s: found no security context", name)
			for _, unwanted := range []string{"runAsUser", "runAsGroup", "fsGroup", "supplementalGroups", "seLinuxOptions"} {
				NewWithT(t).Expect(pod).NotTo(ContainSubstring(unwanted), "%s: the Pod sets %s", name, unwanted)
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
				NewWithT(t).Expect(egress).To(ContainSubstring("map["+port+"]"), "%s: %s is not permitted: %s", name, port, egress)
			}
		}
		ingress := fmt.Sprint(field(t, withValues.only(t, "NetworkPolicy"), "spec", "ingress"))
		NewWithT(t).Expect(ingress).To(ContainSubstring("kubernetes.io/metadata.name:openshift-user-workload-monitoring"))
	})
	t.Run("the monitoring needs no other namespace and no file", func(t *testing.T) {
		for _, kind := range []string{"ServiceMonitor", "PrometheusRule"} {
			NewWithT(t).Expect(withValues.only(t, kind).GetNamespace()).To(Equal(operatorNamespace), kind)
		}
		NewWithT(t).Expect(fmt.Sprint(withValues.only(t, "ServiceMonitor").Object)).NotTo(ContainSubstring("File:"))
	})
}
