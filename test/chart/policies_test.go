package chart

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

func TestPoliciesMatchKustomize(t *testing.T) {
	want := policyObjects(buildKustomization(t, filepath.Join("..", "test", "kustomize", "testdata", "guarded")))
	NewWithT(t).Expect(want).To(HaveLen(8))
	NewWithT(t).Expect(policyObjects(render(t, operatorRelease, "policies: {enabled: true}"))).To(Equal(want), "run 'make generate'")
	delete(want, "ValidatingAdmissionPolicy deepcall-operator-crd-deletion")
	delete(want, "ValidatingAdmissionPolicyBinding deepcall-operator-crd-deletion")
	NewWithT(t).Expect(policyObjects(render(t, operatorRelease, "{policies: {enabled: true}, crds: {keep: false}}"))).To(Equal(want))
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
		NewWithT(t).Expect(got).To(Equal(want), values)
	}
}

func TestPoliciesOfAReleaseForChosenNamespaces(t *testing.T) {
	install(t, "{watchNamespaces: [support], serviceAccount: {name: caller}, policies: {enabled: true}}")
	waitForCRDs(t)
	waitForPolicies(t, supportNamespace)
	NewWithT(t).Expect(createWithFinalizer(salesNamespace, "")).To(Succeed(), "a finalizer in another namespace")
	NewWithT(t).Expect(createWithFinalizer(supportNamespace, "caller")).To(Succeed(), "the operator's finalizer")
	NewWithT(t).Expect(createWithFinalizer(supportNamespace, managerAccount)).To(HaveOccurred(), "the finalizer of another ServiceAccount")

	mustHelm(t, "", "uninstall", operatorRelease, "-n", operatorNamespace)
	left := mustKubectl(t, "", "get", "validatingadmissionpolicies,validatingadmissionpolicybindings", "-o", "name")
	NewWithT(t).Expect(left).NotTo(ContainSubstring(operatorRelease))
}

// waitForPolicies waits until the policies are enforced in the namespace.
func waitForPolicies(t *testing.T, namespace string) {
	t.Helper()
	NewWithT(t).Eventually(createWithFinalizer).WithArguments(namespace, "").WithTimeout(time.Minute).
		Should(MatchError(ContainSubstring("only the operator adds the finalizers")))
}

// createWithFinalizer creates a mapping with the operator's finalizer in a dry run, as the ServiceAccount or as an administrator.
func createWithFinalizer(namespace, account string) error {
	args := []string{"-n", namespace, "create", "--dry-run=server", "-f", "-"}
	if account != "" {
		args = append(args, "--as=system:serviceaccount:"+operatorNamespace+":"+account, "--as-group=system:masters")
	}
	_, err := kubectl("{apiVersion: telephony.deepcall.com/v1alpha1, kind: AgentGroupMapping, "+
		"metadata: {name: probe, finalizers: [telephony.deepcall.com/stop-calls]}, spec: {accountRef: {name: acme}, agentID: '7', groups: []}}", args...)
	return err
}
