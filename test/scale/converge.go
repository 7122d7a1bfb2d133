package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// settlingTime passes before requests and writes are counted, for those that come late.
const settlingTime = 3 * time.Second

// timeToConverge is the name of the figure that the verdict is about.
const timeToConverge = "time to converge"

// converge measures the floor and the operator in pairs, in a random order so that a trend of the machine favors neither.
func (b *bench) converge(ctx context.Context) error {
	b.logf("seed %d", b.Seed)
	random := rand.New(rand.NewPCG(b.Seed, 0))
	for pair := range b.Pairs {
		order := []string{subjectFloor, subjectOperator}
		if random.IntN(2) == 1 {
			slices.Reverse(order)
		}
		for _, subject := range order {
			r, err := b.runConvergence(ctx, converge, subject, pair+1, b.Mappings)
			if err != nil {
				return fmt.Errorf("converge, pair %d, %s: %w", pair+1, subject, err)
			}
			b.result.Rounds = append(b.result.Rounds, r)
		}
	}
	return nil
}

// growth measures how the cost of a mapping depends on the number of mappings.
func (b *bench) growth(ctx context.Context) error {
	for _, n := range slices.Sorted(slices.Values(b.Sizes)) {
		r, err := b.runConvergence(ctx, growth, subjectOperator, 1, n)
		if err != nil {
			return fmt.Errorf("growth, %d mappings: %w", n, err)
		}
		r.addPerMapping()
		b.result.Rounds = append(b.result.Rounds, r)
	}
	return nil
}

// addPerMapping adds the cost of a mapping.
func (r *round) addPerMapping() {
	r.add("time per mapping", "ms", 1000*r.value(timeToConverge)/float64(r.Mappings))
	r.add("CPU per mapping", "ms", 1000*r.value("CPU")/float64(r.Mappings))
}

// runConvergence creates n mappings, starts the subject and measures until the last mapping is Ready.
func (b *bench) runConvergence(ctx context.Context, scenario, subject string, pair, n int) (round, error) {
	r := round{Scenario: scenario, Subject: subject, Pair: pair, Mappings: n}
	w, err := b.prepare(ctx, n)
	if err != nil {
		return r, err
	}
	defer w.stop()
	before, err := b.count(ctx)
	if err != nil {
		return r, err
	}
	startSubject := b.startManager
	if subject == subjectFloor {
		startSubject = b.startFloor
	}
	p, err := startSubject(ctx)
	if err != nil {
		return r, err
	}
	if err := b.measureConvergence(ctx, &r, w, p, before); err != nil {
		_ = p.stop() // the first error is the cause
		return r, fmt.Errorf("%w; %s", err, p.logTail())
	}
	return r, p.stop()
}

// prepare creates n new mappings and a new account, and watches the mappings.
func (b *bench) prepare(ctx context.Context, n int) (*watcher, error) {
	if err := b.deleteMappings(ctx); err != nil {
		return nil, err
	}
	if err := b.recreateAccount(ctx); err != nil {
		return nil, err
	}
	if err := b.createMappings(ctx, n); err != nil {
		return nil, err
	}
	b.deepcall.reset()
	runtime.GC() // not during the measurement
	return b.watch(ctx, n)
}

// measureConvergence measures a process that was just started, until all mappings are Ready.
func (b *bench) measureConvergence(ctx context.Context, r *round, w *watcher, p *process, before counts) error {
	finishProfile := b.profile(ctx, p, r)
	if err := w.waitAllReady(ctx, fmt.Sprintf("%s %s: Ready", r.Scenario, r.Subject), p); err != nil {
		return err
	}
	if err := errors.Join(p.checkRunning(), finishProfile(ctx)); err != nil {
		return err
	}
	times := w.readyTimes(p.started)
	used, err := p.usage()
	if err != nil {
		return err
	}
	cpu, err := controlPlaneCPU()
	if err != nil {
		return err
	}
	since, err := b.countAfter(ctx, settlingTime, before)
	if err != nil {
		return err
	}
	requests := b.deepcall.since(before.requests)
	if len(requests) == 0 {
		return errors.New("all mappings are Ready, but there was no request")
	}
	last := times[len(times)-1].Seconds()
	r.add(timeToConverge, "s", last)
	r.add("time to first request", "s", requests[0].at.Sub(p.started).Seconds())
	r.add("requests", "", float64(since.requests))
	r.addWrites(since.writes)
	r.add("mapping size", "B", w.medianSize()) // equal if the floor does the same work
	r.add("CPU", "s", used.cpu)
	r.add("CPU of kube-apiserver", "s", cpu.since(before.planeCPU).apiServer)
	r.add("CPU of etcd", "s", cpu.since(before.planeCPU).etcd)
	r.Curve = curve(times)
	b.logf("%s %s: %d mappings in %.2f s, %d requests, %.0f writes", r.Scenario, r.Subject, r.Mappings, last, since.requests, since.writes.total())
	return r.addMemory(p)
}

// addMemory adds the memory of the process.
func (r *round) addMemory(p *process) error {
	used, err := p.usage()
	r.add("memory, peak", "MiB", used.peak)
	r.add("memory, end", "MiB", used.rss)
	return err
}

// counts are the counters outside of the measured process.
type counts struct {
	requests int
	writes   writes
	planeCPU planeCPU
}

func (b *bench) count(ctx context.Context) (counts, error) {
	written, err := b.writes(ctx)
	if err != nil {
		return counts{}, err
	}
	cpu, err := controlPlaneCPU()
	return counts{requests: b.deepcall.total(), writes: written, planeCPU: cpu}, err
}

// countAfter waits for d and returns the difference from an earlier count.
func (b *bench) countAfter(ctx context.Context, d time.Duration, before counts) (counts, error) {
	if err := testenv.Sleep(ctx, d); err != nil {
		return counts{}, err
	}
	now, err := b.count(ctx)
	return counts{now.requests - before.requests, now.writes.since(before.writes), now.planeCPU.since(before.planeCPU)}, err
}
