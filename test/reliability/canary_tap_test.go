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
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/deepcall/deepcall-operator/internal/controller"
)

// tapped is a manager of which everything is kept that it says to anybody.
type tapped struct {
	*stage
	metrics prometheus.Gatherers // one registry for each start
	spans   *tracetest.InMemoryExporter
	klog    *logs
	stop    func()
}

// tap has a manager of a stage run on, with all its sinks tapped. What client-go logs of requests is
// among them, also of the bodies.
func tap(t *testing.T, p *stage) *tapped {
	t.Helper()
	old := p.w.running()
	old.stop()
	<-old.stopped
	m := &tapped{stage: p, spans: tracetest.NewInMemoryExporter(), klog: &logs{}}
	shoutKlog(t, m.klog)
	// The administrator of the test writes Secrets, of which nothing may be logged either.
	p.w.context = klog.NewContext(p.w.context, logr.Discard())
	m.start(t)
	return m
}

// shoutKlog has klog log everything.
func shoutKlog(t *testing.T, to *logs) {
	t.Helper()
	level := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(level)
	set := func(verbosity string, to *logs) {
		if err := level.Set("v", verbosity); err != nil {
			t.Fatal(err)
		}
		klogs.Store(to)
	}
	set("10", to)
	t.Cleanup(func() { set("0", nil) })
}

func (m *tapped) start(t *testing.T) {
	t.Helper()
	skip := true
	watched := map[string]cache.Config{}
	for _, namespace := range m.w.namespaces {
		watched[namespace] = cache.Config{}
	}
	mgr, err := ctrl.NewManager(rest.CopyConfig(plane.Config), ctrl.Options{
		Scheme:     scheme,
		Cache:      cache.Options{DefaultNamespaces: watched},
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: &skip},
		Logger:     m.w.log.logger(1),
	})
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	m.metrics = append(m.metrics, registry)
	ctx, cancel := context.WithCancel(context.Background())
	err = controller.Setup(ctx, mgr, controller.Options{
		AllowInsecureEndpoints: true, MaxConcurrentReconciles: 4, Namespaces: m.w.namespaces,
		Metrics: registry, Tracing: sdktrace.NewTracerProvider(sdktrace.WithSyncer(m.spans)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	m.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the manager ended: %v", err)
		}
		m.stop = func() {}
	}
	t.Cleanup(func() { m.stop() })
}

// everything is what all sinks hold.
func (m *tapped) everything(t *testing.T) map[string]string {
	t.Helper()
	sinks := m.w.sinks()
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

// do plays operations, and waits until the manager has done what they ask for.
func (m *tapped) do(what string, missing func() string, ops ...operation) {
	for _, op := range ops {
		acts[op.Do](m.stage, op)
	}
	if !m.soon(patience, func() bool { return missing() == "" }) {
		m.t.Fatalf("waited in vain until %s: %s\n%s", what, missing(), m.describe())
	}
}

// is waits for how a mapping stands.
func (m *tapped) is(name, description string) func() string {
	return func() string {
		mapping := m.w.history.mappings()[m.w.key(name)]
		if mapping == nil || revision(version{mapping: mapping}) < m.written[name] {
			return "the watch lags behind"
		}
		if is := standing(mapping); is != description {
			return name + " is " + is
		}
		return ""
	}
}

// accountIs waits for the reason of an account.
func (m *tapped) accountIs(name, reason string) func() string {
	return func() string {
		account := m.w.history.accounts()[m.w.key(name)]
		if account == nil || !strings.Contains(accountStanding(account), reason) {
			return "it is not"
		}
		return ""
	}
}
