// Package deepcalltest simulates DeepCall. Its server is an [http.Handler] that answers
// updateAgentGroupMapping as the vendor documents it, records all requests in a ledger,
// and injects faults.
//
//	sim := deepcalltest.New(deepcalltest.Options{
//		Accounts: []deepcalltest.Account{{UserID: "1001", Token: "s3cr3t"}},
//	})
//	sim.Script(deepcalltest.Code(1505).ForAgent("7").Times(2))
//
// Its state can be read and changed over HTTP under /_sim/.
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

// Path is the path of updateAgentGroupMapping. It is served under any prefix, with or
// without a trailing slash.
const Path = "/api/v2/Agent/updateAgentGroupMapping"

// Semantics is how DeepCall treats groups that a request omits. The vendor's page can be
// read both ways.
type Semantics string

const (
	// Merge does not change groups that a request omits.
	Merge Semantics = "merge"
	// Replace removes groups that a request omits from the agent.
	Replace Semantics = "replace"
)

// Options configures a simulated DeepCall. With the zero value, all agents and groups
// exist, all well-formed credentials are accepted, and answers are immediate.
type Options struct {
	Semantics  Semantics     // Merge if empty
	Accounts   []Account     // if empty, all well-formed credentials are accepted
	Agents     []string      // the existing agents; all if empty
	Groups     []string      // the existing groups; all if empty
	Latency    time.Duration // the duration of each request
	Jitter     time.Duration // a random duration up to this is added to Latency
	Seed       uint64        // of the jitter, which it makes reproducible
	Log        io.Writer     // receives a line for each request, if set
	KeepBodies bool          // do not mask the credentials in Request.Body
}

// Server is the simulated DeepCall. It is safe for concurrent use.
type Server struct {
	opts   Options
	admin  http.Handler
	closed chan struct{}
	close  func()
	logMu  sync.Mutex

	mu       sync.Mutex
	store    store
	accounts []Account
	script   []Fault
	ledger   *ledger
	latency  time.Duration
	jitter   time.Duration
	random   *rand.Rand
	hanging  int           // requests that faults with Hang hold
	release  chan struct{} // closed and replaced by Release
	changed  chan struct{} // closed and replaced by every change
}

// New returns a simulated DeepCall. Close ends requests that hang.
func New(o Options) *Server {
	s := &Server{
		closed:  make(chan struct{}),
		release: make(chan struct{}),
		changed: make(chan struct{}),
		opts:    o,
	}
	s.close = sync.OnceFunc(func() { close(s.closed) })
	s.admin = s.adminHandler()
	s.init()
	return s
}

// init sets the state to that of the options. Callers other than New hold mu.
func (s *Server) init() {
	s.store = newStore(s.opts.Agents, s.opts.Groups)
	s.accounts = cloneAccounts(s.opts.Accounts)
	s.script = nil
	s.ledger = newLedger()
	s.latency, s.jitter = s.opts.Latency, s.opts.Jitter
	s.random = rand.New(rand.NewPCG(s.opts.Seed, s.opts.Seed)) // reproducible
}

// Reset sets the server back to its options. Requests in flight are released and
// answered, but neither applied nor recorded.
func (s *Server) Reset() {
	s.update(func() {
		s.init()
		s.releaseAll()
	})
}

// Release releases the requests that hang now. Later ones hang again.
func (s *Server) Release() { s.update(s.releaseAll) }

func (s *Server) releaseAll() {
	close(s.release)
	s.release = make(chan struct{})
}

// Close aborts the requests that hang, drip or wait, and all later ones. It must be
// called before the HTTP server is closed, which waits for them.
func (s *Server) Close() { s.close() }

// SetLatency changes the latency of later requests.
func (s *Server) SetLatency(latency, jitter time.Duration) {
	s.update(func() { s.latency, s.jitter = latency, jitter })
}

// Wait waits until done returns true. It calls done after every change of the server,
// and returns the context's error if that ends first.
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

// ServeHTTP serves DeepCall's endpoint and the simulator's API under /_sim/.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(strings.TrimSuffix(r.URL.Path, "/"), Path) {
		s.serveRequest(w, r)
		return
	}
	s.admin.ServeHTTP(w, r)
}

// update applies a change under the lock and notifies Wait.
func (s *Server) update(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	close(s.changed)
	s.changed = make(chan struct{})
}
