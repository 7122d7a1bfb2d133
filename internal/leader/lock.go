package leader

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/utils/ptr"
)

// unknownLeader holds a lease that was created in place of a deleted one. No process has this identity, so that the lease
// expires and is then acquired as usual.
const unknownLeader = "unknown-former-leader"

// errLeaseCreated is returned for a lease that was created on behalf of unknownLeader.
var errLeaseCreated = errors.New("the lease did not exist although a manager has worked before; waiting for one lease duration")

// Lock observes the renewals of a lease for a Fence. The elector calls its methods one at a time.
type Lock struct {
	resourcelock.Interface
	fence *Fence
	inUse func(context.Context) (bool, error)
	// seenOther reports whether another process has held the lease since this one started, and other is what is known about it.
	seenOther bool
	other     holding
	// began is when the attempt to acquire or renew the lease began that has read the lease; nil if none did.
	began *time.Duration
}

var _ resourcelock.Interface = &Lock{}

// NewLock returns a Lock. inUse reports whether a manager has worked before, and so can still be at work if there is no
// lease.
func NewLock(lock resourcelock.Interface, fence *Fence, inUse func(context.Context) (bool, error)) *Lock {
	return &Lock{Interface: lock, fence: fence, inUse: inUse}
}

// Get closes the fence for good if the leader finds that the lease is not its own any more. An expired lease is returned as
// a released one, which the elector acquires at once.
func (l *Lock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	l.began = ptr.To(l.fence.now())
	record, raw, err := l.Interface.Get(ctx)
	if err != nil || record.HolderIdentity == l.Identity() {
		return record, raw, err
	}
	l.fence.lose()
	l.seenOther = l.seenOther || record.HolderIdentity != ""
	if l.hasExpired(record) {
		released := *record
		released.HolderIdentity = ""
		record = &released
	}
	return record, raw, nil
}

// hasExpired reports whether another process that holds the lease can't be at work any more. The elector alone would count
// from when it first read the last renewal, and so wait for a whole lease duration after an outage of the API server, even if
// the lease had expired long before. A holder whose clock was set back during the outage renews the lease until the next read.
func (l *Lock) hasExpired(record *resourcelock.LeaderElectionRecord) bool {
	now := l.fence.now()
	var unchanged bool
	l.other, unchanged = l.other.observe(record, now)
	return unchanged && now-l.other.renewedBy > time.Duration(record.LeaseDurationSeconds)*time.Second
}

// Update acquires, renews or releases the lease. A process that has lost the lease does none of these: the elector would
// release the lease of the next leader if it hadn't noticed the loss itself.
func (l *Lock) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	if l.fence.isLost() {
		return ErrNotLeader
	}
	if record.HolderIdentity != l.Identity() {
		l.fence.suspend() // before the release: another process can acquire the lease as soon as it is released
		return l.Interface.Update(ctx, record)
	}
	return l.renew(func() error { return l.Interface.Update(ctx, record) })
}

// Create creates a lease that doesn't exist. On a fresh installation the process becomes the leader at once. Otherwise the
// lease was deleted, and its holder can be at work until it would have expired: only the holder itself continues, and other
// processes wait for that time.
func (l *Lock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	hasLed, inTime := l.fence.lastTerm()
	if hasLed && !inTime {
		l.fence.lose()
		return ErrNotLeader
	}
	if !hasLed {
		wait, err := l.canHaveLeader(ctx)
		if err != nil {
			return err
		}
		if wait {
			return l.createForUnknown(ctx, record)
		}
	}
	return l.renew(func() error { return l.Interface.Create(ctx, record) })
}

// canHaveLeader reports whether another process can be at work although there is no lease. A leader that has not written
// anything yet is known only from its lease.
func (l *Lock) canHaveLeader(ctx context.Context) (bool, error) {
	if l.seenOther {
		return true, nil
	}
	inUse, err := l.inUse(ctx)
	if err != nil {
		return false, fmt.Errorf("find out whether a manager has worked before: %w", err)
	}
	return inUse, nil
}

// createForUnknown creates the lease for its unknown holder.
func (l *Lock) createForUnknown(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	record.HolderIdentity = unknownLeader
	if err := l.Interface.Create(ctx, record); err != nil {
		return err
	}
	return errLeaseCreated
}

// renew writes the lease. A conflict closes the fence until it is known who wrote the lease. The renewal began before the
// lease was read for it: that is the time that the record states.
func (l *Lock) renew(write func() error) error {
	began := ptr.Deref(l.began, l.fence.now())
	l.began = nil
	err := write()
	switch {
	case err == nil:
		l.fence.renew(began)
	case apierrors.IsAlreadyExists(err):
		l.seenOther = true
		l.fence.suspend()
	case apierrors.IsConflict(err):
		l.fence.suspend()
	}
	return err
}
