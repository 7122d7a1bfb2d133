package e2e

import (
	"bytes"
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/argocd"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// kinds maps the short names of resources to their kinds.
var kinds = map[string]schema.GroupVersionKind{
	"agm":    v1alpha1.GroupVersion.WithKind("AgentGroupMapping"),
	"dca":    v1alpha1.GroupVersion.WithKind("DeepCallAccount"),
	"secret": {Version: "v1", Kind: "Secret"},
}

// object returns an object, named like agm/asha, from the API server.
func (env *testEnv) object(name string) *unstructured.Unstructured {
	GinkgoHelper()
	kind, name, _ := strings.Cut(name, "/")
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kinds[kind])
	Expect(admin.Get(context.Background(), client.ObjectKey{Namespace: env.namespace, Name: name}, object)).To(Succeed())
	return object
}

// runAction runs an Argo CD resource action on an object, as a user does, and returns the patch.
func (env *testEnv) runAction(action, name string) string {
	GinkgoHelper()
	before := env.object(name)
	actions, err := argocd.Actions(before)
	Expect(err).NotTo(HaveOccurred())
	Expect(actions).To(HaveKey(action))
	Expect(actions[action].Disabled).To(BeFalse(), "%s of %s", action, name)
	after, err := argocd.Act(action, before)
	Expect(err).NotTo(HaveOccurred())
	difference := client.MergeFrom(before)
	patch, err := difference.Data(after)
	Expect(err).NotTo(HaveOccurred())
	Expect(admin.Patch(context.Background(), after, difference)).To(Succeed())
	return string(patch)
}

// health returns the health of an object as Argo CD computes it.
func (env *testEnv) health(name string) argocd.HealthStatus {
	GinkgoHelper()
	health, err := argocd.Health(env.object(name))
	Expect(err).NotTo(HaveOccurred())
	return health
}

var _ = Describe("The actions of Argo CD", func() {
	const requestPatch = `^{"metadata":{"annotations":{"telephony.deepcall.com/reconcile-requested-at":"[0-9TZ:-]{20}"}}}$`

	It("resync, suspend and resume a mapping", func() {
		env := newTestEnv()
		startManager()
		env.applySynced("asha", "7", "90=Y")
		before, _, _ := unstructured.NestedSlice(env.object("agm/asha").Object, "status", "conditions")

		By("resync")
		Expect(env.runAction("resync", "agm/asha")).To(MatchRegexp(requestPatch))
		Eventually(env.deepcall.Requests).Should(HaveLen(2))
		Eventually(func() bool {
			mapping := env.mappings()[0]
			return mapping.Status.LastHandledReconcileAt == mapping.Annotations[v1alpha1.ReconcileRequestedAtAnnotation]
		}).Should(BeTrue())
		conditions, _, _ := unstructured.NestedSlice(env.object("agm/asha").Object, "status", "conditions")
		Expect(conditions).To(Equal(before), "the conditions are unchanged")

		By("suspend")
		Expect(env.runAction("suspend", "agm/asha")).To(Equal(`{"spec":{"suspend":true}}`))
		Eventually(env.health).WithArguments("agm/asha").Should(Equal(argocd.HealthStatus{
			Status: argocd.Suspended, Message: "The mapping is suspended. DeepCall confirmed the declared groups",
		}))
		env.kubectl("patch", "agm", "asha", "--type=merge", `--patch={"spec":{"groups":[{"groupID":"90","receiveCall":false}]}}`)
		env.waitForReason("agm/asha", "Suspended")
		Expect(env.health("agm/asha").Status).To(Equal(argocd.Suspended))
		actions, err := argocd.Actions(env.object("agm/asha"))
		Expect(err).NotTo(HaveOccurred())
		Expect(actions["resync"].Disabled && actions["suspend"].Disabled).To(BeTrue())
		Expect(env.deepcall.Requests()).To(HaveLen(2))

		By("resume")
		Expect(env.runAction("resume", "agm/asha")).To(Equal(`{"spec":{"suspend":false}}`))
		env.waitForReason("agm/asha", "Synced")
		Expect(env.health("agm/asha").Status).To(Equal(argocd.Healthy))
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N"}))
		Expect(env.deepcall.Requests()).To(HaveLen(3))
	})

	It("retry a denied account", func() {
		env := newTestEnv()
		startManager()
		env.deepcall.Script(deepcalltest.Code(1014))
		env.apply(env.secret(), env.account(), env.mapping("asha", "7", "90=Y"))
		env.waitForReason("dca/acme", "InvalidToken")
		Expect(env.health("dca/acme").Status).To(Equal(argocd.Degraded))
		Expect(env.runAction("resync", "dca/acme")).To(MatchRegexp(requestPatch))
		env.waitForReason("agm/asha", "Synced")
		Eventually(env.health).WithArguments("dca/acme").Should(HaveField("Status", argocd.Healthy))
		Expect(env.deepcall.Requests()).To(HaveLen(2))
	})
})

var _ = Describe("The patch of Argo CD's ConfigMap", func() {
	It("adds our kinds and keeps other entries", func() {
		env := newTestEnv()
		env.kubectl("create", "configmap", "argocd-cm", "--from-literal=resource.customizations.health.example.com_Other=return {}")
		env.kubectl("patch", "configmap", "argocd-cm", "--patch-file", filepath.Join(testenv.Root(), "config", "argocd", "argocd-cm.yaml"))
		var patched corev1.ConfigMap
		Expect(admin.Get(context.Background(), client.ObjectKey{Namespace: env.namespace, Name: "argocd-cm"}, &patched)).To(Succeed())
		Expect(patched.Data).To(HaveLen(7))
		Expect(patched.Data).To(HaveKeyWithValue("resource.customizations.health.example.com_Other", "return {}"))
	})
})

var _ = Describe("Applying unchanged manifests", func() {
	It("keeps the operator's fields and a suspension that the manifests don't contain", func() {
		env := newTestEnv()
		startManager()
		asha := env.mapping("asha", "7", "90=Y")
		serverSide := func(documents ...string) {
			GinkgoHelper()
			env.kubectlWithInput(strings.Join(documents, ""), "apply", "--server-side", "--force-conflicts", "-f-")
		}
		serverSide(env.secret(), env.account(), asha)
		env.apply(env.mapping("bela", "8", "90=Y"))
		env.waitForReason("agm/asha", "Synced")
		env.waitForReason("agm/bela", "Synced")
		env.kubectl("wait", "dca/acme", "--for=jsonpath={.status.mappings}=2", "--timeout=20s")
		before := env.object("agm/asha")
		Expect(before.GetFinalizers()).To(ConsistOf(v1alpha1.StopCallsFinalizer))
		Expect(before.GetAnnotations()).To(HaveKey(v1alpha1.AttemptedGroupsAnnotation))
		account := env.object("dca/acme")
		Expect(account.GetFinalizers()).To(ConsistOf(v1alpha1.InUseFinalizer))

		By("applying the same manifests, server-side and client-side")
		serverSide(env.account(), asha)
		Expect(env.object("agm/asha")).To(Equal(before))
		Expect(env.object("dca/acme")).To(Equal(account))
		Expect(env.kubectlWithInput(env.mapping("bela", "8", "90=Y"), "apply", "-f-")).To(ContainSubstring("bela unchanged"))

		By("applying an edit to a mapping that a user suspended")
		env.runAction("suspend", "agm/asha")
		serverSide(env.mapping("asha", "7", "90=Y", "91=Y"))
		env.waitForReason("agm/asha", "Suspended")
		after := env.object("agm/asha")
		Expect(after.GetFinalizers()).To(Equal(before.GetFinalizers()))
		Expect(after.GetAnnotations()).To(Equal(before.GetAnnotations()))
		Expect(env.deepcall.Requests()).To(HaveLen(2))
	})
})

// deleteInForeground deletes objects with foreground propagation, as Argo CD does.
func deleteInForeground(objects ...*unstructured.Unstructured) {
	GinkgoHelper()
	for _, object := range objects {
		Expect(admin.Delete(context.Background(), object, client.PropagationPolicy(metav1.DeletePropagationForeground))).To(Succeed())
	}
}

// exampleWaves returns the sync waves of the sample in config/argocd/example, in the order in which Argo CD applies them.
func (env *testEnv) exampleWaves() [][]*unstructured.Unstructured {
	GinkgoHelper()
	files, err := filepath.Glob(filepath.Join(testenv.Root(), "config", "argocd", "example", "*.yaml"))
	Expect(err).NotTo(HaveOccurred())
	byNumber := map[int][]*unstructured.Unstructured{}
	for _, path := range files {
		text, err := os.ReadFile(path)
		Expect(err).NotTo(HaveOccurred())
		objects, err := testenv.DecodeYAML[unstructured.Unstructured](bytes.NewReader(text))
		Expect(err).NotTo(HaveOccurred())
		for _, object := range objects {
			object.SetNamespace(env.namespace)
			if object.GetKind() == "DeepCallAccount" {
				Expect(unstructured.SetNestedField(object.Object, env.url, "spec", "endpoint")).To(Succeed())
			}
			number, err := strconv.Atoi(object.GetAnnotations()["argocd.argoproj.io/sync-wave"])
			Expect(err).NotTo(HaveOccurred())
			byNumber[number] = append(byNumber[number], &object)
		}
	}
	var waves [][]*unstructured.Unstructured
	for _, number := range slices.Sorted(maps.Keys(byNumber)) {
		waves = append(waves, byNumber[number])
	}
	return waves
}

var _ = Describe("An Application that Argo CD deletes in the foreground", func() {
	It("is removed when its Secret, account and mappings are deleted at the same time", func() {
		startControllers()
		env := newTestEnv()
		startManager()
		env.apply(env.secret(), env.account(), env.mapping("asha", "7", "90=Y", "91=N"), env.mapping("bela", "8", "90=Y"))
		env.waitForReason("agm/asha", "Synced")
		env.waitForReason("agm/bela", "Synced")
		objects := []*unstructured.Unstructured{
			env.object("secret/acme-deepcall"), env.object("dca/acme"), env.object("agm/asha"), env.object("agm/bela"),
		}
		deleteInForeground(objects...)
		expectGone(objects...)
		Expect(env.deepcall.Agents()).To(Equal(map[string]map[string]string{"7": {"90": "N", "91": "N"}, "8": {"90": "N"}}))
		Expect(env.deepcall.Requests()).To(HaveLen(4))
	})

	It("becomes healthy wave by wave and is deleted in reverse order", func() {
		startControllers()
		env := newTestEnv()
		startManager()
		waves := env.exampleWaves()
		Expect(waves).To(HaveLen(3))
		for _, wave := range waves {
			for _, object := range wave {
				Expect(admin.Create(context.Background(), object.DeepCopy())).To(Succeed())
			}
			for _, object := range wave {
				if object.GetKind() == "Secret" {
					continue // always healthy in Argo CD
				}
				name := map[string]string{"AgentGroupMapping": "agm/", "DeepCallAccount": "dca/"}[object.GetKind()] + object.GetName()
				Eventually(env.health).WithArguments(name).Should(HaveField("Status", argocd.Healthy))
			}
		}
		Expect(env.deepcall.Agents()).To(Equal(map[string]map[string]string{"7": {"90": "Y", "91": "N"}, "8": {"90": "Y"}}))

		for _, wave := range slices.Backward(waves) {
			deleteInForeground(wave...)
			expectGone(wave...)
			Expect(env.deepcall.Agents()).To(Equal(map[string]map[string]string{"7": {"90": "N", "91": "N"}, "8": {"90": "N"}}))
		}
		Expect(env.deepcall.Requests()).To(HaveLen(4))
	})
})
