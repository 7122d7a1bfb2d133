package monitoring

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	_ "sigs.k8s.io/controller-runtime" // registers its metrics
	runtimemetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/dispatch"
	"github.com/deepcall/deepcall-operator/internal/metrics"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// metric is a metric of the running operator. Its kind is counter, gauge, histogram or summary.
type metric struct {
	kind   string
	labels []string
}

// knownMetrics returns all metrics of the running operator.
var knownMetrics = sync.OnceValue(func() map[string]metric {
	known := map[string]metric{}
	gather(known, ownMetrics())
	libraries := runtimemetrics.Registry.(*prometheus.Registry)
	gather(known, libraries)
	describe(known, libraries)
	return known
})

// libraryKinds are the kinds of the library metrics that have no series before the manager runs.
var libraryKinds = map[string]string{
	"leader_election_master_status":                "gauge",
	"controller_runtime_reconcile_total":           "counter",
	"controller_runtime_reconcile_errors_total":    "counter",
	"controller_runtime_reconcile_time_seconds":    "histogram",
	"controller_runtime_active_workers":            "gauge",
	"controller_runtime_max_concurrent_reconciles": "gauge",
	"workqueue_depth":                              "gauge",
	"workqueue_queue_duration_seconds":             "histogram",
	"rest_client_requests_total":                   "counter",
}

// ownMetrics returns the operator's own metrics, after one request of one account with one mapping.
func ownMetrics() *prometheus.Registry {
	acme := types.NamespacedName{Namespace: "support", Name: "acme"}
	m := metrics.New(metrics.Sources{
		Clock:    clocktesting.NewFakeClock(time.Unix(0, 0)),
		IsLeader: func() bool { return true },
		Accounts: accounts{acme: {State: dispatch.Usable}},
		Mappings: mappings{{Ready: "True", Reason: "Synced"}: 1},
		Groups:   groups{{Account: acme, ID: "90"}: 1},
	})
	_, _ = m.ObserveRequest(context.Background(), acme, func(context.Context) (deepcall.Answer, error) {
		return deepcall.Answer{Code: 200}, nil
	})
	m.ObserveWait(acme, time.Second)
	m.Resyncs.SetDue(acme, "7", time.Unix(0, 0))
	registry := prometheus.NewRegistry()
	registry.MustRegister(m, metrics.BuildInfo("v0.1.0", "abc", "go1.26"), metrics.UnreadableNamespaces([]string{"sales"}))
	return registry
}

type accounts map[types.NamespacedName]dispatch.Health

func (a accounts) HealthByAccount() map[types.NamespacedName]dispatch.Health { return a }

func (a accounts) Has(account types.NamespacedName) bool {
	_, ok := a[account]
	return ok
}

type mappings map[metrics.Readiness]int

func (m mappings) CountByReadiness() map[metrics.Readiness]int { return m }

type groups map[metrics.Group]int

func (g groups) ReceiversByGroup() map[metrics.Group]int { return g }

// gather adds the metrics that have series.
func gather(known map[string]metric, registry *prometheus.Registry) {
	families, err := registry.Gather()
	if err != nil {
		panic(err)
	}
	for _, family := range families {
		found := metric{kind: strings.ToLower(family.GetType().String())}
		for _, label := range family.GetMetric()[0].GetLabel() {
			found.labels = append(found.labels, label.GetName())
		}
		known[family.GetName()] = found
	}
}

var description = regexp.MustCompile(`^Desc\{fqName: "(\w+)".*variableLabels: \{([^}]*)\}\}$`)

// describe adds the metrics of libraryKinds, which have no series yet.
func describe(known map[string]metric, registry *prometheus.Registry) {
	descriptions := make(chan *prometheus.Desc)
	go func() {
		registry.Describe(descriptions)
		close(descriptions)
	}()
	for each := range descriptions {
		parts := description.FindStringSubmatch(each.String())
		if parts == nil {
			continue
		}
		if kind, listed := libraryKinds[parts[1]]; listed {
			known[parts[1]] = metric{kind, strings.Split(parts[2], ",")}
		}
	}
}

// knownValues returns all values of some labels, by metric and label.
var knownValues = sync.OnceValue(func() map[string][]string {
	reasons := []string{"Unobserved", "Other"}
	for _, entry := range reason.Entries() {
		if reason.MetricLabel(entry.Reason) == entry.Reason {
			reasons = append(reasons, entry.Reason)
		}
	}
	return map[string][]string{
		"deepcall_account_state/state": metrics.AccountStates,
		"deepcall_mappings/ready":      {"True", "False", "Unknown"},
		"deepcall_mappings/reason":     reasons,
		"deepcall_api_requests_total/class": {
			"Accepted", string(deepcall.Transient), string(deepcall.Rejected), string(deepcall.Denied),
		},
	}
})

// targetLabels are added by Prometheus.
var targetLabels = []string{"namespace", "pod", "job", "instance"}

// resolve returns the metric of a series, with the labels and the kind of the series. The three series of a
// histogram have a suffix each, so the name of the histogram itself is not a series.
func resolve(series string) (name, kind string, labels []string, ok bool) {
	if known, found := knownMetrics()[series]; found && known.kind != "histogram" && known.kind != "summary" {
		return series, known.kind, slices.Concat(known.labels, targetLabels), true
	}
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		name, cut := strings.CutSuffix(series, suffix)
		known, found := knownMetrics()[name]
		if !cut || !found || known.kind != "histogram" {
			continue
		}
		labels := slices.Concat(known.labels, targetLabels)
		if suffix == "_bucket" {
			labels = append(labels, "le")
		}
		return name, "counter", labels, true
	}
	return "", "", nil, false
}
