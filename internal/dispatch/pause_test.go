package dispatch

import (
	"testing"
	"time"
)

func TestRetryAfterPausesTheAccount(t *testing.T) {
	runInFakeTime(t, "for all agents; then one request probes, and its success releases the others", func(t *testing.T) {
		h := newHarness(t, generous, always(success))
		h.send("0", edit)
		h.setAnswer(limited.retry("30").in(time.Second))
		h.send("0", edit)
		h.setAnswer(success.in(time.Second))
		h.reconcileMany(4, edit, true)
		h.until(time.Minute)
		expect(t, "requests", h.starts(), "0s 0s 31s 32s 32s 32s")
		expect(t, "recoveries of an account that was ready throughout", h.health().Recoveries, 0)
	})

	withUsableHarness(t, "although requests in flight succeed", generous, success, func(t *testing.T, h *harness) {
		h.setAnswer(success.in(2 * time.Second))
		h.launch("1", edit)
		h.setAnswer(limited.retry("30").in(time.Second))
		h.launch("2", edit)
		elapse(5 * time.Second)
		expect(t, "permit 4 s after HTTP 429 with Retry-After: 30", h.acquire("3", edit), nil)
	})

	withHarness(t, "for at most an hour", generous, failing.retry("99999"), func(t *testing.T, h *harness) {
		h.send("0", edit)
		h.setAnswer(success)
		h.reconcileMany(1, edit, true)
		h.until(2 * time.Hour)
		expect(t, "requests", h.starts(), "0s 1h0m0s")
	})

	for name, change := range map[string]func(*Config){
		"a new revision":           func(c *Config) { c.Revision = "2" },
		"another CA bundle":        func(c *Config) { c.CABundle = []byte("PEM") },
		"other data of the Secret": func(c *Config) { c.SecretHash = 2 },
	} {
		withHarness(t, "until "+name+"; then one request probes, and its success releases the others", generous, success, func(t *testing.T, h *harness) {
			h.reconfigure(func(c *Config) { c.SecretHash = 1 })
			h.send("0", edit)
			h.setAnswer(limited.retry("3600"))
			h.send("0", edit)
			h.setAnswer(success.in(time.Second))
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
			changes    int
		}{{"29", false, 0}, {"30", true, 2}} {
			h := newHarness(t, generous, always(success))
			h.send("0", edit)
			h.healthChanges = 0
			h.setAnswer(limited.retry(tc.retryAfter))
			h.send("0", edit)
			expect(t, "paused by Retry-After: "+tc.retryAfter, h.health().Paused, tc.paused)
			expect(t, "ready", h.health().Ready(), true)
			h.acquire("1", edit)
			h.release("1")
			elapse(time.Minute)
			expect(t, "paused afterwards", h.health().Paused, false)
			expect(t, "health changes", h.healthChanges, tc.changes)
		}
	})

	withHarness(t, "and enqueues the waiting agents, which report it", serial, limited.retry("60").in(time.Second), func(t *testing.T, h *harness) {
		h.launch("0", edit)
		h.acquire("1", edit)
		elapse(2 * time.Second)
		expect(t, "enqueued", h.takeEnqueued(), "0 1")
	})

	withHarness(t, "and a failed probe after it makes the account unreachable", generous, limited.retry("60"), func(t *testing.T, h *harness) {
		h.send("0", edit)
		h.setAnswer(failing)
		h.reconcileMany(1, edit, false)
		h.until(61 * time.Second)
		expect(t, "state", h.health().State, Unreachable)
		expect(t, "paused", h.health().Paused, false)
	})
}
