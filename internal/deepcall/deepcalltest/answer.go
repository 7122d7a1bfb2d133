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

// answer is the answer to a request.
type answer struct {
	status  int // HTTP
	code    int // DeepCall's, 0 for a body of another kind
	header  http.Header
	body    []byte
	outcome string // for the ledger
}

// answerFor returns the answer of the fault or, if it has none, that for the code.
func answerFor(f Fault, code int) answer {
	a := answer{status: cmp.Or(f.Status, http.StatusOK)}
	switch {
	case f.Body != nil:
		a.body = f.Body
		a.outcome = fmt.Sprintf("HTTP %d, %d raw bytes", a.status, len(f.Body))
		a.header = http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	case f.Code == 0 && f.Status != 0:
		a = statusAnswer(f.Status)
	default:
		a.code = cmp.Or(f.Code, code)
		a.body = encodeAnswer(a.code)
		a.outcome = strings.TrimSpace(strconv.Itoa(a.code) + " " + outcome(a.code))
		if a.status != http.StatusOK {
			a.outcome = fmt.Sprintf("HTTP %d, %s", a.status, a.outcome)
		}
		a.header = http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	}
	maps.Copy(a.header, f.Header)
	return a
}

func wrongMethod() answer {
	a := statusAnswer(http.StatusMethodNotAllowed)
	a.header.Set("Allow", http.MethodPost)
	return a
}

// statusAnswer returns the answer of a gateway in front of DeepCall.
func statusAnswer(status int) answer {
	return answer{
		status:  status,
		header:  http.Header{"Content-Type": {"text/plain; charset=utf-8"}},
		body:    []byte(http.StatusText(status) + "\n"),
		outcome: fmt.Sprintf("HTTP %d", status),
	}
}

// encodeAnswer returns DeepCall's JSON for a code, formatted as in the vendor's example.
func encodeAnswer(code int) []byte {
	body, err := json.Marshal(struct {
		Status  string `json:"status"`
		Message string `json:"message"`
		Code    int    `json:"code"`
	}{status(code), message(code), code})
	if err != nil {
		panic(err) // strings and numbers can be encoded
	}
	return body
}

func status(code int) string {
	if code == codeSuccess {
		return "success"
	}
	return "error"
}

// message returns the text that DeepCall sends with a code.
func message(code int) string {
	if code == codeSuccess {
		return "Agent group mapping updated successfully"
	}
	entry, ok := deepcall.Lookup(code)
	if !ok {
		return "Unknown error"
	}
	return entry.Description
}

// outcome returns the ledger's text for a code.
func outcome(code int) string {
	if code == codeSuccess {
		return "success"
	}
	return message(code)
}

// send completes the request and writes its answer.
func (s *Server) send(w http.ResponseWriter, r *http.Request, e *exchange, a answer) {
	switch {
	case e.Applied && a.code != codeSuccess:
		a.outcome += ", though applied"
	case !e.Applied && a.code == codeSuccess:
		a.outcome += ", though not applied"
	}
	maps.Copy(w.Header(), a.header)
	if bodyAllowed(a.status) {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	} else {
		a.body = nil
	}
	if e.fault.Drip > 0 && len(a.body) > 0 {
		s.drip(w, r, e, a)
		return
	}
	s.end(e, a)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the client can have disconnected
}

// drip sends the answer byte by byte. It completes the request before the last byte.
func (s *Server) drip(w http.ResponseWriter, r *http.Request, e *exchange, a answer) {
	flusher := http.NewResponseController(w)
	w.WriteHeader(a.status)
	for i := range a.body {
		_ = flusher.Flush()
		if !s.pause(r.Context(), e.fault.Drip) {
			s.abort(e, "cut in the answer")
		}
		if i == len(a.body)-1 {
			s.end(e, a)
		}
		_, _ = w.Write(a.body[i : i+1])
	}
}

func bodyAllowed(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}
