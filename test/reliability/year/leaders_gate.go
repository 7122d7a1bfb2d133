package year

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// point is where a process can be paused: before an effect that other processes can observe, or before it learns of one. The
// last check of the fence comes after beforeRequest, since the client makes it when the body is read. A pause between that check
// and the request is not promised to be harmless, and not simulated.
type point string

const (
	beforeElection point = "before a step of the election"
	beforeLease    point = "before the API server receives a read or write of the lease"
	afterLease     point = "before the process receives the answer to a read or write of the lease"
	beforeAPIWrite point = "before the API server receives a write"
	afterAPIWrite  point = "before the process receives the answer to a write"
	beforeAPIRead  point = "before the API server receives a read"
	afterAPIRead   point = "before the process receives the answer to a read"
	beforeRequest  point = "before DeepCall receives a request"
	afterRequest   point = "before the process receives the answer to a request"
	beforeEvent    point = "before the process receives a watch event"
)

// pausePoints are the points of pauses; empty stands for any moment.
var pausePoints = []point{
	"", beforeElection, beforeLease, afterLease, beforeAPIWrite, afterAPIWrite, beforeAPIRead, afterAPIRead,
	beforeRequest, beforeRequest, beforeRequest, afterRequest, beforeEvent,
}

// maxWaitForPoint is how long a pause waits for its point.
const maxWaitForPoint = 3 * time.Second

var errKilled = errors.New("the process was killed")

// gate holds the effects of a paused process, and fails those of a killed one.
type gate struct {
	killed  chan struct{}
	onPause func(point, time.Duration)

	mu      sync.Mutex
	opened  chan struct{} // closed while the process runs
	until   time.Time     // the end of the pause
	pending *pendingPause
}

type pendingPause struct {
	at       point
	duration time.Duration
}

func newGate(onPause func(point, time.Duration)) *gate {
	g := &gate{killed: make(chan struct{}), opened: make(chan struct{}), onPause: onPause}
	close(g.opened)
	return g
}

// pass waits for the end of a pause, which can begin here. It reports whether it waited.
func (g *gate) pass(p point) (held bool, err error) {
	for {
		g.mu.Lock()
		if g.pending != nil && g.pending.at == p {
			g.pauseLocked()
		}
		opened := g.opened
		g.mu.Unlock()
		select {
		case <-opened:
			return held, g.err()
		default:
			held = true
		}
		select {
		case <-opened:
		case <-g.killed:
			return held, errKilled
		}
	}
}

func (g *gate) err() error {
	select {
	case <-g.killed:
		return errKilled
	default:
		return nil
	}
}

// pause pauses the process for a duration from when it reaches the point.
func (g *gate) pause(at point, duration time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	pause := &pendingPause{at, duration}
	g.pending = pause
	if at == "" {
		g.pauseLocked()
		return
	}
	time.AfterFunc(maxWaitForPoint, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.pending == pause {
			g.pauseLocked()
		}
	})
}

func (g *gate) pauseLocked() {
	pause := g.pending
	g.pending = nil
	if end := time.Now().Add(pause.duration); end.After(g.until) {
		g.until = end
	}
	select {
	case <-g.opened:
		g.opened = make(chan struct{})
	default: // paused already
	}
	g.onPause(pause.at, pause.duration)
	time.AfterFunc(pause.duration, g.resume)
}

// resume ends the pause unless a longer one has begun since.
func (g *gate) resume() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !time.Now().Before(g.until) {
		g.resumeLocked()
	}
}

// resumeNow ends the pause, also one that has not begun.
func (g *gate) resumeNow() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pending = nil
	g.resumeLocked()
}

func (g *gate) resumeLocked() {
	select {
	case <-g.opened:
	default:
		close(g.opened)
		g.until = time.Time{}
	}
}

// isPaused reports whether the process is paused or will be.
func (g *gate) isPaused() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.opened:
		return g.pending != nil
	default:
		return true
	}
}

// kill fails all further effects.
func (g *gate) kill() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err() == nil {
		close(g.killed)
	}
}

// pausable returns a transport to the API server that a pause holds.
func (g *gate) pausable(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		before, after := beforeAPIWrite, afterAPIWrite
		switch {
		case strings.Contains(request.URL.Path, "/leases"):
			before, after = beforeLease, afterLease
		case request.Method == http.MethodGet:
			before, after = beforeAPIRead, afterAPIRead
		}
		if _, err := g.pass(before); err != nil {
			return nil, err
		}
		response, err := next.RoundTrip(request)
		if _, killed := g.pass(after); killed != nil && err == nil {
			response.Body.Close()
			err = killed
		}
		if err != nil {
			return nil, err
		}
		if request.URL.Query().Get("watch") != "" {
			response.Body = &pausableBody{response.Body, g}
		}
		return response, nil
	})
}

// pausableBody is the body of a watch. That of a killed process ends; see watchBody.
type pausableBody struct {
	io.ReadCloser
	gate *gate
}

func (b *pausableBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if _, killed := b.gate.pass(beforeEvent); killed != nil {
		return 0, io.EOF
	}
	return n, err
}
