package leader

import (
	"time"

	"golang.org/x/sys/unix"
)

// SinceBoot returns the time since the machine was started, for NewFence. Unlike the wall clock it is never set. Unlike
// CLOCK_MONOTONIC, which time.Now reads and which only continues while a process is stopped, it also continues while the
// machine is suspended, as the lease does.
func SinceBoot() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		panic(err) // Linux has this clock since 2.6.39
	}
	return time.Duration(now.Nano())
}
