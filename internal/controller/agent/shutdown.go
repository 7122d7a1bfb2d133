package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/client-go/util/retry"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// writeResultsTimeout bounds the writes of the last results when the manager stops.
const writeResultsTimeout = 10 * time.Second

// Shutdown returns a runnable that ends the leader's work in order: it starts no request, waits for those in flight, and
// writes their results. Then the lease is released (R14). stopping is closed when the manager is asked to stop. If it is
// open at the end of ctx, the lease is lost and another process can already be the leader: the runnable cancels the requests
// in flight and writes nothing.
func (r *Reconciler) Shutdown(stopping <-chan struct{}) manager.RunnableFunc {
	return func(ctx context.Context) error {
		<-ctx.Done()
		select {
		case <-stopping:
			r.Dispatcher.Close()
			r.drain()
			return r.writeResults()
		default:
			r.Dispatcher.Abort()
			r.drain()
			return nil
		}
	}
}

// begin counts a reconcile as under way, unless the manager is stopping.
func (r *Reconciler) begin() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.stopped {
		r.underWay.Add(1)
	}
	return !r.stopped
}

// drain waits for the reconciles under way and the requests in flight, and lets no further reconcile begin.
func (r *Reconciler) drain() {
	r.mu.Lock()
	r.stopped = true
	r.mu.Unlock()
	r.underWay.Wait()
	r.Dispatcher.Wait()
}

// writeResults writes the statuses that the remaining results change.
func (r *Reconciler) writeResults() error {
	ctx, cancel := context.WithTimeout(context.Background(), writeResultsTimeout)
	defer cancel()
	ctx = ctrl.LoggerInto(ctx, ctrl.Log.WithName("shutdown"))
	var failed []error
	for _, key := range r.states.withResult() {
		err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
			snap, err := r.loadSnapshot(ctx, key)
			if err != nil {
				return err
			}
			return r.applyResult(ctx, snap)
		})
		if err != nil {
			failed = append(failed, fmt.Errorf("write the last result of %s: %w", key, err))
		}
	}
	return errors.Join(failed...)
}
