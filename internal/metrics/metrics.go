// Package metrics exports the operator's metrics to Prometheus. All labels are bounded: by the accounts and by the
// catalogue of DeepCall's answers, and, only if Sources has Groups, by the groups in DeepCall.
package metrics

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
)

// Sources provides the state that Metrics exports.
type Sources struct {
	// Clock measures the duration of requests and the lag of resyncs.
	Clock clock.PassiveClock
	// IsLeader reports whether this process is the leader. Only the leader exports metrics of the cluster's objects.
	IsLeader func() bool
	Accounts Accounts
	Mappings Mappings
	// Groups is nil if the metrics of groups are disabled.
	Groups Groups
}

// Metrics holds the operator's own metrics. It is a collector, to be registered once.
type Metrics struct {
	// RemovalsAbandoned counts mappings that were released without removing their groups from DeepCall, and whose agents can still
	// receive calls.
	RemovalsAbandoned prometheus.Counter
	// WritesRejected counts writes of mappings that the API server rejected, by the part of the mapping: metadata or status.
	WritesRejected *prometheus.CounterVec
	// ForeignStatusWrites counts status writes of another operator.
	ForeignStatusWrites prometheus.Counter
	Resyncs             *Resyncs

	sources Sources
	// deletion is held while the series of an account are deleted, so that a request that ends does not restore them.
	deletion sync.RWMutex

	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight *prometheus.GaugeVec
	wait     *prometheus.HistogramVec
}

// accountLabels name an account. Prometheus adds a label "namespace", which is the manager's.
var accountLabels = []string{"account_namespace", "account"}

// New returns the metrics. It does not register them.
func New(sources Sources) *Metrics {
	m := &Metrics{
		RemovalsAbandoned: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "deepcall_removals_abandoned_total",
			Help: "Number of mappings whose agents can still receive calls: they were released without removing their groups from DeepCall, because their namespace was deleted and the credentials did not exist any more.",
		}),
		WritesRejected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "deepcall_writes_rejected_total",
			Help: "Number of writes of mappings that the API server rejected for good, by part of the mapping: metadata or status.",
		}, []string{"part"}),
		ForeignStatusWrites: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "deepcall_foreign_status_writes_total",
			Help: "Number of status writes of mappings and accounts by another operator, which works on the same objects.",
		}),
		Resyncs: newResyncs(),
		sources: sources,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "deepcall_api_requests_total",
			Help: "Number of completed requests to DeepCall by class, code and reason of the result.",
		}, append([]string{"class", "code", "reason"}, accountLabels...)),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "deepcall_api_request_duration_seconds",
			Help:    "Duration of requests to DeepCall in seconds.",
			Buckets: []float64{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 9},
		}, accountLabels),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "deepcall_api_requests_in_flight",
			Help: "Number of requests to DeepCall that wait for an answer.",
		}, accountLabels),
		wait: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "deepcall_api_request_wait_seconds",
			Help:    "Time that requests waited for the account's limits, or for the end of a Retry-After, before they were sent, in seconds.",
			Buckets: []float64{0.01, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600},
		}, accountLabels),
	}
	for _, part := range []string{"metadata", "status"} {
		m.WritesRejected.WithLabelValues(part) // a counter that starts at 1 shows no increase
	}
	return m
}

func (m *Metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.RemovalsAbandoned, m.WritesRejected, m.ForeignStatusWrites, m.requests, m.duration, m.inFlight, m.wait}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(descriptions chan<- *prometheus.Desc) {
	for _, c := range m.collectors() {
		c.Describe(descriptions)
	}
	descriptions <- mappingsDesc
	descriptions <- accountStateDesc
	descriptions <- accountDuplicatesDesc
	descriptions <- resyncLagDesc
	if m.sources.Groups != nil {
		descriptions <- groupReceiversDesc
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(metrics chan<- prometheus.Metric) {
	for _, c := range m.collectors() {
		c.Collect(metrics)
	}
	if !m.sources.IsLeader() {
		return
	}
	collectMappings(metrics, m.sources.Mappings)
	collectAccounts(metrics, m.sources.Accounts)
	m.Resyncs.collect(metrics, m.sources.Clock.Now())
	if m.sources.Groups != nil {
		collectGroups(metrics, m.sources.Groups, m.sources.Accounts)
	}
}

// DeleteAccount deletes all series of an account that is no longer in use.
func (m *Metrics) DeleteAccount(account types.NamespacedName) {
	m.deletion.Lock()
	defer m.deletion.Unlock()
	labels := prometheus.Labels{"account_namespace": account.Namespace, "account": account.Name}
	m.requests.DeletePartialMatch(labels)
	m.duration.DeletePartialMatch(labels)
	m.inFlight.DeletePartialMatch(labels)
	m.wait.DeletePartialMatch(labels)
}

// ifInUse calls record if the account is in use.
func (m *Metrics) ifInUse(account types.NamespacedName, record func()) {
	m.deletion.RLock()
	defer m.deletion.RUnlock()
	if m.sources.Accounts.Has(account) {
		record()
	}
}

// BuildInfo returns a metric whose labels describe the running build.
func BuildInfo(version, revision, goVersion string) prometheus.Collector {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "deepcall_build_info",
		Help:        "Version, revision and Go version of the running build; always 1.",
		ConstLabels: prometheus.Labels{"version": version, "revision": revision, "goversion": goVersion},
	})
	info.Set(1)
	return info
}

// UnreadableNamespaces returns a metric with the watched namespaces that can't be read.
func UnreadableNamespaces(namespaces []string) prometheus.Collector {
	unreadable := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "deepcall_namespaces_unreadable",
		Help: "1 for each watched namespace for which the operator lacked the permissions when it started.",
	}, []string{"watched_namespace"})
	for _, namespace := range namespaces {
		unreadable.WithLabelValues(namespace).Set(1)
	}
	return unreadable
}
