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
		help := execute("--help")
		Eventually(help).Should(gexec.Exit(0))
		for _, flag := range []string{
			"kubeconfig", "leader-elect", "leader-election-namespace", "watch-namespaces", "watch-label-selector",
			"max-concurrent-reconciles", "metrics-bind-address", "metrics-secure", "health-probe-bind-address", "pprof-bind-address",
			"allow-insecure-endpoints", "version", "zap-log-level", "zap-devel", "zap-encoder",
		} {
			Expect(string(help.Err.Contents())).To(MatchRegexp(`(?m)^ +-%s\b`, flag))
		}
	})

	It("tells its version, and so does its metric", func() {
		told := execute("--version")
		Eventually(told).Should(gexec.Exit(0))
		Expect(string(told.Out.Contents())).To(MatchRegexp(`^deepcall-operator v1\.2\.3-test \(revision abc123, go1\.[0-9.]+ \w+/\w+\)\n$`))
		_, metrics := get(startManager().metrics, "/metrics")
		Expect(metrics).To(MatchRegexp(`deepcall_build_info\{goversion="go1\.[0-9.]+",revision="abc123",version="v1\.2\.3-test"\} 1`))
	})

	DescribeTable("ends with a message that names a bad flag",
		func(flag, message string) {
			Eventually(execute("--kubeconfig="+kubeconfigOf(clusterManager), "--health-probe-bind-address=0", flag)).
				Should(SatisfyAll(gexec.Exit(), Not(gexec.Exit(0)), saying(message)))
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
	)

	It("answers its probes, and shows its metrics if asked to", func() {
		m := startManager()
		for _, path := range []string{"/healthz", "/readyz"} {
			status, _ := get(m.probes, path)
			Expect(status).To(Equal(http.StatusOK), path)
		}
		status, metrics := get(m.metrics, "/metrics")
		Expect(status).To(Equal(http.StatusOK))
		Expect(metrics).To(ContainSubstring("rest_client_requests_total"))
	})

	It("takes no http endpoint without --allow-insecure-endpoints, and says so", func() {
		w := newWorld()
		startManagerAs(clusterManager)
		w.apply(w.secret(), w.account(), w.mapping("asha", "7", "90=Y"))
		w.waitFor("dca/acme", "InvalidEndpoint")
		w.waitFor("agm/asha", "AccountNotReady")
		Expect(w.kubectl("get", "dca", "acme", `-o=jsonpath={.status.conditions[*].message}`)).To(ContainSubstring("https://"))
		Consistently(w.deepcall.Calls).Should(BeEmpty())
	})

	It("sees only the namespaces of --watch-namespaces, and needs rights in these alone", func() {
		watched, other := newWorld(), newWorld()
		rights := filepath.Join("testdata", "watched")
		watched.kubectl("apply", "-k", rights)
		DeferCleanup(func() { watched.kubectl("delete", "-k", rights) })
		startManagerAs(namespacedManager, "--allow-insecure-endpoints", "--watch-namespaces="+watched.namespace)
		for _, w := range []*world{other, watched} {
			w.apply(w.secret(), w.account(), w.mapping("asha", "7", "90=Y"))
		}
		watched.waitFor("agm/asha", "Synced")
		Consistently(other.deepcall.Calls).Should(BeEmpty())
		Expect(other.mappings()[0].Status.ObservedGeneration).To(BeEquivalentTo(-1))

		By("refusing a selector of namespaces, which it can't read")
		watched.kubectl("patch", "dca", "acme", "--type=merge", `--patch={"spec":{"allowedNamespaces":{"from":"Selector","selector":{}}}}`)
		watched.waitFor("dca/acme", "SelectorNotSupported")
	})

	It("sees only what matches --watch-label-selector", func() {
		w := newWorld()
		startManager("--watch-label-selector=shard=a")
		w.apply(w.secret(), w.account(), w.mapping("asha", "7", "90=Y"), w.mapping("bela", "8", "90=Y"))
		w.kubectl("label", "dca/acme", "agm/asha", "shard=a")
		w.waitFor("agm/asha", "Synced")
		Consistently(w.deepcall.Calls).Should(HaveLen(1))
		Expect(w.kubectl("get", "agm", "bela", "-o=jsonpath={.status.observedGeneration}")).To(Equal("-1"))
	})
})

// saying finds a text in what a process wrote to its standard error.
func saying(text string) OmegaMatcher {
	return WithTransform(func(s *gexec.Session) string { return string(s.Err.Contents()) }, ContainSubstring(text))
}
