package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const pprofFlag = "--pprof-bind-address"

// checkProfiling returns an error if the manager doesn't support profiling.
func checkProfiling(ctx context.Context, manager string) error {
	help, _ := exec.CommandContext(ctx, manager, "--help").CombinedOutput() // the exit status depends on the flag package
	if !strings.Contains(string(help), pprofFlag[1:]) {
		return fmt.Errorf("--pprof: %s has no flag %s", manager, pprofFlag)
	}
	return nil
}

// profile starts a CPU profile. finish waits for it, then takes profiles of the heap and the goroutines.
func (b *bench) profile(ctx context.Context, p *process, r *round) (finish func(context.Context) error) {
	if p.pprof == "" {
		return func(context.Context) error { return nil }
	}
	// About two thirds of the expected time.
	seconds := min(max(r.Mappings/400, 2), 120)
	done := make(chan error, 1)
	go func() {
		if err := p.waitUntilReady(ctx); err != nil {
			done <- err
			return
		}
		done <- b.saveProfile(ctx, p, r, "cpu", fmt.Sprintf("profile?seconds=%d", seconds))
	}()
	return func(ctx context.Context) error {
		return errors.Join(<-done, b.saveProfile(ctx, p, r, "heap", "heap"), b.saveProfile(ctx, p, r, "goroutine", "goroutine"))
	}
}

// saveProfile writes one profile to a file.
func (b *bench) saveProfile(ctx context.Context, p *process, r *round, kind, path string) error {
	raw, err := fetch(ctx, http.DefaultClient, "http://"+p.pprof+"/debug/pprof/"+path)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(b.pprof, 0o755); err != nil {
		return fmt.Errorf("create %s: %w", b.pprof, err)
	}
	name := fmt.Sprintf("%s-%d-%d.%s.pb.gz", r.Scenario, r.Mappings, r.Pair, kind)
	return os.WriteFile(filepath.Join(b.pprof, name), raw, 0o644)
}
