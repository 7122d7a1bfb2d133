package deepcalltest

import (
	"errors"
	"net"
	"net/http"
	"time"
)

// TB is what Start needs of a [testing.TB].
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(cleanup func())
}

// Start serves a new simulated DeepCall on a port of its own until the test
// ends, and returns it with its base URL.
func Start(t TB, o Options) (*Server, string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listening for the simulated DeepCall: %v", err)
	}
	sim := New(o)
	web := &http.Server{Handler: sim, ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(listener) }()
	t.Cleanup(func() {
		sim.Close()
		_ = web.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Fatalf("serving the simulated DeepCall: %v", err)
		}
	})
	return sim, "http://" + listener.Addr().String()
}
