package metrics

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

var mappingsDesc = prometheus.NewDesc("deepcall_mappings",
	"AgentGroupMappings, by the status and the reason of their condition Ready.", []string{"ready", "reason"}, nil)

// Readiness is how a mapping stands: the status and the reason of its condition Ready.
type Readiness struct {
	Ready, Reason string
}

// Census counts mappings by how they stand. It is kept up to date by the changes, so that a scrape
// costs the same however many mappings there are.
type Census struct {
	mu     sync.Mutex
	counts map[Readiness]int
}

func newCensus() *Census {
	return &Census{counts: map[Readiness]int{}}
}

// Come counts a mapping that came to be.
func (c *Census) Come(r Readiness) { c.add(r, 1) }

// Go discounts a mapping that is gone, as it stood when it was last counted.
func (c *Census) Go(r Readiness) { c.add(r, -1) }

// Change moves a mapping from one readiness to another.
func (c *Census) Change(from, to Readiness) {
	if from == to {
		return
	}
	c.add(from, -1)
	c.add(to, 1)
}

func (c *Census) add(r Readiness, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[r] += n
	if c.counts[r] == 0 {
		delete(c.counts, r)
	}
}

func (c *Census) collect(metrics chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for r, n := range c.counts {
		metrics <- prometheus.MustNewConstMetric(mappingsDesc, prometheus.GaugeValue, float64(n), r.Ready, r.Reason)
	}
}
