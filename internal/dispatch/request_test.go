package dispatch

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

func TestStartSendsTheRequest(t *testing.T) {
	withHarness(t, "and calls done while the agent is in flight, then enqueues it", generous, success.in(time.Second), func(t *testing.T, h *harness) {
		var doneInFlight, enqueuedInFlight bool
		h.enqueueListener = func(agentID string) { enqueuedInFlight = h.InFlight(agent(agentID)) }
		permit := h.acquire("1", edit)
		expect(t, "in flight before the start", h.InFlight(agent("1")), false)
		permit.Start(t.Context(), requestOf("1"), func(result Result) {
			doneInFlight = h.InFlight(agent("1"))
			expect(t, "permit during done", h.acquire("1", edit), nil)
			expect(t, "enqueued before done", h.takeEnqueuedNow(), "")
			expect(t, "result", fmt.Sprint(result.Endpoint, " ", result.Answer.Code, " ", result.Err, " ", result.Time.Sub(h.begin)),
				endpoint+" 200 <nil> 1s")
		})
		expect(t, "in flight", h.InFlight(agent("1")), true)
		expect(t, "another agent in flight", h.InFlight(agent("2")), false)
		elapse(time.Second)
		expect(t, "in flight during done", doneInFlight, true)
		expect(t, "enqueued", h.takeEnqueued(), "1")
		expect(t, "in flight when enqueued", enqueuedInFlight, false)
	})

	runInFakeTime(t, "with the values of the caller's context but not its cancellation", func(t *testing.T) {
		h := newHarness(t, generous, always(success.in(time.Second)))
		ctx, cancel := context.WithCancel(t.Context())
		var err error
		h.acquire("1", edit).Start(ctx, requestOf("1"), func(result Result) { err = result.Err })
		cancel()
		elapse(time.Second)
		expect(t, "error", err, nil)
	})

	// The groups that DeepCall accepted count as applied at the endpoint of the request.
	withHarness(t, "to the endpoint in force at the start", generous, success.in(time.Second), func(t *testing.T, h *harness) {
		permit := h.acquire("7", edit)
		h.reconfigure(func(c *Config) { c.Endpoint, c.Client = otherEndpoint, h.client() })
		var result Result
		expect(t, "started", permit.Start(t.Context(), requestOf("7"), func(r Result) { result = r }), true)
		h.reconfigure(func(c *Config) { c.Endpoint, c.Client = endpoint, h.client() })
		elapse(time.Second)
		expect(t, "endpoint", result.Endpoint, otherEndpoint)
	})
}

// A failure whose request started before the account changed must not delay the agent.
func TestRecoveriesOfAResult(t *testing.T) {
	for name, change := range map[string]func(h *harness){
		"the credentials change": func(h *harness) {
			h.reconfigure(func(c *Config) { c.Credentials = credentials(h.t, "1002") })
		},
		"the endpoint changes":  func(h *harness) { h.reconfigure(func(c *Config) { c.Endpoint, c.Client = otherEndpoint, h.client() }) },
		"the revision changes":  func(h *harness) { h.reconfigure(func(c *Config) { c.Revision, c.Client = "2", h.client() }) },
		"the CA bundle changes": func(h *harness) { h.reconfigure(func(c *Config) { c.CABundle, c.Client = []byte("PEM"), h.client() }) },
		"it is recreated":       (*harness).recreateAccount,
		"it is recreated twice": func(h *harness) { h.recreateAccount(); h.recreateAccount() },
	} {
		runInFakeTime(t, "are fewer than the account's if "+name+" while the request is in flight", func(t *testing.T) {
			h := newHarness(t, generous, always(denied.in(time.Second)))
			results := h.launch("1", edit)
			change(h)
			result := <-results
			expect(t, "the account counts the denial", h.health().State, Untried)
			expect(t, "fewer", result.Recoveries < h.health().Recoveries, true)
		})
	}

	withHarness(t, "are the account's if the Secret changes but not the credentials", generous, denied.in(time.Second), func(t *testing.T, h *harness) {
		results := h.launch("1", edit)
		h.reconfigure(func(c *Config) { c.SecretHash = 2 })
		expect(t, "recoveries", (<-results).Recoveries, h.health().Recoveries)
		elapse(0)
		expect(t, "state", h.health().State, Denied)
	})
}

func TestRequestOutlivesItsAccount(t *testing.T) {
	withHarness(t, "when the account is removed", generous, success.in(time.Second), func(t *testing.T, h *harness) {
		results := h.launch("1", edit)
		h.Remove(acme)
		expect(t, "in flight", h.InFlight(agent("1")), true)
		expect(t, "permit of an unknown account", h.acquire("1", edit), nil)
		elapse(time.Second)
		expect(t, "error", (<-results).Err, nil)
		expect(t, "in flight at the end", h.InFlight(agent("1")), false)
		expect(t, "enqueued", h.takeEnqueued(), "1")
	})

	runInFakeTime(t, "when the account is recreated, and does not count for the new one", func(t *testing.T) {
		h := newHarness(t, generous, always(denied.in(time.Second)))
		h.launch("1", edit)
		h.recreateAccount()
		expect(t, "in flight", h.InFlight(agent("1")), true)
		expect(t, "permit while in flight", h.acquire("1", edit), nil)
		elapse(time.Second)
		expect(t, "enqueued", h.takeEnqueued(), "1")
		expect(t, "state", h.health().State, Untried)
		expect(t, "permit afterwards", h.acquire("1", edit) != nil, true)
	})

	withHarness(t, "but an unused permit does not", generous, success, func(t *testing.T, h *harness) {
		permit := h.acquire("1", edit)
		h.recreateAccount()
		expect(t, "started", h.start(permit), false)
		expect(t, "new permit", h.start(h.acquire("1", edit)), true)
	})
}

func TestShutdown(t *testing.T) {
	runInFakeTime(t, "starts no request after Close, in any account, and lets those in flight end", func(t *testing.T) {
		h := newHarness(t, generous, always(success.in(time.Second)))
		h.send("0", edit)
		results := h.launch("1", edit)
		permit := h.acquire("2", edit)
		h.takeEnqueued()
		h.Close()
		expect(t, "started", h.start(permit), false)
		expect(t, "permit", h.acquire("3", edit), nil)
		late := agent("4")
		late.Account.Name = "late"
		h.Configure(late.Account, h.config("1002", generous))
		expect(t, "permit of a new account", h.Acquire(late, edit), nil)
		elapse(time.Hour)
		expect(t, "error of the request in flight", (<-results).Err, nil)
		expect(t, "enqueued", h.takeEnqueued(), "1")
		expect(t, "requests", len(h.requests()), 2)
	})

	withUsableHarness(t, "waits for done of every request", generous, success, func(t *testing.T, h *harness) {
		var done atomic.Int32
		for n := range 3 {
			h.setAnswer(success.in(time.Duration(1+n) * time.Second))
			h.acquire(fmt.Sprint(n), edit).Start(t.Context(), requestOf(fmt.Sprint(n)), func(Result) {
				<-time.After(time.Minute)
				done.Add(1)
			})
			elapse(0)
		}
		h.Close()
		h.Wait()
		expect(t, "done", done.Load(), 3)
		expect(t, "waited", time.Since(h.begin), 63*time.Second)
		for n := range 3 {
			expect(t, "in flight", h.InFlight(agent(fmt.Sprint(n))), false)
		}
	})

	withHarness(t, "does not wait if nothing is in flight", generous, success, func(t *testing.T, h *harness) {
		h.acquire("1", edit)
		h.Close()
		h.Wait()
		expect(t, "waited", time.Since(h.begin), 0)
	})

	runInFakeTime(t, "cancels the requests in flight with Abort, also of a removed account, and starts none", func(t *testing.T) {
		h := newHarness(t, generous, always(success.in(time.Hour/2)))
		h.send("0", edit)
		first := h.launch("1", edit)
		h.recreateAccount()
		second, permit := h.launch("2", edit), h.acquire("3", edit)
		aborted := time.Now()
		h.Abort()
		expect(t, "started", h.start(permit), false)
		h.Wait()
		expect(t, "waited", time.Since(aborted), 0)
		for _, results := range []<-chan Result{first, second} {
			if err := (<-results).Err; !errors.Is(err, context.Canceled) {
				t.Errorf("the request ended with %v", err)
			}
		}
		expect(t, "state", h.health().State, Untried)
	})
}

func TestStartSendsNothingWithoutTheLease(t *testing.T) {
	withHarness(t, "and the agent waits for another permit", generous, success, func(t *testing.T, h *harness) {
		permit := h.acquire("1", edit)
		h.options.MaySend = func() error { return errors.New("not the leader") }
		expect(t, "started", h.start(permit), false)
		expect(t, "in flight", h.InFlight(agent("1")), false)
		expect(t, "enqueued at once", h.takeEnqueued(), "")
		elapse(leaseRetry)
		expect(t, "enqueued after the delay", h.takeEnqueued(), "1")
		expect(t, "requests", h.agentIDs(), "")
		h.options.MaySend = func() error { return nil }
		expect(t, "started with the old permit", h.start(permit), false)
		expect(t, "started with the new permit", h.start(h.acquire("1", edit)), true)
		expect(t, "requests with the lease", h.agentIDs(), "1")
	})
}
