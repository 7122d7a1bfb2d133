package leader

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestFence_ends_the_manager_once_the_lease_is_lost(t *testing.T) {
	h := newHarness(t)
	elect(h)
	ended := make(chan error, 1)
	go func() { ended <- h.fence.Start(t.Context()) }()
	h.set(other)
	get(h)
	if err := <-ended; !errors.Is(err, ErrNotLeader) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := newHarness(t).fence.Start(ctx); err != nil {
		t.Errorf("a manager that stops ends with %v", err)
	}
}

func TestSinceBoot_advances(t *testing.T) {
	before := SinceBoot()
	<-time.After(2 * time.Millisecond)
	if elapsed := SinceBoot() - before; elapsed < 2*time.Millisecond || elapsed > time.Minute {
		t.Errorf("got %s", elapsed)
	}
}
