package dispatch

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

func TestUntriedAccount(t *testing.T) {
	runInFakeTime(t, "sends one request at a time until one succeeds, then all at once", func(t *testing.T) {
		h := newHarness(t, generous, always(success.in(time.Second)))
		h.reconcileMany(5, edit, true)
		expect(t, "requests at first", len(h.requests()), 1)
		expect(t, "state", h.health().State, Untried)
		h.until(time.Minute)
		expect(t, "requests", h.starts(), "0s 1s 1s 1s 1s")
		expect(t, "state", h.health().State, Usable)
	})

	runInFakeTime(t, "sends one request at a time while requests fail", func(t *testing.T) {
		h := newHarness(t, generous, always(down.in(time.Second)))
		h.reconcileMany(3, edit, false)
		h.until(time.Minute)
		expect(t, "requests", h.starts(), "0s 1s 2s")
	})

	runInFakeTime(t, "sends one request at a time even if several permits were granted before", func(t *testing.T) {
		h := newHarness(t, generous, always(success.in(time.Second)))
		h.send("1", edit)
		permits := []*Permit{h.acquire("1", Ask{}), h.acquire("2", Ask{}), h.acquire("3", Ask{})}
		h.reconfigure(func(c *Config) { c.Credentials = credentials(t, "1002") })
		h.takeEnqueued()
		for i, permit := range permits {
			expect(t, fmt.Sprintf("permit %d starts", i), h.start(permit), i == 0)
		}
		elapse(time.Second)
		expect(t, "enqueued at its end", h.takeEnqueued(), "2 3 1")
	})
}

func TestDeniedAccount(t *testing.T) {
	runInFakeTime(t, "with many agents sends one request, then single probes after 5 min, doubling to 1 h", func(t *testing.T) {
		h := newHarness(t, generous, always(denied))
		h.reconcileMany(100, edit, true)
		h.until(30 * time.Minute)
		expect(t, "requests", h.starts(), "0s 5m0s 15m0s")
		h.until(4 * time.Hour)
		expect(t, "requests", h.starts(), "0s 5m0s 15m0s 35m0s 1h15m0s 2h15m0s 3h15m0s")
		expect(t, "requests in flight at once", h.maxInFlight, 1)
		expect(t, "cause", h.cause(), "PermissionDenied")
		expect(t, "ready", h.health().Ready(), false)
	})

	runInFakeTime(t, "lets requests in flight end and starts none", func(t *testing.T) {
		deepCall := &changingAnswer{answer: success}
		h := newHarness(t, Limits{RequestsPerSecond: 100, Burst: 100, MaxInFlight: 3}, deepCall.get)
		h.send("0", edit)
		deepCall.set(denied.in(time.Second))
		h.launch("a", edit)
		deepCall.set(success.in(2 * time.Second))
		h.launch("b", edit)
		deepCall.set(denied.in(3 * time.Second))
		h.launch("c", edit)
		if h.acquire("d", edit) != nil {
			t.Error("d got a permit although MaxInFlight requests are in flight")
		}
		h.takeEnqueued()
		elapse(2 * time.Second)
		expect(t, "enqueued before another agent is denied", h.takeEnqueued(), "a b")
		expect(t, "state", h.health().State, Usable)
		elapse(time.Second)
		expect(t, "enqueued when denied: the agent of the request, and the waiting one", h.takeEnqueued(), "c d")
		expect(t, "state", h.health().State, Denied)
		elapse(4*time.Minute + 59*time.Second)
		expect(t, "enqueued before the probe", h.takeEnqueued(), "")
		elapse(time.Second)
		expect(t, "enqueued for the probe", h.takeEnqueued(), "d")
	})

	for name, change := range map[string]func(*harness, *Config){
		"new credentials":                func(h *harness, c *Config) { c.Credentials = credentials(h.t, "1002") },
		"a new revision":                 func(_ *harness, c *Config) { c.Revision = "2" },
		"another endpoint":               func(_ *harness, c *Config) { c.Endpoint = otherEndpoint },
		"a new revision with new client": func(h *harness, c *Config) { c.Revision, c.Client = "2", h.client() },
	} {
		runInFakeTime(t, "retries at once after "+name+", and serves all agents after a success", func(t *testing.T) {
			deepCall := &changingAnswer{answer: denied}
			h := newHarness(t, generous, deepCall.get)
			h.reconcileMany(20, edit, true)
			h.until(time.Minute)
			recoveries := h.health().Recoveries
			h.reconfigure(func(c *Config) { change(h, c) })
			elapse(0)
			expect(t, "requests", h.starts(), "0s 1m0s")
			expect(t, "recovered", h.health().Recoveries > recoveries, true)
			deepCall.set(success)
			h.reconfigure(func(c *Config) { c.Revision = "3" })
			elapse(0)
			expect(t, "requests", len(h.requests()), 22)
			expect(t, "state", h.health().State, Usable)
		})
	}

	runInFakeTime(t, "is not retried if the configuration did not change", func(t *testing.T) {
		h := newHarness(t, generous, always(denied))
		h.reconcileMany(3, edit, true)
		for range 10 {
			h.reconfigure(func(c *Config) { c.Credentials = credentials(t, "1001") })
			elapse(10 * time.Second)
		}
		expect(t, "requests", h.starts(), "0s")
	})

	runInFakeTime(t, "is not retried if the Secret is recreated with the same data", func(t *testing.T) {
		h := newHarness(t, generous, always(denied))
		h.reconcileMany(3, edit, true)
		h.reconfigure(deleteSecret)
		h.reconfigure(func(c *Config) { c.Credentials, c.ConfigError = credentials(t, "1001"), ConfigError{} })
		elapse(time.Minute)
		expect(t, "requests", h.starts(), "0s")
	})

	runInFakeTime(t, "retries at once after any change of the Secret's data, and not for the same data", func(t *testing.T) {
		h := newHarness(t, generous, always(denied))
		h.reconfigure(func(c *Config) { c.SecretHash = 1 })
		h.reconcileMany(3, edit, true)
		for _, step := range []struct {
			hash uint64
			want string
		}{{1, "0s"}, {2, "0s 2m0s"}, {0, "0s 2m0s"}, {2, "0s 2m0s"}, {1, "0s 2m0s 5m0s"}} {
			elapse(time.Minute)
			h.reconfigure(func(c *Config) { c.SecretHash = step.hash })
			expect(t, fmt.Sprintf("requests after hash %d", step.hash), h.starts(), step.want)
		}
	})

	runInFakeTime(t, "is not caused by HTTP 403 without DeepCall's own answer once the credentials were accepted", func(t *testing.T) {
		deepCall := &changingAnswer{answer: answer{status: 403, body: "<html>"}}
		h := newHarness(t, generous, deepCall.get)
		h.send("0", edit)
		expect(t, "state with untried credentials", h.health().State, Denied)
		h.reconfigure(func(c *Config) { c.Revision = "2" })
		deepCall.set(success)
		h.send("0", edit)
		deepCall.set(answer{status: 403, body: "<html>"})
		for range 4 {
			h.send("0", edit)
		}
		expect(t, "state with accepted credentials", h.health().State, Usable)
		h.send("0", edit)
		expect(t, "state after 5 failures", h.health().State, Unreachable)
		expect(t, "cause", h.cause(), "Blocked")
		h.reconfigure(func(c *Config) { c.Revision = "3" })
		deepCall.set(success)
		h.send("0", edit)
		deepCall.set(answer{status: 403, body: `{"status":"error","code":1015,"message":"no"}`})
		h.send("0", edit)
		expect(t, "state with DeepCall's own answer", h.health().State, Denied)
	})

	runInFakeTime(t, "is not caused by HTTP 413", func(t *testing.T) {
		h := newHarness(t, generous, always(answer{status: 413, body: "<html>"}))
		for n := range 10 {
			h.send(fmt.Sprint(n), edit)
		}
		expect(t, "state", h.health().State, Untried)
	})

	runInFakeTime(t, "can't remove groups once the Secret is gone, in either order", func(t *testing.T) {
		h := newHarness(t, generous, always(denied))
		h.send("0", edit)
		expect(t, "with the Secret", h.health().CanRemove, true)
		h.acquire("1", Ask{Removal: true})
		h.takeEnqueued()
		h.reconfigure(deleteSecret)
		expect(t, "without the Secret", h.health().CanRemove, false)
		expect(t, "enqueued", h.takeEnqueued(), "1")
		h.reconfigure(func(c *Config) { c.Revision = "2" })
		expect(t, "without the Secret, after another change", h.health().CanRemove, false)
		h.reconfigure(func(c *Config) { c.Credentials, c.ConfigError = credentials(t, "1001"), ConfigError{} })
		expect(t, "with the Secret again", h.health().CanRemove, true)

		h = newHarness(t, Limits{RequestsPerSecond: 100, Burst: 100, MaxInFlight: 1}, always(denied.in(time.Second)))
		h.reconfigure(deleteSecret)
		expect(t, "with credentials that were not denied", h.health().CanRemove, true)
		h.launch("0", Ask{Removal: true})
		h.acquire("1", Ask{Removal: true})
		elapse(2 * time.Second)
		expect(t, "after the denial", h.health().CanRemove, false)
		expect(t, "enqueued after the denial", h.takeEnqueued(), "0 1")
		elapse(24 * time.Hour)
		expect(t, "requests", len(h.requests()), 1)
	})

	runInFakeTime(t, "is not caused by an answer to former credentials", func(t *testing.T) {
		deepCall := &changingAnswer{answer: denied.in(time.Second)}
		h := newHarness(t, generous, deepCall.get)
		h.launch("1", edit)
		h.reconfigure(func(c *Config) { c.Credentials = credentials(t, "1002") })
		deepCall.set(success)
		elapse(2 * time.Second)
		expect(t, "state", h.health().State, Untried)
		h.send("2", edit)
		expect(t, "user", h.requests()[1].user, "1002")
		expect(t, "state", h.health().State, Usable)
	})
}

func TestUsableAccountStaysUsableWithANewRevision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, generous, always(success))
		h.send("1", edit)
		want := h.health()
		want.Recoveries++ // ends the back-off of its agents
		h.reconfigure(func(c *Config) { c.Revision = "2" })
		expect(t, "health", h.health(), want)
	})
}

func TestUnreachableAccount(t *testing.T) {
	runInFakeTime(t, "is probed by one request at a time, 1 s to 1 min apart, and recovers at once", func(t *testing.T) {
		deepCall := &changingAnswer{answer: down}
		h := newHarness(t, generous, deepCall.get)
		h.reconcileMany(50, edit, true)
		h.until(200 * time.Second)
		expect(t, "requests", h.starts(), "0s 0s 0s 0s 0s 1s 3s 7s 15s 31s 1m3s 2m3s 3m3s")
		expect(t, "state", h.health().State, Unreachable)
		recoveries := h.health().Recoveries
		deepCall.set(success)
		h.until(243 * time.Second)
		expect(t, "requests", len(h.requests()), 13+50)
		expect(t, "recovered", h.health().Recoveries > recoveries, true)
	})

	runInFakeTime(t, "is probed for waiting agents in turn", func(t *testing.T) {
		h := newHarness(t, generous, always(down))
		h.reconcile(Ask{Priority: Retry}, true, "8")
		h.reconcile(Ask{Priority: PeriodicResync}, true, "1", "2")
		h.until(64 * time.Second)
		expect(t, "agents", h.agentIDs(), "8 8 8 8 8 1 2 8 1 2 8")
	})

	runInFakeTime(t, "is not caused by requests that fail while in flight together", func(t *testing.T) {
		deepCall := &changingAnswer{answer: success}
		h := newHarness(t, generous, deepCall.get)
		h.send("0", edit)
		for n := range 8 {
			deepCall.set(failing.in(time.Duration(1+n) * time.Second))
			h.launch(fmt.Sprint(n), edit)
		}
		elapse(time.Minute)
		expect(t, "state", h.health().State, Usable)
	})

	runInFakeTime(t, "is caused by answers that can't be read", func(t *testing.T) {
		h := newHarness(t, generous, always(answer{status: 200, body: "<html>"}))
		for n := range 5 {
			h.send(fmt.Sprint(n), edit)
		}
		expect(t, "state", h.health().State, Unreachable)
		expect(t, "cause", h.cause(), "UnreadableAnswer")
	})

	runInFakeTime(t, "is not caused by answers about a mapping", func(t *testing.T) {
		for _, a := range []answer{rejected, busy, code(4711)} {
			h := newHarness(t, generous, always(a))
			for n := range 10 {
				h.send(fmt.Sprint(n), edit)
			}
			expect(t, "state", h.health().State, Usable)
		}
	})
}

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

func TestHealthDescribesTheConfiguration(t *testing.T) {
	runInFakeTime(t, "endpoint, authentication and configuration error", func(t *testing.T) {
		h := newHarness(t, generous, always(success))
		health := h.health()
		expect(t, "endpoint", health.Endpoint, endpoint)
		expect(t, "authentication", health.Authentication, "UserToken")
		expect(t, "ready while untried", health.Ready(), true)
		h.reconfigure(deleteSecret)
		health = h.health()
		expect(t, "authentication", health.Authentication, "")
		expect(t, "configuration error", health.ConfigError.Reason, "SecretNotFound")
		expect(t, "ready with a configuration error", health.Ready(), false)
		expect(t, "reachable with a configuration error", health.Reachable(), true)
	})

	runInFakeTime(t, "enqueues waiting agents when the account becomes unusable and usable again", func(t *testing.T) {
		h := newHarness(t, Limits{RequestsPerSecond: 1, Burst: 1, MaxInFlight: 1}, always(success.in(time.Second)))
		h.launch("0", edit)
		h.acquire("1", Ask{})
		recoveries := h.health().Recoveries
		h.reconfigure(func(c *Config) { c.ConfigError = ConfigError{Reason: "InvalidSpec"} })
		expect(t, "enqueued when unusable", h.takeEnqueued(), "1")
		elapse(time.Minute)
		expect(t, "enqueued meanwhile: only the agent whose request ended", h.takeEnqueued(), "0")
		h.reconfigure(func(c *Config) { c.ConfigError = ConfigError{} })
		expect(t, "enqueued when usable", h.takeEnqueued(), "1")
		expect(t, "recovered", h.health().Recoveries > recoveries, true)
	})

	runInFakeTime(t, "removals can be sent unless the credentials belong to another endpoint or object", func(t *testing.T) {
		for name, tc := range map[string]struct {
			change    func(*Config)
			canRemove bool
		}{
			"Secret deleted":                       {deleteSecret, true},
			"Secret deleted, endpoint changed":     {func(c *Config) { deleteSecret(c); c.Endpoint = otherEndpoint }, false},
			"Secret deleted, slash appended":       {func(c *Config) { deleteSecret(c); c.Endpoint += "/" }, true},
			"Secret deleted, account recreated":    {func(c *Config) { deleteSecret(c); c.UID = "another" }, false},
			"spec invalid":                         {func(c *Config) { c.Client, c.ConfigError = nil, ConfigError{Reason: "InvalidSpec"} }, false},
			"Secret valid, endpoint changed":       {func(c *Config) { c.Endpoint = otherEndpoint }, true},
			"Secret valid, account recreated":      {func(c *Config) { c.UID = "another" }, true},
			"Secret invalid, nothing else changed": {func(c *Config) { c.Credentials = deepcall.Credentials{} }, true},
		} {
			h := newHarness(t, generous, always(success))
			h.reconfigure(tc.change)
			expect(t, name, h.health().CanRemove, tc.canRemove)
		}
	})
}
