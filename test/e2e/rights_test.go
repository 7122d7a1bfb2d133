package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = Describe("The deployed manager uses exactly its permissions", func() {
	It("with config/default", func() {
		startControllers()
		env, other := newTestEnv(), newTestEnv()
		usedRights := recordUsedRights(clusterManager)
		env.createMetricsReader("prometheus")
		env.kubectl("create", "serviceaccount", "unauthorized")
		m := startFromDeployment(clusterManager)
		env.exerciseMappings()

		By("permitting another namespace by its labels")
		kubectl("label", "namespace", other.namespace, "team=support")
		env.kubectl("patch", "dca", "acme", "--type=merge",
			`--patch={"spec":{"allowedNamespaces":{"from":"Selector","selector":{"matchLabels":{"team":"support"}}}}}`)
		other.apply(strings.Replace(env.mapping("guest", "20", "90=Y"), "{name: acme}", "{name: acme, namespace: "+env.namespace+"}", 1))
		other.waitForReason("agm/guest", "Synced")

		By("serving metrics to authorized clients only")
		Expect(scrape(m, tokenFor(serviceAccount{env.namespace, "prometheus"}))).To(Equal(http.StatusOK))
		Expect(scrape(m, tokenFor(serviceAccount{env.namespace, "unauthorized"}))).To(Equal(http.StatusForbidden))
		Expect(scrape(m, "")).To(Equal(http.StatusUnauthorized))

		By("restarting after a namespace lost its credentials during deletion")
		other.applySynced("asha", "7", "90=Y")
		m.stop()
		kubectl("delete", "namespace", other.namespace, "--wait=false")
		Eventually(func() string { return other.kubectl("get", "secrets", "--output=name") }, time.Minute).Should(BeEmpty())
		m = startFromDeployment(clusterManager, withoutWatchList)
		expectGone(namespaceObject(other.namespace))
		m.stop()
		expectExactRights(clusterManager, usedRights())
	})

	It("with config/namespaced, from Roles only", func() {
		env := newTestEnvIn(namespacedManager.namespace)
		usedRights := recordUsedRights(namespacedManager)
		m := startFromDeployment(namespacedManager)
		env.exerciseMappings()
		status, _ := httpGet(m.metrics, "/metrics")
		Expect(status).To(Equal(http.StatusOK))

		By("deleting a mapping without credentials")
		env.apply(env.mapping("bela", "8", "90=Y"))
		env.waitForReason("agm/bela", "Synced")
		m.stop()
		env.kubectl("delete", "secret", "acme-deepcall")
		m = startFromDeployment(namespacedManager, withoutWatchList)
		env.kubectl("delete", "agm", "bela", "--wait=false")
		env.waitForReason("agm/bela", "AccountNotReady")
		env.kubectl("patch", "agm", "bela", "--type=merge", `--patch={"spec":{"removalPolicy":"Orphan"}}`)
		env.kubectl("wait", "agm/bela", "--for=delete", "--timeout=20s")
		m.stop()

		for _, right := range grantedRights(namespacedManager) {
			Expect(right.Namespace).NotTo(BeEmpty(), "a cluster-wide permission: %s", right)
		}
		expectExactRights(namespacedManager, usedRights())
	})

	It("except those for ConfigMaps without a reference to one, and works without them", func() {
		const role, revoke = "role/deepcall-operator-manager-role", `--patch=[{"op":"replace","path":"/rules/0/resources","value":["secrets"]}]`
		env := newTestEnvIn(namespacedManager.namespace)
		env.kubectl("patch", role, "--type=json", revoke)
		grant := func() {
			env.kubectl("patch", role, "--type=json", strings.Replace(revoke, `"secrets"`, `"configmaps","secrets"`, 1))
		}
		DeferCleanup(grant)
		usedRights := recordUsedRights(namespacedManager)
		m := startFromDeployment(namespacedManager)
		env.applySynced("asha", "7", "90=Y")
		Expect(usedRights()).NotTo(ContainElement(HaveField("Resource", "configmaps")))

		By("referencing a ConfigMap")
		env.kubectl("patch", "dca", "acme", "--type=merge", `--patch={"spec":{"caBundleRef":{"kind":"ConfigMap","name":"corp-ca"}}}`)
		env.waitForReason("dca/acme", "CABundleForbidden")
		env.apply(strings.ReplaceAll(env.secret()+env.account()+env.mapping("bela", "8", "90=Y"), "acme", "other"))
		env.waitForReason("agm/bela", "Synced")
		status, _ := httpGet(m.probes, "/readyz")
		Expect(status).To(Equal(http.StatusOK))

		By("granting the permission")
		grant()
		Eventually(func() string { // the authorizer can lag, and the operator retries after a minute by itself
			env.kubectl("annotate", "dca", "acme", "--overwrite", fmt.Sprint("telephony.deepcall.com/reconcile-requested-at=", time.Now().UnixNano()))
			_, reason, _ := readyCondition(env.object("dca/acme"))
			return reason
		}).WithPolling(500 * time.Millisecond).Should(Equal("CABundleNotFound"))
		m.stop()
	})
})

// exerciseMappings creates a mapping that is rejected twice for the same reason, edited and deleted, and another one
// whose account is missing.
func (env *testEnv) exerciseMappings() {
	GinkgoHelper()
	env.applySynced("asha", "7", "90=Y")
	for _, group := range []string{"91", "92"} {
		env.deepcall.Script(deepcalltest.Code(1505).ForAgent("7"))
		env.apply(env.mapping("asha", "7", "90=Y", group+"=Y"))
		env.waitForReason("agm/asha", "InvalidGroupData")
		env.apply(env.mapping("asha", "7", "90=N"))
		env.waitForReason("agm/asha", "Synced")
	}
	Eventually(func() int {
		return strings.Count(env.kubectl("events", "--for=agm/asha"), "InvalidGroupData")
	}).Should(Equal(2))
	env.apply(strings.Replace(env.mapping("no-account", "9", "90=Y"), "{name: acme}", "{name: missing}", 1))
	env.waitForReason("agm/no-account", "AccountNotFound")
	env.referenceCABundle()
	env.apply(env.mapping("asha", "7", "90=Y"))
	env.waitForReason("agm/asha", "Synced")
	env.kubectl("delete", "agm", "asha", "no-account", "--timeout=20s")
}

// referenceCABundle lets the account use a CA bundle in a ConfigMap, which it creates afterwards.
func (env *testEnv) referenceCABundle() {
	GinkgoHelper()
	env.kubectl("patch", "dca", "acme", "--type=merge", `--patch={"spec":{"caBundleRef":{"kind":"ConfigMap","name":"corp-ca"}}}`)
	env.waitForReason("dca/acme", "CABundleNotFound")
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	DeferCleanup(func() { env.kubectl("delete", "configmap", "corp-ca", "--ignore-not-found") })
	env.kubectl("create", "configmap", "corp-ca", "--from-literal=ca.crt="+string(certificateOf(server)))
	env.waitForReason("dca/acme", "Usable")
}

// withoutWatchList disables streaming lists, as with API servers that don't support them.
const withoutWatchList = "KUBE_FEATURE_WatchListClient=false"

// startFromDeployment starts a manager with the arguments of its Deployment, except for the addresses.
func startFromDeployment(account serviceAccount, environment ...string) *manager {
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
	command := exec.Command(managerBinary, append(flags, "--kubeconfig="+kubeconfigFor(account),
		"--leader-election-namespace="+account.namespace, "--allow-insecure-endpoints",
		"--health-probe-bind-address="+m.probes, "--metrics-bind-address="+m.metrics)...)
	command.Env = append(os.Environ(), environment...)
	m.Session = start(command)
	m.waitUntilReady()
	return m
}

// createMetricsReader creates a ServiceAccount that can read the metrics.
func (env *testEnv) createMetricsReader(name string) {
	GinkgoHelper()
	env.kubectl("create", "serviceaccount", name)
	env.kubectl("create", "clusterrolebinding", env.namespace+"-"+name, "--clusterrole=deepcall-operator-metrics-reader",
		fmt.Sprintf("--serviceaccount=%s:%s", env.namespace, name))
	DeferCleanup(func() { kubectl("delete", "clusterrolebinding", env.namespace+"-"+name) })
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

// recordUsedRights returns a function that returns the permissions that the ServiceAccount has used since. It deletes
// the lease, so that the next leader creates it.
func recordUsedRights(account serviceAccount) func() []testenv.Right {
	GinkgoHelper()
	kubectl("delete", "leases", "--all", "--namespace="+account.namespace)
	_, offset, err := testenv.ReadAudit(auditLog, 0)
	Expect(err).NotTo(HaveOccurred())
	return func() []testenv.Right {
		GinkgoHelper()
		used, err := testenv.RightsUsed(auditLog, offset, account.namespace, account.name)
		Expect(err).NotTo(HaveOccurred())
		return used
	}
}

// expectExactRights expects that the ServiceAccount has used all of its permissions, and no others.
func expectExactRights(account serviceAccount, used []testenv.Right) {
	GinkgoHelper()
	superfluous, missing := testenv.CompareRights(grantedRights(account), used)
	Expect(superfluous).To(BeEmpty(), "unused permissions")
	Expect(missing).To(BeEmpty(), "permissions from other roles")
}

// grantedRights returns the permissions of the roles that are bound to the ServiceAccount.
func grantedRights(account serviceAccount) []testenv.Right {
	GinkgoHelper()
	granted, err := testenv.RightsGranted(context.Background(), admin, account.namespace, account.name)
	Expect(err).NotTo(HaveOccurred())
	return granted
}
