package hostile

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// A server, or a proxy that lost count, sends a second answer with each. However fast the next call
// follows, it does not take that for its own. (What comes while the next call is on its way already can't be told
// from its answer by anybody.)
func TestWhatIsLeftOfOneAnswerIsNeverTakenForTheNext(t *testing.T) {
	for name, surplus := range map[string]string{
		"a success":         answer(poison),
		"a refusal":         answer(refusal),
		"a cut success":     answer(poison)[:70],
		"one byte":          "H",
		"white space":       "\r\n",
		"a success in bits": head(ok, chunked) + chunk(poison) + "0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			withoutLeaks(t, func() {
				diary := keepDiary(t)
				s := &server{attack: attack{serve: says(answer(hostile) + surplus)}}
				s.always = true
				s.start(t)
				defer s.stop()
				c := newCaller(t, deepcall.Config{Endpoint: s.url(), AllowInsecure: true, Timeout: patience})
				defer c.CloseIdleConnections()

				const callers, calls = 4, 100
				var succeeded atomic.Int32
				var all sync.WaitGroup
				for range callers {
					all.Go(func() {
						for range calls {
							got, err := c.call()
							var e *deepcall.Error
							switch {
							case err == nil && got.Message == "hostile":
								succeeded.Add(1)
							case err == nil:
								t.Errorf("a success that belongs to no call: %+v", got)
							case !errors.As(err, &e) || e.Reason != "ConnectionFailed":
								t.Errorf("got %v", err)
							}
						}
					})
				}
				all.Wait()
				if n := s.requests.Load(); n > callers*calls || n < succeeded.Load() {
					t.Errorf("%d requests for %d calls, of which %d succeeded", n, callers*calls, succeeded.Load())
				}
				if succeeded.Load() == 0 {
					t.Error("no call succeeded")
				}
				t.Logf("%d of %d calls succeeded", succeeded.Load(), callers*calls)
				if text := diary.String(); text != "" {
					t.Errorf("the log has text of the server: %.200q", text)
				}
			})
		})
	}
}
