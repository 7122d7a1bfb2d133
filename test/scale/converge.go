package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// settles is how long what comes late is waited for, before calls and writes are counted.
const settles = 3 * time.Second

// converge measures floor and operator in turn; who goes first alternates.
func (b *bench) converge(ctx context.Context) error {
	for pair := range b.Pairs {
		order := []string{theFloor, theOperator}
		if pair%2 == 1 {
			order = []string{theOperator, theFloor}
		}
		for _, who := range order {
			r, err := b.convergence(ctx, converge, who, pair+1, b.Mappings)
			if err != nil {
				return fmt.Errorf("converge, pair %d, %s: %w", pair+1, who, err)
			}
			b.result.Rounds = append(b.result.Rounds, r)
		}
	}
	return nil
}

// convergence is one round: mappings that exist, a process that starts, and the time until the
// last mapping is Ready.
func (b *bench) convergence(ctx context.Context, scenario, who string, pair, n int) (round, error) {
	r := round{Scenario: scenario, Who: who, Pair: pair, Mappings: n}
	w, err := b.prepare(ctx, n)
	if err != nil {
		return r, err
	}
	defer w.end()
	before, err := b.count(ctx)
	if err != nil {
		return r, err
	}
	launch := b.startManager
	if who == theFloor {
		launch = b.startFloor
	}
	p, err := launch(ctx)
	if err != nil {
		return r, err
	}
	if err := b.follow(ctx, &r, w, p, before); err != nil {
		_ = p.stop() // the first failure tells more
		return r, errors.Join(err, errors.New(p.lastWords()))
	}
	if err := p.stop(); err != nil {
		return r, err
	}
	return r, b.removeAll(ctx)
}

// prepare brings the stage to where every round begins.
func (b *bench) prepare(ctx context.Context, n int) (*watcher, error) {
	if err := b.removeAll(ctx); err != nil {
		return nil, err
	}
	if err := b.freshAccount(ctx); err != nil {
		return nil, err
	}
	if err := b.create(ctx, n); err != nil {
		return nil, err
	}
	b.deepcall.reset()
	return b.watch(ctx, n)
}

// follow measures a process that was just started, until all are Ready.
func (b *bench) follow(ctx context.Context, r *round, w *watcher, p *process, before counts) error {
	profiled := b.profile(ctx, p, r)
	if err := w.untilReady(ctx, fmt.Sprintf("%s %s: Ready", r.Scenario, r.Who)); err != nil {
		return err
	}
	if err := errors.Join(p.running(), profiled(ctx)); err != nil {
		return err
	}
	times := w.readyTimes(p.started)
	used, err := p.usage()
	if err != nil {
		return err
	}
	after, err := b.count(ctx)
	if err != nil {
		return err
	}
	if err := wait(ctx, settles); err != nil {
		return err
	}
	since, err := b.since(ctx, before)
	if err != nil {
		return err
	}
	first := b.deepcall.since(before.calls)
	if len(first) == 0 {
		return errors.New("all are Ready, and there was no call")
	}
	last := times[len(times)-1].Seconds()
	r.add("time to converge", "s", last)
	r.add("time to the first call", "s", first[0].at.Sub(p.started).Seconds())
	r.add("calls", "", float64(since.calls))
	r.addWrites(since.writes)
	r.add("size of a mapping", "B", w.size()) // alike, if the floor does the same work
	r.add("CPU", "s", used.cpu)
	r.add("CPU of API server and etcd", "s", after.planeCPU-before.planeCPU)
	r.Curve = curve(times)
	b.say("%s %s: %d mappings in %.2f s, %d calls, %.0f writes", r.Scenario, r.Who, r.Mappings, last, since.calls, since.writes.total())
	return b.addSize(ctx, r, p)
}

// addSize tells how big the process is, and how many connections it has to DeepCall.
func (b *bench) addSize(ctx context.Context, r *round, p *process) error {
	used, err := p.usage()
	if err != nil {
		return err
	}
	r.add("memory, peak", "MiB", used.peak)
	r.add("memory, then", "MiB", used.rss)
	_, most := b.deepcall.connections()
	r.add("connections to DeepCall, peak", "", float64(most))
	if p.metrics == "" {
		return nil
	}
	text, err := fetch(ctx, "http://"+p.metrics+"/metrics")
	if err != nil {
		return err
	}
	for _, s := range readSamples(string(text), "go_goroutines") {
		r.add("goroutines, then", "", s.value)
	}
	return nil
}

// counts are what is counted from the outside.
type counts struct {
	calls    int
	writes   writes
	planeCPU float64
}

func (b *bench) count(ctx context.Context) (counts, error) {
	written, err := b.writes(ctx)
	if err != nil {
		return counts{}, err
	}
	cpu, err := planeCPU()
	return counts{calls: b.deepcall.total(), writes: written, planeCPU: cpu}, err
}

// since is what came to the counts since then.
func (b *bench) since(ctx context.Context, before counts) (counts, error) {
	now, err := b.count(ctx)
	return counts{now.calls - before.calls, now.writes.less(before.writes), now.planeCPU - before.planeCPU}, err
}

// wait lets time pass.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
