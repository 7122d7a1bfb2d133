package agent

import (
	"context"
	"errors"
	"net/http"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/deepcall/deepcall-operator/internal/plan"
)

// errWriteRejected is returned when the API server rejected a write for good. The state has changed, so the agent is planned again.
var errWriteRejected = errors.New("the API server rejected a write")

// rejectionOf returns the API server's message if it rejected a write for good, as an admission policy does. All other errors are
// temporary, or end with a newer version of the object.
func rejectionOf(err error) (message string, ok bool) {
	var failure apierrors.APIStatus
	if !errors.As(err, &failure) {
		return "", false
	}
	status := failure.Status()
	switch status.Code {
	case http.StatusUnauthorized, http.StatusNotFound, http.StatusRequestTimeout, http.StatusConflict, http.StatusGone, http.StatusTooManyRequests:
		return "", false
	default:
		return status.Message, status.Code >= 400 && status.Code < 500 || isTooLarge(status.Message)
	}
}

// isTooLarge reports whether a message is that of etcd or its client for an object that is too large. The API server answers 500.
func isTooLarge(message string) bool {
	return strings.Contains(message, "etcdserver: request is too large") || strings.Contains(message, "trying to send message larger than max")
}

// asRejection adds a rejection of a part to the result of a write. It returns an error that is not a rejection.
func (r *Reconciler) asRejection(
	ctx context.Context, m *plan.Mapping, result plan.WriteResult, part plan.Part, err error,
) (plan.WriteResult, error) {
	message, ok := rejectionOf(err)
	if !ok {
		return result, err
	}
	result.Rejected, result.Message = part, message
	r.Metrics.WritesRejected.WithLabelValues(string(part)).Inc()
	log.FromContext(ctx).Info("The API server rejected a write", "mapping", client.ObjectKeyFromObject(m), "part", part, "cause", err.Error())
	return result, nil
}

// commitWrites commits a state together with the results of writes. It returns errWriteRejected if a write was rejected.
func (r *Reconciler) commitWrites(snap *snapshot, state plan.State, results []plan.WriteResult) (err error) {
	var jitter float64
	for _, result := range results {
		if result.Rejected != plan.NoPart {
			jitter, err = r.Jitter(), errWriteRejected
		}
	}
	next := state.WithWrites(snap.Snapshot, results, jitter)
	for _, result := range results {
		m := snap.Mappings[result.Mapping]
		before, after := state.Mappings[m.UID].Writes.Status, next.Mappings[m.UID].Writes.Status
		if result.Rejected == plan.Status && before.Summary != after.Summary {
			r.Recorder.Eventf(m.AgentGroupMapping, nil, corev1.EventTypeWarning, after.Summary.Reason, "Sync", "%s", after.Summary.Message)
		}
	}
	r.states.commit(snap.Key, next)
	return err
}

// report makes planned writes that are not part of a result.
func (r *Reconciler) report(ctx context.Context, snap *snapshot, writes []plan.Write) error {
	results, err := r.write(ctx, snap, writes)
	return errors.Join(err, r.commitWrites(snap, r.states.get(snap.Key), results))
}
