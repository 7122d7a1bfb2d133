package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
)

var resyncLagDesc = prometheus.NewDesc("deepcall_resync_lag_seconds",
	"For how long the account's oldest due resync has been due; 0 when none is.", accountLabels, nil)

// Resyncs knows when the groups of each agent are to be sent again. A resync that is due and does not
// come shows here, whatever keeps it from coming.
type Resyncs struct {
	mu  sync.Mutex
	due map[types.NamespacedName]map[string]time.Time
}

func newResyncs() *Resyncs {
	return &Resyncs{due: map[types.NamespacedName]map[string]time.Time{}}
}

// Set notes when an agent's next resync is due; zero is never.
func (r *Resyncs) Set(account types.NamespacedName, agent string, at time.Time) {
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
