package main

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// life is an operator that has converged and goes on, through one scenario after the other.
type life struct {
	*bench
	watcher *watcher
	manager *process
	edited  []int64 // by mapping, the generation of the last edit
	stopped []bool  // by mapping, whether the last edit stopped the first group's calls
}

// live plays the scenarios that need an operator with all mappings Ready.
func (b *bench) live(ctx context.Context) error {
	parts := []struct {
		scenario string
		play     func(*life, context.Context, *round) error
	}{
		{idle, (*life).idle},
		{edits, (*life).edits},
		{restart, (*life).restart},
		{rotation, (*life).rotation},
		{outage, (*life).outage},
		{backlog, (*life).backlog},
	}
	var l *life
	for _, part := range parts {
		if !b.wants(part.scenario) {
			continue
		}
		if l == nil {
			var err error
			if l, err = b.beginLife(ctx); err != nil {
				return err
			}
			defer l.watcher.end()
		}
		b.say("%s", part.scenario)
		r := round{Scenario: part.scenario, Who: theOperator, Mappings: b.Mappings}
		if err := part.play(l, ctx, &r); err != nil {
			_ = l.manager.stop() // the first failure tells more
			return fmt.Errorf("%s: %w; %s", part.scenario, err, l.manager.lastWords())
		}
		b.result.Rounds = append(b.result.Rounds, r)
	}
	if l == nil {
		return nil
	}
	return l.manager.stop()
}

func (b *bench) beginLife(ctx context.Context) (*life, error) {
	w, err := b.prepare(ctx, b.Mappings)
	if err != nil {
		return nil, err
	}
	l := &life{bench: b, watcher: w, edited: make([]int64, b.Mappings), stopped: make([]bool, b.Mappings)}
	for i := range l.edited {
		l.edited[i] = 1
	}
	if l.manager, err = b.startManager(ctx); err != nil {
		return nil, err
	}
	if err := w.untilReady(ctx, "Ready", l.manager); err != nil {
		_ = l.manager.stop() // the first failure tells more
		return nil, fmt.Errorf("%w; %s", err, l.manager.lastWords())
	}
	return l, wait(ctx, settles)
}

// edit has the agent receive calls of the first group, or no more. It returns when that was sent.
func (l *life) edit(ctx context.Context, i int) (time.Time, error) {
	mapping := l.mapping(i)
	l.stopped[i] = !l.stopped[i]
	change := fmt.Sprintf(`[{"op":"replace","path":"/spec/groups/0/receiveCall","value":%t}]`, !l.stopped[i])
	sent := time.Now()
	if err := l.admin.Patch(ctx, mapping, client.RawPatch("application/json-patch+json", []byte(change))); err != nil {
		return sent, fmt.Errorf("edit %s: %w", mapping.Name, err)
	}
	l.edited[i] = mapping.Generation
	return sent, nil
}

// untilCalled waits for the call of the last edit, among those after the first n.
func (l *life) untilCalled(ctx context.Context, n, i int) (call, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	agent, value := l.mapping(i).Spec.AgentID, "Y"
	if l.stopped[i] {
		value = "N"
	}
	c, err := l.deepcall.await(ctx, n, func(c call) bool {
		return c.AgentID == agent && c.Group[firstGroup].ReceiveCall == value
	})
	if err != nil {
		err = fmt.Errorf("%s was edited, and DeepCall was not called: %w", mappingName(i), err)
	}
	return c, err
}

// idle measures what it costs to have nothing to do.
func (l *life) idle(ctx context.Context, r *round) error {
	const length = time.Minute
	before, err := l.count(ctx)
	if err != nil {
		return err
	}
	used, err := l.manager.usage()
	if err != nil {
		return err
	}
	if err := wait(ctx, length); err != nil {
		return err
	}
	then, err := l.manager.usage()
	if err != nil {
		return err
	}
	since, err := l.since(ctx, before)
	if err != nil {
		return err
	}
	r.add("calls in a minute", "", float64(since.calls))
	r.addWrites(since.writes)
	r.add("CPU, of a core", "%", 100*(then.cpu-used.cpu)/length.Seconds())
	return l.addSize(ctx, r, l.manager)
}

// restart measures a manager that finds everything as it should be.
func (l *life) restart(ctx context.Context, r *round) error {
	const length = 30 * time.Second
	if err := l.manager.stop(); err != nil {
		return err
	}
	before, err := l.count(ctx)
	if err != nil {
		return err
	}
	if l.manager, err = l.startManager(ctx); err != nil {
		return err
	}
	if err := l.manager.untilReady(ctx); err != nil {
		return err
	}
	r.add("time to ready", "s", time.Since(l.manager.started).Seconds())
	if err := wait(ctx, time.Until(l.manager.started.Add(length))); err != nil {
		return err
	}
	since, err := l.since(ctx, before)
	if err != nil {
		return err
	}
	used, err := l.manager.usage()
	if err != nil {
		return err
	}
	r.add("calls within 30 s", "", float64(since.calls))
	r.addWrites(since.writes.without("POST events", 1)) // which tells of the new leader
	r.add("CPU within 30 s", "s", used.cpu)
	return l.addSize(ctx, r, l.manager)
}
