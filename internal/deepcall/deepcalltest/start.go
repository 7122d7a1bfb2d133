package deepcalltest

import (
	"errors"
	"net"
	"net/http"
	"time"
)

// TB is the part of [testing.TB] that Start uses.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(cleanup func())
}

// Start serves a new simulated DeepCall on a free port until the test ends. It returns
// the server and its base URL.
func Start(t TB, o Options) (*Server, string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen for the simulated DeepCall: %v", err)
	}
	sim := New(o)
	httpServer := &http.Server{Handler: sim, ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- httpServer.Serve(listener) }()
	t.Cleanup(func() {
		sim.Close()
		_ = httpServer.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Fatalf("serve the simulated DeepCall: %v", err)
		}
	})
	return sim, "http://" + listener.Addr().String()
}
