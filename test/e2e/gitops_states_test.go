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

// meaning is what kstatus (kubectl, Flux by itself), Argo CD and Flux with our expressions say of a state.
type meaning struct {
	kstatus status.Status
	argocd  string
	flux    status.Status
}

// These are all the meanings that there are. The three say the same but of a suspended mapping: kstatus
// does not know the word, Argo CD shows it so that it is not forgotten, and Flux should not wait for it.
var (
	done          = meaning{status.CurrentStatus, argocd.Healthy, status.CurrentStatus}
	underWay      = meaning{status.InProgressStatus, argocd.Progressing, status.InProgressStatus}
	failed        = meaning{status.FailedStatus, argocd.Degraded, status.FailedStatus}
	leaving       = meaning{status.TerminatingStatus, argocd.Progressing, status.InProgressStatus}
	suspended     = meaning{status.CurrentStatus, argocd.Suspended, status.CurrentStatus}
	suspendedEdit = meaning{status.InProgressStatus, argocd.Suspended, status.CurrentStatus}
)

// meaningOf asks all three.
func meaningOf(object *unstructured.Unstructured) meaning {
	GinkgoHelper()
	computed, err := status.Compute(object)
	Expect(err).NotTo(HaveOccurred())
	health, err := argocd.Health(object)
	Expect(err).NotTo(HaveOccurred())
	expressed, err := flux.Status(object)
	Expect(err).NotTo(HaveOccurred())
	return meaning{computed.Status, health.Status, expressed}
}

// ready is the object's Ready condition.
func ready(object *unstructured.Unstructured) (status, reason, message string) {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, condition := range conditions {
		fields, _ := condition.(map[string]any)
		if fields["type"] == "Ready" {
			return fmt.Sprint(fields["status"]), fmt.Sprint(fields["reason"]), fmt.Sprint(fields["message"])
		}
	}
	return "", "", ""
}

// expectState waits until the operator has told the object's state, and compares what is made of it.
func (w *world) expectState(name, reason string, expected meaning) {
	GinkgoHelper()
	var object *unstructured.Unstructured
	Eventually(func() bool {
		object = w.object(name)
		observed, _, _ := unstructured.NestedInt64(object.Object, "status", "observedGeneration")
		_, found, _ := ready(object)
		return found == reason && observed == object.GetGeneration()
	}).Should(BeTrue(), "%s does not become %s", name, reason)
	Expect(meaningOf(object)).To(Equal(expected), "%s, %s", name, reason)
	health, err := argocd.Health(object)
	Expect(err).NotTo(HaveOccurred())
	is, _, message := ready(object)
	if object.GetDeletionTimestamp() == nil || is == "False" {
		Expect(health.Message).To(HaveSuffix(message), "%s, %s", name, reason)
	} else {
		Expect(health.Message).To(Equal("Pending deletion"))
	}
}

// through has a document use another account.
func through(account, document string) string {
	return strings.Replace(document, "accountRef: {name: acme}", "accountRef: "+account, 1)
}

// accountOf is a document of an account, and of its Secret unless that has no data.
func (w *world) accountOf(name, endpoint, data string) string {
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

	It("make the same of an account in every state", func() {
		w := newWorld()
		w.apply(w.accountOf("tried", w.url, credentials))
		Expect(meaningOf(w.object("dca/tried"))).To(Equal(underWay), "nobody has looked at it yet")
		startManager()
		w.expectState("dca/tried", "Untried", done)
		w.apply(through("{name: tried}", w.mapping("tries", "7", "90=Y")))
		w.expectState("dca/tried", "Usable", done)

		w.deepcall.Script(deepcalltest.Code(1014).ForAgent("8").Times(-1))
		w.apply(w.accountOf("refused", w.url, credentials), through("{name: refused}", w.mapping("refused", "8", "90=Y")))
		w.expectState("dca/refused", "InvalidToken", failed)
		w.expectState("agm/refused", "AccountNotReady", underWay)

		w.apply(w.accountOf("unreachable", "http://"+freeAddress(), credentials))
		for i := range 5 { // so many failures in a row, and no wait for the back-off of one
			w.apply(through("{name: unreachable}", w.mapping(fmt.Sprintf("unreachable-%d", i), fmt.Sprint(100+i), "90=Y")))
		}
		w.expectState("dca/unreachable", "Unreachable", underWay)

		w.apply(w.accountOf("bare", w.url, ""), w.accountOf("half", w.url, `{userId: "1001"}`),
			w.accountOf("distrusting", w.url, credentials))
		w.expectState("dca/bare", "SecretNotFound", underWay)
		w.expectState("dca/half", "InvalidCredentials", failed)
		w.kubectl("patch", "dca", "distrusting", "--type=merge", fmt.Sprintf(`--patch={"spec":{"caBundle":%q}}`,
			base64.StdEncoding.EncodeToString([]byte("no certificate"))))
		w.expectState("dca/distrusting", "InvalidCABundle", failed)

		w.deepcall.Script(deepcalltest.Code(1501).ForAgent("7").Times(-1))
		w.kubectl("delete", "agm/tries", "dca/tried", "--wait=false")
		w.expectState("agm/tries", "DataAlreadyInProcessing", leaving)
		w.expectState("dca/tried", "Usable", leaving)
	})

	It("make the same of a mapping in every state", func() {
		elsewhere := newWorld()
		elsewhere.apply(elsewhere.secret(), elsewhere.account())
		w := newWorld()
		w.deepcall.Script(deepcalltest.Code(1505).ForAgent("8").Times(-1), deepcalltest.Code(1501).ForAgent("9").Times(-1))
		suspend := func(document string) string { return document + "  suspend: true\n" }
		w.apply(w.secret(), w.account(), w.accountOf("bare", w.url, ""), w.mapping("synced", "7", "90=Y"),
			w.mapping("empty", "6"), w.mapping("refused", "8", "90=Y"), w.mapping("retrying", "9", "90=Y"),
			suspend(w.mapping("suspended", "10", "90=Y")), w.mapping("halted", "11", "90=Y"),
			through("{name: nowhere}", w.mapping("lost", "12", "90=Y")),
			through(fmt.Sprintf("{name: acme, namespace: %s}", elsewhere.namespace), w.mapping("stranger", "13", "90=Y")),
			through("{name: bare}", w.mapping("waiting", "14", "90=Y")), w.mapping("leaving", "15", "90=Y"))
		for _, name := range []string{"agm/synced", "agm/suspended"} {
			Expect(meaningOf(w.object(name))).To(Equal(underWay), "%s: nobody has looked at it yet", name)
		}

		m := startManager()
		w.expectState("agm/synced", "Synced", done)
		w.expectState("agm/empty", "Synced", done)
		w.expectState("agm/refused", "InvalidGroupData", failed)
		w.expectState("agm/retrying", "DataAlreadyInProcessing", underWay)
		w.expectState("agm/suspended", "Suspended", suspendedEdit)
		w.expectState("agm/halted", "Synced", done)
		w.expectState("agm/lost", "AccountNotFound", underWay)
		w.expectState("agm/stranger", "AccountNotPermitted", failed)
		w.expectState("agm/waiting", "AccountNotReady", underWay)
		w.expectState("agm/leaving", "Synced", done)

		w.apply(suspend(w.mapping("halted", "11", "90=Y")), w.mapping("rival", "7", "90=N"))
		w.expectState("agm/halted", "Synced", suspended)
		w.expectState("agm/rival", "Conflict", failed)
		w.deepcall.Script(deepcalltest.Code(1501).ForAgent("15").Times(-1))
		w.kubectl("delete", "agm/leaving", "--wait=false")
		w.expectState("agm/leaving", "DataAlreadyInProcessing", leaving)
		_, _, message := ready(w.object("agm/leaving"))
		Expect(message).To(ContainSubstring("Orphan"))

		By("an edit that no operator has looked at")
		m.stop()
		w.apply(w.mapping("synced", "7", "90=N"))
		Expect(meaningOf(w.object("agm/synced"))).To(Equal(underWay))
	})
})
