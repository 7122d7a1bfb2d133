package controller_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	dto "github.com/prometheus/client_model/go"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = Describe("The metrics", func() {
	It("tell of mappings, calls and the account, and forget an account that is gone", func() {
		w := newWorld()
		w.create(testenv.Mapping("asha").Group("90", true).Build())
		w.eventually("asha", "Ready=True Synced")
		w.deepcall.RemoveGroups("91")
		w.create(testenv.Mapping("bela").Agent("8").Group("91", true).Orphan().Build())
		w.eventually("bela", "Ready=False InvalidGroupData Stalled")
		w.create(testenv.Mapping("chandra").Group("90", false).Build())
		w.eventually("chandra", "Ready=False Conflict Stalled")
		Eventually(w.samples).WithArguments("deepcall_mappings").Should(ConsistOf(
			"ready=True reason=Synced 1", "ready=False reason=InvalidGroupData 1", "ready=False reason=Conflict 1"))
		of := "account=acme account_namespace=" + w.namespace
		Expect(w.samples("deepcall_calls_total")).To(ConsistOf(
			of+" class=Accepted code=200 reason=Accepted 1",
			of+" class=Rejected code=1505 reason=InvalidGroupData 1"))
		Expect(w.samples("deepcall_call_duration_seconds")).To(ConsistOf(of + " 2"))
		Expect(w.samples("deepcall_limit_wait_seconds")).To(ConsistOf(of + " 2"))
		Expect(w.samples("deepcall_calls_in_flight")).To(ConsistOf(of + " 0"))
		Expect(w.samples("deepcall_account_state")).To(ContainElements(of+" state=Usable 1", of+" state=Refused 0"))

		By("being refused")
		w.deepcall.RotateToken("1001", "another")
		w.patchRequest("asha", "now")
		Eventually(w.samples).WithArguments("deepcall_account_state").Should(ContainElements(of+" state=Usable 0", of+" state=Refused 1"))

		By("having a Secret that can't be used")
		w.editSecret(map[string]string{"token": "alone"})
		Eventually(w.samples).WithArguments("deepcall_account_state").Should(ContainElement(of + " state=Misconfigured 1"))

		By("deleting all")
		w.editSecret(map[string]string{"userId": "1001", "token": "another"})
		w.eventually("asha", "Ready=True Synced")
		for _, name := range []string{"asha", "bela", "chandra"} {
			w.delete(w.mapping(name))
			w.eventuallyGone(name)
		}
		w.delete(w.account())
		w.accountEventuallyGone()
		for _, name := range []string{"deepcall_mappings", "deepcall_calls_total", "deepcall_account_state", "deepcall_resync_lag_seconds"} {
			Eventually(w.samples).WithArguments(name).Should(BeEmpty(), name)
		}
	})

	It("tell how late the resync is that does not come", func() {
		w := newWorld()
		w.create(testenv.Mapping("asha").Group("90", true).Resync(time.Minute).Build())
		w.create(testenv.Mapping("bela").Agent("8").Group("90", true).Resync(0).Build())
		w.eventually("bela", "Ready=True Synced")
		mapping := w.eventually("asha", "Ready=True Synced")
		of := "account=acme account_namespace=" + w.namespace
		Eventually(w.samples).WithArguments("deepcall_resync_lag_seconds").Should(ConsistOf(of + " 0"))

		w.stop()
		mapping.Status.LastSyncTime.Time = time.Now().Add(-time.Hour)
		Expect(admin.Status().Update(w.context, mapping)).To(Succeed())
		w.deepcall.RotateToken("1001", "another")
		w.start()
		w.eventuallyAccount("Ready=False InvalidToken Stalled")
		Eventually(func() float64 { return w.sample("deepcall_resync_lag_seconds") }).Should(BeNumerically("~", 59*60, 30))
		Expect(standing(w.mapping("asha"))).To(Equal("Ready=True Synced"))
		w.patchRequest("asha", "now") // which does not make it less late
		Consistently(func() float64 { return w.sample("deepcall_resync_lag_seconds") }).Should(BeNumerically(">", 0))

		w.editSecret(map[string]string{"userId": "1001", "token": "another"})
		Eventually(w.samples).WithArguments("deepcall_resync_lag_seconds").Should(ConsistOf(of + " 0"))
	})
})

var _ = Describe("The traces", func() {
	It("have a span for each reconcile and each call, in the catalogue's words", func() {
		w := newWorld()
		w.deepcall.Script(deepcalltest.Body([]byte(`{"status":"error","code":1505,"message":"what is s3cr3t?"}`)))
		w.create(testenv.Mapping("asha").Group("90", true).Build())
		w.eventually("asha", "Ready=False InvalidGroupData Stalled")
		w.create(testenv.Mapping("bela").Agent("8").Group("90", true).Build())
		w.eventually("bela", "Ready=True Synced")

		Eventually(func() []string { return w.spansNamed("updateAgentGroupMapping") }).Should(ConsistOf(
			ContainSubstring("agent.id=7 deepcall.class=Rejected deepcall.code=1505 deepcall.reason=InvalidGroupData Error InvalidGroupData"),
			ContainSubstring("agent.id=8 deepcall.class=Accepted deepcall.code=200 deepcall.reason=Accepted Unset"),
		))
		Expect(w.spansNamed("reconcile account")).To(ContainElement(ContainSubstring("deepcall.account.name=acme")))
		for _, span := range w.spans.GetSpans() {
			Expect(fmt.Sprintf("%+v", span)).NotTo(ContainSubstring("s3cr3t"))
			if span.Name == "updateAgentGroupMapping" {
				Expect(w.spans.GetSpans()).To(ContainElement(SatisfyAll(
					HaveField("Name", "reconcile agent"), HaveField("SpanContext.SpanID()", span.Parent.SpanID()))))
			}
		}
	})
})

// samples are those of a metric as "label=value ... value", of a histogram its count.
func (w *world) samples(name string) []string {
	GinkgoHelper()
	var found []string
	for _, metric := range w.metric(name) {
		var words []string
		for _, label := range metric.GetLabel() {
			words = append(words, label.GetName()+"="+label.GetValue())
		}
		found = append(found, strings.Join(append(words, fmt.Sprint(valueOf(metric))), " "))
	}
	return found
}

// sample is the value of a metric that has one series; without any, it is -1.
func (w *world) sample(name string) float64 {
	GinkgoHelper()
	series := w.metric(name)
	if len(series) == 0 {
		return -1
	}
	Expect(series).To(HaveLen(1))
	return valueOf(series[0])
}

func (w *world) metric(name string) []*dto.Metric {
	GinkgoHelper()
	families, err := w.registry.Gather()
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

// spansNamed tells the attributes and the status of the spans of a name.
func (w *world) spansNamed(name string) []string {
	var found []string
	for _, span := range w.spans.GetSpans() {
		if span.Name == name {
			found = append(found, told(span))
		}
	}
	return found
}

func told(span tracetest.SpanStub) string {
	var words []string
	for _, attribute := range span.Attributes {
		words = append(words, string(attribute.Key)+"="+attribute.Value.String())
	}
	words = append(words, span.Status.Code.String())
	if span.Status.Code == otelcodes.Error {
		words = append(words, span.Status.Description)
	}
	return strings.Join(words, " ")
}
