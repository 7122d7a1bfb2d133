package reliability

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
)

// failureRecorder is a tb that records failures instead of failing the test.
type failureRecorder struct {
	mu       sync.Mutex
	failures []string
	cleanups []func()
}

// recordFailures runs body with a tb of its own and returns the failures.
func recordFailures(body func(t tb)) []string {
	r := &failureRecorder{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer r.runCleanups()
		body(r)
	}()
	<-done
	return r.failures
}

func (r *failureRecorder) runCleanups() {
	for _, cleanup := range slices.Backward(r.cleanups) {
		cleanup()
	}
}

func (*failureRecorder) Helper()             {}
func (*failureRecorder) Logf(string, ...any) {}

func (r *failureRecorder) Cleanup(cleanup func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleanups = append(r.cleanups, cleanup)
}

func (r *failureRecorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *failureRecorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}
