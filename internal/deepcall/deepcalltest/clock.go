package deepcalltest

import (
	"context"
	"time"
)

// The simulator stands for a server elsewhere, which lives on real time. Its
// clock is read here only; tests run it on the fake time of testing/synctest.

func now() time.Time { return time.Now() } //nolint:forbidigo // see above

// pause waits for d. It returns false if the server is closed or the context
// ends before that.
func (s *Server) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(max(d, 0)) //nolint:forbidigo // see above
	defer timer.Stop()
	select {
	case <-s.closed:
		return false
	case <-ctx.Done():
		return false
	case <-timer.C:
	}
	select {
	case <-s.closed: // both may have been ready
		return false
	default:
		return true
	}
}
