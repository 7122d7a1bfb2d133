package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// startControllerManager runs Kubernetes' own, which alone carries out the end of a namespace and
// deletion in the foreground.
func startControllerManager() {
	GinkgoHelper()
	program := filepath.Join(filepath.Dir(plane.Kubectl), "kube-controller-manager")
	if _, err := os.Stat(program); err != nil {
		Fail("there is no " + program + "; run hack/controller-manager.sh")
	}
	session, err := gexec.Start(exec.Command(program, "--kubeconfig="+plane.Kubeconfig, "--leader-elect=false",
		"--controllers=namespace-controller,garbage-collector-controller", "--secure-port=0"), GinkgoWriter, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { session.Kill().Wait(10 * time.Second) })
}

var _ = Describe("A namespace that is deleted", func() {
	ended := func(w *world) {
		GinkgoHelper()
		Eventually(func() bool {
			err := admin.Get(context.Background(), client.ObjectKey{Name: w.namespace}, &corev1.Namespace{})
			return apierrors.IsNotFound(err)
		}, time.Minute).Should(BeTrue())
	}

	It("ends, with the agents' calls stopped, though its Secret may go first", func() {
		startControllerManager()
		w := newWorld()
		startManager()
		w.apply(w.secret(), w.account(), w.mapping("asha", "7", "90=Y"), w.mapping("bela", "8", "90=Y", "91=N"))
		w.waitFor("agm/asha", "Synced")
		w.waitFor("agm/bela", "Synced")
		kubectl("delete", "namespace", w.namespace, "--wait=false")
		ended(w)
		Expect(w.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N"}))
		Expect(w.deepcall.Agent("8")).To(Equal(map[string]string{"90": "N", "91": "N"}))
	})

	It("ends although the credentials are gone, which is logged and counted", func() {
		startControllerManager()
		w := newWorld()
		m := startManager()
		w.apply(w.secret(), w.account(), w.mapping("asha", "7", "90=Y"))
		w.waitFor("agm/asha", "Synced")
		m.stop()
		kubectl("delete", "namespace", w.namespace, "--wait=false")
		Eventually(func() bool {
			secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "acme-deepcall"}}
			return apierrors.IsNotFound(admin.Get(context.Background(), client.ObjectKeyFromObject(secret), secret))
		}, time.Minute).Should(BeTrue())
		next := startManager()
		ended(w)
		Expect(w.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y"}))
		_, metrics := get(next.metrics, "/metrics")
		Expect(metrics).To(ContainSubstring("deepcall_removals_abandoned_total 1"))
	})
})

var _ = Describe("A deletion in the foreground, as Argo CD prunes", func() {
	It("ends with the agent's calls stopped", func() {
		startControllerManager()
		w := newWorld()
		startManager()
		w.apply(w.secret(), w.account(), w.mapping("asha", "7", "90=Y"))
		w.waitFor("agm/asha", "Synced")
		w.kubectl("delete", "agm", "asha", "--cascade=foreground", "--timeout=30s")
		Expect(w.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N"}))
		Expect(w.deepcall.Calls()).To(HaveLen(2))
	})
})
