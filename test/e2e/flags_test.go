package e2e

import (
	"net/http"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
)

var _ = Describe("The manager's command line", func() {
	It("lists every flag", func() {
		help := startBinary("--help")
		Eventually(help).Should(gexec.Exit(0))
		for _, flag := range []string{
			"kubeconfig", "leader-elect", "leader-election-namespace", "watch-namespaces", "watch-label-selector",
			"max-concurrent-reconciles", "metrics-bind-address", "metrics-secure", "metrics-cert-path", "group-metrics", "health-probe-bind-address", "pprof-bind-address",
			"allow-insecure-endpoints", "version", "zap-log-level", "zap-devel", "zap-encoder",
		} {
			Expect(string(help.Err.Contents())).To(MatchRegexp(`(?m)^ +-%s\b`, flag))
		}
	})

	It("prints its version and reports it as a metric", func() {
		version := startBinary("--version")
		Eventually(version).Should(gexec.Exit(0))
		Expect(string(version.Out.Contents())).To(MatchRegexp(`^deepcall-operator v1\.2\.3-test \(revision abc123, go1\.[0-9.]+ \w+/\w+\)\n$`))
		_, metrics := httpGet(startManager().metrics, "/metrics")
		Expect(metrics).To(MatchRegexp(`deepcall_build_info\{goversion="go1\.[0-9.]+",revision="abc123",version="v1\.2\.3-test"\} 1`))
	})

	DescribeTable("rejects a bad flag with a message that names it",
		func(flag, message string) {
			Eventually(startBinary("--kubeconfig="+kubeconfigFor(clusterManager), "--health-probe-bind-address=0", flag)).
				Should(SatisfyAll(gexec.Exit(), Not(gexec.Exit(0)), haveLogged(message)))
		},
		Entry(nil, "--leader-elect=maybe", `invalid boolean value "maybe" for -leader-elect`),
		Entry(nil, "--max-concurrent-reconciles=many", `invalid value "many" for flag -max-concurrent-reconciles`),
		Entry(nil, "--watch-label-selector=a b", `--watch-label-selector`),
		Entry(nil, "--zap-log-level=loud", `invalid value "loud" for flag -zap-log-level`),
		Entry(nil, "--no-such-flag", `flag provided but not defined: -no-such-flag`),
		Entry(nil, "--kubeconfig=/nowhere", `/nowhere`),
		Entry(nil, "--health-probe-bind-address=nowhere", `nowhere`),
		Entry(nil, "--metrics-bind-address=nowhere", `nowhere`),
		Entry(nil, "--max-concurrent-reconciles=0", `--max-concurrent-reconciles`),
		Entry(nil, "--metrics-cert-path=/nowhere", `--metrics-cert-path=/nowhere: open /nowhere/tls.crt: no such file or directory`),
	)

	It("serves its probes and metrics", func() {
		m := startManager()
		for _, path := range []string{"/healthz", "/readyz"} {
			status, _ := httpGet(m.probes, path)
			Expect(status).To(Equal(http.StatusOK), path)
		}
		status, metrics := httpGet(m.metrics, "/metrics")
		Expect(status).To(Equal(http.StatusOK))
		Expect(metrics).To(ContainSubstring("rest_client_requests_total"))
	})

	It("exports the number of receivers of each group with --group-metrics", func() {
		env := newTestEnv()
		m := startManager("--group-metrics")
		env.apply(env.secret(), env.account(), env.mapping("asha", "7", "90=Y", "91=N"), env.mapping("bela", "8", "90=Y"))
		env.waitForReason("agm/asha", "Synced")
		env.waitForReason("agm/bela", "Synced")
		Eventually(m.metric).WithArguments("deepcall_group_receivers", `account_namespace="`+env.namespace+`",group="90"`).Should(Equal(2))
		Expect(m.metric("deepcall_group_receivers", `account_namespace="`+env.namespace+`",group="91"`)).To(Equal(0))
	})

	It("rejects http endpoints without --allow-insecure-endpoints", func() {
		env := newTestEnv()
		startManagerAs(clusterManager)
		env.apply(env.secret(), env.account(), env.mapping("asha", "7", "90=Y"))
		env.waitForReason("dca/acme", "InvalidEndpoint")
		env.waitForReason("agm/asha", "AccountNotReady")
		Expect(env.kubectl("get", "dca", "acme", `-o=jsonpath={.status.conditions[*].message}`)).To(ContainSubstring("https://"))
		Consistently(env.deepcall.Requests).Should(BeEmpty())
	})

	It("watches only the namespaces of --watch-namespaces, with permissions in these namespaces only", func() {
		watched, other := newTestEnv(), newTestEnv()
		roles := filepath.Join("testdata", "watched")
		watched.kubectl("apply", "-k", roles)
		DeferCleanup(func() { watched.kubectl("delete", "-k", roles) })
		deleted := "deleted-namespace"
		m := startManagerAs(namespacedManager, "--allow-insecure-endpoints", "--watch-namespaces="+watched.namespace+","+deleted)
		for _, env := range []*testEnv{other, watched} {
			env.apply(env.secret(), env.account(), env.mapping("asha", "7", "90=Y"))
		}
		watched.waitForReason("agm/asha", "Synced")
		Consistently(other.deepcall.Requests).Should(BeEmpty())
		Expect(other.mappings()[0].Status.ObservedGeneration).To(BeEquivalentTo(-1))

		By("reporting a watched namespace without permissions, and not using accounts that its mappings could use")
		Expect(m.metric("deepcall_namespaces_unreadable", deleted)).To(Equal(1))
		watched.kubectl("patch", "dca", "acme", "--type=merge", `--patch={"spec":{"allowedNamespaces":{"from":"All"}}}`)
		watched.waitForReason("dca/acme", "NamespaceUnreadable")
		watched.kubectl("delete", "agm", "asha", "--wait=false")
		watched.waitForReason("agm/asha", "AccountNotReady")
		Consistently(watched.deepcall.Requests).Should(HaveLen(1))

		By("restarting when it can be read")
		kubectl("create", "namespace", deleted)
		DeferCleanup(func() { kubectl("delete", "namespace", deleted, "--wait=false") })
		kubectl("apply", "-k", roles, "--namespace", deleted)
		// The control plane does not delete the contents of a namespace.
		DeferCleanup(func() { kubectl("delete", "-k", roles, "--namespace", deleted) })
		Eventually(m.Session).Should(gexec.Exit(0))
		startManagerAs(namespacedManager, "--allow-insecure-endpoints", "--watch-namespaces="+watched.namespace+","+deleted)
		watched.kubectl("wait", "agm/asha", "--for=delete", "--timeout=20s")
		Expect(watched.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N"}))

		By("rejecting a namespace selector, because namespaces can't be read")
		watched.kubectl("patch", "dca", "acme", "--type=merge", `--patch={"spec":{"allowedNamespaces":{"from":"Selector","selector":{}}}}`)
		watched.waitForReason("dca/acme", "SelectorNotSupported")
	})

	It("watches only objects that match --watch-label-selector", func() {
		env := newTestEnv()
		startManager("--watch-label-selector=shard=a")
		env.apply(env.secret(), env.account(), env.mapping("asha", "7", "90=Y"), env.mapping("bela", "8", "90=Y"))
		env.kubectl("label", "dca/acme", "agm/asha", "shard=a")
		env.waitForReason("agm/asha", "Synced")
		Consistently(env.deepcall.Requests).Should(HaveLen(1))
		Expect(env.kubectl("get", "agm", "bela", "-o=jsonpath={.status.observedGeneration}")).To(Equal("-1"))
	})
})

// haveLogged matches a process that wrote a text to its standard error.
func haveLogged(text string) OmegaMatcher {
	return WithTransform(func(s *gexec.Session) string { return string(s.Err.Contents()) }, ContainSubstring(text))
}
