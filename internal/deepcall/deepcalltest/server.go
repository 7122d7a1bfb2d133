// Package deepcalltest is a DeepCall that runs in the process: an
// [http.Handler] that answers updateAgentGroupMapping as the vendor's page
// describes it, keeps a ledger of every call, and fails on request.
//
//	sim := deepcalltest.New(deepcalltest.Options{
//		Accounts: []deepcalltest.Account{{UserID: "1001", Token: "s3cr3t"}},
//	})
//	sim.Script(deepcalltest.Code(1505).ForAgent("7").Times(2))
//
// What it holds can be looked at and changed over HTTP below /_sim/.
package deepcalltest

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Path is the path of the one DeepCall endpoint that is simulated. It is served
// below any prefix, with or without a trailing slash.
const Path = "/api/v2/Agent/updateAgentGroupMapping"

// Semantics is how DeepCall treats groups that a request leaves out. The
// vendor's page can be read both ways.
type Semantics string

const (
	// Merge leaves groups that a request doesn't name as they are.
	Merge Semantics = "merge"
	// Replace makes the request's groups the whole set of the agent.
	Replace Semantics = "replace"
)

// Options is how a simulated DeepCall starts out. The zero value knows every
// agent and group, takes any well-formed credentials, and answers at once.
type Options struct {
	Semantics  Semantics     // Merge if empty
	Accounts   []Account     // who may call; empty: anybody with well-formed credentials
	Agents     []string      // the agents there are; empty: any
	Groups     []string      // the groups there are; empty: any
	Latency    time.Duration // how long every call takes
	Jitter     time.Duration // up to this much is added to Latency
	Seed       uint64        // of the jitter: one seed, one sequence
	Log        io.Writer     // gets one line per call, if set
	KeepBodies bool          // keep credentials in Call.Body, instead of masking them
}

// Server is the simulated DeepCall. All its methods may be called at any time,
// from any goroutine.
type Server struct {
	opts   Options
	admin  http.Handler
	closed chan struct{}
	close  func()
	logMu  sync.Mutex

	mu       sync.Mutex
	world    world
	accounts []Account
	script   []Fault
	ledger   *ledger
	latency  time.Duration
	spread   time.Duration // of the latency
	jitter   *rand.Rand
	release  chan struct{} // closed, and made anew, by Release
	changed  chan struct{} // closed, and made anew, by every change
}

// New returns a simulated DeepCall. Close it to end calls that hang.
func New(o Options) *Server {
	s := &Server{
		closed:  make(chan struct{}),
		release: make(chan struct{}),
		changed: make(chan struct{}),
		opts:    o,
	}
	s.close = sync.OnceFunc(func() { close(s.closed) })
	s.admin = s.adminHandler()
	s.start()
	return s
}

// start brings the state to what the options say. Callers after New hold mu.
func (s *Server) start() {
	s.world = newWorld(s.opts.Agents, s.opts.Groups)
	s.accounts = cloneAccounts(s.opts.Accounts)
	s.script = nil
	s.ledger = newLedger()
	s.latency, s.spread = s.opts.Latency, s.opts.Jitter
	s.jitter = rand.New(rand.NewPCG(s.opts.Seed, s.opts.Seed)) // repeatable on purpose
}

// Reset takes the server back to its options. Calls in flight are released and
// answered, but neither applied nor recorded any more.
func (s *Server) Reset() {
	s.update(func() {
		s.start()
		s.releaseAll()
	})
}

// Release lets the calls that hang now go on. Later ones hang again.
func (s *Server) Release() { s.update(s.releaseAll) }

func (s *Server) releaseAll() {
	close(s.release)
	s.release = make(chan struct{})
}

// Close cuts the calls that hang, drip or wait, and every later one. Call it
// before closing the HTTP server around it, which waits for them.
func (s *Server) Close() { s.close() }

// SetLatency changes how long every later call takes.
func (s *Server) SetLatency(latency, jitter time.Duration) {
	s.update(func() { s.latency, s.spread = latency, jitter })
}

// Wait returns when done says so, and asks it again after every change of the
// server. It returns the context's error if that ends first.
func (s *Server) Wait(ctx context.Context, done func() bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if done() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// ServeHTTP answers the DeepCall endpoint, and /_sim/ for people and tests.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(strings.TrimSuffix(r.URL.Path, "/"), Path) {
		s.serveCall(w, r)
		return
	}
	s.admin.ServeHTTP(w, r)
}

// update makes a change under the lock and wakes those who wait for one.
func (s *Server) update(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	close(s.changed)
	s.changed = make(chan struct{})
}
