package controller

import (
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/deepcall/deepcall-operator/internal/metrics"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// secondOperatorInterval is the shortest time between two events about another operator.
const secondOperatorInterval = time.Hour

// reportSecondOperator returns a function that counts a status write of another operator. It reports the first one by an event of
// the object and in the log, and again while there are more.
func reportSecondOperator(mgr ctrl.Manager, clk clock.PassiveClock, collectors *metrics.Metrics) func(client.Object) {
	recorder := mgr.GetEventRecorder(recorderName)
	var mu sync.Mutex
	var next time.Time
	return func(obj client.Object) {
		collectors.ForeignStatusWrites.Inc()
		mu.Lock()
		defer mu.Unlock()
		now := clk.Now()
		if now.Before(next) {
			return
		}
		next = now.Add(secondOperatorInterval)
		kind, _ := apiutil.GVKForObject(obj, mgr.GetScheme())
		mgr.GetLogger().Info("Another operator works on the same objects", "kind", kind.Kind, "object", client.ObjectKeyFromObject(obj))
		summary := reason.SecondOperator()
		recorder.Eventf(obj, nil, corev1.EventTypeWarning, summary.Reason, "Check", "%s", summary.Message)
	}
}
