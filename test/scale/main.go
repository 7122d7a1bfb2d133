// Command scale measures the operator against the floor: what the same work costs with no controller
// at all. It brings a control plane and a simulated DeepCall, and runs the built manager as a process.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "scale: %v\n", err)
		os.Exit(1)
	}
}

// run does what the command line says.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	ctrl.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	if len(args) > 0 && args[0] == "floor" {
		return runFloor(ctx, args[1:])
	}
	if len(args) > 0 && args[0] == "compare" {
		return compareFiles(args[1:], stdout)
	}
	c, err := parse(args, stdout)
	if err != nil {
		return err
	}
	b, err := start(ctx, c, stderr)
	if err != nil {
		return err
	}
	measured := b.measure(ctx)
	// What was measured before a failure is worth keeping.
	return errors.Join(measured, b.result.publish(c.out, stdout), b.stop())
}

// measure plays the scenarios that were asked for.
func (b *bench) measure(ctx context.Context) error {
	if b.wants(converge) {
		if err := b.converge(ctx); err != nil {
			return err
		}
	}
	return nil
}
