package deepcalltest

import (
	"net/http"
	"slices"
	"time"
)

// Fault is a failure of requests. It is built by a constructor and refined by methods:
// Code(1505).ForAgent("7").Times(2). Effects can be combined.
//
// With a fault that replaces the answer (Code, Status, Body, Cut), the request is not
// applied unless Applies is set.
type Fault struct {
	Code    int           // answer this DeepCall code
	Status  int           // answer this HTTP status
	Header  http.Header   // add these headers to the answer
	Body    []byte        // answer these bytes, if not nil
	Cut     bool          // close the connection instead of answering
	Hang    bool          // hold the request until the client disconnects, or Release
	Late    bool          // with Hang: hold it until Release, then apply it in any case
	Drip    time.Duration // pause this long before every byte of the answer
	Applies bool          // apply the request first, if it is valid

	Agent string // only requests for this agent, if not empty
	Skip  int    // let this many matching requests pass first
	Count int    // how many requests fail; 0 means one, a negative number all
}

// Code returns a fault that answers a DeepCall code, such as 1505.
func Code(code int) Fault { return Fault{Code: code} }

// Status returns a fault that answers an HTTP status, with its text as the body.
func Status(status int) Fault { return Fault{Status: status} }

// Body returns a fault that answers these bytes.
func Body(raw []byte) Fault { return Fault{Body: append([]byte{}, raw...)} }

// Hang returns a fault that holds the request, before it is applied, until the client
// disconnects or Release is called. With AfterApplying it holds the answer instead.
func Hang() Fault { return Fault{Hang: true} }

// Late returns a fault that holds the request until Release is called and then applies
// it, even if the client has disconnected: a request that is delayed on its way.
func Late() Fault { return Fault{Hang: true, Late: true} }

// CutBefore returns a fault that closes the connection without applying the request.
func CutBefore() Fault { return Fault{Cut: true} }

// CutAfter returns a fault that applies the request and closes the connection, so that
// the answer is lost.
func CutAfter() Fault { return Fault{Cut: true, Applies: true} }

// Drip returns a fault that sends the real answer byte by byte, with a pause before each.
func Drip(pause time.Duration) Fault { return Fault{Drip: pause} }

// Times applies the fault to n requests, or to all for -1.
func (f Fault) Times(n int) Fault { f.Count = n; return f }

// ForAgent applies the fault to requests for the agent only.
func (f Fault) ForAgent(id string) Fault { f.Agent = id; return f }

// AfterRequests lets n matching requests pass before the fault applies.
func (f Fault) AfterRequests(n int) Fault { f.Skip = n; return f }

// AfterApplying applies the request despite the answer.
func (f Fault) AfterApplying() Fault { f.Applies = true; return f }

// WithHeader adds a header to the answer.
func (f Fault) WithHeader(name, value string) Fault {
	f.Header = f.Header.Clone()
	if f.Header == nil {
		f.Header = http.Header{}
	}
	f.Header.Add(name, value)
	return f
}

// RetryAfter adds a Retry-After header: seconds, or an HTTP date.
func (f Fault) RetryAfter(value string) Fault { return f.WithHeader("Retry-After", value) }

// replaces reports whether the fault replaces the real answer.
func (f Fault) replaces() bool { return f.Code != 0 || f.Status != 0 || f.Body != nil || f.Cut }

// processes reports whether the request is validated and applied.
func (f Fault) processes() bool { return f.Applies || !f.replaces() }

// isZero reports whether the fault has no effect.
func (f Fault) isZero() bool {
	return !f.replaces() && !f.Hang && f.Drip == 0 && len(f.Header) == 0
}

// Script adds faults. The first fault that matches a request applies to it.
func (s *Server) Script(faults ...Fault) {
	s.update(func() {
		for _, f := range faults {
			f.Header, f.Body = f.Header.Clone(), slices.Clone(f.Body)
			if f.Count == 0 {
				f.Count = 1
			}
			s.script = append(s.script, f)
		}
	})
}

// ClearFaults deletes all faults. Requests that hang already are not released.
func (s *Server) ClearFaults() { s.update(func() { s.script = nil }) }

// Faults returns the pending faults.
func (s *Server) Faults() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.script)
}

// takeFault returns the fault of a request for the agent and counts it as used. The
// caller holds mu.
func (s *Server) takeFault(agent string) Fault {
	for i := range s.script {
		f := &s.script[i]
		if f.Agent != "" && f.Agent != agent {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		taken := *f
		if f.Count > 0 {
			f.Count--
		}
		if f.Count == 0 {
			s.script = slices.Delete(s.script, i, i+1)
		}
		return taken
	}
	return Fault{}
}
