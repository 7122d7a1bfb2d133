package main

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// liveRun is a converged operator that runs through several scenarios.
type liveRun struct {
	*bench
	watcher     *watcher
	manager     *process
	generations []int64 // the generation of the last edit, by mapping
	disabled    []bool  // whether the last edit turned the first group off, by mapping
}

// live runs the scenarios that need an operator with all mappings Ready.
func (b *bench) live(ctx context.Context) error {
	steps := []struct {
		scenario string
		run      func(*liveRun, context.Context, *round) error
	}{
		{idle, (*liveRun).idle},
		{edits, (*liveRun).edits},
		{restart, (*liveRun).restart},
		{failover, (*liveRun).failover},
		{rotation, (*liveRun).rotation},
		{outage, (*liveRun).outage},
		{backlog, (*liveRun).backlog},
	}
	var l *liveRun
	for _, step := range steps {
		if !b.wants(step.scenario) {
			continue
		}
		if l == nil {
			var err error
			if l, err = b.startLive(ctx); err != nil {
				return err
			}
			defer l.watcher.stop()
		}
		b.logf("%s", step.scenario)
		r := round{Scenario: step.scenario, Subject: subjectOperator, Mappings: b.Mappings}
		if err := step.run(l, ctx, &r); err != nil {
			_ = l.manager.stop() // the first error is the cause
			return fmt.Errorf("%s: %w; %s", step.scenario, err, l.manager.logTail())
		}
		b.result.Rounds = append(b.result.Rounds, r)
	}
	if l == nil {
		return nil
	}
	return l.manager.stop()
}

func (b *bench) startLive(ctx context.Context) (*liveRun, error) {
	w, err := b.prepare(ctx, b.Mappings)
	if err != nil {
		return nil, err
	}
	l := &liveRun{bench: b, watcher: w, generations: make([]int64, b.Mappings), disabled: make([]bool, b.Mappings)}
	for i := range l.generations {
		l.generations[i] = 1
	}
	if l.manager, err = b.startManager(ctx); err != nil {
		return nil, err
	}
	if err := w.waitAllReady(ctx, "Ready", l.manager); err != nil {
		_ = l.manager.stop() // the first error is the cause
		return nil, fmt.Errorf("%w; %s", err, l.manager.logTail())
	}
	return l, testenv.Sleep(ctx, settlingTime)
}

// edit inverts the first group of a mapping. It returns the time before the edit was sent.
func (l *liveRun) edit(ctx context.Context, i int) (time.Time, error) {
	mapping := l.mapping(i)
	l.disabled[i] = !l.disabled[i]
	change := fmt.Sprintf(`[{"op":"replace","path":"/spec/groups/0/receiveCall","value":%t}]`, !l.disabled[i])
	sent := time.Now()
	if err := l.admin.Patch(ctx, mapping, client.RawPatch("application/json-patch+json", []byte(change))); err != nil {
		return sent, fmt.Errorf("edit %s: %w", mapping.Name, err)
	}
	l.generations[i] = mapping.Generation
	return sent, nil
}

// waitForEdit returns the request that sends the last edit of a mapping, after the first n requests.
func (l *liveRun) waitForEdit(ctx context.Context, n, i int) (request, error) {
	ctx, cancel := context.WithTimeout(ctx, stallTimeout)
	defer cancel()
	agent, value := l.mapping(i).Spec.AgentID, "Y"
	if l.disabled[i] {
		value = "N"
	}
	r, err := l.deepcall.waitForRequest(ctx, n, func(r request) bool {
		return r.AgentID == agent && r.Group[firstGroup].ReceiveCall == value
	})
	if err != nil {
		err = fmt.Errorf("no request after the edit of %s: %w", mappingName(i), err)
	}
	return r, err
}

// waitReady waits until every mapping is Ready for its last edit.
func (l *liveRun) waitReady(ctx context.Context) error {
	return l.watcher.waitReady(ctx, "Ready", l.generations, l.manager)
}

// idle measures the cost of having nothing to do.
func (l *liveRun) idle(ctx context.Context, r *round) error {
	const length = time.Minute
	before, err := l.count(ctx)
	if err != nil {
		return err
	}
	usedBefore, err := l.manager.usage()
	if err != nil {
		return err
	}
	if err := testenv.Sleep(ctx, length); err != nil {
		return err
	}
	used, err := l.manager.usage()
	if err != nil {
		return err
	}
	since, err := l.countAfter(ctx, 0, before)
	if err != nil {
		return err
	}
	r.add("requests in a minute", "", float64(since.requests))
	r.addWrites(since.writes)
	r.add("CPU, of a core", "%", 100*(used.cpu-usedBefore.cpu)/length.Seconds())
	return r.addMemory(l.manager)
}

// restartManager stops the manager, calls prepare and starts another manager.
func (l *liveRun) restartManager(ctx context.Context, prepare func() error) (before counts, err error) {
	if err := l.manager.stop(); err != nil {
		return before, err
	}
	if err := prepare(); err != nil {
		return before, err
	}
	if before, err = l.count(ctx); err != nil {
		return before, err
	}
	manager, err := l.startManager(ctx)
	if err == nil {
		l.manager = manager
	}
	return before, err
}

// restart measures a manager that finds every mapping synced.
func (l *liveRun) restart(ctx context.Context, r *round) error {
	const length = 30 * time.Second
	before, err := l.restartManager(ctx, func() error { return nil })
	if err != nil {
		return err
	}
	if err := l.manager.waitUntilReady(ctx); err != nil {
		return err
	}
	r.add("time to ready", "s", time.Since(l.manager.started).Seconds())
	since, err := l.countAfter(ctx, time.Until(l.manager.started.Add(length)), before)
	if err != nil {
		return err
	}
	used, err := l.manager.usage()
	if err != nil {
		return err
	}
	r.add("requests within 30 s", "", float64(since.requests))
	r.addWrites(since.writes.without("POST events", 1)) // the event of the leader election
	r.add("CPU within 30 s", "s", used.cpu)
	return r.addMemory(l.manager)
}
