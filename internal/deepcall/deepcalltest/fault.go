package deepcalltest

import (
	"net/http"
	"slices"
	"time"
)

// Fault is one way for calls to go wrong. Build it with a constructor and refine
// it: Code(1505).ForAgent("7").Times(2). Effects can be combined.
//
// A fault that replaces the answer (Code, Status, Body, Cut) also keeps the
// request from being applied, unless Applies is set.
type Fault struct {
	Code    int           // answer this DeepCall code
	Status  int           // answer this HTTP status
	Header  http.Header   // add these headers to the answer
	Body    []byte        // answer these bytes, if not nil
	Cut     bool          // close the connection instead of answering
	Hang    bool          // hold the call until the client leaves, or Release
	Late    bool          // with Hang: hold it also when the client has left, then go on
	Drip    time.Duration // pause this long before every byte of the answer
	Applies bool          // apply the request first, if it is a good one

	Agent string // only calls for this agent, if not empty
	Skip  int    // let this many matching calls pass first
	Count int    // how many calls fail: 0 is one, below 0 is all of them
}

// Code answers a DeepCall code, such as 1505.
func Code(code int) Fault { return Fault{Code: code} }

// Status answers an HTTP status, with its text for a body.
func Status(status int) Fault { return Fault{Status: status} }

// Body answers these bytes.
func Body(raw []byte) Fault { return Fault{Body: append([]byte{}, raw...)} }

// Hang holds the call, before it is applied, until the client leaves or Release
// lets it go on. With AfterApplying it holds back the answer instead.
func Hang() Fault { return Fault{Hang: true} }

// Late holds the call until Release and applies it then, even if the client has
// left long ago: a request that was lost on its way and arrives after all.
func Late() Fault { return Fault{Hang: true, Late: true} }

// CutBefore closes the connection without applying the request.
func CutBefore() Fault { return Fault{Cut: true} }

// CutAfter applies the request and closes the connection: the answer is lost.
func CutAfter() Fault { return Fault{Cut: true, Applies: true} }

// Drip sends the true answer byte by byte, pausing before each.
func Drip(pause time.Duration) Fault { return Fault{Drip: pause} }

// Times makes the fault hit n calls; -1 is every call, for ever.
func (f Fault) Times(n int) Fault { f.Count = n; return f }

// ForAgent makes the fault hit calls for that agent only.
func (f Fault) ForAgent(id string) Fault { f.Agent = id; return f }

// AfterCalls lets n calls that match pass before the fault begins.
func (f Fault) AfterCalls(n int) Fault { f.Skip = n; return f }

// AfterApplying applies the request, so that the answer lies.
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

// replaces reports whether the client gets something else than the true answer.
func (f Fault) replaces() bool { return f.Code != 0 || f.Status != 0 || f.Body != nil || f.Cut }

// processes reports whether the request is looked at and applied.
func (f Fault) processes() bool { return f.Applies || !f.replaces() }

// isZero reports whether there is no effect at all.
func (f Fault) isZero() bool {
	return !f.replaces() && !f.Hang && f.Drip == 0 && len(f.Header) == 0
}

// Script adds faults. A call gets the first that matches it.
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

// ClearFaults forgets all faults. Calls that hang already go on hanging: see
// Release.
func (s *Server) ClearFaults() { s.update(func() { s.script = nil }) }

// Faults returns the faults that are still to come.
func (s *Server) Faults() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.script)
}

// takeFault returns the fault of this call, and counts it as used. The caller
// holds mu.
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
