package main

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// editCount is enough for a 99th percentile that isn't a single outlier.
const editCount = 200

const editWrite = "PATCH agentgroupmappings" // the write of an edit

// edits measures the time from an edit to its request, while nothing else happens.
func (l *liveRun) edits(ctx context.Context, r *round) error {
	before, err := l.count(ctx)
	if err != nil {
		return err
	}
	var ready, writing []float64
	for n := range editCount {
		i := spread(n, l.Mappings)
		requests := l.deepcall.total()
		sent, err := l.edit(ctx, i)
		if err != nil {
			return err
		}
		writing = append(writing, milliseconds(time.Since(sent)))
		received, err := l.waitForEdit(ctx, requests, i)
		if err != nil {
			return err
		}
		r.Samples = append(r.Samples, milliseconds(received.at.Sub(sent)))
		if err := l.watcher.waitMappingReady(ctx, i, l.generations[i]); err != nil {
			return err
		}
		ready = append(ready, milliseconds(time.Since(sent)))
	}
	since, err := l.countAfter(ctx, settlingTime, before)
	if err != nil {
		return err
	}
	r.add("edits", "", editCount)
	r.addLatency("edit to request", r.Samples)
	r.addLatency("edit to Ready", ready)
	r.addLatency("write of the edit", writing)
	r.add("requests", "", float64(since.requests))
	r.addWrites(since.writes.without(editWrite, editCount))
	return nil
}

// backlog measures edits while the resyncs of all mappings are waiting. To make all resyncs due at once, it
// sets the last sync of each mapping to two hours ago while the manager is stopped.
func (l *liveRun) backlog(ctx context.Context, r *round) error {
	before, err := l.restartManager(ctx, func() error {
		lastSync := metav1.NewMicroTime(time.Now().Add(-2 * time.Hour))
		patch := fmt.Appendf(nil, `{"status":{"lastSyncTime":%q}}`, lastSync.UTC().Format(metav1.RFC3339Micro))
		return l.forEach(ctx, "making resyncs due", l.Mappings, func(i int) error {
			return l.admin.Status().Patch(ctx, l.mapping(i), client.RawPatch("application/merge-patch+json", patch))
		})
	})
	if err != nil {
		return err
	}
	waiting := &resyncBacklog{liveRun: l, seen: before.requests, agents: map[string]bool{}}
	for i := range l.Mappings {
		waiting.agents[l.mapping(i).Spec.AgentID] = true
	}
	first, err := waiting.waitForNext(ctx)
	if err != nil {
		return err
	}
	writing, err := l.editDuring(ctx, r, waiting)
	if err != nil {
		return err
	}
	r.add("edits", "", float64(len(r.Samples)))
	r.addLatency("edit to request", r.Samples)
	r.addLatency("write of the edit", writing)
	r.add("resyncs left after the edits", "", float64(waiting.length()))
	last, err := waiting.waitUntilEmpty(ctx)
	if err != nil {
		return err
	}
	if err := l.waitReady(ctx); err != nil {
		return err
	}
	since, err := l.countAfter(ctx, settlingTime, before)
	if err != nil {
		return err
	}
	r.add("first to last request", "s", last.at.Sub(first.at).Seconds())
	r.add("requests", "", float64(since.requests))
	r.addWrites(since.writes.without(editWrite, len(writing)))
	return nil
}

// editDuring edits one mapping after the other, none twice, while resyncs are waiting. Edits after the last
// resync don't count. It returns how long the writes of the edits took, in milliseconds.
func (l *liveRun) editDuring(ctx context.Context, r *round, waiting *resyncBacklog) (writing []float64, err error) {
	for n := range min(editCount, l.Mappings) {
		if waiting.length() == 0 {
			return writing, nil
		}
		i := spread(n, l.Mappings)
		requests := l.deepcall.total()
		sent, err := l.edit(ctx, i)
		if err != nil {
			return writing, err
		}
		writing = append(writing, milliseconds(time.Since(sent)))
		received, err := l.waitForEdit(ctx, requests, i)
		if err != nil {
			return writing, err
		}
		if waiting.length() > 0 {
			r.Samples = append(r.Samples, milliseconds(received.at.Sub(sent)))
		}
	}
	return writing, nil
}

// resyncBacklog holds the agents without a request so far.
type resyncBacklog struct {
	*liveRun
	seen   int // the number of requests that were processed
	agents map[string]bool
}

func (b *resyncBacklog) length() int {
	unseen := b.deepcall.since(b.seen)
	b.seen += len(unseen)
	for _, r := range unseen {
		delete(b.agents, r.AgentID)
	}
	return len(b.agents)
}

// waitForNext waits for the next request that wasn't processed.
func (b *resyncBacklog) waitForNext(ctx context.Context) (request, error) {
	ctx, cancel := context.WithTimeout(ctx, stallTimeout)
	defer cancel()
	r, err := b.deepcall.waitForRequest(ctx, b.seen, func(request) bool { return true })
	if err != nil {
		err = fmt.Errorf("no resync: %w", err)
	}
	return r, err
}

// waitUntilEmpty waits until there was a request for each agent, and returns the last request.
func (b *resyncBacklog) waitUntilEmpty(ctx context.Context) (request, error) {
	stop := b.reportProgress(func() string { return fmt.Sprintf("resyncs: %d requests so far", b.deepcall.total()) })
	defer stop()
	for b.length() > 0 {
		if _, err := b.waitForNext(ctx); err != nil {
			return request{}, fmt.Errorf("%d resyncs are missing: %w", b.length(), err)
		}
	}
	return b.deepcall.since(b.seen - 1)[0], nil
}
