package dispatch

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

func TestLimits(t *testing.T) {
	runInFakeTime(t, "allow a burst at once, then so many requests per second", func(t *testing.T) {
		h := newHarness(t, Limits{RequestsPerSecond: 10, Burst: 20, MaxInFlight: 1000}, always(success))
		h.reconcileMany(45, edit, true)
		h.until(time.Minute)
		for n, r := range h.requests() {
			want := time.Duration(max(0, n-19)) * 100 * time.Millisecond
			if early, late := want-r.start, r.start-want; early > time.Microsecond || late > time.Microsecond {
				t.Errorf("request %d at %s, not %s", n, r.start, want)
			}
		}
		expect(t, "requests", len(h.requests()), 45)
	})

	runInFakeTime(t, "refill the burst while nothing is sent", func(t *testing.T) {
		h := newHarness(t, Limits{RequestsPerSecond: 1, Burst: 3, MaxInFlight: 10}, always(success))
		for _, pause := range []time.Duration{time.Hour, 2 * time.Second, 0} {
			h.reconcileMany(3, edit, true)
			elapse(pause)
		}
		elapse(time.Minute)
		expect(t, "requests", h.starts(), "0s 0s 0s 1h0m0s 1h0m0s 1h0m0s 1h0m2s 1h0m2s 1h0m3s")
	})

	runInFakeTime(t, "allow no more than MaxInFlight requests in flight", func(t *testing.T) {
		h := newHarness(t, Limits{RequestsPerSecond: 100, Burst: 100, MaxInFlight: 4}, always(success.in(time.Second)))
		h.reconcileMany(10, edit, true)
		h.until(time.Minute)
		expect(t, "requests", h.starts(), "0s 1s 1s 1s 1s 2s 2s 2s 2s 3s")
		expect(t, "in flight at once", h.maxInFlight, 4)
	})

	runInFakeTime(t, "are in force at once when they change", func(t *testing.T) {
		h := newHarness(t, Limits{RequestsPerSecond: 1, Burst: 1, MaxInFlight: 1}, always(success))
		h.reconcileMany(30, edit, true)
		h.until(2500 * time.Millisecond)
		expect(t, "requests before", len(h.requests()), 3)
		h.reconfigure(func(c *Config) { c.Limits = Limits{RequestsPerSecond: 10, Burst: 5, MaxInFlight: 10} })
		elapse(0)
		expect(t, "requests after", len(h.requests()), 8)
		h.reconfigure(func(c *Config) { c.Revision = "2" })
		elapse(0)
		expect(t, "requests after a change that keeps the limits", len(h.requests()), 8)
	})
}

func TestPermit(t *testing.T) {
	narrow := Limits{RequestsPerSecond: 1, Burst: 1, MaxInFlight: 1}

	withHarness(t, "is the agent's only one until its request has ended", generous, success.in(time.Second), func(t *testing.T, h *harness) {
		permit := h.acquire("1", Ask{})
		expect(t, "acquired again", h.acquire("1", edit), permit)
		expect(t, "started", h.start(permit), true)
		expect(t, "started twice", h.start(permit), false)
		expect(t, "acquired while in flight", h.acquire("1", Ask{}), nil)
		expect(t, "enqueued while in flight", h.takeEnqueued(), "")
		elapse(time.Second)
		expect(t, "enqueued at the end", h.takeEnqueued(), "1")
		expect(t, "acquired afterwards", h.acquire("1", Ask{}) != nil, true)
		expect(t, "started with the old permit", h.start(permit), false)
		expect(t, "enqueued for a permit that Acquire returned", h.takeEnqueued(), "")
	})

	withHarness(t, "passes to the next agent without using a token when it is released", narrow, success, func(t *testing.T, h *harness) {
		permit := h.acquire("1", Ask{})
		expect(t, "second permit", h.acquire("2", Ask{}), nil)
		h.release("1")
		expect(t, "started after the release", h.start(permit), false)
		expect(t, "enqueued", h.takeEnqueued(), "2")
		expect(t, "the next agent started", h.start(h.acquire("2", Ask{})), true)
	})

	withHarness(t, "is not released while its request is in flight", serial, success.in(time.Second), func(t *testing.T, h *harness) {
		h.launch("1", edit)
		h.release("1")
		expect(t, "second permit", h.acquire("2", Ask{}), nil)
		expect(t, "in flight", h.InFlight(agent("1")), true)
		elapse(2 * time.Second)
		expect(t, "enqueued", h.takeEnqueued(), "2 1")
	})

	withHarness(t, "is not granted to an agent that was released", narrow, success.in(time.Second), func(t *testing.T, h *harness) {
		h.launch("1", edit)
		h.acquire("2", Ask{})
		h.release("2")
		h.release("3") // never asked
		h.Release(v1alpha1.AgentKey{Account: types.NamespacedName{Name: "unknown"}, AgentID: "2"})
		elapse(time.Minute)
		expect(t, "enqueued", h.takeEnqueued(), "1")
	})

	withHarness(t, "passes to the next agent when it is postponed, whose agent keeps its place", serial, success, func(t *testing.T, h *harness) {
		permit := h.acquire("1", edit)
		for _, agentID := range []string{"2", "3", "4"} {
			h.acquire(agentID, edit)
		}
		h.Postpone(agent("1"))
		h.Postpone(agent("1")) // repeated
		h.Postpone(agent("3")) // waits
		h.Postpone(v1alpha1.AgentKey{Account: types.NamespacedName{Name: "unknown"}, AgentID: "1"})
		expect(t, "started after it was postponed", h.start(permit), false)
		expect(t, "enqueued", h.takeEnqueued(), "2")
		elapse(time.Minute)
		expect(t, "enqueued while the others do not ask", h.takeEnqueued(), "")
		expect(t, "permit while the next agent has it", h.acquire("1", edit), nil)
		expect(t, "permit of a waiting agent", h.acquire("3", edit), nil)
		expect(t, "second permit", h.acquire("2", edit) != nil, true)
		h.release("2")
		for _, agentID := range []string{"1", "3", "4"} {
			expect(t, "next is "+agentID, h.start(h.acquire(agentID, edit)), true)
			elapse(0)
		}
	})

	withHarness(t, "keeps no place of an agent that was released", serial, success, func(t *testing.T, h *harness) {
		h.acquire("1", edit)
		h.acquire("2", edit)
		h.acquire("3", edit)
		h.Postpone(agent("1"))
		h.release("1")
		h.acquire("1", edit)
		h.release("2")
		expect(t, "enqueued", h.takeEnqueued(), "2 3")
	})

	withHarness(t, "is not postponed while its request is in flight", serial, success.in(time.Second), func(t *testing.T, h *harness) {
		h.launch("1", edit)
		h.Postpone(agent("1"))
		expect(t, "second permit", h.acquire("2", edit), nil)
	})

	withUsableHarness(t, "is void after a denial, until the account is probed", generous, success, func(t *testing.T, h *harness) {
		permit, confirms := h.acquire("1", edit), h.acquire("2", edit)
		h.setAnswer(denied)
		h.send("0", edit)
		expect(t, "another agent's started", h.start(confirms), true)
		elapse(0)
		h.takeEnqueued()
		expect(t, "started", h.start(permit), false)
		expect(t, "enqueued to report the denial", h.takeEnqueued(), "1")
		elapse(5 * time.Minute)
		expect(t, "enqueued", h.takeEnqueued(), "1")
		expect(t, "started then", h.start(h.acquire("1", edit)), true)
	})

	withUsableHarness(t, "is void during a pause, and granted again afterwards", generous, success, func(t *testing.T, h *harness) {
		permit := h.acquire("1", edit)
		h.setAnswer(limited.retry("30"))
		h.send("0", edit)
		expect(t, "started", h.start(permit), false)
		h.takeEnqueued()
		elapse(30 * time.Second)
		expect(t, "enqueued", h.takeEnqueued(), "1")
	})

	withUsableHarness(t, "is void after the Secret is deleted, except for a removal", generous, success, func(t *testing.T, h *harness) {
		change, removal := h.acquire("1", edit), h.acquire("2", Ask{Priority: Edit, Removal: true})
		h.reconfigure(deleteSecret)
		expect(t, "edit started", h.start(change), false)
		expect(t, "removal started", h.start(removal), true)
	})

	withUsableHarness(t, "is void if MaxInFlight was lowered and is reached", generous, success.in(time.Second), func(t *testing.T, h *harness) {
		first, second := h.acquire("1", edit), h.acquire("2", edit)
		h.reconfigure(func(c *Config) { c.Limits.MaxInFlight = 1 })
		h.takeEnqueued()
		expect(t, "first started", h.start(first), true)
		expect(t, "second started", h.start(second), false)
		elapse(time.Second)
		expect(t, "enqueued", h.takeEnqueued(), "2 1")
	})

	withUsableHarness(t, "is void once the spec is invalid", generous, success, func(t *testing.T, h *harness) {
		removal := h.acquire("2", Ask{Priority: Edit, Removal: true})
		h.reconfigure(func(c *Config) { c.Client, c.ConfigError = nil, ConfigError{Reason: "InvalidSpec"} })
		expect(t, "started", h.start(removal), false)
		expect(t, "can remove", h.health().CanRemove, false)
	})

	withHarness(t, "knows how long the agent waited", Limits{RequestsPerSecond: 1, Burst: 1, MaxInFlight: 10}, success, func(t *testing.T, h *harness) {
		first := h.acquire("a", edit)
		expect(t, "first waited", first.Waited(), 0)
		expect(t, "started", h.start(first), true)
		expect(t, "permit beyond the limits", h.acquire("b", edit), nil)
		elapse(300 * time.Millisecond)
		h.acquire("b", edit) // asking again keeps the time of the first ask
		elapse(time.Minute)
		expect(t, "second waited", h.acquire("b", edit).Waited().Round(time.Millisecond), time.Second)
		h.release("b")
	})
}

func TestPermitsAreGrantedInOrder(t *testing.T) {
	runInFakeTime(t, "edits, retries, requested resyncs, periodic resyncs, each in the order of asking", func(t *testing.T) {
		h := newHarness(t, serial, always(success.in(time.Second)))
		h.launch("0", edit)
		h.reconcile(Ask{Priority: PeriodicResync}, true, "periodic1", "periodic2")
		h.reconcile(Ask{Priority: RequestedResync}, true, "requested1", "requested2")
		h.reconcile(Ask{Priority: Retry}, true, "retry1", "retry2")
		h.reconcile(edit, true, "edit1", "edit2")
		elapse(time.Minute)
		expect(t, "order", h.agentIDs(), "0 edit1 edit2 retry1 retry2 requested1 requested2 periodic1 periodic2")
	})

	runInFakeTime(t, "an edit precedes the waiting resyncs, also that of the same agent", func(t *testing.T) {
		h := newHarness(t, serial, always(success.in(time.Second)))
		h.launch("0", edit)
		for _, agentID := range []string{"1", "2", "3"} {
			h.acquire(agentID, Ask{Priority: PeriodicResync})
		}
		h.acquire("3", edit)
		elapse(time.Second)
		expect(t, "enqueued", h.takeEnqueued(), "3 0")
	})

	withHarness(t, "only removals after the Secret is deleted, with the last credentials", serial, success, func(t *testing.T, h *harness) {
		h.reconfigure(deleteSecret)
		expect(t, "can remove", h.health().CanRemove, true)
		expect(t, "permit of an edit", h.acquire("1", edit), nil)
		h.send("2", Ask{Priority: Retry, Removal: true})
		expect(t, "user", h.requests()[0].user, "1001")
		h.takeEnqueued()
		h.reconfigure(func(c *Config) { c.Credentials, c.ConfigError = credentials(t, "1002"), ConfigError{} })
		expect(t, "enqueued when the Secret is recreated", h.takeEnqueued(), "1")
	})

	withHarness(t, "to no agent before there were credentials", serial, success, func(t *testing.T, h *harness) {
		h.Remove(acme)
		config := h.config("1001", serial)
		deleteSecret(&config)
		expect(t, "can remove", h.Configure(acme, config).CanRemove, false)
		expect(t, "permit of a removal", h.acquire("1", Ask{Priority: Edit, Removal: true}), nil)
		expect(t, "permit of an edit", h.acquire("2", edit), nil)
		elapse(time.Hour)
		expect(t, "enqueued", h.takeEnqueued(), "")
	})
}
