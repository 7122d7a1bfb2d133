package deepcalltest

import (
	"context"
	"maps"
	"slices"
	"time"
)

// AuthKind is how a call says who makes it.
type AuthKind string

// The kinds of credentials. AuthBoth is refused by DeepCall.
const (
	AuthNone    AuthKind = "none"
	AuthToken   AuthKind = "token"
	AuthSession AuthKind = "session"
	AuthBoth    AuthKind = "both"
)

// Call is the ledger's entry of one call. Token and ssid are nowhere in it,
// unless Options.KeepBodies leaves them in Body.
type Call struct {
	Seq           int               `json:"seq"` // 1, 2, … as they came in
	Start         time.Time         `json:"start"`
	End           time.Time         `json:"end,omitzero"` // zero while the server is at it
	Method        string            `json:"method"`
	ContentType   string            `json:"contentType,omitempty"`
	ContentLength int64             `json:"contentLength"` // -1: sent without one
	Agent         string            `json:"agent"`
	Groups        map[string]string `json:"groups,omitempty"` // as sent
	Auth          AuthKind          `json:"auth,omitempty"`
	UserID        string            `json:"userId,omitempty"`  // the one whose session it is, for a session
	Status        int               `json:"status,omitempty"`  // HTTP status answered; 0: no answer
	Code          int               `json:"code,omitempty"`    // DeepCall code answered; 0: none
	Outcome       string            `json:"outcome,omitempty"` // the same, and the rest, in words
	Applied       bool              `json:"applied"`
	Order         int               `json:"order,omitempty"`      // 1, 2, … as they were applied
	Fault         string            `json:"fault,omitempty"`      // in the text form
	Overlaps      []int             `json:"overlaps,omitempty"`   // earlier calls for this agent in flight at Start
	ClientGone    bool              `json:"clientGone,omitempty"` // the client left before its answer
	Body          []byte            `json:"-"`
}

// noticeTime is how much later than the client leaves the server may learn of it.
// A call that comes in within that time doesn't overlap the one left behind.
const noticeTime = 250 * time.Millisecond

// ledger is the record of all calls. A call is in flight as its client sees it:
// until the answer is about to be sent, or the client has left.
type ledger struct {
	calls         []*Call
	open          map[string][]*Call // by agent, in flight
	inFlight, max int
	ended, order  int
	overlaps      int // calls with Overlaps
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

// land takes a call out of those in flight.
func (l *ledger) land(c *Call) {
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
	l.land(c)
	for _, later := range slices.Backward(l.calls) {
		if later == c || now.Sub(later.Start) >= noticeTime {
			return
		}
		l.forgetOverlap(later, c.Seq)
	}
}

func (l *ledger) forgetOverlap(c *Call, seq int) {
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
	l.land(c)
}

func (c *Call) clone() Call {
	out := *c
	out.Groups = maps.Clone(c.Groups)
	out.Overlaps = slices.Clone(c.Overlaps)
	out.Body = slices.Clone(c.Body)
	return out
}

// Calls returns all calls in the order they came in, also those in flight.
func (s *Server) Calls() []Call {
	return s.callsIf(func(*Call) bool { return true })
}

// CallsFor returns the calls for one agent.
func (s *Server) CallsFor(agent string) []Call {
	return s.callsIf(func(c *Call) bool { return c.Agent == agent })
}

func (s *Server) callsIf(wanted func(*Call) bool) []Call {
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
	Calls       int `json:"calls"`       // all of them
	Ended       int `json:"ended"`       // that the server is done with
	Applied     int `json:"applied"`     // that changed an agent
	InFlight    int `json:"inFlight"`    // that a client waits for
	MaxInFlight int `json:"maxInFlight"` // the most at one time
	Overlaps    int `json:"overlaps"`    // that came while another for the same agent was in flight
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

// Overlaps returns how many calls came in while another call for the same agent
// was in flight.
func (s *Server) Overlaps() int { return s.Stats().Overlaps }

// InFlight returns how many calls a client waits for.
func (s *Server) InFlight() int { return s.Stats().InFlight }

// MaxInFlight returns the most calls that were in flight at one time.
func (s *Server) MaxInFlight() int { return s.Stats().MaxInFlight }

// WaitForCalls returns all calls as soon as n have ended. An error is the
// context's.
func (s *Server) WaitForCalls(ctx context.Context, n int) ([]Call, error) {
	err := s.Wait(ctx, func() bool { return s.Stats().Ended >= n })
	return s.Calls(), err
}

// WaitForInFlight returns as soon as n calls are in flight.
func (s *Server) WaitForInFlight(ctx context.Context, n int) error {
	return s.Wait(ctx, func() bool { return s.InFlight() >= n })
}
