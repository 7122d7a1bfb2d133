package dispatch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// answer is an answer of the fake DeepCall, and how long it takes.
type answer struct {
	status     int
	body       string
	retryAfter string
	err        error
	after      time.Duration
}

func code(n int) answer {
	return answer{status: http.StatusOK, body: fmt.Sprintf(`{"status":"error","code":%d,"message":"no"}`, n)}
}

func (a answer) in(d time.Duration) answer {
	a.after = d
	return a
}

func (a answer) retry(seconds string) answer {
	a.retryAfter = seconds
	return a
}

var (
	success  = answer{status: http.StatusOK, body: `{"status":"success","code":200,"message":"Done"}`}
	denied   = code(1015)
	rejected = code(1505)
	busy     = code(1501)
	down     = answer{err: errors.New("connection refused")}
	failing  = answer{status: http.StatusServiceUnavailable}
	limited  = answer{status: http.StatusTooManyRequests}
)

func always(a answer) func(request) answer { return func(request) answer { return a } }

// setAnswer changes the answer to requests from now on.
func (h *harness) setAnswer(a answer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answer = always(a)
}

// request is one request as DeepCall received it.
type request struct {
	agentID, user string
	start, end    time.Duration
}

// client returns a client that needs no network.
func (h *harness) client() *deepcall.Client {
	h.t.Helper()
	client, err := deepcall.NewClient(deepcall.Config{
		Endpoint: endpoint, Timeout: time.Hour,
		WrapTransport: func(http.RoundTripper) http.RoundTripper { return roundTripper(h.serve) },
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return client
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (h *harness) serve(r *http.Request) (*http.Response, error) {
	var body struct{ AgentID, UserID string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return nil, err
	}
	req := request{agentID: body.AgentID, user: body.UserID, start: time.Since(h.begin)}
	h.mu.Lock()
	h.inFlight++
	h.maxInFlight = max(h.maxInFlight, h.inFlight)
	n := len(h.received)
	h.received = append(h.received, req)
	answer := h.answer
	h.mu.Unlock()

	a := answer(req)
	select {
	case <-time.After(a.after):
	case <-r.Context().Done():
		a.err = r.Context().Err()
	}

	h.mu.Lock()
	defer h.mu.Unlock()
	h.inFlight--
	h.received[n].end = time.Since(h.begin)
	if a.err != nil {
		return nil, a.err
	}
	resp := &http.Response{StatusCode: a.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(a.body))}
	if a.retryAfter != "" {
		resp.Header.Set("Retry-After", a.retryAfter)
	}
	return resp, nil
}
