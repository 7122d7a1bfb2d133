package e2e

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/argocd"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// kindOf are the kinds by the names that people type.
var kindOf = map[string]schema.GroupVersionKind{
	"agm":    v1alpha1.GroupVersion.WithKind("AgentGroupMapping"),
	"dca":    v1alpha1.GroupVersion.WithKind("DeepCallAccount"),
	"secret": {Version: "v1", Kind: "Secret"},
}

// object is one of the world's, as the API server has it: agm/asha.
func (w *world) object(name string) *unstructured.Unstructured {
	GinkgoHelper()
	kind, name, _ := strings.Cut(name, "/")
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kindOf[kind])
	Expect(admin.Get(context.Background(), client.ObjectKey{Namespace: w.namespace, Name: name}, object)).To(Succeed())
	return object
}

// act does with an object what Argo CD does when a person chooses an action, and returns the patch.
func (w *world) act(action, name string) string {
	GinkgoHelper()
	before := w.object(name)
	offered, err := argocd.Actions(before)
	Expect(err).NotTo(HaveOccurred())
	Expect(offered).To(HaveKey(action))
	Expect(offered[action].Disabled).To(BeFalse(), "%s of %s", action, name)
	after, err := argocd.Act(action, before)
	Expect(err).NotTo(HaveOccurred())
	difference := client.MergeFrom(before)
	patch, err := difference.Data(after)
	Expect(err).NotTo(HaveOccurred())
	Expect(admin.Patch(context.Background(), after, difference)).To(Succeed())
	return string(patch)
}

// health is what Argo CD says of an object now.
func (w *world) health(name string) argocd.HealthStatus {
	GinkgoHelper()
	health, err := argocd.Health(w.object(name))
	Expect(err).NotTo(HaveOccurred())
	return health
}

var _ = Describe("The actions of Argo CD", func() {
	const requestPatch = `^{"metadata":{"annotations":{"telephony.deepcall.com/reconcile-requested-at":"[0-9TZ:-]{20}"}}}$`

	It("resync, suspend and resume a mapping", func() {
		w := newWorld()
		startManager()
		w.apply(w.secret(), w.account(), w.mapping("asha", "7", "90=Y"))
		w.waitFor("agm/asha", "Synced")
		ready, _, _ := unstructured.NestedSlice(w.object("agm/asha").Object, "status", "conditions")

		By("resync")
		Expect(w.act("resync", "agm/asha")).To(MatchRegexp(requestPatch))
		Eventually(w.deepcall.Calls).Should(HaveLen(2))
		Eventually(func() bool {
			mapping := w.mappings()[0]
			return mapping.Status.LastHandledReconcileAt == mapping.Annotations[v1alpha1.ReconcileRequestedAtAnnotation]
		}).Should(BeTrue())
		conditions, _, _ := unstructured.NestedSlice(w.object("agm/asha").Object, "status", "conditions")
		Expect(conditions).To(Equal(ready), "Ready stays as it was")

		By("suspend")
		Expect(w.act("suspend", "agm/asha")).To(Equal(`{"spec":{"suspend":true}}`))
		Eventually(w.health).WithArguments("agm/asha").Should(Equal(argocd.HealthStatus{
			Status: argocd.Suspended, Message: "The mapping is suspended. DeepCall confirmed the declared groups",
		}))
		w.kubectl("patch", "agm", "asha", "--type=merge", `--patch={"spec":{"groups":[{"groupID":"90","receiveCall":false}]}}`)
		w.waitFor("agm/asha", "Suspended")
		Expect(w.health("agm/asha").Status).To(Equal(argocd.Suspended))
		offered, err := argocd.Actions(w.object("agm/asha"))
		Expect(err).NotTo(HaveOccurred())
		Expect(offered["resync"].Disabled && offered["suspend"].Disabled).To(BeTrue())
		Expect(w.deepcall.Calls()).To(HaveLen(2))

		By("resume")
		Expect(w.act("resume", "agm/asha")).To(Equal(`{"spec":{"suspend":false}}`))
		w.waitFor("agm/asha", "Synced")
		Expect(w.health("agm/asha").Status).To(Equal(argocd.Healthy))
		Expect(w.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N"}))
		Expect(w.deepcall.Calls()).To(HaveLen(3))
	})

	It("have a refused account tried again", func() {
		w := newWorld()
		startManager()
		w.deepcall.Script(deepcalltest.Code(1014))
		w.apply(w.secret(), w.account(), w.mapping("asha", "7", "90=Y"))
		w.waitFor("dca/acme", "InvalidToken")
		Expect(w.health("dca/acme").Status).To(Equal(argocd.Degraded))
		Expect(w.act("resync", "dca/acme")).To(MatchRegexp(requestPatch))
		w.waitFor("agm/asha", "Synced")
		Eventually(w.health).WithArguments("dca/acme").Should(HaveField("Status", argocd.Healthy))
		Expect(w.deepcall.Calls()).To(HaveLen(2))
	})
})

var _ = Describe("The patch of Argo CD's ConfigMap", func() {
	It("adds our kinds, and takes nothing away", func() {
		w := newWorld()
		w.kubectl("create", "configmap", "argocd-cm", "--from-literal=resource.customizations.health.example.com_Other=return {}")
		w.kubectl("patch", "configmap", "argocd-cm", "--patch-file", filepath.Join(testenv.Root(), "config", "argocd", "argocd-cm.yaml"))
		var patched corev1.ConfigMap
		Expect(admin.Get(context.Background(), client.ObjectKey{Namespace: w.namespace, Name: "argocd-cm"}, &patched)).To(Succeed())
		Expect(patched.Data).To(HaveLen(7))
		Expect(patched.Data).To(HaveKeyWithValue("resource.customizations.health.example.com_Other", "return {}"))
	})
})

var _ = Describe("Applying again what is in git", func() {
	It("changes nothing, takes away nothing of the operator's, and leaves a suspension that is not in git", func() {
		w := newWorld()
		startManager()
		asha := w.mapping("asha", "7", "90=Y")
		serverSide := func(documents ...string) {
			GinkgoHelper()
			w.kubectlWith(strings.Join(documents, ""), "apply", "--server-side", "--force-conflicts", "-f-")
		}
		serverSide(w.secret(), w.account(), asha)
		w.apply(w.mapping("bela", "8", "90=Y"))
		w.waitFor("agm/asha", "Synced")
		w.waitFor("agm/bela", "Synced")
		w.kubectl("wait", "dca/acme", "--for=jsonpath={.status.mappings}=2", "--timeout=20s")
		before := w.object("agm/asha")
		Expect(before.GetFinalizers()).To(ConsistOf(v1alpha1.StopCallsFinalizer))
		Expect(before.GetAnnotations()).To(HaveKey(v1alpha1.AttemptedGroupsAnnotation))
		account := w.object("dca/acme")
		Expect(account.GetFinalizers()).To(ConsistOf(v1alpha1.InUseFinalizer))

		By("applying the same, at the server's side and at the client's")
		serverSide(w.account(), asha)
		Expect(w.object("agm/asha")).To(Equal(before))
		Expect(w.object("dca/acme")).To(Equal(account))
		Expect(w.kubectlWith(w.mapping("bela", "8", "90=Y"), "apply", "-f-")).To(ContainSubstring("bela unchanged"))

		By("applying an edit to a mapping that a person suspended")
		w.act("suspend", "agm/asha")
		serverSide(w.mapping("asha", "7", "90=Y", "91=Y"))
		w.waitFor("agm/asha", "Suspended")
		after := w.object("agm/asha")
		Expect(after.GetFinalizers()).To(Equal(before.GetFinalizers()))
		Expect(after.GetAnnotations()).To(Equal(before.GetAnnotations()))
		Expect(w.deepcall.Calls()).To(HaveLen(2))
	})
})

// deleteInForeground deletes objects in the foreground at once, as Argo CD does.
func deleteInForeground(objects ...*unstructured.Unstructured) {
	GinkgoHelper()
	for _, object := range objects {
		Expect(admin.Delete(context.Background(), object, client.PropagationPolicy(metav1.DeletePropagationForeground))).To(Succeed())
	}
}

func expectGone(objects ...*unstructured.Unstructured) {
	GinkgoHelper()
	for _, object := range objects {
		Eventually(func() bool {
			err := admin.Get(context.Background(), client.ObjectKeyFromObject(object), object.DeepCopy())
			return apierrors.IsNotFound(err)
		}, time.Minute).Should(BeTrue(), "%s %s", object.GetKind(), object.GetName())
	}
}

// wave is what Argo CD applies at once, of the sample in config/argocd/example.
type wave struct {
	number  int
	objects []*unstructured.Unstructured
}

// exampleWaves reads the sample for this world, in the order in which Argo CD applies it.
func (w *world) exampleWaves() []wave {
	GinkgoHelper()
	files, err := filepath.Glob(filepath.Join(testenv.Root(), "config", "argocd", "example", "*.yaml"))
	Expect(err).NotTo(HaveOccurred())
	byNumber := map[int][]*unstructured.Unstructured{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		Expect(err).NotTo(HaveOccurred())
		for _, document := range strings.Split(string(text), "\n---\n") {
			object := &unstructured.Unstructured{}
			Expect(yaml.Unmarshal([]byte(document), &object.Object)).To(Succeed())
			object.SetNamespace(w.namespace)
			if object.GetKind() == "DeepCallAccount" {
				Expect(unstructured.SetNestedField(object.Object, w.url, "spec", "endpoint")).To(Succeed())
			}
			number, err := strconv.Atoi(object.GetAnnotations()["argocd.argoproj.io/sync-wave"])
			Expect(err).NotTo(HaveOccurred())
			byNumber[number] = append(byNumber[number], object)
		}
	}
	var waves []wave
	for number, objects := range byNumber {
		waves = append(waves, wave{number, objects})
	}
	slices.SortFunc(waves, func(a, b wave) int { return a.number - b.number })
	return waves
}

var _ = Describe("An Application that Argo CD deletes, in the foreground", func() {
	It("ends when its Secret, account and mappings are deleted at once", func() {
		startControllerManager()
		w := newWorld()
		startManager()
		w.apply(w.secret(), w.account(), w.mapping("asha", "7", "90=Y", "91=N"), w.mapping("bela", "8", "90=Y"))
		w.waitFor("agm/asha", "Synced")
		w.waitFor("agm/bela", "Synced")
		objects := []*unstructured.Unstructured{
			w.object("secret/acme-deepcall"), w.object("dca/acme"), w.object("agm/asha"), w.object("agm/bela"),
		}
		deleteInForeground(objects...)
		expectGone(objects...)
		Expect(w.deepcall.Agents()).To(Equal(map[string]map[string]string{"7": {"90": "N", "91": "N"}, "8": {"90": "N"}}))
		Expect(w.deepcall.Calls()).To(HaveLen(4))
	})

	It("is created wave by wave, each healthy before the next, and deleted in the reverse order", func() {
		startControllerManager()
		w := newWorld()
		startManager()
		waves := w.exampleWaves()
		Expect(waves).To(HaveLen(3))
		for _, wave := range waves {
			for _, object := range wave.objects {
				Expect(admin.Create(context.Background(), object.DeepCopy())).To(Succeed())
			}
			for _, object := range wave.objects {
				if object.GetKind() == "Secret" {
					continue // Argo CD takes it for healthy as it is
				}
				name := map[string]string{"AgentGroupMapping": "agm/", "DeepCallAccount": "dca/"}[object.GetKind()] + object.GetName()
				Eventually(w.health).WithArguments(name).Should(HaveField("Status", argocd.Healthy))
			}
		}
		Expect(w.deepcall.Agents()).To(Equal(map[string]map[string]string{"7": {"90": "Y", "91": "N"}, "8": {"90": "Y"}}))

		for _, wave := range slices.Backward(waves) {
			deleteInForeground(wave.objects...)
			expectGone(wave.objects...)
			Expect(w.deepcall.Agents()).To(Equal(map[string]map[string]string{"7": {"90": "N", "91": "N"}, "8": {"90": "N"}}))
		}
		Expect(w.deepcall.Calls()).To(HaveLen(4))
	})
})
