package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// rotation measures the cost of a change of the Secret, and when the change takes effect.
func (l *liveRun) rotation(ctx context.Context, r *round) error {
	before, err := l.count(ctx)
	if err != nil {
		return err
	}
	if _, err := l.rotate(ctx, initialToken+"-idle"); err != nil {
		return err
	}
	since, err := l.countAfter(ctx, 5*time.Second, before)
	if err != nil {
		return err
	}
	r.add("requests within 5 s", "", float64(since.requests))
	r.addWrites(since.writes.without("PATCH secrets", 1))

	// Rotate once more, during edits.
	const newToken = initialToken + "-edits"
	rotated, err := l.rotate(ctx, newToken)
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		requests, i := l.deepcall.total(), spread(n, l.Mappings)
		if _, err := l.edit(ctx, i); err != nil {
			return err
		}
		received, err := l.waitForEdit(ctx, requests, i)
		if err != nil {
			return err
		}
		if received.Token == newToken {
			r.add("time to first request with the new token", "ms", milliseconds(received.at.Sub(rotated)))
			r.add("requests with the old token before", "", float64(n))
			return l.waitReady(ctx)
		}
		if time.Since(rotated) > stallTimeout {
			return fmt.Errorf("requests have the old token %s after the Secret changed", stallTimeout)
		}
	}
}

// rotate changes the token in the Secret. DeepCall accepts every token.
func (l *liveRun) rotate(ctx context.Context, token string) (time.Time, error) {
	secret := &corev1.Secret{}
	secret.Namespace, secret.Name = namespace, accountName+"-deepcall"
	change := fmt.Appendf(nil, `{"stringData":{"token":%q}}`, token)
	sent := time.Now()
	if err := l.admin.Patch(ctx, secret, client.RawPatch("application/merge-patch+json", change)); err != nil {
		return sent, fmt.Errorf("change the Secret: %w", err)
	}
	return sent, nil
}

// outage measures the recovery from an outage of DeepCall with edits.
func (l *liveRun) outage(ctx context.Context, r *round) error {
	const length = 30 * time.Second
	count := min(100, l.Mappings)
	before, err := l.count(ctx)
	if err != nil {
		return err
	}
	l.deepcall.simulator.Script(deepcalltest.Status(503).Times(-1))
	start := time.Now()
	for n := range count {
		if _, err := l.edit(ctx, spread(n, l.Mappings)); err != nil {
			return err
		}
		if err := testenv.Sleep(ctx, time.Until(start.Add(length*time.Duration(n+1)/time.Duration(count)))); err != nil {
			return err
		}
	}
	l.deepcall.simulator.ClearFaults()
	end := time.Now()
	during := l.deepcall.total() - before.requests
	if err := l.waitReady(ctx); err != nil {
		return err
	}
	times := l.watcher.readyTimes(end)
	since, err := l.countAfter(ctx, settlingTime, before)
	if err != nil {
		return err
	}
	r.add("edits", "", float64(count))
	r.add("requests during the outage", "", float64(during))
	r.add("requests after the outage", "", float64(since.requests-during))
	r.add("end of the outage to first request", "s", firstAfter(l.deepcall.since(before.requests), end))
	r.add("end of the outage to all Ready", "s", times[len(times)-1].Seconds())
	r.addWrites(since.writes.without(editWrite, count))
	return nil
}

// firstAfter returns the seconds from a time to the first request after it.
func firstAfter(requests []request, at time.Time) float64 {
	for _, r := range requests {
		if r.at.After(at) {
			return r.at.Sub(at).Seconds()
		}
	}
	return 0
}
