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

const apiPath = deepcalltest.Path

// deepCall is the simulated DeepCall, and what came to it and when.
type deepCall struct {
	sim *deepcalltest.Server
	url string
	web *http.Server

	mu       sync.Mutex
	calls    []call
	arrived  chan struct{} // closed, and made anew, by every call
	open     map[net.Conn]bool
	mostOpen int
}

// call is one that arrived.
type call struct {
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
		sim:     deepcalltest.New(deepcalltest.Options{Latency: b.Latency}),
		url:     "http://" + listener.Addr().String(),
		arrived: make(chan struct{}),
		open:    map[net.Conn]bool{},
	}
	d.web = &http.Server{Handler: d, ReadHeaderTimeout: time.Minute, ConnState: d.count}
	go func() {
		if err := d.web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			b.say("DeepCall: %v", err)
		}
	}()
	b.deepcall = d
	return nil
}

func (d *deepCall) close() {
	d.sim.Close()
	_ = d.web.Close()
}

// ServeHTTP notes the call, and lets the simulator answer.
func (d *deepCall) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := call{at: time.Now()}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client left
	}
	_ = json.Unmarshal(body, &c) // the simulator tells the caller
	d.mu.Lock()
	d.calls = append(d.calls, c)
	close(d.arrived)
	d.arrived = make(chan struct{})
	d.mu.Unlock()
	r.Body = io.NopCloser(bytes.NewReader(body))
	d.sim.ServeHTTP(w, r)
}

// count keeps account of the connections.
func (d *deepCall) count(conn net.Conn, state http.ConnState) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch state {
	case http.StateNew:
		d.open[conn] = true
		d.mostOpen = max(d.mostOpen, len(d.open))
	case http.StateClosed, http.StateHijacked:
		delete(d.open, conn)
	default:
	}
}

// reset forgets all calls, and what the simulator knows.
func (d *deepCall) reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls, d.mostOpen = nil, len(d.open)
	d.sim.Reset()
}

// since returns the calls after the first n.
func (d *deepCall) since(n int) []call {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.calls[n:len(d.calls):len(d.calls)]
}

func (d *deepCall) total() int { return len(d.since(0)) }

// connections are how many are open now, and how many were at the same time at most.
func (d *deepCall) connections() (now, most int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.open), d.mostOpen
}

// await returns the first call after n that is meant.
func (d *deepCall) await(ctx context.Context, n int, meant func(call) bool) (call, error) {
	for {
		d.mu.Lock()
		fresh, arrived := d.calls[n:], d.arrived
		n = len(d.calls)
		d.mu.Unlock()
		for _, c := range fresh {
			if meant(c) {
				return c, nil
			}
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return call{}, ctx.Err()
		}
	}
}
