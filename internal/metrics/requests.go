package metrics

import (
	"context"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/dispatch"
)

// Labels of accepted requests, of answers without a code, and of codes that are not in the catalogue: a server could
// return any number of these.
const (
	accepted    = "Accepted"
	noCode      = "none"
	unknownCode = "unknown"
)

// ObserveWait records how long a request waited before it was sent.
func (m *Metrics) ObserveWait(account types.NamespacedName, wait time.Duration) {
	m.ifInUse(account, func() { m.wait.WithLabelValues(account.Namespace, account.Name).Observe(wait.Seconds()) })
}

// ObserveRequest calls send, which sends a request to DeepCall, and records its duration and its result.
func (m *Metrics) ObserveRequest(ctx context.Context, account types.NamespacedName, send dispatch.SendFunc) (deepcall.Answer, error) {
	inFlight := m.inFlight.WithLabelValues(account.Namespace, account.Name)
	inFlight.Inc()
	defer inFlight.Dec() // of the same series, even if the account was deleted meanwhile
	start := m.sources.Clock.Now()
	answer, err := send(ctx)
	took := m.sources.Clock.Since(start)
	class, code, reason := ResultLabels(answer, err)
	m.ifInUse(account, func() {
		m.duration.WithLabelValues(account.Namespace, account.Name).Observe(took.Seconds())
		m.requests.WithLabelValues(class, code, reason, account.Namespace, account.Name).Inc()
	})
	return answer, err
}

// ResultLabels returns the labels of a request's result. All values are bounded by the catalogue.
func ResultLabels(answer deepcall.Answer, err error) (class, code, reason string) {
	if err == nil {
		return accepted, strconv.Itoa(answer.Code), accepted
	}
	failure := deepcall.AsError(err)
	code = noCode
	if failure.Code != 0 {
		code = unknownCode
		if _, listed := deepcall.Lookup(failure.Code); listed {
			code = strconv.Itoa(failure.Code)
		}
	}
	return string(failure.Class), code, failure.Reason
}
