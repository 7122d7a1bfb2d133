package main

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// manyEdits are enough for a 99th percentile that is not a single one's.
const manyEdits = 200

const editing = "PATCH agentgroupmappings" // what an edit counts as

// edits measures the time from sending an edit to the arrival of its call, while nothing else happens.
func (l *life) edits(ctx context.Context, r *round) error {
	before, err := l.count(ctx)
	if err != nil {
		return err
	}
	var synced, own []float64
	for n := range manyEdits {
		i := spread(n, l.Mappings)
		calls := l.deepcall.total()
		sent, err := l.edit(ctx, i)
		if err != nil {
			return err
		}
		own = append(own, milliseconds(time.Since(sent)))
		called, err := l.untilCalled(ctx, calls, i)
		if err != nil {
			return err
		}
		r.Samples = append(r.Samples, milliseconds(called.at.Sub(sent)))
		if err := l.watcher.untilSynced(ctx, i, l.edited[i]); err != nil {
			return err
		}
		synced = append(synced, milliseconds(time.Since(sent)))
	}
	if err := wait(ctx, settles); err != nil {
		return err
	}
	since, err := l.since(ctx, before)
	if err != nil {
		return err
	}
	r.add("edits", "", manyEdits)
	r.addLatency("edit to call", r.Samples)
	r.addLatency("edit to Ready", synced)
	r.addLatency("the edit's own request", own)
	r.add("calls", "", float64(since.calls))
	r.addWrites(since.writes.without(editing, manyEdits))
	return nil
}

// backlog measures the same while resyncs of all mappings wait. They are made due all at once: the
// manager is stopped, and the last sync of each is made to be two hours ago.
func (l *life) backlog(ctx context.Context, r *round) error {
	if err := l.manager.stop(); err != nil {
		return err
	}
	long := metav1.NewMicroTime(time.Now().Add(-2 * time.Hour))
	aged := fmt.Appendf(nil, `{"status":{"lastSyncTime":%q}}`, long.UTC().Format(metav1.RFC3339Micro))
	err := l.forEach(ctx, "making resyncs due", l.Mappings, func(i int) error {
		return l.admin.Status().Patch(ctx, l.mapping(i), client.RawPatch("application/merge-patch+json", aged))
	})
	if err != nil {
		return err
	}
	before, err := l.count(ctx)
	if err != nil {
		return err
	}
	if l.manager, err = l.startManager(ctx); err != nil {
		return err
	}
	waiting := &queue{life: l, seen: before.calls, left: l.agents()}
	first, err := l.untilAnyCall(ctx, before.calls)
	if err != nil {
		return err
	}
	if err := l.editBehind(ctx, r, waiting); err != nil {
		return err
	}
	r.add("edits", "", float64(len(r.Samples)))
	r.addLatency("edit to call", r.Samples)
	r.addLatency("the edit's own request", waiting.own)
	r.add("resyncs left at the end of the edits", "", float64(waiting.length()))
	last, err := waiting.untilEmpty(ctx)
	if err != nil {
		return err
	}
	if err := l.watcher.until(ctx, "Ready", l.edited, l.manager); err != nil {
		return err
	}
	if err := wait(ctx, settles); err != nil {
		return err
	}
	since, err := l.since(ctx, before)
	if err != nil {
		return err
	}
	r.add("first to last call", "s", last.at.Sub(first.at).Seconds())
	r.add("calls", "", float64(since.calls))
	r.addWrites(since.writes.without(editing, len(waiting.own)))
	return nil
}

// editBehind edits one mapping after the other, none twice, as long as resyncs wait. What counts is what came
// before the last of them.
func (l *life) editBehind(ctx context.Context, r *round, waiting *queue) error {
	for n := range min(manyEdits, l.Mappings) {
		if waiting.length() == 0 {
			return nil
		}
		i := spread(n, l.Mappings)
		calls := l.deepcall.total()
		sent, err := l.edit(ctx, i)
		if err != nil {
			return err
		}
		waiting.own = append(waiting.own, milliseconds(time.Since(sent)))
		called, err := l.untilCalled(ctx, calls, i)
		if err != nil {
			return err
		}
		if waiting.length() > 0 {
			r.Samples = append(r.Samples, milliseconds(called.at.Sub(sent)))
		}
	}
	return nil
}

// untilAnyCall waits for the first call after n.
func (l *life) untilAnyCall(ctx context.Context, n int) (call, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c, err := l.deepcall.await(ctx, n, func(call) bool { return true })
	if err != nil {
		err = fmt.Errorf("no resync came: %w", err)
	}
	return c, err
}

// agents are all there are.
func (l *life) agents() map[string]bool {
	agents := map[string]bool{}
	for i := range l.Mappings {
		agents[l.mapping(i).Spec.AgentID] = true
	}
	return agents
}

// queue are the agents of which no call came yet.
type queue struct {
	*life
	seen int // how many calls were looked at
	left map[string]bool
	own  []float64 // how long the requests of edits took, in milliseconds
}

func (q *queue) length() int {
	fresh := q.deepcall.since(q.seen)
	q.seen += len(fresh)
	for _, c := range fresh {
		delete(q.left, c.AgentID)
	}
	return len(q.left)
}

// untilEmpty waits until each agent was called for, as long as calls come. It returns the last call.
func (q *queue) untilEmpty(ctx context.Context) (call, error) {
	ended := q.tell(func() string { return fmt.Sprintf("resyncs: %d calls so far", q.deepcall.total()) })
	defer ended()
	for q.length() > 0 {
		if _, err := q.untilAnyCall(ctx, q.seen); err != nil {
			return call{}, fmt.Errorf("%d resyncs are missing: %w", q.length(), err)
		}
	}
	return q.deepcall.since(q.seen - 1)[0], nil
}

// addLatency tells how long something took, in milliseconds.
func (r *round) addLatency(what string, samples []float64) {
	r.add(what+", p50", "ms", percentile(samples, 50))
	r.add(what+", p99", "ms", percentile(samples, 99))
	r.add(what+", most", "ms", percentile(samples, 100))
}

// spread chooses the mappings of edits: all over, and none twice before all had their turn.
func spread(n, mappings int) int {
	const stride = 7919 // a prime, so that it meets each mapping unless their number is a multiple of it
	return n * stride % mappings
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }
