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

// Call is the ledger's entry of a request. It does not contain the token or the session
// ID, except in Body with Options.KeepBodies.
type Call struct {
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
	calls         []*Call
	open          map[string][]*Call // in flight, by agent
	inFlight, max int
	ended, order  int
	overlaps      int // requests with Overlaps
}

func newLedger() *ledger { return &ledger{open: map[string][]*Call{}} }

func (l *ledger) begin(c *Call) {
	c.Seq = len(l.calls) + 1
	if c.Agent != "" {
		for _, other := range l.open[c.Agent] {
			c.Overlaps = append(c.Overlaps, other.Seq)
		}
	}
	if len(c.Overlaps) > 0 {
		l.overlaps++
	}
	l.calls = append(l.calls, c)
	l.open[c.Agent] = append(l.open[c.Agent], c)
	l.inFlight++
	l.max = max(l.max, l.inFlight)
}

// remove removes a request from those in flight.
func (l *ledger) remove(c *Call) {
	open := l.open[c.Agent]
	i := slices.Index(open, c)
	if i < 0 {
		return
	}
	l.inFlight--
	l.open[c.Agent] = slices.Delete(open, i, i+1)
	if len(l.open[c.Agent]) == 0 {
		delete(l.open, c.Agent)
	}
}

func (l *ledger) clientGone(c *Call, now time.Time) {
	if !c.End.IsZero() || c.ClientGone {
		return
	}
	c.ClientGone = true
	l.remove(c)
	for _, later := range slices.Backward(l.calls) {
		if later == c || now.Sub(later.Start) >= disconnectLag {
			return
		}
		l.removeOverlap(later, c.Seq)
	}
}

func (l *ledger) removeOverlap(c *Call, seq int) {
	i := slices.Index(c.Overlaps, seq)
	if i < 0 {
		return
	}
	c.Overlaps = slices.Delete(c.Overlaps, i, i+1)
	if len(c.Overlaps) == 0 {
		l.overlaps--
	}
}

func (l *ledger) applied(c *Call) {
	l.order++
	c.Applied, c.Order = true, l.order
}

func (l *ledger) end(c *Call, now time.Time) {
	c.End = now
	l.ended++
	l.remove(c)
}

func (c *Call) clone() Call {
	out := *c
	out.Groups = maps.Clone(c.Groups)
	out.Overlaps = slices.Clone(c.Overlaps)
	out.Body = slices.Clone(c.Body)
	return out
}

// Calls returns all requests in order of arrival, including those in flight.
func (s *Server) Calls() []Call {
	return s.filterCalls(func(*Call) bool { return true })
}

// CallsFor returns the requests for an agent.
func (s *Server) CallsFor(agent string) []Call {
	return s.filterCalls(func(c *Call) bool { return c.Agent == agent })
}

func (s *Server) filterCalls(wanted func(*Call) bool) []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Call
	for _, c := range s.ledger.calls {
		if wanted(c) {
			out = append(out, c.clone())
		}
	}
	return out
}

// Stats are the ledger's totals.
type Stats struct {
	Calls       int `json:"calls"`       // all requests
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
		Calls: len(l.calls), Ended: l.ended, Applied: l.order,
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

// WaitForCalls waits until n requests have ended and returns all requests. Its error is
// the context's.
func (s *Server) WaitForCalls(ctx context.Context, n int) ([]Call, error) {
	err := s.Wait(ctx, func() bool { return s.Stats().Ended >= n })
	return s.Calls(), err
}

// WaitForInFlight waits until n requests are in flight. Its error is the context's.
func (s *Server) WaitForInFlight(ctx context.Context, n int) error {
	return s.Wait(ctx, func() bool { return s.InFlight() >= n })
}
