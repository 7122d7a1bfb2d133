package dispatch

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

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
		h := newHarness(t, Limits{RequestsPerSecond: 100, Burst: 100, MaxInFlight: 3}, always(success))
		h.send("0", edit)
		h.setAnswer(denied.in(time.Second))
		h.launch("a", edit)
		h.setAnswer(success.in(2 * time.Second))
		h.launch("b", edit)
		h.setAnswer(denied.in(3 * time.Second))
		h.launch("c", edit)
		expect(t, "permit while MaxInFlight requests are in flight", h.acquire("d", edit), nil)
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
		"another CA bundle":              func(h *harness, c *Config) { c.CABundle, c.Client = []byte("PEM"), h.client() },
		"a new revision with new client": func(h *harness, c *Config) { c.Revision, c.Client = "2", h.client() },
	} {
		withHarness(t, "retries at once after "+name+", and serves all agents after a success", generous, denied, func(t *testing.T, h *harness) {
			h.reconcileMany(20, edit, true)
			h.until(time.Minute)
			recoveries := h.health().Recoveries
			h.reconfigure(func(c *Config) { change(h, c) })
			elapse(0)
			expect(t, "requests", h.starts(), "0s 1m0s")
			expect(t, "recovered", h.health().Recoveries > recoveries, true)
			h.setAnswer(success)
			h.reconfigure(func(c *Config) { c.Revision = "3" })
			elapse(0)
			expect(t, "requests", len(h.requests()), 22)
			expect(t, "state", h.health().State, Usable)
		})
	}

	runInFakeTime(t, "is not denied again by the one agent that DeepCall denies", func(t *testing.T) {
		h := newHarness(t, serial, func(r request) answer {
			if r.agentID == "a" {
				return denied
			}
			return success
		})
		h.reconcile(edit, true, "a", "b", "c", "d")
		expect(t, "state after the first answer", h.health().State, Denied)
		h.reconfigure(func(c *Config) { c.Revision = "2" })
		elapse(0)
		if got := h.agentIDs(); !strings.HasPrefix(got, "a b a c d") {
			t.Errorf("agents of the requests: got %s", got)
		}
		expect(t, "state", h.health().State, Usable)
	})

	runInFakeTime(t, "is denied again after at most 3 requests, although only single agents were denied before", func(t *testing.T) {
		isDenied := func(agentID string) bool { return strings.HasPrefix(agentID, "bad") }
		h := newHarness(t, serial, func(r request) answer {
			if isDenied(r.agentID) {
				return denied
			}
			return success
		})
		h.send("good", edit)
		h.reconcile(edit, false, "bad1", "good1", "bad2", "good2", "bad3", "good3", "bad4", "good4")
		expect(t, "state after denials of single agents", h.health().State, Usable)
		isDenied = func(string) bool { return true }
		h.reconcile(edit, true, "bad1", "bad2", "bad3", "bad4", "good")
		elapse(time.Second)
		for i := range 3 {
			before := len(h.requests())
			h.reconfigure(func(c *Config) { c.SecretHash = uint64(i + 1) })
			elapse(time.Second)
			expect(t, "state", h.health().State, Denied)
			if n := len(h.requests()) - before; n < 1 || n > 3 {
				t.Errorf("%d requests after change %d", n, i+1)
			}
		}
	})

	withHarness(t, "is not retried if the configuration did not change", generous, denied, func(t *testing.T, h *harness) {
		h.reconcileMany(3, edit, true)
		for range 10 {
			h.reconfigure(func(c *Config) { c.Credentials = credentials(t, "1001") })
			elapse(10 * time.Second)
		}
		expect(t, "requests", h.starts(), "0s")
	})

	withHarness(t, "is not retried if the Secret is recreated with the same data", generous, denied, func(t *testing.T, h *harness) {
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
		h := newHarness(t, generous, always(answer{status: 403, body: "<html>"}))
		h.send("0", edit)
		expect(t, "state with untried credentials", h.health().State, Denied)
		h.reconfigure(func(c *Config) { c.Revision = "2" })
		h.setAnswer(success)
		h.send("0", edit)
		h.setAnswer(answer{status: 403, body: "<html>"})
		for range 4 {
			h.send("0", edit)
		}
		expect(t, "state with accepted credentials", h.health().State, Usable)
		h.send("0", edit)
		expect(t, "state after 5 failures", h.health().State, Unreachable)
		expect(t, "cause", h.cause(), "Blocked")
		h.reconfigure(func(c *Config) { c.Revision = "3" })
		h.setAnswer(success)
		h.send("0", edit)
		h.setAnswer(answer{status: 403, body: `{"status":"error","code":1015,"message":"no"}`})
		h.send("0", edit)
		expect(t, "state with DeepCall's own answer", h.health().State, Denied)
	})

	withHarness(t, "is not caused by HTTP 413", generous, answer{status: 413, body: "<html>"}, func(t *testing.T, h *harness) {
		for n := range 10 {
			h.send(fmt.Sprint(n), edit)
		}
		expect(t, "state", h.health().State, Untried)
	})

	withHarness(t, "can't remove groups once the Secret is gone, in either order", generous, denied, func(t *testing.T, h *harness) {
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

		h = newHarness(t, serial, always(denied.in(time.Second)))
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

	withHarness(t, "is not caused by an answer to former credentials", generous, denied.in(time.Second), func(t *testing.T, h *harness) {
		h.launch("1", edit)
		h.reconfigure(func(c *Config) { c.Credentials = credentials(t, "1002") })
		h.setAnswer(success)
		elapse(2 * time.Second)
		expect(t, "state", h.health().State, Untried)
		h.send("2", edit)
		expect(t, "user", h.requests()[1].user, "1002")
		expect(t, "state", h.health().State, Usable)
	})
}
