package hostile

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// attack is one way in which a server misbehaves, and the expected result of the request.
type attack struct {
	name string
	// onRequest misbehaves after the request was read.
	onRequest func(c *serverConn)
	// onConnect misbehaves before the request is read.
	onConnect func(c *serverConn)
	// handshake misbehaves in the TLS handshake.
	handshake func(net.Conn, <-chan struct{}) net.Conn
	// want is the reason of the error, "" for a success. Alternatives, between which the
	// network decides, are separated by a bar.
	want string
	// cause is the cause that the error names; not checked if empty.
	cause string
	// class is the class of the error; Transient if empty.
	class string
	// certain means that the request can't have been applied.
	certain bool
	// eitherCertainty means that the network decides whether that is certain.
	eitherCertainty bool
	// slow attacks last until the client's deadline.
	slow bool
	// incomplete means that the server does not read the whole request.
	incomplete bool
	// tlsOnly is for attacks that need TLS.
	tlsOnly bool
	// large is for a request that fills the buffers of the connection.
	large bool
}

// expectNoSecret checks that no part of the text is a credential in any spelling.
func expectNoSecret(t *testing.T, what, text string) {
	t.Helper()
	for _, secret := range []string{token, userID} {
		if forms := testenv.Reveals(text, secret); len(forms) > 0 {
			t.Errorf("%s holds a credential, %s: %.300q", what, strings.Join(forms, ", "), text)
		}
	}
}

// expect checks the result of a request.
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
	if !known || e.Class != class || e.Uncertain == a.certain && !a.eitherCertainty {
		t.Errorf("got %s %s, uncertain %v (%v); want %s %s, uncertain %v", e.Class, e.Reason, e.Uncertain, err, class, a.want, !a.certain)
	}
	if a.cause != "" && e.Cause() != a.cause {
		t.Errorf("got the cause %q, want %q", e.Cause(), a.cause)
	}
	if e.Answer != nil {
		expectNoSecret(t, "the answer", e.Answer.Message)
	}
	if e.RetryAfter < 0 || e.RetryAfter > time.Hour {
		t.Errorf("the pause is %v", e.RetryAfter)
	}
	for cause := err; cause != nil; cause = errors.Unwrap(cause) {
		text := fmt.Sprintf("%v %+v %#v", cause, cause, cause)
		expectNoSecret(t, "the error", text)
		if strings.Contains(text, "panic") {
			t.Errorf("the client panicked: %s", text)
		}
	}
}

// withoutLeaks runs a case and checks that none of its goroutines is left.
func withoutLeaks(t *testing.T, run func()) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	run()
	deadline := time.Now().Add(longTimeout)
	for {
		err := goleak.Find(before)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("goroutines are left: %v", err)
			return
		}
	}
}

// mode is how the client meets an attack.
type mode struct {
	name   string
	secure bool
	later  bool // the client has sent a request before
}

// modesOf returns both modes, or only those with TLS for attacks that need it.
func modesOf(a attack) []mode {
	switch {
	case a.handshake != nil:
		return []mode{{name: "first request, TLS", secure: true}}
	case a.tlsOnly:
		return []mode{{name: "first request, TLS", secure: true}, {name: "later request, TLS", secure: true, later: true}}
	}
	return []mode{{name: "first request"}, {name: "later request, TLS", secure: true, later: true}}
}

// run sends one request to the hostile server and another one when it is honest again.
func (a attack) run(t *testing.T, m mode) {
	other := &server{}
	other.start(t)
	defer other.stop()
	s := &server{attack: a, hostileHandshake: a.handshake, otherURL: other.url()}
	if m.secure {
		s.tlsConfig = serverConfig()
	}
	s.start(t)
	stop := sync.OnceFunc(s.stop)
	defer stop()
	logged := captureLog(t)
	c := newTestClient(t, deepcall.Config{Endpoint: s.url(), AllowInsecure: true, Timeout: longTimeout, CABundle: trustedBundle})
	if a.large {
		c.enlarge()
	}
	if m.later {
		expectHonest(t, c, "the request before")
	}
	connections, requests := s.connections.Load(), s.requests.Load()
	c.wire.Store(0)
	c.body.Store(0)

	s.armed.Store(true)
	got, err := a.send(t, c, s)
	a.expect(t, got, err)
	if body, wire := c.body.Load(), c.wire.Load(); body > maxBody+1 || wire > maxWire {
		t.Errorf("read %d bytes of the body, %d in all", body, wire)
	}
	recordRead(c.wire.Load())
	wantRequests := int32(1)
	if a.incomplete {
		wantRequests = 0
	}
	if n := s.requests.Load() - requests; n != wantRequests {
		t.Errorf("the server read %d whole requests", n)
	}
	if n := s.connections.Load() - connections; n != 1 {
		t.Errorf("the request opened %d connections", n)
	}
	if !a.slow {
		select {
		case <-s.attackEnded:
		case <-time.After(grace):
			t.Error("the client did not close the connection")
		}
	}
	s.armed.Store(false)
	expectHonest(t, c, "the request after")
	if n := other.connections.Load(); n > 0 {
		t.Errorf("another server got %d connections", n)
	}
	stop()
	if text := logged.String(); text != "" {
		t.Errorf("logged: %.200q", text)
	}
}

// send sends the request under attack and checks that it ends in time.
func (a attack) send(t *testing.T, c *testClient, s *server) (deepcall.Answer, error) {
	t.Helper()
	if !a.slow {
		start := time.Now()
		got, err := c.send()
		if took := time.Since(start); took > grace {
			t.Errorf("the request took %v", took)
		}
		return got, err
	}
	ctx := newManualDeadline()
	s.goroutines.Go(func() {
		select {
		case <-s.attackStarted:
		case <-s.stopping:
		}
		<-time.NewTimer(attackTime).C
		ctx.expire()
	})
	got, err := c.sendContext(ctx)
	select {
	case <-ctx.expired:
		if late := time.Since(ctx.at); late > grace {
			t.Errorf("the request ended %v after its deadline", late)
		}
	default:
		t.Error("the request ended before its deadline")
	}
	return got, err
}

// expectHonest sends a request that must get an honest answer.
func expectHonest(t *testing.T, c *testClient, what string) {
	t.Helper()
	if got, err := c.send(); err != nil || got.Message != "honest" {
		t.Errorf("%s: got %+v, %v", what, got, err)
	}
}
