package deepcall

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"
)

// DNS failures are named as such, with the remedy, and keep their reasons.
func TestNamesThatAreNotResolved(t *testing.T) {
	failing, silent := errors.New("the name server is gone"), func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	for name, tc := range map[string]struct {
		endpoint string
		dial     func(context.Context) error // of the name server
		want     Entry
	}{
		"because the name server is gone":         {"http://deepcall.test.:80", func(context.Context) error { return failing }, withoutAddress(entryConnectionFailed)},
		"because the name server does not answer": {"https://deepcall.test.:443", silent, withoutAddress(entryTimeout)},
		"over http because it does not answer":    {"http://deepcall.test.:80", silent, withoutAddress(entryTimeout)},
	} {
		t.Run(name, func(t *testing.T) {
			before := net.DefaultResolver
			t.Cleanup(func() { net.DefaultResolver = before })
			net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return nil, tc.dial(ctx)
			}}
			c := client(t, tc.endpoint, func(cfg *Config) { cfg.Timeout = 50 * time.Millisecond })
			_, e := send(t, c)
			if e == nil || e.Entry != tc.want || e.Uncertain {
				t.Errorf("got %+v", e)
			}
		})
	}
	t.Run("does not apply to a server that does not answer", func(t *testing.T) {
		c := client(t, hangingServer(t, func(http.ResponseWriter) {}), func(cfg *Config) { cfg.Timeout = 50 * time.Millisecond })
		if _, e := send(t, c); e == nil || e.Entry != entryTimeout {
			t.Errorf("got %+v", e)
		}
	})
}
