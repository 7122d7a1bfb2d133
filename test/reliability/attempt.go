package reliability

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
)

// attempt is a tb for a run whose failure does not end the test.
type attempt struct {
	mu       sync.Mutex
	problems []string
	cleanups []func()
}

// try runs a body with a tb of its own, and returns what it found.
func try(body func(t tb)) []string {
	a := &attempt{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer a.cleanUp()
		body(a)
	}()
	<-done
	return a.problems
}

func (a *attempt) cleanUp() {
	for _, cleanup := range slices.Backward(a.cleanups) {
		cleanup()
	}
}

func (*attempt) Helper()             {}
func (*attempt) Logf(string, ...any) {}

func (a *attempt) Cleanup(cleanup func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cleanups = append(a.cleanups, cleanup)
}

func (a *attempt) Errorf(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.problems = append(a.problems, fmt.Sprintf(format, args...))
}

func (a *attempt) Fatalf(format string, args ...any) {
	a.Errorf(format, args...)
	runtime.Goexit()
}
