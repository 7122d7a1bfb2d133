// Package leader keeps a process that is no longer the leader from sending requests and from writing to the API server.
//
// The elector of client-go notices the loss of the lease only at its next renewal, and then retries until RenewDeadline. A
// process that was stopped for longer than the lease would act as the leader until then, beside the next one.
package leader

import (
	"context"
	"errors"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// ErrNotLeader is returned for a request or write that the lease doesn't cover.
var ErrNotLeader = errors.New("this process is not the leader, or did not renew its lease in time")

// Fence reports whether this process is the leader, by the renewals of its lease that Lock observes. A nil Fence stands for
// a manager without leader election, which is always the leader.
type Fence struct {
	renewDeadline time.Duration
	now           func() time.Duration
	lost          chan struct{} // closed when another process may have led since this one

	mu        sync.Mutex
	hasLed    bool
	suspended bool          // until the next renewal
	renewedAt time.Duration // when the last successful renewal began
}

var _ manager.Runnable = &Fence{}

// NewFence returns the Fence of a process that is not the leader yet. What starts within renewDeadline after the beginning
// of a renewal must end before the lease expires. now returns the time since a fixed moment; see SinceBoot.
func NewFence(renewDeadline time.Duration, now func() time.Duration) *Fence {
	return &Fence{renewDeadline: renewDeadline, now: now, lost: make(chan struct{})}
}

// Check returns ErrNotLeader unless a request or write can start now.
func (f *Fence) Check() error {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.suspended || !f.inTime() {
		return ErrNotLeader
	}
	return nil
}

// Start returns ErrNotLeader when another process has the lease, so that the manager ends at once.
func (f *Fence) Start(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-f.lost:
		return ErrNotLeader
	}
}

// inTime reports whether no other process can have acquired the lease since the last renewal.
func (f *Fence) inTime() bool {
	return f.hasLed && !f.isLost() && f.now()-f.renewedAt <= f.renewDeadline
}

func (f *Fence) isLost() bool {
	select {
	case <-f.lost:
		return true
	default:
		return false
	}
}

// renew records a successful renewal. Only its beginning is known to precede the moment from which other processes count
// the duration of the lease.
func (f *Fence) renew(began time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hasLed, f.suspended, f.renewedAt = true, false, began
}

// suspend closes the fence until the next renewal.
func (f *Fence) suspend() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.suspended = true
}

// lose closes the fence for good, if this process has led. Its cache and its state can lack the writes of another leader,
// so that it must not lead again.
func (f *Fence) lose() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hasLed && !f.isLost() {
		close(f.lost)
	}
}

// lastTerm reports whether this process has led, and whether no other process can have acquired the lease since.
func (f *Fence) lastTerm() (hasLed, inTime bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hasLed, f.inTime()
}
