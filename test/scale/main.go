// Command scale compares the cost of the operator with the floor, the cost of the same work without a controller. It
// starts a control plane and a simulated DeepCall, and runs the built manager as a process.
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

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	ctrl.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	if len(args) > 0 && args[0] == "floor" {
		return runFloor(ctx, args[1:])
	}
	if len(args) > 0 && args[0] == "compare" {
		return compareFiles(args[1:], stdout)
	}
	c, err := parseFlags(args, stdout)
	if err != nil {
		return err
	}
	b, err := newBench(ctx, c, stderr)
	if err != nil {
		return err
	}
	err = b.measure(ctx)
	// Publish what was measured before an error, too.
	return errors.Join(err, b.result.publish(c.out, stdout), b.stop())
}

// measure runs the selected scenarios.
func (b *bench) measure(ctx context.Context) error {
	if b.wants(converge) {
		if err := b.converge(ctx); err != nil {
			return err
		}
	}
	if err := b.live(ctx); err != nil {
		return err
	}
	if b.wants(growth) {
		return b.growth(ctx)
	}
	return nil
}
