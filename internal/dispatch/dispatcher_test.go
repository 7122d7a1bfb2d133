package dispatch

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

func TestAccounts(t *testing.T) {
	withHarness(t, "exist from their first configuration to their removal", generous, success, func(t *testing.T, h *harness) {
		original := h.accounts[acme]
		expect(t, "has the account", h.Has(acme), true)
		other := types.NamespacedName{Namespace: "other", Name: "acme"}
		expect(t, "has the account of another namespace", h.Has(other), false)
		expect(t, "returned health", h.Configure(acme, h.config("1002", generous)), h.health())
		expect(t, "account after a change", h.accounts[acme], original)
		config, _ := h.Config(acme)
		expect(t, "configuration in force", config.Credentials.Equal(credentials(t, "1002")), true)
		expect(t, "health by account", fmt.Sprint(h.HealthByAccount()), fmt.Sprint(map[types.NamespacedName]Health{acme: h.health()}))
		h.Remove(acme)
		h.Remove(acme)
		expect(t, "has the removed account", h.Has(acme), false)
		_, hasConfig := h.Config(acme)
		_, hasHealth := h.Health(acme)
		expect(t, "configuration or health of the removed account", hasConfig || hasHealth || len(h.HealthByAccount()) > 0, false)
		h.Configure(acme, h.config("1001", generous))
		expect(t, "a recreated account is new", h.accounts[acme] != original, true)
	})

	runInFakeTime(t, "enqueue waiting agents and grant no permits when they are removed", func(t *testing.T) {
		h := newHarness(t, Limits{RequestsPerSecond: 1, Burst: 1, MaxInFlight: 2}, always(success.in(time.Second)))
		h.send("0", edit)
		elapse(time.Second)
		permit := h.acquire("1", Ask{})
		h.acquire("2", Ask{})
		h.acquire("3", Ask{})
		h.takeEnqueued()
		h.Remove(acme)
		expect(t, "enqueued", h.takeEnqueued(), "2 3")
		expect(t, "started", h.start(permit), false)
		expect(t, "permit", h.acquire("4", edit), nil)
		elapse(time.Hour)
		expect(t, "enqueued later", h.takeEnqueued(), "")
	})

	runInFakeTime(t, "are not delayed by another that is slow, limited or denied", func(t *testing.T) {
		answers := map[string]answer{"1": success.in(time.Hour / 2), "2": limited.retry("3600"), "3": denied, "4": success}
		h := newHarness(t, generous, func(r request) answer { return answers[r.user] })
		sent := map[string]int{}
		var mu sync.Mutex
		for user := range answers {
			name := types.NamespacedName{Namespace: "support", Name: user}
			h.Configure(name, h.config(user, generous))
			for n := range 10 {
				key := agent(fmt.Sprint(n))
				key.Account = name
				if permit := h.Acquire(key, edit); permit != nil {
					permit.Start(t.Context(), requestOf(key.AgentID), func(Result) {
						mu.Lock()
						defer mu.Unlock()
						sent[user]++
					})
				}
				elapse(0)
			}
		}
		mu.Lock()
		expect(t, "requests", fmt.Sprint(sent), "map[2:1 3:1 4:10]")
		mu.Unlock()
		elapse(6 * time.Hour)
	})
}

func TestConcurrentUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seed := uint64(time.Now().UnixNano())
		limits := Limits{RequestsPerSecond: 50, Burst: 10, MaxInFlight: 5}
		var mu sync.Mutex
		r, end := rand.New(rand.NewPCG(seed, 0)), 10*time.Minute
		random := func(n int) int { mu.Lock(); defer mu.Unlock(); return r.IntN(n) }
		h := newHarness(t, limits, func(r request) answer {
			latency := time.Duration(random(900)) * time.Millisecond
			if r.start > end {
				return success.in(latency)
			}
			return []answer{success, success, rejected, busy, down, failing.retry("2"), denied}[random(7)].in(latency)
		})
		h.reconcileMany(60, Ask{Priority: Retry}, true)

		var others sync.WaitGroup
		for n := range 20 {
			others.Go(func() {
				visitor := fmt.Sprint("visitor", n)
				for time.Since(h.begin) < end {
					switch id := fmt.Sprint(random(60)); random(6) {
					case 0:
						h.reconfigure(func(c *Config) { c.Revision = fmt.Sprint(random(1000)) })
					case 1:
						h.reconfigure(func(c *Config) { c.Credentials = credentials(t, fmt.Sprint(1000+random(3))) })
					case 2:
						h.acquire(visitor, edit)
					case 3:
						h.release(visitor)
					case 4:
						h.health()
						h.InFlight(agent(id))
					default:
						go h.enqueue(agent(id))
					}
					<-time.After(time.Duration(1+random(5000)) * time.Millisecond)
				}
				h.release(visitor)
			})
		}
		others.Wait()
		h.reconfigure(func(c *Config) { c.Revision = "last" })
		elapse(3 * time.Hour)

		served := map[string]bool{}
		busyUntil := map[string]time.Duration{}
		for _, r := range h.requests() {
			if r.start < busyUntil[r.agentID] {
				t.Errorf("seed %d: two requests in flight for agent %s", seed, r.agentID)
			}
			busyUntil[r.agentID], served[r.agentID] = r.end, true
		}
		expect(t, fmt.Sprintf("agents served with seed %d", seed), len(served), 60)
		if h.maxInFlight > limits.MaxInFlight {
			t.Errorf("seed %d: %d requests in flight", seed, h.maxInFlight)
		}
		expect(t, "waiting agents", fmt.Sprint(h.accounts[acme].queue.agentIDs()), "[]")
		expect(t, "permits in flight", len(h.Dispatcher.inFlight), 0)
	})
}
