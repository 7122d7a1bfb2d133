package hostile

import (
	"strings"
	"testing"
	"time"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// The client closes the connection after the answer. Data that the server sends afterwards is neither logged nor
// taken for the answer to the next request.
func TestDataAfterTheAnswer(t *testing.T) {
	for name, after := range map[string]func(c *serverConn){
		"the end":                 func(c *serverConn) { c.close() },
		"a success":               func(c *serverConn) { c.send(answer(poison)); c.drain() },
		"a success, then the end": func(c *serverConn) { c.send(answer(poison)); c.close() },
		"a rejection":             func(c *serverConn) { c.send(answer(rejection)); c.drain() },
		"408":                     func(c *serverConn) { c.send(answerWith("408 Request Timeout", "")); c.close() },
		"half an answer":          func(c *serverConn) { c.send(answer(poison)[:40]); c.drain() },
		"the request":             func(c *serverConn) { c.send(c.body); c.drain() },
		"a flood":                 func(c *serverConn) { c.flood(strings.Repeat("x", 4096)) },
		"hints":                   func(c *serverConn) { c.send(head("103 Early Hints")); c.drain() },
	} {
		for _, m := range modesOf(attack{}) {
			t.Run(name+", "+m.name, func(t *testing.T) {
				withoutLeaks(t, func() { sendAfterTheAnswer(t, m, after) })
			})
		}
	}
}

func sendAfterTheAnswer(t *testing.T, m mode, after func(c *serverConn)) {
	answered := make(chan struct{})
	s := &server{attack: attack{onRequest: func(c *serverConn) {
		c.send(answer(hostile))
		<-answered
		after(c)
	}}}
	if m.secure {
		s.tlsConfig = serverConfig()
	}
	s.start(t)
	defer s.stop()
	logged := captureLog(t)
	c := newTestClient(t, deepcall.Config{Endpoint: s.url(), AllowInsecure: true, Timeout: longTimeout, CABundle: trustedBundle})

	s.armed.Store(true)
	got, err := c.send()
	attack{}.expect(t, got, err)
	close(answered)
	select {
	case <-s.attackEnded:
	case <-time.After(3 * time.Second):
		t.Error("the client did not close the connection")
	}
	expectHonest(t, c, "the request after")
	if requests, connections := s.requests.Load(), s.connections.Load(); requests != 2 || connections != 2 {
		t.Errorf("%d requests on %d connections, want two", requests, connections)
	}
	if text := logged.String(); text != "" {
		t.Errorf("logged: %.200q", text)
	}
}
