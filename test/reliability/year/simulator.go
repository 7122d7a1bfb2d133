package year

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"syscall"
	"time"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

// simulator is the simulated DeepCall of one account and its current fault. Its server is replaced now and
// then, because the server's ledger of requests only grows.
type simulator struct {
	account   string
	userID    string
	semantics deepcalltest.Semantics
	// onRequest and onResponse are called for each request.
	onRequest  func(s *simulator, agent string)
	onResponse func(s *simulator, agent string, code int)

	mu            sync.Mutex
	server        *deepcalltest.Server
	token         string
	fault         fault
	deletedGroups map[string]bool
	inFlight      int
}

func newSimulator(account string, semantics deepcalltest.Semantics) *simulator {
	s := &simulator{account: account, userID: "user-" + account, token: "first", semantics: semantics, deletedGroups: map[string]bool{}}
	s.server = s.newServer()
	return s
}

func (s *simulator) endpoint() string { return "https://" + s.account + ".deepcall.test" }

func (s *simulator) newServer() *deepcalltest.Server {
	return deepcalltest.New(deepcalltest.Options{
		Semantics: s.semantics, Latency: 80 * time.Millisecond, Jitter: 300 * time.Millisecond,
		Accounts: []deepcalltest.Account{{UserID: s.userID, Token: s.token}},
	})
}

// replaceServer starts another server with the same state. It returns the number of overlapping requests
// for the same agent that the old server has seen.
func (s *simulator) replaceServer() (overlaps int) {
	s.mu.Lock()
	old := s.server
	s.server = s.newServer()
	for agent, groups := range old.Agents() {
		s.server.SetAgent(agent, groups)
	}
	for group := range s.deletedGroups {
		s.server.RemoveGroups(group)
	}
	s.mu.Unlock()
	s.setFault(s.fault)
	overlaps = old.Overlaps()
	old.Close()
	return overlaps
}

// setFault replaces the current fault; the zero fault ends it.
func (s *simulator) setFault(f fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
	s.server.ClearFaults()
	if f.isScripted() {
		s.server.Script(f.script.Times(-1))
	}
	s.server.Suspend(s.userID, f.suspend)
}

func (s *simulator) rotateToken(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = token
	s.server.RotateToken(s.userID, token)
}

// setGroupDeleted deletes a group in DeepCall, or restores it.
func (s *simulator) setGroupDeleted(group string, deleted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if deleted {
		s.deletedGroups[group] = true
		s.server.RemoveGroups(group)
		return
	}
	delete(s.deletedGroups, group)
	s.server.AddGroups(group)
}

// groups returns the groups of an agent in DeepCall.
func (s *simulator) groups(agent string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.server.Agent(agent)
}

// changeGroups changes the groups of an agent in DeepCall without a request of the operator.
func (s *simulator) changeGroups(agent string, change func(map[string]string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	groups := maps.Clone(s.server.Agent(agent))
	change(groups)
	s.server.SetAgent(agent, groups)
}

func (s *simulator) busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inFlight > 0
}

var errConnectionClosed = errors.New("the server closed the connection")

// RoundTrip sends a request to the server. The server continues to process it when the client disconnects,
// as a real one does.
func (s *simulator) RoundTrip(request *http.Request) (*http.Response, error) {
	s.mu.Lock()
	server, down := s.server, s.fault.down
	s.inFlight++
	s.mu.Unlock()
	agent, code := "", 0
	if !down {
		agent = readAgentID(request) // only here: the client takes a request whose body was read for a sent one
	}
	s.onRequest(s, agent)
	defer func() {
		s.mu.Lock()
		s.inFlight--
		s.mu.Unlock()
		s.onResponse(s, agent, code)
	}()
	if down {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	served := make(chan *http.Response, 1)
	go func() { served <- serve(server, request) }()
	select {
	case response := <-served:
		if response == nil {
			return nil, errConnectionClosed
		}
		code = readCode(response)
		return response, nil
	case <-request.Context().Done():
		return nil, request.Context().Err()
	}
}

// serve returns the response of the server, or nil if the server closes the connection.
func serve(server *deepcalltest.Server, request *http.Request) (response *http.Response) {
	defer func() {
		if p := recover(); p != nil && p != http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
			panic(p)
		}
	}()
	// The client can change its request once it has the response, so the server gets a copy.
	in := request.Clone(request.Context())
	in.RequestURI = request.URL.RequestURI()
	recorder := httptest.NewRecorder()
	server.ServeHTTP(recorder, in)
	response = recorder.Result()
	response.Request = request
	return response
}

// readAgentID returns the agent ID in the body of a request, and restores the body.
func readAgentID(request *http.Request) string {
	var decoded struct {
		AgentID string `json:"agentId"`
	}
	raw, err := io.ReadAll(request.Body)
	request.Body = io.NopCloser(bytes.NewReader(raw))
	if err != nil || json.Unmarshal(raw, &decoded) != nil {
		return ""
	}
	return decoded.AgentID
}

// readCode returns DeepCall's code in a response, or the HTTP status if there is no code. It restores the body.
func readCode(response *http.Response) int {
	raw, err := io.ReadAll(response.Body)
	response.Body = io.NopCloser(bytes.NewReader(raw))
	var decoded struct {
		Code int `json:"code"`
	}
	if err != nil || response.StatusCode != http.StatusOK || json.Unmarshal(raw, &decoded) != nil {
		return response.StatusCode
	}
	return decoded.Code
}
