package deepcalltest

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"time"
)

// maxBody is more than 500 groups with the longest IDs take.
const maxBody = 1 << 20

// flight is a call while it is being served.
type flight struct {
	*Call
	request request
	fault   Fault
	latency time.Duration
	release <-chan struct{} // of the time the call came in, so that no Release is missed
	ledger  *ledger         // the same for as long as there is no Reset
}

// serveCall takes a call through its phases: wait, hold, apply, answer. Whether
// the client is still there matters only to a call that hangs or drips: a real
// server goes on with a request that was given up.
func (s *Server) serveCall(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	f := s.begin(r, body)
	stop := context.AfterFunc(r.Context(), func() { s.clientGone(f) })
	defer stop()
	if err != nil {
		s.cut(f, "request can't be read")
	}
	if r.Method != http.MethodPost {
		s.send(w, r, f, wrongMethod())
		return
	}
	if !s.pause(context.WithoutCancel(r.Context()), f.latency) {
		s.cut(f, "server closed")
	}
	if !f.fault.Applies {
		s.hold(r.Context(), f)
	}
	var verdict int
	if f.fault.processes() {
		verdict = s.process(f)
	}
	if f.fault.Applies {
		s.hold(r.Context(), f)
	}
	if f.fault.Cut {
		s.cut(f, "cut")
	}
	s.send(w, r, f, answerFor(f.fault, verdict))
}

// begin writes the call into the ledger and draws its fault and its latency.
func (s *Server) begin(r *http.Request, body []byte) *flight {
	q := decode(body)
	c := &Call{
		Start: now(), Method: r.Method,
		ContentType: r.Header.Get("Content-Type"), ContentLength: r.ContentLength,
		Agent: q.agent, Groups: q.groups, Auth: q.auth.kind, UserID: q.auth.userID,
		Body: q.maskedBody(),
	}
	f := &flight{Call: c, request: q}
	s.update(func() {
		if s.opts.KeepBodies {
			c.Body = body
		}
		f.ledger, f.release = s.ledger, s.release
		f.latency = s.latency + draw(s.jitter, s.spread)
		if r.Method == http.MethodPost {
			f.fault = s.takeFault(q.agent)
		}
		taken := f.fault
		taken.Count = 0
		c.Fault = taken.String()
		s.ledger.begin(c)
	})
	return f
}

// hold keeps a call that hangs until it is released. It doesn't return if the
// server is closed or, unless the call is to arrive late, the client leaves.
func (s *Server) hold(ctx context.Context, f *flight) {
	if !f.fault.Hang {
		return
	}
	gone := ctx.Done()
	if f.fault.Late {
		gone = nil
	}
	select {
	case <-f.release:
	case <-gone:
		s.cut(f, "client left")
	case <-s.closed:
		s.cut(f, "server closed")
	}
}

// process judges the request and applies a good one, in one step.
func (s *Server) process(f *flight) (code int) {
	s.update(func() {
		q := f.request
		code, f.UserID = s.judge(q)
		if code != codeSuccess || f.ledger != s.ledger {
			return
		}
		s.world.apply(s.opts.Semantics, q.agent, q.groups)
		s.ledger.applied(f.Call)
	})
	return code
}

// judge returns the code that the request deserves, and whose request it is.
func (s *Server) judge(q request) (code int, userID string) {
	if q.body != 0 {
		return q.body, ""
	}
	code, userID = s.authenticate(q)
	switch {
	case code != codeSuccess:
		return code, userID
	case q.shape != 0:
		return q.shape, userID
	case !s.world.agents.has(q.agent):
		return codeInvalidAgent, userID
	}
	for id := range q.groups {
		if !s.world.groups.has(id) {
			return codeInvalidGroup, userID
		}
	}
	return codeSuccess, userID
}

func (s *Server) clientGone(f *flight) {
	s.update(func() { f.ledger.clientGone(f.Call, now()) })
}

// cut ends the call and closes its connection without an answer.
func (s *Server) cut(f *flight, why string) {
	s.end(f, answer{outcome: why + " " + f.stage()})
	panic(http.ErrAbortHandler) // what net/http wants to see for this
}

// end completes the ledger's entry. This comes before the answer is sent, so
// that whoever has the answer finds the entry, and may make the next call.
func (s *Server) end(f *flight, a answer) {
	var done Call
	s.update(func() {
		f.Status, f.Code, f.Outcome = a.status, a.code, a.outcome
		f.ledger.end(f.Call, now())
		done = f.clone()
	})
	s.logLine(done.String())
}

func (f *flight) stage() string {
	if f.Applied {
		return "after applying"
	}
	return "before applying"
}

func draw(r *rand.Rand, most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	return time.Duration(r.Int64N(int64(most)))
}
