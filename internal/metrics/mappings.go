package metrics

import "github.com/prometheus/client_golang/prometheus"

var mappingsDesc = prometheus.NewDesc("deepcall_mappings",
	"Number of AgentGroupMappings by status and reason of their condition Ready.", []string{"ready", "reason"}, nil)

// Readiness is the status and the reason of a mapping's condition Ready.
type Readiness struct {
	Ready, Reason string
}

// Mappings provides the number of mappings.
type Mappings interface {
	// CountByReadiness returns the number of mappings by readiness. The reasons must be bounded, see reason.MetricLabel.
	CountByReadiness() map[Readiness]int
}

func collectMappings(metrics chan<- prometheus.Metric, mappings Mappings) {
	for r, n := range mappings.CountByReadiness() {
		metrics <- prometheus.MustNewConstMetric(mappingsDesc, prometheus.GaugeValue, float64(n), r.Ready, r.Reason)
	}
}
