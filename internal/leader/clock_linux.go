package leader

import (
	"time"

	"golang.org/x/sys/unix"
)

// SinceBoot returns the time since the machine was started, for NewFence. It reads CLOCK_BOOTTIME, which is never set.
// CLOCK_MONOTONIC, from which time.Time.Sub computes, continues while the process is stopped, but not while the machine is
// suspended. The lease expires in both cases.
//
// Neither clock continues while a hypervisor pauses the machine without its knowledge. Then only the next renewal, after
// RetryPeriod at most, shows that another process has the lease.
func SinceBoot() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		panic(err) // Linux has this clock since 2.6.39
	}
	return time.Duration(now.Nano())
}
