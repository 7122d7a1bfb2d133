package policies

import (
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

func TestSampleOfAllowedEndpoints(t *testing.T) {
	const refused = "spec.endpoint must be an https URL of an allowed host: v4-api.deepcall.com"
	existing := create(t, testenv.Account("existing", "https://other.example.com").In(open).Build())
	apply(t, "allowed_endpoints.yaml", testenv.Account("probe", "https://other.example.com").In(open).Build())
	for endpoint, want := range map[string]string{
		"https://v4-api.deepcall.com":                  "",
		"https://v4-api.deepcall.com/proxy":            "",
		"http://v4-api.deepcall.com":                   refused,
		"https://v4-api.deepcall.com:8443":             refused,
		"https://v4-api.deepcall.com.evil.example.com": refused,
		"https://evil.example.com/v4-api.deepcall.com": refused,
	} {
		t.Run(endpoint, func(t *testing.T) {
			expect(t, as(user).Create(t.Context(), testenv.Account("new", endpoint).In(open).Build(), client.DryRunAll), want)
		})
	}
	for patch, want := range map[string]string{
		`{"metadata":{"finalizers":["telephony.deepcall.com/in-use"]}}`: "",
		`{"spec":{"requestTimeout":"5s"}}`:                              "",
		`{"spec":{"endpoint":"https://v4-api.deepcall.com"}}`:           "",
		`{"spec":{"endpoint":"https://another.example.com"}}`:           refused,
	} {
		t.Run("an existing account: "+patch, func(t *testing.T) {
			expect(t, as(operator).Patch(t.Context(), existing.DeepCopy(), mergePatch(patch), client.DryRunAll), want)
		})
	}
}

func TestSampleOfOrphanInStaging(t *testing.T) {
	const refused = "spec.removalPolicy must be Orphan in a staging namespace"
	staging := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "staging", Labels: map[string]string{"environment": "staging"}}}
	NewWithT(t).Expect(as(user).Create(t.Context(), staging)).To(Succeed())
	existing := create(t, receivingMapping("staging", "existing"))
	apply(t, "orphan_in_staging.yaml", receivingMapping("staging", "probe"))
	orphan := testenv.Mapping("new").Orphan()
	expect(t, as(user).Create(t.Context(), orphan.In("staging").Build(), client.DryRunAll), "")
	expect(t, as(user).Create(t.Context(), receivingMapping("staging", "new"), client.DryRunAll), refused)
	expect(t, as(user).Create(t.Context(), receivingMapping(open, "new"), client.DryRunAll), "")

	expect(t, as(operator).Patch(t.Context(), existing.DeepCopy(),
		mergePatch(`{"metadata":{"finalizers":["telephony.deepcall.com/stop-calls"]}}`), client.DryRunAll), "")
	for _, change := range []struct{ policy, want string }{{"Orphan", ""}, {"StopCalls", refused}} {
		expect(t, as(user).Patch(t.Context(), existing, mergePatch(`{"spec":{"removalPolicy":"`+change.policy+`"}}`)), change.want)
	}
	expect(t, as(user).Get(t.Context(), client.ObjectKeyFromObject(existing), existing), "")
	if existing.Spec.RemovalPolicy != v1alpha1.RemovalPolicyOrphan {
		t.Errorf("got the removal policy %s", existing.Spec.RemovalPolicy)
	}
}

// apply applies a sample until the test ends, and waits until it refuses the object.
func apply(t *testing.T, sample string, refused client.Object) {
	t.Helper()
	file := filepath.Join(testenv.Root(), "config", "policies", "samples", sample)
	if out, err := kubectl("apply", "--server-side", "--validate=strict", "-f", file); err != nil {
		t.Fatal(out)
	}
	t.Cleanup(func() {
		if out, err := kubectl("delete", "-f", file); err != nil {
			t.Error(out)
		}
	})
	NewWithT(t).Eventually(func() bool {
		return apierrors.IsForbidden(as(user).Create(t.Context(), refused.DeepCopyObject().(client.Object), client.DryRunAll))
	}).WithTimeout(time.Minute).Should(BeTrue())
}
