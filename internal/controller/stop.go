package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/client-go/util/retry"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// tellWithin bounds the writing of the last verdicts when the manager stops.
const tellWithin = 10 * time.Second

// shutdown ends the manager's work in order: no new call, then the calls in flight and their
// verdicts, and only then, by returning, the lease.
type shutdown struct {
	reconciler  *AgentReconciler
	stopping    context.Context
	cancelCalls context.CancelFunc
}

var _ manager.LeaderElectionRunnable = &shutdown{}

// newShutdown gives the reconciler the context of its calls, which outlives a stop. Stopping is
// done once somebody asked the manager to stop.
func newShutdown(stopping context.Context, r *AgentReconciler) *shutdown {
	s := &shutdown{reconciler: r, stopping: stopping}
	r.calls, s.cancelCalls = context.WithCancel(context.WithoutCancel(stopping))
	return s
}

// NeedLeaderElection is true: only a leader makes calls.
func (s *shutdown) NeedLeaderElection() bool { return true }

// Start waits for the stop, and returns when all is told.
func (s *shutdown) Start(ctx context.Context) error {
	<-ctx.Done()
	defer s.cancelCalls()
	if s.stopping.Err() == nil {
		// Nobody asked for a stop: the lease is lost, and with it the right to call and to write.
		s.cancelCalls()
		s.reconciler.halt()
		return nil
	}
	s.reconciler.halt()
	return s.reconciler.tell()
}

// halt starts no new call, and waits for the runs under way and the calls in flight.
func (r *AgentReconciler) halt() {
	r.Accounts.Close()
	r.running.Lock()
	r.stopped = true
	r.running.Unlock()
	r.memory.calls.Wait()
}

// tell writes the verdicts that are left.
func (r *AgentReconciler) tell() error {
	ctx, cancel := context.WithTimeout(context.Background(), tellWithin)
	defer cancel()
	ctx = ctrl.LoggerInto(ctx, ctrl.Log.WithName("shutdown"))
	var failed []error
	for _, key := range r.memory.unreported() {
		err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
			v, err := r.gather(ctx, key)
			if err != nil {
				return err
			}
			return r.settle(ctx, v)
		})
		if err != nil {
			failed = append(failed, fmt.Errorf("tell the last verdict of %s: %w", key, err))
		}
	}
	return errors.Join(failed...)
}
