package year

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/deepcall/deepcall-operator/internal/controller"
	"github.com/deepcall/deepcall-operator/internal/leader"
)

// The timings of cmd.
const (
	leaseDuration = 25 * time.Second
	renewDeadline = 15 * time.Second
	retryPeriod   = 2 * time.Second
)

// replica is one of several processes that compete for a lease. It can be paused and killed.
type replica struct {
	name  string
	gate  *gate
	clock processClock
	run   func() error
	stop  context.CancelFunc
	// isCandidate is set once the process takes part in the election. Before that, when its caches have not synced, it can't be
	// stopped: controller-runtime then waits in a busy loop, in which the time of a bubble does not pass.
	isCandidate atomic.Bool
	elected     <-chan struct{} // closed once the leader's runnables have started
	stopping    chan struct{}   // closed when they are asked to stop
}

// processClock is the clock of one process. Timers are not affected.
type processClock struct {
	clock.RealClock
	offset time.Duration // of the time of day
	start  time.Time     // of the machine
	rate   float64       // of the time since the start of the machine
}

func newProcessClock(rng *rand.Rand) processClock {
	return processClock{
		offset: time.Duration(rng.Int64N(int64(4*hour))) - 2*hour,
		start:  time.Now().Add(-time.Duration(rng.Int64N(int64(100 * day)))),
		rate:   0.97 + 0.06*rng.Float64(),
	}
}

func (c processClock) Now() time.Time                      { return c.RealClock.Now().Add(c.offset) }
func (c processClock) Since(start time.Time) time.Duration { return c.Now().Sub(start) }

func (c processClock) sinceBoot() time.Duration {
	return time.Duration(float64(c.RealClock.Since(c.start)) * c.rate)
}

// newReplica returns a process with a manager as cmd creates it, but without listeners and without EnableWarmup: a controller that
// waits for its warm-up holds a mutex, and then the time of a bubble does not pass.
func (e *leadersEnv) newReplica(name string, rng *rand.Rand) (*replica, error) {
	ctx, stop := context.WithCancel(context.Background())
	r := &replica{name: name, clock: newProcessClock(rng), stop: stop, stopping: make(chan struct{})}
	r.gate = newGate(func(at point, d time.Duration) { e.recordPause(r, at, d) })
	config := restConfig(&transport{server: e.apiServer})
	config.Transport = r.gate.pausable(config.Transport)
	fence := leader.NewFence(renewDeadline, r.clock.sinceBoot)
	lock, err := r.newLock(config, fence)
	if err != nil {
		return nil, err
	}
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                              scheme,
		MapperProvider:                      newMapper,
		Metrics:                             metricsserver.Options{BindAddress: "0"},
		Controller:                          ctrlconfig.Controller{SkipNameValidation: ptr.To(true)},
		Logger:                              e.log.logger().WithName(name),
		LeaderElection:                      true,
		LeaderElectionResourceLockInterface: lock,
		LeaderElectionReleaseOnCancel:       true,
		LeaseDuration:                       ptr.To(leaseDuration),
		RenewDeadline:                       ptr.To(renewDeadline),
		RetryPeriod:                         ptr.To(retryPeriod),
		GracefulShutdownTimeout:             ptr.To(30 * time.Second),
	})
	if err != nil {
		return nil, err
	}
	r.run = func() error { return mgr.Start(ctx) }
	r.elected = mgr.Elected()
	err = mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
		<-ctx.Done()
		close(r.stopping)
		return nil
	}))
	if err != nil {
		return nil, err
	}
	return r, controller.Setup(ctx, mgr, controller.Options{
		MaxConcurrentReconciles: 16, Metrics: prometheus.NewRegistry(), Fence: fence, Clock: r.clock,
		WrapTransport: func(http.RoundTripper) http.RoundTripper { return e.transportOf(r) },
	})
}

func (r *replica) newLock(config *rest.Config, fence *leader.Fence) (resourcelock.Interface, error) {
	reader, err := newClient(config)
	if err != nil {
		return nil, err
	}
	config = rest.CopyConfig(config)
	config.Timeout = renewDeadline / 2 // as controller-runtime sets it
	leases, err := coordinationv1client.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	lock := &resourcelock.LeaseLock{
		LeaseMeta: metav1.ObjectMeta{Namespace: leaseKey.Namespace, Name: leaseKey.Name}, Client: leases,
		LockConfig: resourcelock.ResourceLockConfig{Identity: r.name},
	}
	inUse := func(ctx context.Context) (bool, error) { return controller.AnyInUse(ctx, reader, controller.Options{}) }
	return pausableLock{leader.NewLock(lock, fence, inUse), r}, nil
}

// pausableLock is the lock of a replica. It writes the replica's time of day to the lease.
type pausableLock struct {
	resourcelock.Interface
	replica *replica
}

// step runs a step of the election, which can be paused before it begins.
func (l pausableLock) step(ctx context.Context, run func(context.Context) error) error {
	held, err := l.replica.gate.pass(beforeElection)
	if held { // as if its timer had fired after the pause
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), renewDeadline)
		defer cancel()
	}
	if err == nil {
		err = run(ctx)
	}
	if errors.Is(err, errKilled) || errors.Is(err, leader.ErrNotLeader) {
		l.replica.awaitStop()
	}
	return err
}

func (l pausableLock) Get(ctx context.Context) (record *resourcelock.LeaderElectionRecord, raw []byte, err error) {
	l.replica.isCandidate.Store(true)
	err = l.step(ctx, func(ctx context.Context) error {
		var err error
		record, raw, err = l.Interface.Get(ctx)
		return err
	})
	if err == nil && record.HolderIdentity != l.replica.name {
		l.replica.awaitStop()
	}
	return record, raw, err
}

func (l pausableLock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.step(ctx, func(ctx context.Context) error { return l.Interface.Create(ctx, l.skew(record)) })
}

func (l pausableLock) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.step(ctx, func(ctx context.Context) error { return l.Interface.Update(ctx, l.skew(record)) })
}

func (l pausableLock) skew(record resourcelock.LeaderElectionRecord) resourcelock.LeaderElectionRecord {
	record.RenewTime = metav1.NewTime(l.replica.clock.Now())
	return record
}

// awaitStop waits until a leader that was killed or has lost its lease stops. Without that, the race detector reports that
// controller-runtime does not synchronize the stop with the end of the election.
func (r *replica) awaitStop() {
	select {
	case <-r.elected:
		<-r.stopping
	default:
	}
}
