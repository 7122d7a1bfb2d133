package dispatch

import (
	"testing"
	"time"
)

func TestRetryAfterPausesTheAccount(t *testing.T) {
	runInFakeTime(t, "for all agents; then one request probes, and its success releases the others", func(t *testing.T) {
		deepCall := &changingAnswer{answer: success}
		h := newHarness(t, generous, deepCall.get)
		h.send("0", edit)
		deepCall.set(limited.retry("30").in(time.Second))
		h.send("0", edit)
		deepCall.set(success.in(time.Second))
		h.reconcileMany(4, edit, true)
		h.until(time.Minute)
		expect(t, "requests", h.starts(), "0s 0s 31s 32s 32s 32s")
		expect(t, "recoveries of an account that was ready throughout", h.health().Recoveries, 0)
	})

	runInFakeTime(t, "although requests in flight succeed", func(t *testing.T) {
		deepCall := &changingAnswer{answer: success}
		h := newHarness(t, generous, deepCall.get)
		h.send("0", edit)
		deepCall.set(success.in(2 * time.Second))
		h.launch("1", edit)
		deepCall.set(limited.retry("30").in(time.Second))
		h.launch("2", edit)
		elapse(5 * time.Second)
		if h.acquire("3", edit) != nil {
			t.Error("got a permit 4 s after HTTP 429 with Retry-After: 30")
		}
	})

	runInFakeTime(t, "for at most an hour", func(t *testing.T) {
		deepCall := &changingAnswer{answer: failing.retry("99999")}
		h := newHarness(t, generous, deepCall.get)
		h.send("0", edit)
		deepCall.set(success)
		h.reconcileMany(1, edit, true)
		h.until(2 * time.Hour)
		expect(t, "requests", h.starts(), "0s 1h0m0s")
	})

	for name, change := range map[string]func(*Config){
		"a new revision":           func(c *Config) { c.Revision = "2" },
		"another CA bundle":        func(c *Config) { c.CABundle = []byte("PEM") },
		"other data of the Secret": func(c *Config) { c.SecretHash = 2 },
	} {
		runInFakeTime(t, "until "+name+"; then one request probes, and its success releases the others", func(t *testing.T) {
			deepCall := &changingAnswer{answer: success}
			h := newHarness(t, generous, deepCall.get)
			h.reconfigure(func(c *Config) { c.SecretHash = 1 })
			h.send("0", edit)
			deepCall.set(limited.retry("3600"))
			h.send("0", edit)
			deepCall.set(success.in(time.Second))
			h.reconcileMany(3, edit, true)
			h.until(time.Minute)
			h.reconfigure(change)
			expect(t, "paused until the probe has ended", h.health().Paused, true)
			h.until(time.Hour)
			expect(t, "requests", h.starts(), "0s 0s 1m0s 1m1s 1m1s")
			expect(t, "paused afterwards", h.health().Paused, false)
		})
	}

	runInFakeTime(t, "and reports a pause of 30 s or more, also if no agent waits when it ends", func(t *testing.T) {
		for _, tc := range []struct {
			retryAfter string
			paused     bool
		}{{"29", false}, {"30", true}} {
			deepCall := &changingAnswer{answer: success}
			h := newHarness(t, generous, deepCall.get)
			h.send("0", edit)
			h.healthChanges = 0
			deepCall.set(limited.retry(tc.retryAfter))
			h.send("0", edit)
			expect(t, "paused by Retry-After: "+tc.retryAfter, h.health().Paused, tc.paused)
			expect(t, "ready", h.health().Ready(), true)
			h.acquire("1", edit)
			h.release("1")
			elapse(time.Minute)
			expect(t, "paused afterwards", h.health().Paused, false)
			changes := 0
			if tc.paused {
				changes = 2
			}
			expect(t, "health changes", h.healthChanges, changes)
		}
	})

	runInFakeTime(t, "and enqueues the waiting agents, which report it", func(t *testing.T) {
		h := newHarness(t, Limits{RequestsPerSecond: 100, Burst: 100, MaxInFlight: 1}, always(limited.retry("60").in(time.Second)))
		h.launch("0", edit)
		h.acquire("1", edit)
		elapse(2 * time.Second)
		expect(t, "enqueued", h.takeEnqueued(), "0 1")
	})

	runInFakeTime(t, "and a failed probe after it makes the account unreachable", func(t *testing.T) {
		deepCall := &changingAnswer{answer: limited.retry("60")}
		h := newHarness(t, generous, deepCall.get)
		h.send("0", edit)
		deepCall.set(failing)
		h.reconcileMany(1, edit, false)
		h.until(61 * time.Second)
		expect(t, "state", h.health().State, Unreachable)
		expect(t, "paused", h.health().Paused, false)
	})
}
