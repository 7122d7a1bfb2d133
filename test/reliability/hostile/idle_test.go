package hostile

import (
	"strings"
	"testing"
	"time"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// Between two calls a kept connection may end, or say something. The client gives it up, and takes nothing of
// it for the answer to the next call.
func TestWhatHappensBetweenTwoCalls(t *testing.T) {
	for name, between := range map[string]func(v *visit){
		"the connection ends":          func(v *visit) { v.close() },
		"a success comes":              func(v *visit) { v.say(answer(poison)); v.drain() },
		"a success comes, and the end": func(v *visit) { v.say(answer(poison)); v.close() },
		"a refusal comes":              func(v *visit) { v.say(answer(refusal)); v.drain() },
		"408 comes":                    func(v *visit) { v.say(answerWith("408 Request Timeout", "")); v.close() },
		"half an answer comes":         func(v *visit) { v.say(answer(poison)[:40]); v.drain() },
		"the request comes back":       func(v *visit) { v.say(v.body); v.drain() },
		"a flood comes":                func(v *visit) { v.flood(strings.Repeat("x", 4096)) },
		"hints come":                   func(v *visit) { v.say(head("103 Early Hints")); v.drain() },
	} {
		for _, w := range waysOf(attack{}) {
			t.Run(name+", "+w.name, func(t *testing.T) {
				withoutLeaks(t, func() { meetBetween(t, w, between) })
			})
		}
	}
}

// idle is shorter than the client keeps a connection that nobody uses.
const idle = 3 * time.Second

func meetBetween(t *testing.T, w way, between func(v *visit)) {
	now := make(chan struct{})
	s := &server{attack: attack{serve: func(v *visit) {
		v.say(answer(hostile))
		<-now
		between(v)
	}}}
	if w.secure {
		s.good = ours.server()
	}
	s.start(t)
	defer s.stop()
	diary := keepDiary(t)
	c := newCaller(t, deepcall.Config{Endpoint: s.url(), AllowInsecure: true, Timeout: patience, CABundle: ours.bundle})
	defer c.CloseIdleConnections()

	s.armed.Store(true)
	got, err := c.call()
	attack{}.expect(t, got, err)
	close(now)
	select {
	case <-s.attacked:
	case <-time.After(idle):
		t.Error("the client keeps the connection")
	}
	expectHonest(t, c, "the call after")
	if n := s.requests.Load(); n != 2 {
		t.Errorf("%d requests for two calls", n)
	}
	if text := diary.String(); text != "" {
		t.Errorf("the log has text of the server: %.200q", text)
	}
}
