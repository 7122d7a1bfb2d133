package reliability

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"github.com/deepcall/deepcall-operator/internal/controller"
)

// recordedManager is a manager whose logs, metrics and spans are recorded, in the environment of a runner.
type recordedManager struct {
	*runner
	metrics prometheus.Gatherers // one registry for each start
	spans   *tracetest.InMemoryExporter
	klog    *logBuffer
	stop    func()
}

// newRecordedManager replaces the manager of a runner. client-go's logs of requests and their bodies are recorded, too.
func newRecordedManager(t *testing.T, r *runner) *recordedManager {
	t.Helper()
	old := r.env.current()
	old.stop()
	<-old.stopped
	m := &recordedManager{runner: r, spans: tracetest.NewInMemoryExporter(), klog: &logBuffer{}}
	captureKlog(t, m.klog)
	// The client of the test writes Secrets and must not log them.
	r.env.ctx = klog.NewContext(r.env.ctx, logr.Discard())
	m.start(t)
	return m
}

// captureKlog records the logs of klog with the highest verbosity.
func captureKlog(t *testing.T, to *logBuffer) {
	t.Helper()
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	set := func(verbosity string, to *logBuffer) {
		if err := flags.Set("v", verbosity); err != nil {
			t.Fatal(err)
		}
		klogBuffer.Store(to)
	}
	set("10", to)
	t.Cleanup(func() { set("0", nil) })
}

func (m *recordedManager) start(t *testing.T) {
	t.Helper()
	registry := prometheus.NewRegistry()
	m.metrics = append(m.metrics, registry)
	ctx, cancel := context.WithCancel(context.Background())
	mgr, err := m.env.newManager(ctx, rest.CopyConfig(controlPlane.Config), m.env.log.logger(1), controller.Options{
		Metrics: registry, Tracing: sdktrace.NewTracerProvider(sdktrace.WithSyncer(m.spans)),
	})
	if err != nil {
		t.Fatal(err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- mgr.Start(ctx) }()
	m.stop = func() {
		cancel()
		if err := <-stopped; err != nil {
			t.Errorf("the manager failed: %v", err)
		}
		m.stop = func() {}
	}
	t.Cleanup(func() { m.stop() })
}

// allSinks adds metrics, klog and spans to the sinks of the environment.
func (m *recordedManager) allSinks(t *testing.T) map[string]string {
	t.Helper()
	sinks := m.env.sinks()
	var text strings.Builder
	for _, registry := range m.metrics {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, family := range families {
			if _, err := expfmt.MetricFamilyToText(&text, family); err != nil {
				t.Fatal(err)
			}
		}
	}
	sinks["a metric"] = text.String()
	sinks["klog"] = m.klog.String()
	sinks["a span"] = fmt.Sprintf("%+v", m.spans.GetSpans())
	return sinks
}

// run executes operations and waits until unmet returns nothing.
func (m *recordedManager) run(condition string, unmet func() string, ops ...operation) {
	for _, op := range ops {
		operations[op.Do](m.runner, op)
	}
	if !m.env.poll(patience, func() bool { return unmet() == "" }) {
		m.t.Fatalf("timed out waiting until %s: %s\n%s", condition, unmet(), m.describe())
	}
}

// mappingIs returns a condition for the status of a mapping.
func (m *recordedManager) mappingIs(name, summary string) func() string {
	return func() string {
		mapping := m.env.history.mappings()[m.env.key(name)]
		if mapping == nil || revision(mapping) < m.writtenRevisions[name] {
			return "the watch lags behind"
		}
		if got := mappingSummary(mapping); got != summary {
			return name + " is " + got
		}
		return ""
	}
}

// accountHasReason returns a condition for the reason in the status of an account.
func (m *recordedManager) accountHasReason(name, reason string) func() string {
	return func() string {
		account := m.env.history.accounts()[m.env.key(name)]
		if account == nil || !strings.Contains(accountSummary(account), reason) {
			return "not yet"
		}
		return ""
	}
}
