package hostile

import (
	"sync"
	"testing"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// The server sends a second answer with each. Every connection is used for one request, so the second answer is never
// taken for that of another request.
func TestSurplusAnswers(t *testing.T) {
	for name, surplus := range map[string]string{
		"a success":           answer(poison),
		"a rejection":         answer(rejection),
		"a truncated success": answer(poison)[:70],
		"one byte":            "H",
		"white space":         "\r\n",
		"a success in chunks": head(ok, chunked) + chunk(poison) + "0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			withoutLeaks(t, func() {
				logged := captureLog(t)
				s := &server{attack: attack{onRequest: respond(answer(hostile) + surplus)}, always: true}
				s.start(t)
				defer s.stop()
				c := newTestClient(t, deepcall.Config{Endpoint: s.url(), AllowInsecure: true, Timeout: longTimeout})

				const senders, requests = 4, 100
				var all sync.WaitGroup
				for range senders {
					all.Go(func() {
						for range requests {
							if got, err := c.send(); err != nil || got.Message != "hostile" {
								t.Errorf("got %+v, %v", got, err)
							}
						}
					})
				}
				all.Wait()
				if n, connections := s.requests.Load(), s.connections.Load(); n != senders*requests || connections != n {
					t.Errorf("%d requests on %d connections, want %d", n, connections, senders*requests)
				}
				if text := logged.String(); text != "" {
					t.Errorf("logged: %.200q", text)
				}
			})
		})
	}
}
