package e2e

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// startControllers starts the controllers that finish deletions of namespaces and foreground deletions.
func startControllers() {
	GinkgoHelper()
	stop, err := controlPlane.StartControllers("garbage-collector-controller")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(stop)
}

var _ = Describe("The deletion of a namespace", func() {
	It("sends N for every group, even if the Secret is deleted first", func() {
		startControllers()
		env := newTestEnv()
		startManager()
		env.apply(env.secret(), env.account(), env.mapping("asha", "7", "90=Y"), env.mapping("bela", "8", "90=Y", "91=N"))
		env.waitForReason("agm/asha", "Synced")
		env.waitForReason("agm/bela", "Synced")
		kubectl("delete", "namespace", env.namespace, "--wait=false")
		expectGone(namespaceObject(env.namespace))
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N"}))
		Expect(env.deepcall.Agent("8")).To(Equal(map[string]string{"90": "N", "91": "N"}))
	})

	It("ends without credentials and reports the abandoned removal by event, log and metric", func() {
		startControllers()
		env := newTestEnv()
		m := startManager()
		env.applySynced("asha", "7", "90=Y")
		m.stop()
		kubectl("delete", "namespace", env.namespace, "--wait=false")
		expectGone(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: env.namespace, Name: "acme-deepcall"}})
		next := startManager()
		expectGone(namespaceObject(env.namespace))
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y"}))
		Expect(next.unlabelled("deepcall_removals_abandoned_total")).To(Equal(1))
		Expect(next.Session).To(haveLogged(`"agent":"7","groups":["90"]`))
		Eventually(func() string {
			return kubectl("get", "events", "--namespace=default", "--field-selector=reason=RemovalAbandoned,involvedObject.name="+env.namespace)
		}).Should(ContainSubstring("Agent 7 can still receive calls of group 90"))
	})
})

var _ = Describe("A foreground deletion, as Argo CD prunes", func() {
	It("sends N for every group", func() {
		startControllers()
		env := newTestEnv()
		startManager()
		env.applySynced("asha", "7", "90=Y")
		env.kubectl("delete", "agm", "asha", "--cascade=foreground", "--timeout=30s")
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N"}))
		Expect(env.deepcall.Requests()).To(HaveLen(2))
	})
})
