package deepcalltest

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"time"
)

// maxBody bounds the body of a request. 500 groups with the longest IDs fit.
const maxBody = 1 << 20

// exchange is a request while it is served.
type exchange struct {
	*Request
	payload payload
	fault   Fault
	latency time.Duration
	release <-chan struct{} // taken at arrival, so that no Release is missed
	ledger  *ledger         // to detect a Reset
}

// serveRequest takes a request through its phases: wait, hang, apply, answer. A client
// that disconnects affects only requests that hang or drip: like a real server, the
// simulator applies the others.
func (s *Server) serveRequest(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	e := s.begin(r, body)
	stop := context.AfterFunc(r.Context(), func() { s.clientGone(e) })
	defer stop()
	if err != nil {
		s.abort(e, "request can't be read")
	}
	if r.Method != http.MethodPost {
		s.send(w, r, e, wrongMethod())
		return
	}
	if !s.pause(context.WithoutCancel(r.Context()), e.latency) {
		s.abort(e, "server closed")
	}
	if !e.fault.Applies {
		s.hang(r.Context(), e)
	}
	var code int
	if e.fault.processes() {
		code = s.process(e)
	}
	if e.fault.Applies {
		s.hang(r.Context(), e)
	}
	if e.fault.Cut {
		s.abort(e, "cut")
	}
	s.send(w, r, e, answerFor(e.fault, code))
}

// begin adds the request to the ledger and selects its fault and its latency.
func (s *Server) begin(r *http.Request, body []byte) *exchange {
	decoded := decode(body)
	c := &Request{
		Start: now(), Method: r.Method,
		ContentType: r.Header.Get("Content-Type"), ContentLength: r.ContentLength,
		Agent: decoded.agent, Groups: decoded.groups, Auth: decoded.auth.kind, UserID: decoded.auth.userID,
		Body: decoded.maskedBody(),
	}
	e := &exchange{Request: c, payload: decoded}
	s.update(func() {
		if s.opts.KeepBodies {
			c.Body = body
		}
		e.ledger, e.release = s.ledger, s.release
		e.latency = s.latency + randomDuration(s.random, s.jitter)
		if r.Method == http.MethodPost {
			e.fault = s.takeFault(decoded.agent)
		}
		recorded := e.fault
		recorded.Count = 0
		c.Fault = recorded.String()
		s.ledger.begin(c)
	})
	return e
}

// hang holds a request with such a fault until it is released. It does not return if
// the server is closed or, unless the fault is Late, the client disconnects.
func (s *Server) hang(ctx context.Context, e *exchange) {
	if !e.fault.Hang {
		return
	}
	gone := ctx.Done()
	if e.fault.Late {
		gone = nil
	}
	s.update(func() { s.hanging++ })
	defer s.update(func() { s.hanging-- })
	select {
	case <-e.release:
	case <-gone:
		s.abort(e, "client left")
	case <-s.closed:
		s.abort(e, "server closed")
	}
}

// process validates the request and applies it if it is valid, in one step.
func (s *Server) process(e *exchange) (code int) {
	s.update(func() {
		r := e.payload
		code, e.UserID = s.validate(r)
		if code != codeSuccess || e.ledger != s.ledger {
			return
		}
		s.store.apply(s.opts.Semantics, r.agent, r.groups)
		s.ledger.applied(e.Request)
	})
	return code
}

// validate returns the code that answers the request, and its user.
func (s *Server) validate(p payload) (code int, userID string) {
	if p.body != 0 {
		return p.body, ""
	}
	code, userID = s.authenticate(p)
	switch {
	case code != codeSuccess:
		return code, userID
	case p.shape != 0:
		return p.shape, userID
	case !s.store.agents.has(p.agent):
		return codeInvalidAgent, userID
	}
	for id := range p.groups {
		if !s.store.groups.has(id) {
			return codeInvalidGroup, userID
		}
	}
	return codeSuccess, userID
}

func (s *Server) clientGone(e *exchange) {
	s.update(func() { e.ledger.clientGone(e.Request, now()) })
}

// abort ends the request and closes its connection without an answer.
func (s *Server) abort(e *exchange, why string) {
	s.end(e, answer{outcome: why + " " + e.stage()})
	panic(http.ErrAbortHandler) // net/http closes the connection
}

// end completes the ledger's entry. It is called before the answer is sent, so that a
// client that has the answer finds the entry and can send the next request.
func (s *Server) end(e *exchange, a answer) {
	var done Request
	s.update(func() {
		e.Status, e.Code, e.Outcome = a.status, a.code, a.outcome
		e.ledger.end(e.Request, now())
		done = e.clone()
	})
	s.logLine(done.String())
}

func (e *exchange) stage() string {
	if e.Applied {
		return "after applying"
	}
	return "before applying"
}

func randomDuration(r *rand.Rand, limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	return time.Duration(r.Int64N(int64(limit)))
}
