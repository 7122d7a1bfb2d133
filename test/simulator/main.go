// Command simulator serves a simulated DeepCall, for the demo and for manual tests.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "simulator: %v\n", err)
		os.Exit(1)
	}
}

// run serves DeepCall until the context ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	c, err := parse(args, stdout, stderr)
	if err != nil {
		return err
	}
	if !c.quiet {
		c.options.Log = stdout
	}
	sim := deepcalltest.New(c.options)
	sim.Script(c.faults...)

	listener, err := net.Listen("tcp", c.listen)
	if err != nil {
		return err
	}
	scheme := "http"
	if c.tlsCert != "" {
		scheme = "https"
	}
	fmt.Fprintf(stdout, "listening on %s://%s\n", scheme, listener.Addr())

	server := &http.Server{Handler: sim, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- serve(server, listener, c) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	return shutDown(ctx, sim, server)
}

func serve(server *http.Server, listener net.Listener, c config) error {
	if c.tlsCert != "" {
		return server.ServeTLS(listener, c.tlsCert, c.tlsKey)
	}
	return server.Serve(listener)
}

// shutDown aborts the requests that hang and waits up to two seconds for the others.
func shutDown(ctx context.Context, sim *deepcalltest.Server, server *http.Server) error {
	sim.Close()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return server.Close() // idle connections without a request
	}
	return nil
}
