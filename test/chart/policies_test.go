package chart

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

func TestPoliciesMatchKustomize(t *testing.T) {
	want := policyObjects(buildKustomization(t, filepath.Join("..", "test", "kustomize", "testdata", "guarded")))
	expect(t, want).To(HaveLen(8))
	expect(t, policyObjects(render(t, operatorRelease, "policies: {enabled: true}"))).To(Equal(want), "run 'make generate'")
	delete(want, "ValidatingAdmissionPolicy deepcall-operator-crd-deletion")
	delete(want, "ValidatingAdmissionPolicyBinding deepcall-operator-crd-deletion")
	expect(t, policyObjects(render(t, operatorRelease, "{policies: {enabled: true}, crds: {keep: false}}"))).To(Equal(want))
}

// policyObjects returns the specs of policies and bindings by kind and name.
func policyObjects(r rendering) map[string]any {
	found := map[string]any{}
	for _, kind := range []string{"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"} {
		for _, obj := range r.kind(kind) {
			found[kind+" "+obj.GetName()] = obj.Object["spec"]
		}
	}
	return found
}

func TestPoliciesApplyToTheObjectsOfTheOperator(t *testing.T) {
	const watched = "map[namespaceSelector:map[matchExpressions:[map[key:kubernetes.io/metadata.name operator:In values:[support]]]]]"
	for values, want := range map[string][]string{
		"policies: {enabled: true}":                               {"map[]", "map[]", "map[]", "map[]"},
		"{watchNamespaces: [support], policies: {enabled: true}}": {watched, watched, watched, watched},
		"{watchLabelSelector: shard=a, policies: {enabled: true, objectSelector: {matchLabels: {shard: a}}}}": {
			"map[]", "map[]", "map[]", "map[objectSelector:map[matchLabels:map[shard:a]]]",
		},
	} {
		var got []string
		for _, binding := range render(t, operatorRelease, values).kind("ValidatingAdmissionPolicyBinding") {
			match, _ := field(t, binding, "spec", "matchResources").(map[string]any)
			got = append(got, fmt.Sprint(match))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s\n got %q\nwant %q", values, got, want)
		}
	}
}

func TestPoliciesOfAReleaseForChosenNamespaces(t *testing.T) {
	install(t, "{watchNamespaces: [support], serviceAccount: {name: caller}, policies: {enabled: true}}")
	waitForCRDs(t)
	waitForPolicies(t, supportNamespace)
	if out, err := createWithFinalizer(salesNamespace, ""); err != nil {
		t.Errorf("a finalizer in another namespace is refused: %s", out)
	}
	if out, err := createWithFinalizer(supportNamespace, "caller"); err != nil {
		t.Errorf("the operator's finalizer is refused: %s", out)
	}
	if out, err := createWithFinalizer(supportNamespace, managerAccount); err == nil {
		t.Errorf("the finalizer of another ServiceAccount is not refused: %s", out)
	}

	mustHelm(t, "", "uninstall", operatorRelease, "-n", operatorNamespace)
	if left := mustKubectl(t, "", "get", "validatingadmissionpolicies,validatingadmissionpolicybindings", "-o", "name"); strings.Contains(left, operatorRelease) {
		t.Errorf("policies are left: %s", left)
	}
}

// waitForPolicies waits until the policies are enforced in the namespace.
func waitForPolicies(t *testing.T, namespace string) {
	t.Helper()
	NewWithT(t).Eventually(func() string {
		out, _ := createWithFinalizer(namespace, "")
		return out
	}).WithTimeout(time.Minute).Should(ContainSubstring("only the operator adds the finalizers"))
}

// createWithFinalizer creates a mapping with the operator's finalizer in a dry run, as the ServiceAccount or as an administrator.
func createWithFinalizer(namespace, account string) (string, error) {
	args := []string{"-n", namespace, "create", "--dry-run=server", "-f", "-"}
	if account != "" {
		args = append(args, "--as=system:serviceaccount:"+operatorNamespace+":"+account, "--as-group=system:masters")
	}
	return kubectl("{apiVersion: telephony.deepcall.com/v1alpha1, kind: AgentGroupMapping, "+
		"metadata: {name: probe, finalizers: [telephony.deepcall.com/stop-calls]}, spec: {accountRef: {name: acme}, agentID: '7', groups: []}}", args...)
}
