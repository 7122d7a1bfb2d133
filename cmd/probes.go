package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	mux.HandleFunc("/healthz", handle(healthz.Ping))
	mux.HandleFunc("/readyz", handle(func(request *http.Request) error { return (*p.ready.Load())(request) }))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := server.Serve(listener); err != nil {
			ctrl.Log.Error(err, "The probes are no longer served")
		}
	}()
	return p, nil
}

// handle serves a check. The handler of controller-runtime would log each failure, every two seconds of a long start.
func handle(check healthz.Checker) http.HandlerFunc {
	return func(w http.ResponseWriter, request *http.Request) {
		if err := check(request); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	}
}

// setReady sets the check of /readyz.
func (p *probes) setReady(check healthz.Checker) {
	p.ready.Store(&check)
}
