package monitoring

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	runtimemetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/account"
	_ "github.com/deepcall/deepcall-operator/internal/controller" // controller-runtime registers its metrics
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/metrics"
)

// metric is one that the running operator has: counter, gauge, histogram or summary.
type metric struct {
	kind   string
	labels []string
}

// knownMetrics are all metrics of the running operator, as its own code registers them.
var knownMetrics = sync.OnceValue(func() map[string]metric {
	known := map[string]metric{}
	gather(known, ours())
	libraries := runtimemetrics.Registry.(*prometheus.Registry)
	gather(known, libraries)
	describe(known, libraries)
	return known
})

// libraryKinds are the kinds of the libraries' metrics that have no series before the manager runs.
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

// ours are the operator's own metrics, after one call and one mapping.
func ours() *prometheus.Registry {
	acme := types.NamespacedName{Namespace: "support", Name: "acme"}
	clock := clocktesting.NewFakeClock(time.Unix(0, 0))
	accounts := account.NewRegistry(clock, func(types.NamespacedName) account.Hooks {
		return account.Hooks{Wake: func(string) {}, Tell: func(string) {}, Changed: func() {}}
	})
	accounts.Configure(acme, account.Settings{})
	m := metrics.New(metrics.Sources{Clock: clock, Leads: func() bool { return true }, Accounts: accounts})
	_, _ = m.Call(acme, func() (deepcall.Answer, error) { return deepcall.Answer{Code: 200}, nil })
	m.Waited(acme, time.Second)
	m.Mappings.Come(metrics.Readiness{Ready: "True", Reason: "Synced"})
	m.Resyncs.Set(acme, "7", time.Unix(0, 0))
	registry := prometheus.NewRegistry()
	registry.MustRegister(m, metrics.BuildInfo("v0.1.0", "abc", "go1.26"))
	return registry
}

// gather takes the metrics that have series.
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

// describe takes those that have none yet.
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

// knownValues are all values of some labels, by metric and label.
var knownValues = sync.OnceValue(func() map[string][]string {
	reasons := []string{
		v1alpha1.ReasonSynced, v1alpha1.ReasonSuspended, v1alpha1.ReasonConflict, v1alpha1.ReasonAccountNotFound,
		v1alpha1.ReasonAccountNotPermitted, v1alpha1.ReasonAccountNotReady, "Unobserved", "Other",
	}
	for _, entry := range deepcall.Catalogue() {
		reasons = append(reasons, entry.Reason)
	}
	return map[string][]string{
		"deepcall_account_state/state": metrics.AccountStates,
		"deepcall_mappings/ready":      {"True", "False", "Unknown"},
		"deepcall_mappings/reason":     reasons,
		"deepcall_calls_total/class": {
			"Accepted", string(deepcall.Transient), string(deepcall.Rejected), string(deepcall.Denied),
		},
	}
})

// targetLabels are added by Prometheus.
var targetLabels = []string{"namespace", "pod", "job", "instance"}

// resolve finds the metric that a series belongs to, with the series' labels and its kind: a histogram
// has three series, of which none is called as the histogram is.
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
