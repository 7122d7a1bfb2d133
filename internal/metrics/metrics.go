// Package metrics tells Prometheus about the operator's work with DeepCall. Every label is bounded:
// by the accounts there are, and by the catalogue of DeepCall's answers.
package metrics

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/deepcall/deepcall-operator/internal/account"
)

// Sources are where Metrics reads what others know.
type Sources struct {
	// Clock tells how late a resync is, and how long a call took.
	Clock clock.PassiveClock
	// Leads is true while this process is the one that calls DeepCall. What describes the cluster, and not
	// this process, is told by the leader alone, so that it is not counted twice.
	Leads func() bool
	// Accounts are the accounts in use.
	Accounts *account.Registry
}

// Metrics are the operator's own metrics. It is a collector, to be registered once.
type Metrics struct {
	// RemovalsAbandoned counts mappings that were released without telling DeepCall.
	RemovalsAbandoned prometheus.Counter
	// Mappings counts mappings by how they stand.
	Mappings *Census
	// Resyncs knows when each agent is to be sent again.
	Resyncs *Resyncs

	sources Sources
	// forgetting keeps a call that ends from bringing back the series of an account that is gone.
	forgetting sync.RWMutex

	calls     *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	inFlight  *prometheus.GaugeVec
	limitWait *prometheus.HistogramVec
}

// labels that name an account. A scrape has a label "namespace" of its own: the manager's.
var accountLabels = []string{"account_namespace", "account"}

// New makes the metrics; nothing is registered yet.
func New(sources Sources) *Metrics {
	return &Metrics{
		RemovalsAbandoned: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "deepcall_removals_abandoned_total",
			Help: "Mappings released without telling DeepCall, since their namespace ended and the credentials were gone.",
		}),
		Mappings: newCensus(),
		Resyncs:  newResyncs(),
		sources:  sources,
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "deepcall_calls_total",
			Help: "Calls to DeepCall that ended, by the class, code and reason of the answer.",
		}, append([]string{"class", "code", "reason"}, accountLabels...)),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "deepcall_call_duration_seconds",
			Help:    "How long calls to DeepCall took.",
			Buckets: []float64{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 9},
		}, accountLabels),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "deepcall_calls_in_flight",
			Help: "Calls to DeepCall that wait for an answer.",
		}, accountLabels),
		limitWait: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "deepcall_limit_wait_seconds",
			Help:    "How long calls waited for the account's limits, or for DeepCall to be called again, before they began.",
			Buckets: []float64{0.01, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600},
		}, accountLabels),
	}
}

func (m *Metrics) own() []prometheus.Collector {
	return []prometheus.Collector{m.RemovalsAbandoned, m.calls, m.duration, m.inFlight, m.limitWait}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(descriptions chan<- *prometheus.Desc) {
	for _, c := range m.own() {
		c.Describe(descriptions)
	}
	descriptions <- mappingsDesc
	descriptions <- accountStateDesc
	descriptions <- resyncLagDesc
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(metrics chan<- prometheus.Metric) {
	for _, c := range m.own() {
		c.Collect(metrics)
	}
	if !m.sources.Leads() {
		return
	}
	m.Mappings.collect(metrics)
	collectAccounts(metrics, m.sources.Accounts.Standings())
	m.Resyncs.collect(metrics, m.sources.Clock.Now())
}

// Forget drops all series of an account that is no longer in use.
func (m *Metrics) Forget(name types.NamespacedName) {
	m.forgetting.Lock()
	defer m.forgetting.Unlock()
	labels := prometheus.Labels{"account_namespace": name.Namespace, "account": name.Name}
	m.calls.DeletePartialMatch(labels)
	m.duration.DeletePartialMatch(labels)
	m.inFlight.DeletePartialMatch(labels)
	m.limitWait.DeletePartialMatch(labels)
}

// BuildInfo is a metric that tells which build is running.
func BuildInfo(version, revision, goVersion string) prometheus.Collector {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "deepcall_build_info",
		Help:        "The build that is running; always 1.",
		ConstLabels: prometheus.Labels{"version": version, "revision": revision, "goversion": goVersion},
	})
	info.Set(1)
	return info
}

// record runs what records something of an account, if that is still in use.
func (m *Metrics) record(name types.NamespacedName, record func()) {
	m.forgetting.RLock()
	defer m.forgetting.RUnlock()
	if m.sources.Accounts.Get(name) != nil {
		record()
	}
}
