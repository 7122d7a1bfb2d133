package deepcalltest

import (
	"context"
	"time"
)

// The simulator represents a remote server, which has a real clock. The clock is read
// in this file only; tests use the fake time of testing/synctest.

func now() time.Time { return time.Now() } //nolint:forbidigo // see above

// pause waits for d. It returns false if the server is closed or the context ends
// earlier.
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
	case <-s.closed: // both can be ready
		return false
	default:
		return true
	}
}
