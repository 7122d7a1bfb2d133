package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// pprofFlag is the manager's, should it have one.
const pprofFlag = "--pprof-bind-address"

// canProfile is an error if the manager can't give profiles.
func canProfile(ctx context.Context, manager string) error {
	help, _ := exec.CommandContext(ctx, manager, "--help").CombinedOutput() // its exit status depends on the flag package
	if !strings.Contains(string(help), pprofFlag[1:]) {
		return fmt.Errorf("--pprof: %s has no flag %s", manager, pprofFlag)
	}
	return nil
}

// profile takes a profile of the CPU while the operator works, and of its heap when it is through.
// What it returns ends that.
func (b *bench) profile(ctx context.Context, p *process, r *round) (end func(context.Context) error) {
	if p.pprof == "" {
		return func(context.Context) error { return nil }
	}
	// About two thirds of the time that it takes.
	seconds := min(max(r.Mappings/400, 2), 120)
	taken := make(chan error, 1)
	go func() {
		if err := p.untilReady(ctx); err != nil {
			taken <- err
			return
		}
		taken <- b.keep(ctx, p, r, "cpu", fmt.Sprintf("profile?seconds=%d", seconds))
	}()
	return func(ctx context.Context) error {
		return errors.Join(<-taken, b.keep(ctx, p, r, "heap", "heap"), b.keep(ctx, p, r, "goroutine", "goroutine"))
	}
}

// keep fetches one profile into a file.
func (b *bench) keep(ctx context.Context, p *process, r *round, kind, path string) error {
	raw, err := fetch(ctx, "http://"+p.pprof+"/debug/pprof/"+path)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(b.pprof, 0o755); err != nil {
		return fmt.Errorf("make %s: %w", b.pprof, err)
	}
	name := fmt.Sprintf("%s-%d-%d.%s.pb.gz", r.Scenario, r.Mappings, r.Pair, kind)
	return os.WriteFile(filepath.Join(b.pprof, name), raw, 0o644)
}
