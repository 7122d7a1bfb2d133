package deepcalltest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// result is the result of a request, as its client sees it.
type result struct {
	http   int
	header http.Header
	raw    string
	Status string
	Code   int
	err    error
}

// body returns the body of a request of user 1001 for agent 7.
func body(groups string) string { return bodyFor("7", groups) }

func bodyFor(agent, groups string) string {
	entries := map[string]map[string]string{}
	for entry := range strings.FieldsSeq(groups) {
		id, value, _ := strings.Cut(entry, "=")
		entries[id] = map[string]string{"receive_call": value}
	}
	out, err := json.Marshal(map[string]any{"userId": "1001", "token": "s3cr3t", "agentId": agent, "group": entries})
	if err != nil {
		panic(err)
	}
	return string(out)
}

func post(ctx context.Context, url, body string) result {
	return do(ctx, http.MethodPost, url+Path, body)
}

// start posts a request concurrently. Its result can be received.
func start(ctx context.Context, url, body string) <-chan result {
	done := make(chan result, 1)
	go func() { done <- post(ctx, url, body) }()
	return done
}

func do(ctx context.Context, method, url, body string) result {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return result{err: err}
	}
	transport := &http.Transport{DisableKeepAlives: true} // so that no request is retried
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return result{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	r := result{http: resp.StatusCode, header: resp.Header, raw: string(raw), err: err}
	_ = json.Unmarshal(raw, &r)
	return r
}

// direct calls the handler without a network, for tests with fake time.
func direct(ctx context.Context, sim *Server, body string) (r result) {
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, Path, strings.NewReader(body))
	w := httptest.NewRecorder()
	defer func() {
		if aborted := recover(); aborted != nil {
			r = result{err: aborted.(error)}
		}
	}()
	sim.ServeHTTP(w, req)
	r = result{http: w.Code, header: w.Header(), raw: w.Body.String()}
	_ = json.Unmarshal(w.Body.Bytes(), &r)
	return r
}

func wantNoError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t *testing.T, r result, code int) {
	t.Helper()
	if r.err != nil || r.http != http.StatusOK || r.Code != code {
		t.Fatalf("got HTTP %d %q, error %v; want code %d", r.http, r.raw, r.err, code)
	}
}

func wantAgent(t *testing.T, sim *Server, agent, groups string) {
	t.Helper()
	if got := show(sim.Agent(agent)); got != groups {
		t.Fatalf("agent %s has %q, want %q", agent, got, groups)
	}
}

func wantApplied(t *testing.T, sim *Server, groups string) {
	t.Helper()
	wantAgent(t, sim, "7", groups)
	requests := sim.Requests()
	if last := requests[len(requests)-1]; last.Applied != (groups != "") {
		t.Fatalf("the ledger has applied=%v, the agent has %q", last.Applied, groups)
	}
}

func show(groups map[string]string) string {
	var out []string
	for _, id := range sortIDs(slices.Collect(maps.Keys(groups))) {
		out = append(out, fmt.Sprintf("%s=%s", id, groups[id]))
	}
	return strings.Join(out, " ")
}
