package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
)

// probes serve /healthz and /readyz for the whole life of the process, also while it waits for the API server and there is no
// manager yet.
type probes struct {
	ready atomic.Pointer[healthz.Checker]
}

// startProbes listens on the address; 0 disables the probes.
func startProbes(address string) (*probes, error) {
	p := &probes{}
	p.setReady(func(*http.Request) error {
		return errors.New("the manager is starting; its log states what it waits for")
	})
	if address == "" || address == "0" {
		return p, nil
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for probes: %w", err)
	}
	mux := http.NewServeMux()
	handle := func(path, name string, check healthz.Checker) {
		handler := http.StripPrefix(path, &healthz.Handler{Checks: map[string]healthz.Checker{name: check}})
		mux.Handle(path, handler)
		mux.Handle(path+"/", handler)
	}
	handle("/healthz", "healthz", healthz.Ping)
	handle("/readyz", "caches", func(request *http.Request) error { return (*p.ready.Load())(request) })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := server.Serve(listener); err != nil {
			ctrl.Log.Error(err, "The probes are no longer served")
		}
	}()
	return p, nil
}

// setReady sets the check of /readyz.
func (p *probes) setReady(check healthz.Checker) {
	p.ready.Store(&check)
}
