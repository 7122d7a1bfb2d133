package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/client-go/util/retry"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// writeResultsTimeout bounds the writes of the last results when the manager stops.
const writeResultsTimeout = 10 * time.Second

// gate lets reconciles in until it is closed.
type gate struct {
	running sync.RWMutex
	closed  bool
}

// enter reports whether the gate is open. If it is, leave must follow.
func (g *gate) enter() bool {
	g.running.RLock()
	if g.closed {
		g.running.RUnlock()
		return false
	}
	return true
}

func (g *gate) leave() { g.running.RUnlock() }

// close returns once every reconcile that has entered has left.
func (g *gate) close() {
	g.running.Lock()
	defer g.running.Unlock()
	g.closed = true
}

// Shutdown ends the work in order: no request starts, those in flight end, their results are written, and only then, when
// Start returns, is the lease released (R14).
type Shutdown struct {
	reconciler *Reconciler
	stopping   <-chan struct{}
}

var _ manager.LeaderElectionRunnable = &Shutdown{}

// NewShutdown returns a runnable for the manager. stopping is closed when the manager was asked to stop; if Start's context
// ends without that, the lease is lost.
func NewShutdown(reconciler *Reconciler, stopping <-chan struct{}) *Shutdown {
	return &Shutdown{reconciler: reconciler, stopping: stopping}
}

// NeedLeaderElection returns true: only the leader sends requests.
func (s *Shutdown) NeedLeaderElection() bool { return true }

// Start waits for the end of ctx, and returns when all results are written. After the loss of the lease nothing may be sent
// or written, so that it only cancels the requests in flight.
func (s *Shutdown) Start(ctx context.Context) error {
	<-ctx.Done()
	select {
	case <-s.stopping:
		s.reconciler.Dispatcher.Close()
		s.reconciler.drain()
		return s.reconciler.writeResults()
	default:
		s.reconciler.Dispatcher.Abort()
		s.reconciler.drain()
		return nil
	}
}

// drain waits for the reconciles under way and the requests in flight.
func (r *Reconciler) drain() {
	r.gate.close()
	r.Dispatcher.Wait()
}

// writeResults writes what the remaining results change.
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
