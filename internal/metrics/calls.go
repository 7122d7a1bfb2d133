package metrics

import (
	"errors"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// Labels of the calls that DeepCall accepted, and of answers that have no code, or one that the
// catalogue does not list: what a server makes up must not become a label.
const (
	accepted    = "Accepted"
	noCode      = "none"
	unknownCode = "unknown"
)

// Waited notes how long a call waited before it began.
func (m *Metrics) Waited(name types.NamespacedName, wait time.Duration) {
	m.record(name, func() { m.limitWait.WithLabelValues(name.Namespace, name.Name).Observe(wait.Seconds()) })
}

// Call decorates a call to DeepCall with its metrics.
func (m *Metrics) Call(name types.NamespacedName, call func() (deepcall.Answer, error)) (deepcall.Answer, error) {
	inFlight := m.inFlight.WithLabelValues(name.Namespace, name.Name)
	inFlight.Inc()
	defer inFlight.Dec() // of the series that it went into, should the account be forgotten meanwhile
	began := m.sources.Clock.Now()
	answer, err := call()
	took := m.sources.Clock.Since(began)
	class, code, reason := Outcome(answer, err)
	m.record(name, func() {
		m.duration.WithLabelValues(name.Namespace, name.Name).Observe(took.Seconds())
		m.calls.WithLabelValues(class, code, reason, name.Namespace, name.Name).Inc()
	})
	return answer, err
}

// Outcome names how a call ended, in words that only the catalogue adds to.
func Outcome(answer deepcall.Answer, err error) (class, code, reason string) {
	if err == nil {
		return accepted, strconv.Itoa(answer.Code), accepted
	}
	var failure *deepcall.Error
	if !errors.As(err, &failure) {
		return string(deepcall.Transient), noCode, "UnreadableAnswer"
	}
	code = noCode
	if failure.Code != 0 {
		code = unknownCode
		if _, listed := deepcall.Lookup(failure.Code); listed {
			code = strconv.Itoa(failure.Code)
		}
	}
	return string(failure.Class), code, failure.Reason
}
