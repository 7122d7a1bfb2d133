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

// drain waits for the reconciles under way and the requests in flight.
func (r *Reconciler) drain() {
	r.stopped.Lock() // for good
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
