package hostile

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// Canaries, which are found in whatever form, and also in part. At their space net/http takes apart a status line
// that holds one, and would quote half of it.
var (
	token  = testenv.Canary("T0kenForHostileServersAlone")
	userID = testenv.Canary("Us3rOfHostileServersAlone")
)

const (
	// patience is a time-out that no call should need, short is one that is waited for, and grace is how much
	// later a call may come back on a busy machine.
	patience = 30 * time.Second
	short    = 100 * time.Millisecond
	grace    = 10 * time.Second
	// moment is how long a slow attack goes on until the time is up.
	moment = 20 * time.Millisecond

	most = 64 << 10 // of an answer's body is read
	// mostWire is what may be read of a connection, with the header, and what chunks and hints add.
	mostWire = 4*most + 4<<10
)

// caller makes the calls of a case.
type caller struct {
	*deepcall.Client
	cred deepcall.Credentials
	req  deepcall.Request
	meter
}

func newCaller(t *testing.T, cfg deepcall.Config) *caller {
	t.Helper()
	cred, err := deepcall.ParseCredentials(map[string][]byte{"userId": []byte(userID), "token": []byte(token)})
	if err != nil {
		t.Fatal(err)
	}
	c := &caller{cred: cred, req: deepcall.Request{AgentID: "7", Groups: map[string]bool{"90": true, "91": false}}}
	cfg.WrapTransport = c.wrap
	if c.Client, err = deepcall.NewClient(cfg); err != nil {
		t.Fatal(err)
	}
	return c
}

// enlarge makes the request the largest there is.
func (c *caller) enlarge() {
	c.req.Groups = map[string]bool{}
	for i := range 1000 {
		c.req.Groups[fmt.Sprintf("%064d", i)] = true
	}
}

func (c *caller) call() (deepcall.Answer, error) { return c.callIn(context.Background()) }

func (c *caller) callIn(ctx context.Context) (deepcall.Answer, error) {
	return c.UpdateAgentGroupMapping(ctx, c.cred, c.req)
}

// deadline is a context whose time is up when the test says so, and not when the machine is busy.
type deadline struct {
	context.Context
	over chan struct{}
	at   time.Time // set before over is closed
}

func newDeadline() *deadline {
	return &deadline{Context: context.Background(), over: make(chan struct{})}
}

func (d *deadline) end() { d.at = time.Now(); close(d.over) }

func (d *deadline) Done() <-chan struct{} { return d.over }

func (d *deadline) Err() error {
	select {
	case <-d.over:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// expectNoSecret holds that no part of the text is a credential, however it is spelled.
func expectNoSecret(t *testing.T, what, text string) {
	t.Helper()
	for _, secret := range []string{token, userID} {
		if forms := testenv.Reveals(text, secret); len(forms) > 0 {
			t.Errorf("%s holds a credential, %s: %.300q", what, strings.Join(forms, ", "), text)
		}
	}
}

// expect holds the outcome of a call to what the attack should come to.
func (a attack) expect(t *testing.T, got deepcall.Answer, err error) {
	t.Helper()
	expectNoSecret(t, "the answer", got.Message)
	if err == nil {
		if a.want != "" && !strings.HasPrefix(a.want, "|") || got.Code != 200 || got.Message != "hostile" {
			t.Errorf("a success %+v, want %q", got, a.want)
		}
		return
	}
	var e *deepcall.Error
	if !errors.As(err, &e) || got != (deepcall.Answer{}) {
		t.Fatalf("got %+v and %v", got, err)
	}
	class := deepcall.Class(a.class)
	if class == "" {
		class = deepcall.Transient
	}
	known := false
	for _, reason := range strings.Split(a.want, "|") {
		known = known || reason == e.Reason
	}
	if !known || e.Class != class || e.Uncertain == a.certain && !a.either {
		t.Errorf("got %s %s, uncertain %v (%v); want %s %s, uncertain %v", e.Class, e.Reason, e.Uncertain, err, class, a.want, !a.certain)
	}
	if e.Answer != nil {
		expectNoSecret(t, "the answer", e.Answer.Message)
	}
	if e.RetryAfter < 0 || e.RetryAfter > time.Hour {
		t.Errorf("it should be left alone for %v", e.RetryAfter)
	}
	for cause := err; cause != nil; cause = errors.Unwrap(cause) {
		text := fmt.Sprintf("%v %+v %#v", cause, cause, cause)
		expectNoSecret(t, "the error", text)
		if strings.Contains(text, "panic") {
			t.Errorf("there was a panic: %s", text)
		}
	}
}

// withoutLeaks runs a case, and holds that no goroutine is left of it.
func withoutLeaks(t *testing.T, run func()) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	run()
	deadline := time.Now().Add(patience)
	for {
		err := goleak.Find(before)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("left behind: %v", err)
			return
		}
	}
}

// way is how the attacks of a family are met.
type way struct {
	name   string
	secure bool
	kept   bool // the attack comes on a connection that served a call before
}

// waysOf are both ways, but for attacks on TLS itself.
func waysOf(a attack) []way {
	switch {
	case a.shake != nil:
		return []way{{name: "new connection, TLS", secure: true}}
	case a.secure:
		return []way{{name: "new connection, TLS", secure: true}, {name: "kept connection, TLS", secure: true, kept: true}}
	}
	return []way{{name: "new connection"}, {name: "kept connection, TLS", secure: true, kept: true}}
}

// meet has the client call the hostile server once, and the honest one afterwards.
func (a attack) meet(t *testing.T, w way) {
	elsewhere := &server{}
	elsewhere.start(t)
	defer elsewhere.stop()
	s := &server{attack: a, bad: a.shake, elsewhere: elsewhere.url()}
	if w.secure {
		s.good = ours.server()
	}
	s.start(t)
	stop := sync.OnceFunc(s.stop)
	defer stop()
	diary := keepDiary(t)
	c := newCaller(t, deepcall.Config{Endpoint: s.url(), AllowInsecure: true, Timeout: patience, CABundle: ours.bundle})
	if a.large {
		c.enlarge()
	}
	if w.kept {
		expectHonest(t, c, "the call before")
	}
	connections, requests := s.connections.Load(), s.requests.Load()
	c.wire.Store(0)
	c.body.Store(0)

	s.armed.Store(true)
	got, err := a.call(t, c, s)
	a.expect(t, got, err)
	if body, wire := c.body.Load(), c.wire.Load(); body > most+1 || wire > mostWire {
		t.Errorf("read %d bytes of the body, %d in all", body, wire)
	}
	noteReading(c.wire.Load())
	if n := s.requests.Load() - requests; n != int32(1-a.unseen) {
		t.Errorf("the server got %d whole requests", n)
	}
	if n := s.connections.Load() - connections; n > 1 {
		t.Errorf("the call opened %d connections", n)
	}
	if !a.slow {
		select {
		case <-s.attacked:
		case <-time.After(grace):
			t.Error("the client did not let go of the connection")
		}
	}
	s.armed.Store(false)
	expectHonest(t, c, "the call after")
	if n := elsewhere.connections.Load(); n > 0 {
		t.Errorf("another server was called %d times", n)
	}
	c.CloseIdleConnections()
	stop()
	expectNoSecret(t, "the log", diary.String())
}

// call makes the call under attack, and holds that it ends in time.
func (a attack) call(t *testing.T, c *caller, s *server) (deepcall.Answer, error) {
	t.Helper()
	if !a.slow {
		start := time.Now()
		got, err := c.call()
		if took := time.Since(start); took > grace {
			t.Errorf("the call took %v", took)
		}
		return got, err
	}
	ctx := newDeadline()
	s.over.Go(func() {
		select {
		case <-s.begun:
		case <-s.end:
		}
		<-time.NewTimer(moment).C
		ctx.end()
	})
	got, err := c.callIn(ctx)
	select {
	case <-ctx.over:
		if late := time.Since(ctx.at); late > grace {
			t.Errorf("the call ended %v after its time was up", late)
		}
	default:
		t.Error("the call ended before its time was up")
	}
	return got, err
}

// expectHonest makes a call that should be answered honestly, and not with what is left of another.
func expectHonest(t *testing.T, c *caller, what string) {
	t.Helper()
	if got, err := c.call(); err != nil || got.Message != "honest" {
		t.Errorf("%s: got %+v, %v", what, got, err)
	}
}
