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

	withHarness(t, "sends one request at a time while requests fail", generous, down.in(time.Second), func(t *testing.T, h *harness) {
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
	withHarness(t, "is probed by one request at a time, 1 s to 1 min apart, and recovers at once", generous, down, func(t *testing.T, h *harness) {
		h.reconcileMany(50, edit, true)
		h.until(200 * time.Second)
		expect(t, "requests", h.starts(), "0s 0s 0s 0s 0s 1s 3s 7s 15s 31s 1m3s 2m3s 3m3s")
		expect(t, "state", h.health().State, Unreachable)
		recoveries := h.health().Recoveries
		h.setAnswer(success)
		h.until(243 * time.Second)
		expect(t, "requests", len(h.requests()), 13+50)
		expect(t, "recovered", h.health().Recoveries > recoveries, true)
	})

	withHarness(t, "is probed for waiting agents in turn", generous, down, func(t *testing.T, h *harness) {
		h.reconcile(Ask{Priority: Retry}, true, "8")
		h.reconcile(Ask{Priority: PeriodicResync}, true, "1", "2")
		h.until(64 * time.Second)
		expect(t, "agents", h.agentIDs(), "8 8 8 8 8 1 2 8 1 2 8")
	})

	withUsableHarness(t, "is not caused by requests that fail while in flight together", generous, success, func(t *testing.T, h *harness) {
		for n := range 8 {
			h.setAnswer(failing.in(time.Duration(1+n) * time.Second))
			h.launch(fmt.Sprint(n), edit)
		}
		elapse(time.Minute)
		expect(t, "state", h.health().State, Usable)
	})

	withHarness(t, "is caused by answers that can't be read", generous, answer{status: 200, body: "<html>"}, func(t *testing.T, h *harness) {
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

func TestHealthDescribesTheConfiguration(t *testing.T) {
	withHarness(t, "endpoint, authentication and configuration error", generous, success, func(t *testing.T, h *harness) {
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
