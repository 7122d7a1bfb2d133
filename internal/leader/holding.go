package leader

import (
	"time"

	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// holding is what a process knows about another one that holds the lease.
type holding struct {
	holder    string
	renewTime time.Time     // of the last renewal, by the holder's clock
	readAt    time.Duration // when this renewal was first read
	renewedBy time.Duration // when this renewal had begun at the latest
}

// observe returns what is known after the lease was read at a time. After the same renewal was read before, it is unchanged.
//
// Of a renewal that was read for the first time, only the holder's clock says when it began, and clocks of machines differ.
// But the time between two renewals, by the same clock, and when the former was read, bound when the latter began.
func (h holding) observe(record *resourcelock.LeaderElectionRecord, now time.Duration) (next holding, unchanged bool) {
	next = holding{holder: record.HolderIdentity, renewTime: record.RenewTime.Time, readAt: now, renewedBy: now}
	if next.holder != h.holder {
		return next, false
	}
	if next.renewTime.Equal(h.renewTime) {
		return h, true
	}
	if next.holder == unknownLeader {
		return next, false // each renewal is by another process, with a clock of its own
	}
	if between := next.renewTime.Sub(h.renewTime); between > 0 {
		next.renewedBy = min(now, h.readAt+between)
	}
	return next, false
}
