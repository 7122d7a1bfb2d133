package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

// rotation measures what a change of the Secret costs, and when it acts.
func (l *life) rotation(ctx context.Context, r *round) error {
	const quiet = 5 * time.Second
	before, err := l.count(ctx)
	if err != nil {
		return err
	}
	if _, err := l.rotate(ctx, firstToken+"-then"); err != nil {
		return err
	}
	if err := wait(ctx, quiet); err != nil {
		return err
	}
	since, err := l.since(ctx, before)
	if err != nil {
		return err
	}
	r.add("calls within 5 s", "", float64(since.calls))
	r.addWrites(since.writes.without("PATCH secrets", 1))

	// And once more, while edits come.
	const newest = firstToken + "-newest"
	rotated, err := l.rotate(ctx, newest)
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		calls, i := l.deepcall.total(), spread(n, l.Mappings)
		if _, err := l.edit(ctx, i); err != nil {
			return err
		}
		called, err := l.untilCalled(ctx, calls, i)
		if err != nil {
			return err
		}
		if called.Token == newest {
			r.add("time to the first call with the new token", "ms", milliseconds(called.at.Sub(rotated)))
			r.add("calls with the old token before", "", float64(n))
			return l.watcher.until(ctx, "Ready", l.edited, l.manager)
		}
		if time.Since(rotated) > patience {
			return fmt.Errorf("calls have the old token %s after the Secret changed", patience)
		}
	}
}

// rotate changes the token. DeepCall takes any.
func (l *life) rotate(ctx context.Context, token string) (time.Time, error) {
	secret := &corev1.Secret{}
	secret.Namespace, secret.Name = namespace, accountName+"-deepcall"
	change := fmt.Appendf(nil, `{"stringData":{"token":%q}}`, token)
	sent := time.Now()
	if err := l.admin.Patch(ctx, secret, client.RawPatch("application/merge-patch+json", change)); err != nil {
		return sent, fmt.Errorf("change the Secret: %w", err)
	}
	return sent, nil
}

// outage measures how edits are caught up with that came while DeepCall was down.
func (l *life) outage(ctx context.Context, r *round) error {
	const length = 30 * time.Second
	many := min(100, l.Mappings)
	before, err := l.count(ctx)
	if err != nil {
		return err
	}
	l.deepcall.sim.Script(deepcalltest.Status(503).Times(-1))
	began := time.Now()
	for n := range many {
		if _, err := l.edit(ctx, spread(n, l.Mappings)); err != nil {
			return err
		}
		if err := wait(ctx, time.Until(began.Add(length*time.Duration(n+1)/time.Duration(many)))); err != nil {
			return err
		}
	}
	l.deepcall.sim.ClearFaults()
	back := time.Now()
	during := l.deepcall.total() - before.calls
	if err := l.watcher.until(ctx, "Ready", l.edited, l.manager); err != nil {
		return err
	}
	times := l.watcher.readyTimes(back)
	if err := wait(ctx, settles); err != nil {
		return err
	}
	since, err := l.since(ctx, before)
	if err != nil {
		return err
	}
	r.add("edits", "", float64(many))
	r.add("calls while DeepCall is down", "", float64(during))
	r.add("calls from its return on", "", float64(since.calls-during))
	r.add("time from its return to the first call", "s", firstAfter(l.deepcall.since(before.calls), back))
	r.add("time from its return to all Ready", "s", times[len(times)-1].Seconds())
	r.addWrites(since.writes.without(editing, many))
	return nil
}

// firstAfter is how many seconds after the time the first call came.
func firstAfter(calls []call, at time.Time) float64 {
	for _, c := range calls {
		if c.at.After(at) {
			return c.at.Sub(at).Seconds()
		}
	}
	return 0
}
