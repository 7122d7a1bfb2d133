package e2e

import (
	"encoding/base64"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/argocd"
	"github.com/deepcall/deepcall-operator/test/flux"
)

// toolHealth is the health of an object as computed by kstatus (used by kubectl and Flux), by Argo CD, and by Flux with
// our expressions.
type toolHealth struct {
	kstatus status.Status
	argocd  string
	flux    status.Status
}

// The three tools agree except on suspended mappings: kstatus has no such state, Argo CD shows it, and Flux doesn't
// wait for it.
var (
	current         = toolHealth{status.CurrentStatus, argocd.Healthy, status.CurrentStatus}
	inProgress      = toolHealth{status.InProgressStatus, argocd.Progressing, status.InProgressStatus}
	failed          = toolHealth{status.FailedStatus, argocd.Degraded, status.FailedStatus}
	terminating     = toolHealth{status.TerminatingStatus, argocd.Progressing, status.InProgressStatus}
	suspended       = toolHealth{status.CurrentStatus, argocd.Suspended, status.CurrentStatus}
	suspendedChange = toolHealth{status.InProgressStatus, argocd.Suspended, status.CurrentStatus}
)

func toolHealthOf(object *unstructured.Unstructured) toolHealth {
	GinkgoHelper()
	computed, err := status.Compute(object)
	Expect(err).NotTo(HaveOccurred())
	health, err := argocd.Health(object)
	Expect(err).NotTo(HaveOccurred())
	expressed, err := flux.Status(object)
	Expect(err).NotTo(HaveOccurred())
	return toolHealth{computed.Status, health.Status, expressed}
}

// readyCondition returns the fields of the object's Ready condition.
func readyCondition(object *unstructured.Unstructured) (status, reason, message string) {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, condition := range conditions {
		fields, _ := condition.(map[string]any)
		if fields["type"] == "Ready" {
			return fmt.Sprint(fields["status"]), fmt.Sprint(fields["reason"]), fmt.Sprint(fields["message"])
		}
	}
	return "", "", ""
}

// expectHealth waits until the object's Ready condition has the reason, and checks the health that the tools compute.
func (env *testEnv) expectHealth(name, reason string, expected toolHealth) {
	GinkgoHelper()
	var object *unstructured.Unstructured
	Eventually(func() bool {
		object = env.object(name)
		observed, _, _ := unstructured.NestedInt64(object.Object, "status", "observedGeneration")
		_, found, _ := readyCondition(object)
		return found == reason && observed == object.GetGeneration()
	}).Should(BeTrue(), "%s is not %s", name, reason)
	Expect(toolHealthOf(object)).To(Equal(expected), "%s, %s", name, reason)
	health, err := argocd.Health(object)
	Expect(err).NotTo(HaveOccurred())
	status, _, message := readyCondition(object)
	if object.GetDeletionTimestamp() == nil || status == "False" {
		Expect(health.Message).To(HaveSuffix(message), "%s, %s", name, reason)
	} else {
		Expect(health.Message).To(Equal("Pending deletion"))
	}
}

// withAccountRef replaces the accountRef in the manifest of a mapping.
func withAccountRef(account, document string) string {
	return strings.Replace(document, "accountRef: {name: acme}", "accountRef: "+account, 1)
}

// accountNamed returns the manifests of an account and, if there is data, of its Secret.
func (env *testEnv) accountNamed(name, endpoint, data string) string {
	document := fmt.Sprintf(`---
apiVersion: telephony.deepcall.com/v1alpha1
kind: DeepCallAccount
metadata: {name: %[1]s}
spec: {endpoint: %[2]q, credentialsSecretRef: {name: %[1]s}}
`, name, endpoint)
	if data == "" {
		return document
	}
	return document + fmt.Sprintf("---\napiVersion: v1\nkind: Secret\nmetadata: {name: %s}\nstringData: %s\n", name, data)
}

var _ = Describe("kstatus, Argo CD and Flux", func() {
	const credentials = `{userId: "1001", token: s3cr3t}`

	It("agree on the health of an account in every state", func() {
		env := newTestEnv()
		env.apply(env.accountNamed("usable", env.url, credentials))
		Expect(toolHealthOf(env.object("dca/usable"))).To(Equal(inProgress), "before the first reconcile")
		startManager()
		env.expectHealth("dca/usable", "Untried", current)
		env.apply(withAccountRef("{name: usable}", env.mapping("usable", "7", "90=Y")))
		env.expectHealth("dca/usable", "Usable", current)

		env.deepcall.Script(deepcalltest.Code(1014).ForAgent("8").Times(-1))
		env.apply(env.accountNamed("denied", env.url, credentials), withAccountRef("{name: denied}", env.mapping("waiting", "8", "90=Y")))
		env.expectHealth("dca/denied", "InvalidToken", failed)
		env.expectHealth("agm/waiting", "AccountNotReady", inProgress)

		env.apply(env.accountNamed("unreachable", "http://"+freeAddress(), credentials))
		for i := range 5 { // five agents fail five times without waiting for a retry
			env.apply(withAccountRef("{name: unreachable}", env.mapping(fmt.Sprintf("unreachable-%d", i), fmt.Sprint(100+i), "90=Y")))
		}
		env.expectHealth("dca/unreachable", "Unreachable", inProgress)

		env.apply(env.accountNamed("no-secret", env.url, ""), env.accountNamed("incomplete", env.url, `{userId: "1001"}`),
			env.accountNamed("bad-ca", env.url, credentials), env.accountNamed("no-ca", env.url, credentials))
		env.expectHealth("dca/no-secret", "SecretNotFound", inProgress)
		env.expectHealth("dca/incomplete", "InvalidCredentials", failed)
		env.kubectl("patch", "dca", "bad-ca", "--type=merge", fmt.Sprintf(`--patch={"spec":{"caBundle":%q}}`,
			base64.StdEncoding.EncodeToString([]byte("no certificate"))))
		env.expectHealth("dca/bad-ca", "InvalidCABundle", failed)
		env.kubectl("patch", "dca", "no-ca", "--type=merge", `--patch={"spec":{"caBundleRef":{"kind":"ConfigMap","name":"corp-ca"}}}`)
		env.expectHealth("dca/no-ca", "CABundleNotFound", inProgress)

		env.deepcall.Script(deepcalltest.Code(1501).ForAgent("7").Times(-1))
		env.kubectl("delete", "agm/usable", "dca/usable", "--wait=false")
		env.expectHealth("agm/usable", "DataAlreadyInProcessing", terminating)
		env.expectHealth("dca/usable", "Terminating", terminating)
	})

	It("agree on the health of a mapping in every state", func() {
		other := newTestEnv()
		other.apply(other.secret(), other.account())
		env := newTestEnv()
		env.deepcall.Script(deepcalltest.Code(1505).ForAgent("8").Times(-1), deepcalltest.Code(1501).ForAgent("9").Times(-1))
		suspend := func(document string) string { return document + "  suspend: true\n" }
		env.apply(env.secret(), env.account(), env.accountNamed("no-secret", env.url, ""), env.mapping("synced", "7", "90=Y"),
			env.mapping("empty", "6"), env.mapping("rejected", "8", "90=Y"), env.mapping("retrying", "9", "90=Y"),
			suspend(env.mapping("suspended", "10", "90=Y")), env.mapping("suspended-later", "11", "90=Y"),
			withAccountRef("{name: missing}", env.mapping("no-account", "12", "90=Y")),
			withAccountRef(fmt.Sprintf("{name: acme, namespace: %s}", other.namespace), env.mapping("not-permitted", "13", "90=Y")),
			withAccountRef("{name: no-secret}", env.mapping("waiting", "14", "90=Y")), env.mapping("deleted", "15", "90=Y"))
		for _, name := range []string{"agm/synced", "agm/suspended"} {
			Expect(toolHealthOf(env.object(name))).To(Equal(inProgress), "%s: before the first reconcile", name)
		}

		m := startManager()
		env.expectHealth("agm/synced", "Synced", current)
		env.expectHealth("agm/empty", "Synced", current)
		env.expectHealth("agm/rejected", "InvalidGroupData", failed)
		env.expectHealth("agm/retrying", "DataAlreadyInProcessing", inProgress)
		env.expectHealth("agm/suspended", "Suspended", suspendedChange)
		env.expectHealth("agm/suspended-later", "Synced", current)
		env.expectHealth("agm/no-account", "AccountNotFound", inProgress)
		env.expectHealth("agm/not-permitted", "AccountNotPermitted", failed)
		env.expectHealth("agm/waiting", "AccountNotReady", inProgress)
		env.expectHealth("agm/deleted", "Synced", current)

		env.apply(suspend(env.mapping("suspended-later", "11", "90=Y")), env.mapping("conflicting", "7", "90=N"))
		env.expectHealth("agm/suspended-later", "Synced", suspended)
		env.expectHealth("agm/conflicting", "Conflict", failed)
		env.deepcall.Script(deepcalltest.Code(1501).ForAgent("15").Times(-1))
		env.kubectl("delete", "agm/deleted", "--wait=false")
		env.expectHealth("agm/deleted", "DataAlreadyInProcessing", terminating)
		_, _, message := readyCondition(env.object("agm/deleted"))
		Expect(message).To(ContainSubstring("Orphan"))

		By("editing a mapping without a running operator")
		m.stop()
		env.apply(env.mapping("synced", "7", "90=N"))
		Expect(toolHealthOf(env.object("agm/synced"))).To(Equal(inProgress))
	})
})
