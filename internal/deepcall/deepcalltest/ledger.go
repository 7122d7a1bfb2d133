package deepcalltest

import (
	"context"
	"maps"
	"slices"
	"time"
)

// AuthKind is the kind of credentials in a request.
type AuthKind string

// The kinds of credentials. DeepCall rejects AuthBoth.
const (
	AuthNone    AuthKind = "none"
	AuthToken   AuthKind = "token"
	AuthSession AuthKind = "session"
	AuthBoth    AuthKind = "both"
)

// Request is the ledger's entry of a request. It does not contain the token or the session
// ID, except in Body with Options.KeepBodies.
type Request struct {
	Seq           int               `json:"seq"` // 1, 2, … in order of arrival
	Start         time.Time         `json:"start"`
	End           time.Time         `json:"end,omitzero"` // zero while the request is served
	Method        string            `json:"method"`
	ContentType   string            `json:"contentType,omitempty"`
	ContentLength int64             `json:"contentLength"` // -1 if absent
	Agent         string            `json:"agent"`
	Groups        map[string]string `json:"groups,omitempty"` // as sent
	Auth          AuthKind          `json:"auth,omitempty"`
	UserID        string            `json:"userId,omitempty"`  // for a session, its owner
	Status        int               `json:"status,omitempty"`  // HTTP status of the answer, 0 without an answer
	Code          int               `json:"code,omitempty"`    // DeepCall's code of the answer, 0 if it has none
	Outcome       string            `json:"outcome,omitempty"` // a description of the result
	Applied       bool              `json:"applied"`
	Order         int               `json:"order,omitempty"`      // 1, 2, … in order of application
	Fault         string            `json:"fault,omitempty"`      // its text form
	Overlaps      []int             `json:"overlaps,omitempty"`   // earlier requests for the agent in flight at Start
	ClientGone    bool              `json:"clientGone,omitempty"` // the client disconnected before the answer
	Body          []byte            `json:"-"`
}

// disconnectLag is how long the server can take to notice that a client disconnected.
// A request that arrives within that time does not overlap the abandoned one.
const disconnectLag = 250 * time.Millisecond

// ledger records all requests. A request is in flight as its client sees it: until the
// answer is about to be sent, or the client has disconnected.
type ledger struct {
	requests      []*Request
	open          map[string][]*Request // in flight, by agent
	inFlight, max int
	ended, order  int
	overlaps      int // requests with Overlaps
}

func newLedger() *ledger { return &ledger{open: map[string][]*Request{}} }

func (l *ledger) begin(r *Request) {
	r.Seq = len(l.requests) + 1
	if r.Agent != "" {
		for _, other := range l.open[r.Agent] {
			r.Overlaps = append(r.Overlaps, other.Seq)
		}
	}
	if len(r.Overlaps) > 0 {
		l.overlaps++
	}
	l.requests = append(l.requests, r)
	l.open[r.Agent] = append(l.open[r.Agent], r)
	l.inFlight++
	l.max = max(l.max, l.inFlight)
}

// remove removes a request from those in flight.
func (l *ledger) remove(r *Request) {
	open := l.open[r.Agent]
	i := slices.Index(open, r)
	if i < 0 {
		return
	}
	l.inFlight--
	l.open[r.Agent] = slices.Delete(open, i, i+1)
	if len(l.open[r.Agent]) == 0 {
		delete(l.open, r.Agent)
	}
}

func (l *ledger) clientGone(r *Request, now time.Time) {
	if !r.End.IsZero() || r.ClientGone {
		return
	}
	r.ClientGone = true
	l.remove(r)
	for _, later := range slices.Backward(l.requests) {
		if later == r || now.Sub(later.Start) >= disconnectLag {
			return
		}
		l.removeOverlap(later, r.Seq)
	}
}

func (l *ledger) removeOverlap(r *Request, seq int) {
	i := slices.Index(r.Overlaps, seq)
	if i < 0 {
		return
	}
	r.Overlaps = slices.Delete(r.Overlaps, i, i+1)
	if len(r.Overlaps) == 0 {
		l.overlaps--
	}
}

func (l *ledger) applied(r *Request) {
	l.order++
	r.Applied, r.Order = true, l.order
}

func (l *ledger) end(r *Request, now time.Time) {
	r.End = now
	l.ended++
	l.remove(r)
}

func (r *Request) clone() Request {
	out := *r
	out.Groups = maps.Clone(r.Groups)
	out.Overlaps = slices.Clone(r.Overlaps)
	out.Body = slices.Clone(r.Body)
	return out
}

// Requests returns all requests in order of arrival, including those in flight.
func (s *Server) Requests() []Request {
	return s.filterRequests(func(*Request) bool { return true })
}

// RequestsFor returns the requests for an agent.
func (s *Server) RequestsFor(agent string) []Request {
	return s.filterRequests(func(r *Request) bool { return r.Agent == agent })
}

func (s *Server) filterRequests(wanted func(*Request) bool) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Request
	for _, r := range s.ledger.requests {
		if wanted(r) {
			out = append(out, r.clone())
		}
	}
	return out
}

// Stats are the ledger's totals.
type Stats struct {
	Requests    int `json:"requests"`    // all requests
	Ended       int `json:"ended"`       // completed
	Applied     int `json:"applied"`     // applied
	InFlight    int `json:"inFlight"`    // in flight
	MaxInFlight int `json:"maxInFlight"` // the highest number in flight at a time
	Overlaps    int `json:"overlaps"`    // arrived while another for the same agent was in flight
}

// Stats returns the ledger's totals.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.ledger
	return Stats{
		Requests: len(l.requests), Ended: l.ended, Applied: l.order,
		InFlight: l.inFlight, MaxInFlight: l.max, Overlaps: l.overlaps,
	}
}

// Overlaps returns the number of requests that arrived while another one for the same
// agent was in flight.
func (s *Server) Overlaps() int { return s.Stats().Overlaps }

// InFlight returns the number of requests in flight.
func (s *Server) InFlight() int { return s.Stats().InFlight }

// MaxInFlight returns the highest number of requests in flight at a time.
func (s *Server) MaxInFlight() int { return s.Stats().MaxInFlight }

// WaitForRequests waits until n requests have ended and returns all requests. Its error is
// the context's.
func (s *Server) WaitForRequests(ctx context.Context, n int) ([]Request, error) {
	err := s.Wait(ctx, func() bool { return s.Stats().Ended >= n })
	return s.Requests(), err
}

// WaitForHanging waits until faults with Hang hold n requests. Its error is the context's.
// A request in flight need not be one of them.
func (s *Server) WaitForHanging(ctx context.Context, n int) error {
	return s.Wait(ctx, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.hanging >= n
	})
}
