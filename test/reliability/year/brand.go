package year

import (
	"errors"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"syscall"
	"time"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

// brand is the DeepCall of one account: what simulates it, and what goes wrong with it at present.
// A simulator keeps a ledger of all its calls, so it is renewed now and then.
type brand struct {
	account   string
	userID    string
	semantics deepcalltest.Semantics
	// called and ended are told of each call.
	called func(b *brand, agent string)
	ended  func(b *brand, agent string, code int)

	mu       sync.Mutex
	sim      *deepcalltest.Server
	token    string
	trouble  trouble
	missing  map[string]bool // groups that were deleted in DeepCall
	inFlight int
}

// trouble is a way for all calls to go wrong.
type trouble struct {
	name    string
	down    bool // nobody listens
	fault   deepcalltest.Fault
	suspend bool // DeepCall refuses the account
	// grace is how long after its end all is well again, at most.
	grace time.Duration
	// hourly is how many calls there are in an hour in the midst of it, at most.
	hourly int
}

func (t trouble) faulty() bool {
	return t.fault.Code != 0 || t.fault.Status != 0 || t.fault.Cut || t.fault.Hang
}

func newBrand(account string, semantics deepcalltest.Semantics) *brand {
	b := &brand{account: account, userID: "user-" + account, token: "first", semantics: semantics, missing: map[string]bool{}}
	b.sim = b.simulate()
	return b
}

func (b *brand) endpoint() string { return "https://" + b.account + ".deepcall.test" }

func (b *brand) simulate() *deepcalltest.Server {
	return deepcalltest.New(deepcalltest.Options{
		Semantics: b.semantics, Latency: 80 * time.Millisecond, Jitter: 300 * time.Millisecond,
		Accounts: []deepcalltest.Account{{UserID: b.userID, Token: b.token}},
	})
}

// renew puts another simulator in place, which holds the same. It returns how often two calls for an
// agent overlapped in the old one.
func (b *brand) renew() (overlaps int) {
	b.mu.Lock()
	old := b.sim
	b.sim = b.simulate()
	for agent, groups := range old.Agents() {
		b.sim.SetAgent(agent, groups)
	}
	for group := range b.missing {
		b.sim.RemoveGroups(group)
	}
	b.mu.Unlock()
	b.befall(b.trouble)
	overlaps = old.Overlaps()
	old.Close()
	return overlaps
}

// befall replaces what goes wrong; the zero trouble ends it.
func (b *brand) befall(t trouble) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trouble = t
	b.sim.ClearFaults()
	if t.faulty() {
		b.sim.Script(t.fault.Times(-1))
	}
	b.sim.Suspend(b.userID, t.suspend)
}

func (b *brand) rotate(token string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.token = token
	b.sim.RotateToken(b.userID, token)
}

// lose deletes a group, or brings it back.
func (b *brand) lose(group string, gone bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if gone {
		b.missing[group] = true
		b.sim.RemoveGroups(group)
		return
	}
	delete(b.missing, group)
	b.sim.AddGroups(group)
}

// holds is what DeepCall holds of an agent.
func (b *brand) holds(agent string) map[string]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sim.Agent(agent)
}

// disturb changes what DeepCall holds of an agent, behind the operator's back.
func (b *brand) disturb(agent string, change func(map[string]string)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	groups := maps.Clone(b.sim.Agent(agent))
	change(groups)
	b.sim.SetAgent(agent, groups)
}

func (b *brand) busy() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.inFlight > 0
}

var errCut = errors.New("the connection was cut")

// RoundTrip makes a call. The server goes on with it when the client leaves, as a real one does.
func (b *brand) RoundTrip(request *http.Request) (*http.Response, error) {
	b.mu.Lock()
	sim, down := b.sim, b.trouble.down
	b.inFlight++
	b.mu.Unlock()
	agent, code := "", 0
	if !down {
		agent = agentIn(request) // what does not leave must not be read: the client tells by that
	}
	b.called(b, agent)
	defer func() {
		b.mu.Lock()
		b.inFlight--
		b.mu.Unlock()
		b.ended(b, agent, code)
	}()
	if down {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	served := make(chan *http.Response, 1)
	go func() { served <- serve(sim, request) }()
	select {
	case response := <-served:
		if response == nil {
			return nil, errCut
		}
		code = codeOf(response)
		return response, nil
	case <-request.Context().Done():
		return nil, request.Context().Err()
	}
}

// serve returns nil for a connection that is cut.
func serve(sim *deepcalltest.Server, request *http.Request) (response *http.Response) {
	defer func() {
		if p := recover(); p != nil && p != http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
			panic(p)
		}
	}()
	// A request's body is taken away when the client gets its answer; the server has its own.
	in := request.Clone(request.Context())
	in.RequestURI = request.URL.RequestURI()
	recorder := httptest.NewRecorder()
	sim.ServeHTTP(recorder, in)
	response = recorder.Result()
	response.Request = request
	return response
}
