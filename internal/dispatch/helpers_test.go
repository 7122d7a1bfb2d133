package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/utils/clock"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// answer is what the fake DeepCall says, and after how long.
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

// call is one call as DeepCall saw it.
type call struct {
	agent, user string
	start, end  time.Duration
}

// bench is an account with a fake DeepCall behind it. Times are since its start.
type bench struct {
	*Account
	t      *testing.T
	begin  time.Time
	answer func(c call) answer

	mu      sync.Mutex
	calls   []call
	most    int // calls in flight at once
	flying  int
	woken   []string
	changed int
	onWake  func(agent string)
}

func newBench(t *testing.T, limits Limits, how func(call) answer) *bench {
	t.Helper()
	b := &bench{t: t, begin: time.Now(), answer: how}
	b.Account = newAccount(clock.RealClock{}, Hooks{Wake: b.wake, Tell: b.wake, Changed: b.change})
	b.Configure(b.settings("1001", limits))
	return b
}

var generous = Limits{RequestsPerSecond: 1000, Burst: 1000, MaxInFlight: 1000}

func always(a answer) func(call) answer { return func(call) answer { return a } }

// client makes a client that answers without sockets.
func (b *bench) client() *deepcall.Client {
	b.t.Helper()
	client, err := deepcall.NewClient(deepcall.Config{
		Endpoint: "https://deepcall.example", Timeout: time.Hour,
		WrapTransport: func(http.RoundTripper) http.RoundTripper { return roundTrip(b.serve) },
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return client
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (b *bench) settings(user string, limits Limits) Settings {
	b.t.Helper()
	return Settings{Revision: "1", Endpoint: "https://deepcall.example", Client: b.client(), Limits: limits, Credentials: credentials(b.t, user)}
}

// reconfigure changes some of the settings in force.
func (b *bench) reconfigure(change func(*Settings)) {
	s := b.Settings()
	change(&s)
	b.Configure(s)
}

func credentials(t *testing.T, user string) deepcall.Credentials {
	t.Helper()
	c, err := deepcall.ParseCredentials(map[string][]byte{"userId": []byte(user), "token": []byte("secret")})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (b *bench) serve(r *http.Request) (*http.Response, error) {
	var body struct{ AgentID, UserID string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return nil, err
	}
	c := call{agent: body.AgentID, user: body.UserID, start: time.Since(b.begin)}
	b.mu.Lock()
	b.flying++
	b.most = max(b.most, b.flying)
	n := len(b.calls)
	b.calls = append(b.calls, c)
	b.mu.Unlock()

	a := b.answer(c)
	select {
	case <-time.After(a.after):
	case <-r.Context().Done():
		a.err = r.Context().Err()
	}

	b.mu.Lock()
	defer b.mu.Unlock()
	b.flying--
	b.calls[n].end = time.Since(b.begin)
	if a.err != nil {
		return nil, a.err
	}
	resp := &http.Response{StatusCode: a.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(a.body))}
	if a.retryAfter != "" {
		resp.Header.Set("Retry-After", a.retryAfter)
	}
	return resp, nil
}

func (b *bench) wake(agent string) {
	b.mu.Lock()
	b.woken = append(b.woken, agent)
	onWake := b.onWake
	b.mu.Unlock()
	if onWake != nil {
		onWake(agent)
	}
}

func (b *bench) change() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changed++
}

// wakes returns who was woken since the last look.
func (b *bench) wakes() string {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	woken := strings.Join(b.woken, " ")
	b.woken = nil
	return woken
}

func (b *bench) made() []call {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]call(nil), b.calls...)
}

// starts are the times at which calls began.
func (b *bench) starts() string {
	var at []string
	for _, c := range b.made() {
		at = append(at, c.start.String())
	}
	return strings.Join(at, " ")
}

// agents are the agents called, in order.
func (b *bench) agents() string {
	var names []string
	for _, c := range b.made() {
		names = append(names, c.agent)
	}
	return strings.Join(names, " ")
}

// now makes a call that must be possible at once, and returns when it is over.
func (b *bench) now(agent string) error {
	b.t.Helper()
	turn := b.Turn(agent, Want{Priority: Edit})
	if turn == nil || !turn.Use() {
		b.t.Fatalf("agent %s got no turn at %s", agent, time.Since(b.begin))
	}
	_, err := turn.Call(b.t.Context(), deepcall.Request{AgentID: agent, Groups: map[string]bool{"90": true}})
	return err
}

// launch makes a call that must be possible at once, and does not wait for its end.
func (b *bench) launch(agent string) {
	b.t.Helper()
	turn := b.Turn(agent, Want{Priority: Edit})
	if turn == nil || !turn.Use() {
		b.t.Fatalf("agent %s got no turn at %s", agent, time.Since(b.begin))
	}
	go func() {
		_, _ = turn.Call(context.Background(), deepcall.Request{AgentID: agent, Groups: map[string]bool{"90": true}})
	}()
	synctest.Wait()
}

// elapse lets fake time pass.
func elapse(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// until lets fake time pass up to a time since the start.
func (b *bench) until(at time.Duration) {
	elapse(at - time.Since(b.begin))
}

func expect[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
