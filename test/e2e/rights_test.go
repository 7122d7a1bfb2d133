package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = Describe("The manager, as it is deployed, does all it can do, and uses exactly the rights it has", func() {
	It("with config/default", func() {
		startControllerManager()
		w, ending := newWorld(), newWorld()
		uses := auditOf(clusterManager)
		w.letRead("prometheus")
		w.kubectl("create", "serviceaccount", "stranger")
		m := startDeployed(clusterManager)
		w.liveThrough()

		By("lending the account to a namespace by its labels")
		kubectl("label", "namespace", ending.namespace, "team=support")
		w.kubectl("patch", "dca", "acme", "--type=merge",
			`--patch={"spec":{"allowedNamespaces":{"from":"Selector","selector":{"matchLabels":{"team":"support"}}}}}`)
		ending.apply(strings.Replace(w.mapping("guest", "20", "90=Y"), "{name: acme}", "{name: acme, namespace: "+w.namespace+"}", 1))
		ending.waitFor("agm/guest", "Synced")

		By("showing the metrics to those who may read them alone")
		Expect(scrape(m, tokenOf(serviceAccount{w.namespace, "prometheus"}))).To(Equal(http.StatusOK))
		Expect(scrape(m, tokenOf(serviceAccount{w.namespace, "stranger"}))).To(Equal(http.StatusForbidden))
		Expect(scrape(m, "")).To(Equal(http.StatusUnauthorized))

		By("being stopped while a namespace ends, whose credentials then are gone")
		ending.apply(ending.secret(), ending.account(), ending.mapping("asha", "7", "90=Y"))
		ending.waitFor("agm/asha", "Synced")
		m.stop()
		kubectl("delete", "namespace", ending.namespace, "--wait=false")
		Eventually(func() string { return ending.kubectl("get", "secrets", "--output=name") }, time.Minute).Should(BeEmpty())
		m = startDeployed(clusterManager, withoutStreamedLists)
		Eventually(func() bool {
			err := admin.Get(context.Background(), client.ObjectKey{Name: ending.namespace}, &corev1.Namespace{})
			return apierrors.IsNotFound(err)
		}, time.Minute).Should(BeTrue())
		m.stop()
		expectExactly(clusterManager, uses())
	})

	It("with config/namespaced, by Roles alone", func() {
		w := newWorldIn(namespacedManager.namespace)
		uses := auditOf(namespacedManager)
		m := startDeployed(namespacedManager)
		w.liveThrough()
		status, _ := get(m.metrics, "/metrics")
		Expect(status).To(Equal(http.StatusOK))

		By("having to remove a mapping whose credentials are gone")
		w.apply(w.mapping("bela", "8", "90=Y"))
		w.waitFor("agm/bela", "Synced")
		m.stop()
		w.kubectl("delete", "secret", "acme-deepcall")
		m = startDeployed(namespacedManager, withoutStreamedLists)
		w.kubectl("delete", "agm", "bela", "--wait=false")
		w.waitFor("agm/bela", "AccountNotReady")
		w.kubectl("patch", "agm", "bela", "--type=merge", `--patch={"spec":{"removalPolicy":"Orphan"}}`)
		w.kubectl("wait", "agm/bela", "--for=delete", "--timeout=20s")
		m.stop()

		for _, right := range rightsOf(namespacedManager) {
			Expect(right.Namespace).NotTo(BeEmpty(), "a right in the whole cluster: %s", right)
		}
		expectExactly(namespacedManager, uses())
	})
})

// liveThrough has a mapping be created, refused twice for the same reason, edited and deleted, and
// another one look for an account that is not there.
func (w *world) liveThrough() {
	GinkgoHelper()
	w.apply(w.secret(), w.account(), w.mapping("asha", "7", "90=Y"))
	w.waitFor("agm/asha", "Synced")
	for _, group := range []string{"91", "92"} {
		w.deepcall.Script(deepcalltest.Code(1505).ForAgent("7"))
		w.apply(w.mapping("asha", "7", "90=Y", group+"=Y"))
		w.waitFor("agm/asha", "InvalidGroupData")
		w.apply(w.mapping("asha", "7", "90=N"))
		w.waitFor("agm/asha", "Synced")
	}
	Eventually(func() int {
		return strings.Count(w.kubectl("events", "--for=agm/asha"), "InvalidGroupData")
	}).Should(Equal(2))
	w.apply(strings.Replace(w.mapping("lost", "9", "90=Y"), "{name: acme}", "{name: nobody}", 1))
	w.waitFor("agm/lost", "AccountNotFound")
	w.kubectl("delete", "agm", "asha", "lost", "--timeout=20s")
}

// withoutStreamedLists has the manager list as it does with API servers that know no streamed lists.
const withoutStreamedLists = "KUBE_FEATURE_WatchListClient=false"

// startDeployed starts a manager with the arguments of its Deployment; of these only the addresses are others.
func startDeployed(account serviceAccount, environment ...string) *manager {
	GinkgoHelper()
	var deployment appsv1.Deployment
	key := client.ObjectKey{Namespace: account.namespace, Name: "deepcall-operator-controller-manager"}
	Expect(admin.Get(context.Background(), key, &deployment)).To(Succeed())
	container := deployment.Spec.Template.Spec.Containers[0]
	flags := container.Args
	for _, variable := range container.Env {
		Expect(variable.ValueFrom.FieldRef.FieldPath).To(Equal("metadata.namespace"))
		for i := range flags {
			flags[i] = strings.ReplaceAll(flags[i], "$("+variable.Name+")", account.namespace)
		}
	}
	m := &manager{probes: freeAddress(), metrics: freeAddress()}
	command := exec.Command(program, append(flags, "--kubeconfig="+kubeconfigOf(account),
		"--leader-election-namespace="+account.namespace, "--allow-insecure-endpoints",
		"--health-probe-bind-address="+m.probes, "--metrics-bind-address="+m.metrics)...)
	command.Env = append(os.Environ(), environment...)
	m.Session = start(command)
	m.untilReady()
	return m
}

// letRead makes a ServiceAccount that may read the metrics.
func (w *world) letRead(name string) {
	GinkgoHelper()
	w.kubectl("create", "serviceaccount", name)
	w.kubectl("create", "clusterrolebinding", w.namespace+"-"+name, "--clusterrole=deepcall-operator-metrics-reader",
		fmt.Sprintf("--serviceaccount=%s:%s", w.namespace, name))
	DeferCleanup(func() { kubectl("delete", "clusterrolebinding", w.namespace+"-"+name) })
}

func scrape(m *manager, token string) int {
	GinkgoHelper()
	request, err := http.NewRequest(http.MethodGet, "https://"+m.metrics+"/metrics", nil)
	Expect(err).NotTo(HaveOccurred())
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport, Timeout: 20 * time.Second}).Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	return response.StatusCode
}

// auditOf begins to look at what the ServiceAccount asks for, and returns what tells that. The lease
// goes, so that the next leader has to make it.
func auditOf(account serviceAccount) func() []testenv.Right {
	GinkgoHelper()
	kubectl("delete", "leases", "--all", "--namespace="+account.namespace)
	_, offset, err := testenv.ReadAudit(audited, 0)
	Expect(err).NotTo(HaveOccurred())
	return func() []testenv.Right {
		GinkgoHelper()
		used, err := testenv.RightsUsed(audited, offset, account.namespace, account.name)
		Expect(err).NotTo(HaveOccurred())
		return used
	}
}

// expectExactly fails for a right that the ServiceAccount has and did not use, and the reverse.
func expectExactly(account serviceAccount, used []testenv.Right) {
	GinkgoHelper()
	superfluous, missing := testenv.CompareRights(rightsOf(account), used)
	Expect(superfluous).To(BeEmpty(), "superfluous rights")
	Expect(missing).To(BeEmpty(), "rights that came from elsewhere")
}

// rightsOf is what the roles that are bound to the ServiceAccount grant.
func rightsOf(account serviceAccount) []testenv.Right {
	GinkgoHelper()
	granted, err := testenv.RightsGranted(context.Background(), admin, account.namespace, account.name)
	Expect(err).NotTo(HaveOccurred())
	return granted
}
