package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

// deepCall is the simulated DeepCall, which records the requests and their times.
type deepCall struct {
	simulator *deepcalltest.Server
	url       string
	server    *http.Server

	mu       sync.Mutex
	requests []request
	arrived  chan struct{} // closed and replaced at every request
}

// request is a request that DeepCall received.
type request struct {
	at      time.Time
	AgentID string
	Token   string
	Group   map[string]struct {
		ReceiveCall string `json:"receive_call"`
	}
}

func (b *bench) serveDeepCall(context.Context) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for DeepCall: %w", err)
	}
	d := &deepCall{
		simulator: deepcalltest.New(deepcalltest.Options{Latency: b.Latency}),
		url:       "http://" + listener.Addr().String(),
		arrived:   make(chan struct{}),
	}
	d.server = &http.Server{Handler: d, ReadHeaderTimeout: time.Minute}
	go func() {
		if err := d.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			b.logf("DeepCall: %v", err)
		}
	}()
	b.deepcall = d
	return nil
}

func (d *deepCall) close() {
	d.simulator.Close()
	_ = d.server.Close()
}

// ServeHTTP records the request and forwards it to the simulator.
func (d *deepCall) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	received := request{at: time.Now()}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client disconnected
	}
	_ = json.Unmarshal(body, &received) // the simulator rejects what isn't JSON
	d.mu.Lock()
	d.requests = append(d.requests, received)
	close(d.arrived)
	d.arrived = make(chan struct{})
	d.mu.Unlock()
	r.Body = io.NopCloser(bytes.NewReader(body))
	d.simulator.ServeHTTP(w, r)
}

// reset drops the recorded requests and the state of the simulator.
func (d *deepCall) reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.requests = nil
	d.simulator.Reset()
}

// since returns the requests after the first n.
func (d *deepCall) since(n int) []request {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.requests[n:len(d.requests):len(d.requests)]
}

func (d *deepCall) total() int { return len(d.since(0)) }

// waitForRequest returns the first match after the first n requests.
func (d *deepCall) waitForRequest(ctx context.Context, n int, match func(request) bool) (request, error) {
	for {
		d.mu.Lock()
		unseen, arrived := d.requests[n:], d.arrived
		n = len(d.requests)
		d.mu.Unlock()
		for _, r := range unseen {
			if match(r) {
				return r, nil
			}
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return request{}, ctx.Err()
		}
	}
}
