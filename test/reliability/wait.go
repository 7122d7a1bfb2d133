package reliability

import (
	"sync"
	"time"
)

const (
	// quietPeriod is longer than the manager batches events of an account's mappings.
	quietPeriod = 600 * time.Millisecond
	// firstRetry is the longest first back-off.
	firstRetry = 1250 * time.Millisecond
	// pollInterval is how often a condition is evaluated if nothing changes.
	pollInterval = 50 * time.Millisecond
)

// patience limits how long a run waits for convergence. Retries take seconds or more.
var patience = time.Minute

// notifier wakes goroutines that wait for a change.
type notifier struct {
	mu      sync.Mutex
	changed chan struct{}
}

func newNotifier() *notifier { return &notifier{changed: make(chan struct{})} }

// next returns a channel that is closed at the next change.
func (n *notifier) next() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.changed
}

func (n *notifier) notify() {
	n.mu.Lock()
	defer n.mu.Unlock()
	close(n.changed)
	n.changed = make(chan struct{})
}

// poll waits until done returns true and reports whether that happened within the timeout. It evaluates done
// after every change and at every poll interval.
func (env *environment) poll(timeout time.Duration, done func() bool) bool {
	end := time.NewTimer(timeout)
	defer end.Stop()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		changed := env.changes.next()
		if done() {
			return true
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-end.C:
			return false
		}
	}
}

// await waits until unmet returns nothing. It returns the last problem after a timeout.
func (env *environment) await(unmet func() string) string {
	var problem string
	env.poll(patience, func() bool { problem = unmet(); return problem == "" })
	return problem
}

// waitFor fails the test unless unmet returns nothing in time.
func (env *environment) waitFor(condition string, unmet func() string) {
	env.t.Helper()
	if problem := env.await(unmet); problem != "" {
		env.t.Fatalf("timed out waiting until %s: %s", condition, problem)
	}
}

// waitQuiet waits until the running process has reconciled everything and has then been idle for a while.
func (env *environment) waitQuiet() {
	env.t.Helper()
	env.waitQuietFor(quietPeriod)
}

func (env *environment) waitQuietFor(period time.Duration) {
	env.t.Helper()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		changed := env.changes.next()
		rest := period
		if since, idle := env.idleSince(); idle {
			rest = period - time.Since(since)
		}
		if rest <= 0 {
			return
		}
		timer := time.NewTimer(rest)
		select {
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
	env.t.Fatalf("I9: the manager did not become quiet")
}

func (env *environment) idleSince() (time.Time, bool) {
	var keys []string
	for key := range env.history.accounts() {
		keys = append(keys, key.String())
	}
	for _, mapping := range env.history.mappings() {
		keys = append(keys, agentKey(mapping))
	}
	p := env.current()
	since, idle := p.reconciles.idleSince(keys)
	env.ledger.mu.Lock()
	defer env.ledger.mu.Unlock()
	idle = idle && !p.fenced
	if env.ledger.lastActive.After(since) {
		since = env.ledger.lastActive
	}
	return since, idle
}
