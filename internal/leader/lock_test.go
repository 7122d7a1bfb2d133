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

// step is something that happens to the process or to the lease.
type step func(h *harness)

// elect makes a process the leader, of a lease that existed.
func elect(h *harness) {
	h.set("")
	get(h)
	renew(h)
}

func get(h *harness) { _, _, _ = h.Get(h.t.Context()) }
func create(h *harness) {
	_ = h.Create(h.t.Context(), resourcelock.LeaderElectionRecord{HolderIdentity: own})
}
func renew(h *harness)       { h.update(own) }
func release(h *harness)     { h.update("") }
func deleteLease(h *harness) { h.lease.set(nil) }
func use(h *harness)         { h.inUse = true }
func failWrites(h *harness)  { h.lease.err = errTimeout }
func endFaults(h *harness)   { h.lease.err = nil }

// setTo writes the lease as another process or a user does.
func setTo(holder string) step { return func(h *harness) { h.set(holder) } }

func elapse(d time.Duration) step { return func(h *harness) { h.now += d } }

// slowly delays each read and write of the lease from now on.
func slowly(d time.Duration) step {
	return func(h *harness) { h.lease.delay = func() { h.now += d } }
}

func (h *harness) take(steps []step) {
	for _, step := range steps {
		step(h)
	}
}

func (h *harness) set(holder string) { h.lease.set(&holder) }

func (h *harness) update(as string) {
	_ = h.Update(h.t.Context(), resourcelock.LeaderElectionRecord{HolderIdentity: as})
}

func TestFence(t *testing.T) {
	const open, closed, lost = "open", "closed", "lost"
	for name, c := range map[string]struct {
		steps  []step
		want   string
		holder string // of the lease afterwards
	}{
		"is closed before the election":              {[]step{setTo(other), get}, closed, other},
		"is open for the leader":                     {[]step{elect}, open, own},
		"is open until the deadline after a renewal": {[]step{elect, elapse(20 * time.Hour), get, renew, elapse(renewDeadline)}, open, own},
		"is closed after the deadline":               {[]step{elect, elapse(renewDeadline + 1)}, closed, own},
		"counts from the beginning of a renewal":     {[]step{elect, slowly(10 * time.Second), renew, elapse(5*time.Second + 1)}, closed, own},
		"counts from the read before a renewal":      {[]step{elect, slowly(5 * time.Second), get, renew, elapse(5*time.Second + 1)}, closed, own},
		"opens again after a late renewal":           {[]step{elect, elapse(time.Hour), get, renew}, open, own},
		"does not count a failed renewal": {
			[]step{elect, elapse(10 * time.Second), failWrites, renew, endFaults, elapse(6 * time.Second)}, closed, own,
		},
		"stays open after a renewal that failed in time": {[]step{elect, failWrites, renew, endFaults}, open, own},

		"is closed at once by a conflict":                         {[]step{elect, setTo(own), renew}, closed, own},
		"opens again if the conflict was not with another leader": {[]step{elect, setTo(own), renew, get, renew}, open, own},
		"is lost to another leader":                               {[]step{elect, setTo(other), get}, lost, other},
		"is lost to a leader found by conflict":                   {[]step{elect, setTo(other), renew, get}, lost, other},
		"is lost when another leader has come and gone":           {[]step{elect, setTo(other), setTo(""), get, renew}, lost, ""},
		"is not lost by a process that has not led":               {[]step{setTo(other), get, setTo(""), get, renew}, open, own},
		"does not open again once it is lost":                     {[]step{elect, setTo(other), get, setTo(""), get, renew}, lost, ""},
		"does not create a lease once it is lost":                 {[]step{elect, setTo(other), get, deleteLease, create}, lost, "none"},

		"is closed by the release":                {[]step{elect, release}, closed, ""},
		"is closed by a release that fails":       {[]step{elect, failWrites, release}, closed, own},
		"does not release another leader's lease": {[]step{elect, setTo(other), get, release}, lost, other},
		"is released after a conflict":            {[]step{elect, setTo(own), release, get, release}, closed, ""},

		"is open at once on a fresh installation":              {[]step{get, create}, open, own},
		"is closed if another process creates the lease first": {[]step{get, setTo(other), create}, closed, other},
		"waits for the former leader if the lease is missing":  {[]step{use, get, create, get}, closed, unknownLeader},
		"waits for a leader that it has seen, although no object shows that one has worked": {
			[]step{setTo(other), get, deleteLease, get, create}, closed, unknownLeader,
		},
		"waits for a leader that created the lease first, although no object shows that one has worked": {
			[]step{get, setTo(other), create, deleteLease, get, create}, closed, unknownLeader,
		},
		"is open at once if the leader that it has seen released the lease": {[]step{setTo(""), get, deleteLease, get, create}, open, own},
		"is open once the former leader's time is over": {
			[]step{use, get, create, get, elapse(leaseDuration), get, renew}, open, own,
		},
		"stays open when the leader's lease is deleted and it recreates it": {[]step{elect, use, deleteLease, renew, get, create}, open, own},
		"is lost when the lease was deleted and recreated by a standby": {
			[]step{elect, deleteLease, setTo(unknownLeader), renew, get}, lost, unknownLeader,
		},
		"is lost when the lease is deleted after the deadline": {
			[]step{elect, deleteLease, elapse(renewDeadline + 1), get, create}, lost, "none",
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			h.take(c.steps)
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
	deleteLease(h)
	create(h)
	if h.inUses > 0 {
		t.Errorf("read %d times", h.inUses)
	}
}
