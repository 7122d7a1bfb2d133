package leader

import (
	"context"
	"errors"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

const (
	own, other    = "own", "other"
	leaseDuration = 25 * time.Second
	renewDeadline = 15 * time.Second
)

var (
	lease       = coordinationv1.Resource("leases")
	errConflict = apierrors.NewConflict(lease, "lease", nil)
	errNotFound = apierrors.NewNotFound(lease, "lease")
	errExists   = apierrors.NewAlreadyExists(lease, "lease")
	errTimeout  = apierrors.NewTimeoutError("", 0)
)

// fakeLock is the lease on an API server, as one process sees it. No holder stands for a lease that doesn't exist.
type fakeLock struct {
	resourcelock.Interface
	holder  *string
	renewed time.Time // by the holder's clock
	version int
	seen    int   // the version that the process knows
	err     error // the result of writes
	delay   func()
}

func (l *fakeLock) Identity() string { return own }

func (l *fakeLock) Get(context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	if l.holder == nil {
		return nil, nil, errNotFound
	}
	l.seen = l.version
	if l.delay != nil {
		l.delay()
	}
	return &resourcelock.LeaderElectionRecord{
		HolderIdentity: *l.holder, RenewTime: metav1.NewTime(l.renewed), LeaseDurationSeconds: int(leaseDuration / time.Second),
	}, []byte(*l.holder), nil
}

func (l *fakeLock) Create(_ context.Context, record resourcelock.LeaderElectionRecord) error {
	if l.err == nil && l.holder != nil {
		return errExists
	}
	return l.write(record)
}

func (l *fakeLock) Update(_ context.Context, record resourcelock.LeaderElectionRecord) error {
	if l.err == nil && (l.holder == nil || l.seen != l.version) {
		return errConflict // also without a lease, because of the UID
	}
	return l.write(record)
}

func (l *fakeLock) write(record resourcelock.LeaderElectionRecord) error {
	if l.delay != nil {
		l.delay()
	}
	if l.err == nil {
		l.set(&record.HolderIdentity)
		l.seen = l.version
	}
	return l.err
}

// set writes the lease as another process or a user does.
func (l *fakeLock) set(holder *string) {
	l.holder = holder
	l.version++
}

// harness is a process that can be elected, at a time.
type harness struct {
	*Lock
	t      *testing.T
	lease  *fakeLock
	fence  *Fence
	inUse  bool
	inUses int // how often inUse was read
	now    time.Duration
}

func newHarness(t *testing.T) *harness {
	t.Helper()
	h := &harness{t: t, lease: &fakeLock{}, now: 1000 * time.Hour}
	h.fence = NewFence(renewDeadline, func() time.Duration { return h.now })
	h.Lock = NewLock(h.lease, h.fence, func(context.Context) (bool, error) {
		h.inUses++
		return h.inUse, nil
	})
	return h
}

// elect makes a process the leader, of a lease that existed.
func elect(h *harness) {
	h.set(new(""))
	h.get()
	h.renew()
}

func (h *harness) set(holder *string)     { h.lease.set(holder) }
func (h *harness) elapse(d time.Duration) { h.now += d }
func (h *harness) get()                   { _, _, _ = h.Get(h.t.Context()) }
func (h *harness) renew()                 { _ = h.update(own) }
func (h *harness) release()               { _ = h.update("") }
func (h *harness) create() {
	_ = h.Create(h.t.Context(), resourcelock.LeaderElectionRecord{HolderIdentity: own})
}

func (h *harness) update(as string) error {
	return h.Update(h.t.Context(), resourcelock.LeaderElectionRecord{HolderIdentity: as})
}
func (h *harness) renewWith(err error)    { h.lease.err = err; h.renew(); h.lease.err = nil }
func (h *harness) slowly(d time.Duration) { h.lease.delay = func() { h.elapse(d) } }

func TestFence(t *testing.T) {
	const open, closed, lost = "open", "closed", "lost"
	for name, c := range map[string]struct {
		steps  func(h *harness)
		want   string
		holder string // of the lease afterwards
	}{
		"is closed before the election": {func(h *harness) { h.set(new(other)); h.get() }, closed, other},
		"is open for the leader":        {elect, open, own},
		"is open until the deadline after a renewal": {
			func(h *harness) { elect(h); h.elapse(20 * time.Hour); h.get(); h.renew(); h.elapse(renewDeadline) }, open, own,
		},
		"is closed after the deadline": {func(h *harness) { elect(h); h.elapse(renewDeadline + 1) }, closed, own},
		"counts from the beginning of a renewal": {
			func(h *harness) { elect(h); h.slowly(10 * time.Second); h.renew(); h.elapse(5*time.Second + 1) }, closed, own,
		},
		"counts from the read before a renewal": {
			func(h *harness) {
				elect(h)
				h.slowly(5 * time.Second)
				h.get()
				h.renew()
				h.elapse(5*time.Second + 1)
			}, closed, own,
		},
		"opens again after a late renewal": {
			func(h *harness) { elect(h); h.elapse(time.Hour); h.get(); h.renew() }, open, own,
		},
		"does not count a failed renewal": {
			func(h *harness) {
				elect(h)
				h.elapse(10 * time.Second)
				h.renewWith(errTimeout)
				h.elapse(6 * time.Second)
			}, closed, own,
		},
		"stays open after a renewal that failed in time": {func(h *harness) { elect(h); h.renewWith(errTimeout) }, open, own},

		"is closed at once by a conflict": {func(h *harness) { elect(h); h.set(new(own)); h.renew() }, closed, own},
		"opens again if the conflict was not with another leader": {
			func(h *harness) { elect(h); h.set(new(own)); h.renew(); h.get(); h.renew() }, open, own,
		},
		"is lost to another leader":             {func(h *harness) { elect(h); h.set(new(other)); h.get() }, lost, other},
		"is lost to a leader found by conflict": {func(h *harness) { elect(h); h.set(new(other)); h.renew(); h.get() }, lost, other},
		"is lost when another leader has come and gone": {
			func(h *harness) { elect(h); h.set(new(other)); h.set(new("")); h.get(); h.renew() }, lost, "",
		},
		"is not lost by a process that has not led": {
			func(h *harness) { h.set(new(other)); h.get(); h.set(new("")); h.get(); h.renew() }, open, own,
		},
		"does not open again once it is lost": {
			func(h *harness) {
				elect(h)
				h.set(new(other))
				h.get()
				h.set(new(""))
				h.get()
				h.renew()
			}, lost, "",
		},
		"does not create a lease once it is lost": {
			func(h *harness) { elect(h); h.set(new(other)); h.get(); h.set(nil); h.create() }, lost, "none",
		},

		"is closed by the release":                {func(h *harness) { elect(h); h.release() }, closed, ""},
		"is closed by a release that fails":       {func(h *harness) { elect(h); h.lease.err = errTimeout; h.release() }, closed, own},
		"does not release another leader's lease": {func(h *harness) { elect(h); h.set(new(other)); h.get(); h.release() }, lost, other},
		"is released after a conflict": {
			func(h *harness) { elect(h); h.set(new(own)); h.release(); h.get(); h.release() }, closed, "",
		},

		"is open at once on a fresh installation": {func(h *harness) { h.get(); h.create() }, open, own},
		"is closed if another process creates the lease first": {
			func(h *harness) { h.get(); h.set(new(other)); h.create() }, closed, other,
		},
		"waits for the former leader if the lease is missing": {
			func(h *harness) { h.inUse = true; h.get(); h.create(); h.get() }, closed, unknownLeader,
		},
		"waits for a leader that it has seen, although no object shows that one has worked": {
			func(h *harness) { h.set(new(other)); h.get(); h.set(nil); h.get(); h.create() }, closed, unknownLeader,
		},
		"waits for a leader that created the lease first, although no object shows that one has worked": {
			func(h *harness) {
				h.get()
				h.set(new(other))
				h.create()
				h.set(nil)
				h.get()
				h.create()
			}, closed, unknownLeader,
		},
		"is open at once if the leader that it has seen released the lease": {
			func(h *harness) { h.set(new("")); h.get(); h.set(nil); h.get(); h.create() }, open, own,
		},
		"is open once the former leader's time is over": {
			func(h *harness) {
				h.inUse = true
				h.get()
				h.create()
				h.get()
				h.elapse(leaseDuration)
				h.get()
				h.renew()
			}, open, own,
		},
		"stays open when the leader's lease is deleted and it recreates it": {
			func(h *harness) {
				elect(h)
				h.inUse = true
				h.set(nil)
				h.renew()
				h.get()
				h.create()
			}, open, own,
		},
		"is lost when the lease was deleted and recreated by a standby": {
			func(h *harness) { elect(h); h.set(nil); h.set(new(unknownLeader)); h.renew(); h.get() }, lost, unknownLeader,
		},
		"is lost when the lease is deleted after the deadline": {
			func(h *harness) { elect(h); h.set(nil); h.elapse(renewDeadline + 1); h.get(); h.create() }, lost, "none",
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			c.steps(h)
			got := open
			switch err := h.fence.Check(); {
			case h.fence.isLost() && err != nil:
				got = lost
			case errors.Is(err, ErrNotLeader):
				got = closed
			}
			holder := "none"
			if h.lease.holder != nil {
				holder = *h.lease.holder
			}
			if got != c.want || holder != c.holder {
				t.Errorf("the fence is %s and the lease has the holder %q, want %s and %q", got, holder, c.want, c.holder)
			}
		})
	}
}

func TestLock_reports_why_it_waits(t *testing.T) {
	h := newHarness(t)
	h.inUse = true
	record := resourcelock.LeaderElectionRecord{HolderIdentity: own, LeaseDurationSeconds: 25}
	if err := h.Create(t.Context(), record); !errors.Is(err, errLeaseCreated) {
		t.Errorf("got %v", err)
	}
	failing := NewLock(&fakeLock{}, h.fence, func(context.Context) (bool, error) { return false, errTimeout })
	if err := failing.Create(t.Context(), record); !errors.Is(err, errTimeout) {
		t.Errorf("got %v", err)
	}
}

func TestLock_reads_the_objects_only_if_the_lease_is_missing_and_it_has_not_led(t *testing.T) {
	h := newHarness(t)
	elect(h)
	h.set(nil)
	h.create()
	if h.inUses > 0 {
		t.Errorf("read %d times", h.inUses)
	}
}
