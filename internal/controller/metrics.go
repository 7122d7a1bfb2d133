package controller

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var removalsAbandoned = prometheus.NewCounter(prometheus.CounterOpts{
	Name: "deepcall_removals_abandoned_total",
	Help: "Mappings released without telling DeepCall, since their namespace ended and the credentials were gone.",
})

func init() {
	metrics.Registry.MustRegister(removalsAbandoned)
}
