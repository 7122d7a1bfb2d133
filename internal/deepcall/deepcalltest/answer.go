package deepcalltest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// answer is what a call gets to see.
type answer struct {
	status  int // HTTP
	code    int // DeepCall; 0 if the body isn't DeepCall's
	header  http.Header
	body    []byte
	outcome string // for people
}

// answerFor returns the fault's answer or, if it has none, the verdict's.
func answerFor(f Fault, verdict int) answer {
	a := answer{status: cmp.Or(f.Status, http.StatusOK)}
	switch {
	case f.Body != nil:
		a.body = f.Body
		a.outcome = fmt.Sprintf("HTTP %d, %d raw bytes", a.status, len(f.Body))
		a.header = http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	case f.Code == 0 && f.Status != 0:
		a = plain(f.Status)
	default:
		a.code = cmp.Or(f.Code, verdict)
		a.body = wire(a.code)
		a.outcome = strings.TrimSpace(strconv.Itoa(a.code) + " " + word(a.code))
		if a.status != http.StatusOK {
			a.outcome = fmt.Sprintf("HTTP %d, %s", a.status, a.outcome)
		}
		a.header = http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	}
	maps.Copy(a.header, f.Header)
	return a
}

func wrongMethod() answer {
	a := plain(http.StatusMethodNotAllowed)
	a.header.Set("Allow", http.MethodPost)
	return a
}

// plain is an HTTP status as a gateway in front of DeepCall would answer it.
func plain(status int) answer {
	return answer{
		status:  status,
		header:  http.Header{"Content-Type": {"text/plain; charset=utf-8"}},
		body:    []byte(http.StatusText(status) + "\n"),
		outcome: fmt.Sprintf("HTTP %d", status),
	}
}

// wire is DeepCall's JSON for a code, byte for byte as in the vendor's example.
func wire(code int) []byte {
	body, err := json.Marshal(struct {
		Status  string `json:"status"`
		Message string `json:"message"`
		Code    int    `json:"code"`
	}{status(code), message(code), code})
	if err != nil {
		panic(err) // two strings and a number
	}
	return body
}

func status(code int) string {
	if code == codeSuccess {
		return "success"
	}
	return "error"
}

// message is the text that DeepCall sends with a code.
func message(code int) string {
	if code == codeSuccess {
		return "Agent group mapping updated successfully"
	}
	entry, ok := deepcall.Lookup(code)
	if !ok {
		return "Unknown error"
	}
	return strings.TrimPrefix(entry.Message, fmt.Sprintf("DeepCall error %d: ", code))
}

// word is the text for a code in the ledger.
func word(code int) string {
	if code == codeSuccess {
		return "success"
	}
	return message(code)
}

// send ends the call and writes its answer.
func (s *Server) send(w http.ResponseWriter, r *http.Request, f *flight, a answer) {
	switch {
	case f.Applied && a.code != codeSuccess:
		a.outcome += ", though applied"
	case !f.Applied && a.code == codeSuccess:
		a.outcome += ", though not applied"
	}
	maps.Copy(w.Header(), a.header)
	if bodyAllowed(a.status) {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	} else {
		a.body = nil
	}
	if f.fault.Drip > 0 && len(a.body) > 0 {
		s.drip(w, r, f, a)
		return
	}
	s.end(f, a)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // a client that left is no concern here
}

// drip sends the answer byte by byte. The call ends before the last of them.
func (s *Server) drip(w http.ResponseWriter, r *http.Request, f *flight, a answer) {
	flusher := http.NewResponseController(w)
	w.WriteHeader(a.status)
	for i := range a.body {
		_ = flusher.Flush()
		if !s.pause(r.Context(), f.fault.Drip) {
			s.cut(f, "cut in the answer")
		}
		if i == len(a.body)-1 {
			s.end(f, a)
		}
		_, _ = w.Write(a.body[i : i+1])
	}
}

func bodyAllowed(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}
