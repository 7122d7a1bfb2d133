//go:build !linux

package leader

import "time"

var start = time.Now() //nolint:forbidigo // the clock that is injected

// SinceBoot returns the time since the start of the process, for NewFence. It does not continue while the machine is
// suspended. The manager is released for Linux only.
func SinceBoot() time.Duration {
	return time.Since(start) //nolint:forbidigo // the clock that is injected
}
