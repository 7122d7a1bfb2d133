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
	errDead      = errors.New("the process is dead")
	errNotSent   = errors.New("the request did not get through")
	errNoAnswer  = errors.New("the answer did not get through")
	apiPath      = "/apis/telephony.deepcall.com/v1alpha1/namespaces/"
	notNumbered  = []string{"/events", "/leases"}
	verbs        = map[string]string{http.MethodPost: "create", http.MethodPut: "update", http.MethodPatch: "patch", http.MethodDelete: "delete"}
	successfully = `"status":"success"`
)

// struckTakes is how long an effect whose answer is lost may go on. DeepCall may let it hang.
const struckTakes = 10 * time.Second

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// toAPIServer is the process's way to the API server.
func (p *process) toAPIServer(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		if request.Method == http.MethodGet {
			if p.world.ledger.isFenced(p) {
				return nil, errDead
			}
			return next.RoundTrip(request)
		}
		e, numbered := describe(request)
		return p.perform(e, numbered, request, next, func(body []byte) { p.judgeWrite(e, request, body) })
	})
}

// describe names a write: "update agentgroupmappings/asha/status". Events and leases are not numbered:
// nothing that the operator does depends on them.
func describe(request *http.Request) (e *effect, numbered bool) {
	what := request.URL.Path
	if _, rest, ours := strings.Cut(what, apiPath); ours {
		_, what, _ = strings.Cut(rest, "/")
	}
	for _, part := range notNumbered {
		if strings.Contains(request.URL.Path, part) {
			return &effect{what: verbs[request.Method] + " " + what}, false
		}
	}
	return &effect{what: verbs[request.Method] + " " + what}, true
}

// toDeepCall is the process's way to DeepCall.
func (p *process) toDeepCall(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		e := &effect{call: true, what: "call", endpoint: "http://" + request.URL.Host}
		done := func() {}
		response, err := p.perform(e, true, request, next, func(body []byte) { done = p.depart(e, body) })
		done()
		return response, err
	})
}

// perform lets an effect take place, or go wrong. What does not leave must not be read: DeepCall's
// client knows by that whether anything of a request can have arrived.
func (p *process) perform(
	e *effect, numbered bool, request *http.Request, next http.RoundTripper, leaving func(body []byte),
) (*http.Response, error) {
	if request.Body == nil {
		request.Body = http.NoBody
	}
	defer request.Body.Close()
	strike, alive := p.world.ledger.admit(p, e, numbered)
	if !alive {
		return nil, errDead
	}
	if !strike.leaves() {
		p.world.ledger.end(p, e, "never left")
		if strike.crashes() {
			p.world.crashed(p)
		}
		return nil, errNotSent
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		p.world.ledger.end(p, e, "unreadable")
		return nil, err
	}
	leaving(body)
	ctx := request.Context()
	if strike != "" { // what takes place takes place, whatever becomes of the caller
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), struckTakes)
		defer cancel()
	}
	sent := request.Clone(ctx)
	sent.Body, sent.GetBody = io.NopCloser(bytes.NewReader(body)), nil
	response, err := next.RoundTrip(sent)
	return p.conclude(e, strike, response, err)
}

// conclude hands the answer on, or loses it.
func (p *process) conclude(e *effect, strike mode, response *http.Response, err error) (*http.Response, error) {
	outcome, answer, readErr := comesBack(e, response, err)
	if strike != "" {
		if strike.crashes() {
			p.world.ledger.fence(p)
		}
		p.world.ledger.end(p, e, outcome+", not heard")
		if strike.crashes() {
			p.world.crashed(p)
		}
		return nil, errNoAnswer
	}
	if err != nil {
		p.world.ledger.end(p, e, outcome)
		return nil, err
	}
	if e.call && strings.Contains(string(answer), successfully) {
		p.world.ledger.heard(e)
	}
	p.world.ledger.end(p, e, outcome)
	response.Body = io.NopCloser(io.MultiReader(bytes.NewReader(answer), failing{readErr}))
	return response, nil
}

// comesBack is what came back, in a line and in whole.
func comesBack(e *effect, response *http.Response, err error) (outcome string, answer []byte, readErr error) {
	if err != nil {
		return "failed: " + err.Error(), nil, nil
	}
	defer response.Body.Close()
	answer, readErr = io.ReadAll(response.Body)
	if e.call {
		return verdict(answer), answer, readErr
	}
	return response.Status, answer, readErr
}

// failing ends a body as it ended for us.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err == nil {
		return 0, io.EOF
	}
	return 0, f.err
}

func verdict(answer []byte) string {
	var said struct {
		Code    int
		Message string
	}
	if json.Unmarshal(answer, &said) != nil {
		return "an unreadable answer"
	}
	return fmt.Sprintf("%d %s", said.Code, said.Message)
}

// heard notes that DeepCall's yes is about to reach the manager.
func (l *ledger) heard(e *effect) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.accepted = true
}

// depart fills in what a call says, and checks that it is the agent's only one in flight.
func (p *process) depart(e *effect, body []byte) (done func()) {
	var request struct {
		AgentID string `json:"agentId"`
		Group   map[string]struct {
			ReceiveCall string `json:"receive_call"`
		} `json:"group"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		p.world.ledger.violate("a request to DeepCall that is no JSON: %v", err)
	}
	groups := map[string]string{}
	for id, group := range request.Group {
		groups[id] = group.ReceiveCall
	}
	l := p.world.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	e.agent, e.groups = request.AgentID, groups
	e.what = fmt.Sprintf("call for agent %s: %s", e.agent, inWords(groups))
	key := e.endpoint + " " + e.agent
	if p.inFlight[key] {
		l.violations = append(l.violations, "I6: two calls in flight for agent "+e.agent)
	}
	p.inFlight[key] = true
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(p.inFlight, key)
	}
}

// judgeWrite checks a status on its way out.
func (p *process) judgeWrite(e *effect, request *http.Request, body []byte) {
	if request.Method != http.MethodPut || !strings.Contains(request.URL.Path, "/agentgroupmappings/") {
		return
	}
	var mapping v1alpha1.AgentGroupMapping
	if err := json.Unmarshal(body, &mapping); err != nil {
		p.world.ledger.violate("a status that is no JSON: %v", err)
		return
	}
	effects := p.world.ledger.look()
	if problem := readyTooEarly(&mapping, effects); problem != "" {
		p.world.ledger.violate("I3: %s, in %s", problem, e.what)
	}
	if readyNow(&mapping) {
		p.world.ledger.noteReady(readyWrite{e, len(effects), &mapping})
	}
	if problem := notHeld(&mapping); problem != "" {
		p.world.ledger.violate("I7: %s, in %s", problem, e.what)
	}
}
