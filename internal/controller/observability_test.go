package controller_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	dto "github.com/prometheus/client_model/go"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = Describe("recording events", func() {
	const rejection = "Warning InvalidGroupData: DeepCall error 1505: Invalid group data. " +
		"The mapping's owner corrects spec.groups, or creates the group in DeepCall."

	It("reports a rejected mapping and its recovery once each", func() {
		env := newTestEnv()
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.deepcall.RemoveGroups("91")
		env.editAndWait("asha", addGroup("91"), "Ready=False InvalidGroupData Stalled")
		Eventually(env.events).WithArguments("asha").Should(ConsistOf(rejection))

		By("reconciling without a change")
		env.restart()
		env.requestAndWait("asha", "now")
		Consistently(env.events).WithArguments("asha").Should(ConsistOf(rejection))

		By("recovering")
		env.deepcall.AddGroups("91")
		env.requestAndWait("asha", "again")
		env.waitForSynced("asha")
		Eventually(env.events).WithArguments("asha").Should(ConsistOf(rejection, "Normal Synced: DeepCall confirmed the declared groups"))
		env.requestAndWait("asha", "and again")
		Consistently(env.events).WithArguments("asha").Should(HaveLen(2))
	})

	It("reports a denied account once, not for each of its mappings", func() {
		env := newTestEnv()
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.deepcall.Script(deepcalltest.Code(1014))
		env.editAndWait("asha", addGroup("91"), "Ready=False AccountNotReady Reconciling")
		Eventually(env.events).WithArguments("acme").Should(ConsistOf(
			"Warning InvalidToken: DeepCall error 1014: Invalid token (invalid or expired). " +
				"The account's owner puts a new token into the Secret that spec.credentialsSecretRef names."))
		Consistently(env.events).WithArguments("asha").Should(BeEmpty())
	})
})

// events returns the events about an object as "type reason: note".
func (e *testEnv) events(name string) []string {
	GinkgoHelper()
	key := e.key(name)
	var list eventsv1.EventList
	Expect(k8sClient.List(ctx, &list, client.InNamespace(key.Namespace))).To(Succeed())
	var events []string
	for _, event := range list.Items {
		if event.Regarding.Name == key.Name {
			events = append(events, event.Type+" "+event.Reason+": "+event.Note)
		}
	}
	return events
}

var _ = Describe("metrics", func() {
	It("counts mappings and requests, shows the account's state, and drops the series of a deleted account", func() {
		env := newTestEnv()
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.deepcall.RemoveGroups("91")
		env.createAndWait(testenv.Mapping("bela").Agent("8").Group("91", true).Orphan(), "Ready=False InvalidGroupData Stalled")
		env.createAndWait(testenv.Mapping("chandra").Group("90", false), "Ready=False Conflict Stalled")
		Eventually(env.samples).WithArguments("deepcall_mappings").Should(ConsistOf(
			"ready=True reason=Synced 1", "ready=False reason=InvalidGroupData 1", "ready=False reason=Conflict 1"))
		account := "account=acme account_namespace=" + env.namespace
		Expect(env.samples("deepcall_api_requests_total")).To(ConsistOf(
			account+" class=Accepted code=200 reason=Accepted 1",
			account+" class=Rejected code=1505 reason=InvalidGroupData 1"))
		Expect(env.samples("deepcall_api_request_duration_seconds")).To(ConsistOf(account + " 2"))
		Expect(env.samples("deepcall_api_request_wait_seconds")).To(ConsistOf(account + " 2"))
		Expect(env.samples("deepcall_api_requests_in_flight")).To(ConsistOf(account + " 0"))
		Expect(env.samples("deepcall_account_state")).To(ContainElements(account+" state=Usable 1", account+" state=Denied 0"))
		Expect(env.samples("deepcall_group_receivers")).To(BeEmpty(), "GroupMetrics is not set")

		By("denying the account")
		env.deepcall.RotateToken("1001", "another")
		env.requestReconcile("asha", "now")
		Eventually(env.samples).WithArguments("deepcall_account_state").
			Should(ContainElements(account+" state=Usable 0", account+" state=Denied 1"))

		By("setting an invalid Secret")
		env.updateSecret(map[string]string{"token": "alone"})
		Eventually(env.samples).WithArguments("deepcall_account_state").Should(ContainElement(account + " state=Misconfigured 1"))

		By("deleting all objects")
		env.updateSecret(map[string]string{"userId": "1001", "token": "another"})
		env.waitForSynced("asha")
		for _, name := range []string{"asha", "bela", "chandra"} {
			env.deleteAndWait(env.mapping(name))
		}
		env.deleteAndWait(env.account("acme"))
		for _, name := range []string{"deepcall_mappings", "deepcall_api_requests_total", "deepcall_account_state", "deepcall_resync_lag_seconds"} {
			Eventually(env.samples).WithArguments(name).Should(BeEmpty(), name)
		}
	})

	It("counts the agents that receive calls for each group with GroupMetrics, each agent once, also after a restart", func() {
		env := newEmptyTestEnv()
		env.groupMetrics = true
		env.setup()
		env.createSynced(testenv.Mapping("asha").Group("90", true).Group("91", false))
		env.createSynced(testenv.Mapping("bela").Agent("8").Group("90", true))
		env.createAndWait(testenv.Mapping("chandra").Group("90", false).Group("92", true), "Ready=False Conflict Stalled")
		account := "account=acme account_namespace=" + env.namespace
		expect := func(samples ...any) {
			GinkgoHelper()
			Eventually(env.samples).WithArguments("deepcall_group_receivers").Should(ConsistOf(samples...))
		}
		expect(account+" group=90 2", account+" group=91 0", account+" group=92 1")
		env.restart()
		expect(account+" group=90 2", account+" group=91 0", account+" group=92 1")

		By("deleting the owner of the group, whose other mapping turns the calls off")
		env.delete(env.mapping("asha"))
		env.waitForSynced("chandra")
		expect(account+" group=90 1", account+" group=92 1")

		By("deleting all mappings")
		for _, name := range []string{"bela", "chandra"} {
			env.deleteAndWait(env.mapping(name))
		}
		expect()
	})

	It("shows the delay of an overdue resync", func() {
		env := newTestEnv()
		env.createSynced(testenv.Mapping("bela").Agent("8").Group("90", true).Resync(0))
		mapping := env.createSynced(testenv.Mapping("asha").Group("90", true).Resync(time.Minute))
		account := "account=acme account_namespace=" + env.namespace
		Eventually(env.samples).WithArguments("deepcall_resync_lag_seconds").Should(ConsistOf(account + " 0"))

		env.stop()
		mapping.Status.LastSyncTime.Time = time.Now().Add(-time.Hour)
		Expect(k8sClient.Status().Update(ctx, mapping)).To(Succeed())
		env.deepcall.RotateToken("1001", "another")
		env.start()
		env.waitForAccount("acme", "Ready=False InvalidToken Stalled")
		Eventually(env.sample).WithArguments("deepcall_resync_lag_seconds").Should(BeNumerically("~", 59*60, 30))
		Expect(summarize(env.mapping("asha"))).To(Equal("Ready=True Synced"))

		By("requesting a resync, which does not reset the delay")
		env.requestReconcile("asha", "now")
		Consistently(env.sample).WithArguments("deepcall_resync_lag_seconds").Should(BeNumerically(">", 0))

		env.updateSecret(map[string]string{"userId": "1001", "token": "another"})
		Eventually(env.samples).WithArguments("deepcall_resync_lag_seconds").Should(ConsistOf(account + " 0"))
	})
})

var _ = It("tracing records a span for each reconcile and each request, with attributes from the catalogue", func() {
	env := newTestEnv()
	env.deepcall.Script(deepcalltest.Body([]byte(`{"status":"error","code":1505,"message":"what is s3cr3t?"}`)))
	env.createAndWait(testenv.Mapping("asha").Group("90", true), "Ready=False InvalidGroupData Stalled")
	env.createSynced(testenv.Mapping("bela").Agent("8").Group("90", true))

	Eventually(env.spansNamed).WithArguments("updateAgentGroupMapping").Should(ConsistOf(
		ContainSubstring("agent.id=7 deepcall.class=Rejected deepcall.code=1505 deepcall.reason=InvalidGroupData Error InvalidGroupData"),
		ContainSubstring("agent.id=8 deepcall.class=Accepted deepcall.code=200 deepcall.reason=Accepted Unset"),
	))
	Expect(env.spansNamed("reconcile account")).To(ContainElement(ContainSubstring("deepcall.account.name=acme")))
	for _, span := range env.spans.GetSpans() {
		Expect(fmt.Sprintf("%+v", span)).NotTo(ContainSubstring("s3cr3t"))
		if span.Name == "updateAgentGroupMapping" {
			Expect(env.spans.GetSpans()).To(ContainElement(SatisfyAll(
				HaveField("Name", "reconcile agent"), HaveField("SpanContext.SpanID()", span.Parent.SpanID()))))
		}
	}
})

// samples returns the series of a metric as "label=value ... value". The value of a histogram is its count.
func (e *testEnv) samples(name string) []string {
	GinkgoHelper()
	var samples []string
	for _, metric := range e.metrics(name) {
		var words []string
		for _, label := range metric.GetLabel() {
			words = append(words, label.GetName()+"="+label.GetValue())
		}
		samples = append(samples, strings.Join(append(words, fmt.Sprint(valueOf(metric))), " "))
	}
	return samples
}

// sample returns the value of a metric with at most one series, and -1 if it has none.
func (e *testEnv) sample(name string) float64 {
	GinkgoHelper()
	metrics := e.metrics(name)
	if len(metrics) == 0 {
		return -1
	}
	Expect(metrics).To(HaveLen(1))
	return valueOf(metrics[0])
}

func (e *testEnv) metrics(name string) []*dto.Metric {
	GinkgoHelper()
	families, err := e.registry.Gather()
	Expect(err).NotTo(HaveOccurred())
	i := slices.IndexFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == name })
	if i < 0 {
		return nil
	}
	return families[i].GetMetric()
}

func valueOf(metric *dto.Metric) float64 {
	if histogram := metric.GetHistogram(); histogram != nil {
		return float64(histogram.GetSampleCount())
	}
	return metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
}

// spansNamed returns the attributes and status of the spans with a name.
func (e *testEnv) spansNamed(name string) []string {
	var spans []string
	for _, span := range e.spans.GetSpans() {
		if span.Name == name {
			var words []string
			for _, attribute := range span.Attributes {
				words = append(words, string(attribute.Key)+"="+attribute.Value.String())
			}
			spans = append(spans, strings.TrimSpace(strings.Join(append(words, span.Status.Code.String(), span.Status.Description), " ")))
		}
	}
	return spans
}
