package deepcall

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// A process can be stopped at any time, and then continue when another one sends requests.
func TestRequestsAreSentOnlyIfTheyMayBe(t *testing.T) {
	for name, tc := range map[string]struct {
		allowed int32 // the number of times that MaySend allows the request
		reason  string
		bodies  int32
	}{
		"not at the start":                    {0, "Canceled", 0},
		"not any more with a connection made": {1, "Canceled", 0},
		"always":                              {1000, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			var asked, bodies, connections atomic.Int32
			url := server(t, func(w http.ResponseWriter, r *http.Request) {
				connections.Add(1)
				if body, err := io.ReadAll(r.Body); err == nil && len(body) > 0 {
					bodies.Add(1)
				}
				_, _ = io.WriteString(w, `{"status":"success","code":200,"message":"ok"}`)
			})
			c := client(t, url, func(cfg *Config) {
				cfg.MaySend = func() error {
					if asked.Add(1) > tc.allowed {
						return errors.New("not the leader")
					}
					return nil
				}
			})
			_, err := send(t, c)
			if got := reasonOf(err); got != tc.reason {
				t.Errorf("reason %q, want %q", got, tc.reason)
			}
			if err != nil && err.Uncertain {
				t.Error("a request without a body counts as sent")
			}
			if bodies.Load() != tc.bodies {
				t.Errorf("DeepCall received %d bodies, want %d", bodies.Load(), tc.bodies)
			}
		})
	}
}

func TestNoBodyIsSentAfterTheDeadline(t *testing.T) {
	const timeout = 10 * time.Millisecond
	short := func(cfg *Config) { cfg.Timeout = timeout }
	c := client(t, "https://deepcall.example", short, withTransport(func(_ http.RoundTripper, r *http.Request) (*http.Response, error) {
		<-time.After(2 * timeout) // as if the process had been stopped
		body, err := io.ReadAll(r.Body)
		if len(body) > 0 || err == nil {
			t.Errorf("sends %d bytes", len(body))
		}
		return nil, err
	}))
	if _, err := send(t, c); err == nil || err.Uncertain {
		t.Errorf("got %+v", err)
	}
}
