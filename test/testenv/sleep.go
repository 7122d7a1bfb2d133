package testenv

import (
	"context"
	"time"
)

// Sleep waits for d. It returns early, with the error of the context, if the context ends.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
