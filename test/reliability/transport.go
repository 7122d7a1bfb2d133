package reliability

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

var (
	errCrashed  = errors.New("the process has crashed")
	errNotSent  = errors.New("the request was not sent")
	errNoAnswer = errors.New("the answer was lost")
	apiPath     = "/apis/telephony.deepcall.com/v1alpha1/namespaces/"
	verbs       = map[string]string{http.MethodPost: "create", http.MethodPut: "update", http.MethodPatch: "patch", http.MethodDelete: "delete"}
	successBody = `"status":"success"`
)

// faultTimeout limits an effect whose answer is lost. DeepCall may let it hang.
const faultTimeout = 10 * time.Second

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// wrapAPIServer wraps the process's transport to the API server.
func (p *process) wrapAPIServer(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		if request.Method == http.MethodGet {
			if p.env.ledger.isFenced(p) {
				return nil, errCrashed
			}
			return next.RoundTrip(request)
		}
		e, numbered := describeWrite(request)
		return p.roundTrip(e, numbered, request, p.env.rejectingWrites(next), func(body []byte) { p.checkWrite(e, request, body) })
	})
}

// rejectWrites lets the API server reject the manager's writes whose paths end so, for example "agentgroupmappings/asha/status".
func (env *environment) rejectWrites(end string) {
	env.rejected.Store(&end)
}

// rejectingWrites answers the writes to be rejected as an admission policy does.
func (env *environment) rejectingWrites(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		end := env.rejected.Load()
		if end == nil || *end == "" || !strings.HasSuffix(request.URL.Path, "/"+*end) {
			return next.RoundTrip(request)
		}
		const answer = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403,"message":"denied by a policy"}`
		return &http.Response{
			Status: "403 Forbidden", StatusCode: http.StatusForbidden, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: request,
			Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(answer)),
		}, nil
	})
}

// describeWrite returns the effect of a write, such as "update agentgroupmappings/asha/status", and whether it is
// numbered. Events and leases are not: nothing that the operator does depends on them.
func describeWrite(request *http.Request) (e *effect, numbered bool) {
	path := request.URL.Path
	numbered = !strings.Contains(path, "/events") && !strings.Contains(path, "/leases")
	if _, rest, found := strings.Cut(path, apiPath); found {
		_, path, _ = strings.Cut(rest, "/")
	}
	return &effect{description: verbs[request.Method] + " " + path}, numbered
}

// wrapDeepCall wraps the process's transport to DeepCall.
func (p *process) wrapDeepCall(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		e := &effect{request: true, description: "request", endpoint: "http://" + request.URL.Host}
		done := func() {}
		response, err := p.roundTrip(e, true, request, next, func(body []byte) { done = p.startRequest(e, body) })
		done()
		return response, err
	})
}

// roundTrip sends an effect, or injects a fault. The body of an effect that is not sent must not be read: DeepCall's
// client concludes from that whether any part of a request can have arrived.
func (p *process) roundTrip(
	e *effect, numbered bool, request *http.Request, next http.RoundTripper, beforeSending func(body []byte),
) (*http.Response, error) {
	if request.Body == nil {
		request.Body = http.NoBody
	}
	defer request.Body.Close()
	mode, running := p.env.ledger.begin(p, e, numbered)
	if !running {
		return nil, errCrashed
	}
	if !mode.sends() {
		p.env.ledger.end(p, e, "not sent")
		if mode.crashes() {
			p.env.replaceCrashed(p)
		}
		return nil, errNotSent
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		p.env.ledger.end(p, e, "unreadable")
		return nil, err
	}
	beforeSending(body)
	ctx := request.Context()
	if mode != "" { // the effect must be completed even if the caller cancels it
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), faultTimeout)
		defer cancel()
	}
	sent := request.Clone(ctx)
	sent.Body, sent.GetBody = io.NopCloser(bytes.NewReader(body)), nil
	response, err := next.RoundTrip(sent)
	return p.finish(e, mode, response, err)
}

// finish returns the answer to the caller, or loses it.
func (p *process) finish(e *effect, mode faultMode, response *http.Response, err error) (*http.Response, error) {
	result, answer, readErr := readResponse(e, response, err)
	if mode != "" {
		if mode.crashes() {
			p.env.ledger.fence(p)
		}
		p.env.ledger.end(p, e, result+", answer lost")
		if mode.crashes() {
			p.env.replaceCrashed(p)
		}
		return nil, errNoAnswer
	}
	if err != nil {
		p.env.ledger.end(p, e, result)
		return nil, err
	}
	if e.request && strings.Contains(string(answer), successBody) {
		p.env.ledger.markAccepted(e)
	}
	p.env.ledger.end(p, e, result)
	response.Body = io.NopCloser(io.MultiReader(bytes.NewReader(answer), errReader{readErr}))
	return response, nil
}

// readResponse returns a summary of the response for the ledger, and its body.
func readResponse(e *effect, response *http.Response, err error) (result string, answer []byte, readErr error) {
	if err != nil {
		return "failed: " + err.Error(), nil, nil
	}
	defer response.Body.Close()
	answer, readErr = io.ReadAll(response.Body)
	if e.request {
		return summarizeAnswer(answer), answer, readErr
	}
	return response.Status, answer, readErr
}

// errReader ends a body as the original body ended.
type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) {
	if r.err == nil {
		return 0, io.EOF
	}
	return 0, r.err
}

func summarizeAnswer(body []byte) string {
	var answer struct {
		Code    int
		Message string
	}
	if json.Unmarshal(body, &answer) != nil {
		return "an unreadable answer"
	}
	return fmt.Sprintf("%d %s", answer.Code, answer.Message)
}

// startRequest completes the effect of a request from its body, and checks that no other request for the agent is in
// flight.
func (p *process) startRequest(e *effect, body []byte) (done func()) {
	var request struct {
		AgentID string `json:"agentId"`
		Group   map[string]struct {
			ReceiveCall string `json:"receive_call"`
		} `json:"group"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		p.env.ledger.addViolation("a request to DeepCall is not JSON: %v", err)
	}
	groups := map[string]string{}
	for id, group := range request.Group {
		groups[id] = group.ReceiveCall
	}
	l := p.env.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	e.agent, e.groups = request.AgentID, groups
	e.description = fmt.Sprintf("request for agent %s: %s", e.agent, formatGroups(groups))
	key := e.endpoint + " " + e.agent
	if p.requestsInFlight[key] {
		l.violations = append(l.violations, "I6: two requests in flight for agent "+e.agent)
	}
	p.requestsInFlight[key] = true
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(p.requestsInFlight, key)
	}
}

// checkWrite checks a mapping's status before it is written.
func (p *process) checkWrite(e *effect, request *http.Request, body []byte) {
	if request.Method != http.MethodPut || !strings.Contains(request.URL.Path, "/agentgroupmappings/") {
		return
	}
	var mapping v1alpha1.AgentGroupMapping
	if err := json.Unmarshal(body, &mapping); err != nil {
		p.env.ledger.addViolation("a status is not JSON: %v", err)
		return
	}
	effects := p.env.ledger.list()
	if problem := checkReady(&mapping, effects); problem != "" {
		p.env.ledger.addViolation("I3: %s, in %s", problem, e.description)
	}
	if isReady(&mapping) {
		p.env.ledger.addReadyWrite(readyWrite{e, len(effects), &mapping})
	}
	if problem := checkFinalizer(&mapping); problem != "" && !p.env.ledger.wasErased(mapping.UID) {
		p.env.ledger.addViolation("I7: %s, in %s", problem, e.description)
	}
}
