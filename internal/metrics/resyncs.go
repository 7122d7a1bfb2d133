package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
)

var resyncLagDesc = prometheus.NewDesc("deepcall_resync_lag_seconds",
	"Time since the account's oldest due resync became due, in seconds; 0 if none is due.", accountLabels, nil)

// Resyncs holds the time at which each agent's resync is due. It detects an overdue resync whatever the cause.
type Resyncs struct {
	mu  sync.Mutex
	due map[types.NamespacedName]map[string]time.Time
}

func newResyncs() *Resyncs {
	return &Resyncs{due: map[types.NamespacedName]map[string]time.Time{}}
}

// SetDue sets the time at which the agent's next resync is due; zero for never.
func (r *Resyncs) SetDue(account types.NamespacedName, agent string, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at.IsZero() {
		delete(r.due[account], agent)
		if len(r.due[account]) == 0 {
			delete(r.due, account)
		}
		return
	}
	if r.due[account] == nil {
		r.due[account] = map[string]time.Time{}
	}
	r.due[account][agent] = at
}

func (r *Resyncs) collect(metrics chan<- prometheus.Metric, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for account, agents := range r.due {
		oldest := now
		for _, at := range agents {
			if at.Before(oldest) {
				oldest = at
			}
		}
		metrics <- prometheus.MustNewConstMetric(resyncLagDesc, prometheus.GaugeValue, now.Sub(oldest).Seconds(), account.Namespace, account.Name)
	}
}
