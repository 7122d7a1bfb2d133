package dispatch

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

func TestOptionsFunctions(t *testing.T) {
	runInFakeTime(t, "are called without a lock held, so that they can call the Dispatcher", func(t *testing.T) {
		h := newHarness(t, generous, always(denied.in(time.Second)))
		called := map[string]bool{}
		check := func(function string) {
			called[function] = true
			if !canLock(&h.Dispatcher.mu) {
				t.Errorf("%s is called with the lock held", function)
				return
			}
			h.health()
			h.HealthByAccount()
			h.Config(acme)
			h.InFlight(agent("2"))
			h.release("unknown")
		}
		h.options.Enqueue = func(key v1alpha1.AgentKey) {
			check("Enqueue")
			if key.AgentID == "2" {
				h.Acquire(key, edit)
			}
		}
		h.options.EnqueueLowPriority = func(v1alpha1.AgentKey) { check("EnqueueLowPriority") }
		h.options.EnqueueAccount = func(types.NamespacedName) { check("EnqueueAccount") }
		h.options.Observe = func(ctx context.Context, _ v1alpha1.AgentKey, send SendFunc) (deepcall.Answer, error) {
			check("Observe")
			return send(ctx)
		}
		h.launch("1", edit)
		h.acquire("2", edit)
		elapse(time.Second)     // denied
		elapse(5 * time.Minute) // the timer grants a permit to 2
		h.setAnswer(success)
		h.send("2", edit)
		h.reconfigure(func(c *Config) { c.ConfigError = ConfigError{Reason: "SecretNotFound"} })
		expect(t, "called", fmt.Sprint(called), "map[Enqueue:true EnqueueAccount:true EnqueueLowPriority:true Observe:true]")
	})

	withHarness(t, "enqueue the account only when its health changes", generous, success, func(t *testing.T, h *harness) {
		h.healthChanges = 0
		for n, step := range []struct {
			answer  answer
			changes int
		}{{success, 1}, {success, 1}, {rejected, 1}, {down, 1}, {success, 1}, {denied, 2}} {
			h.setAnswer(step.answer)
			h.send("1", edit)
			expect(t, fmt.Sprintf("changes after request %d", n), h.healthChanges, step.changes)
		}
		expect(t, "enqueued: only the agent of the requests", h.takeEnqueued(), "1 1 1 1 1 1")
	})

	runInFakeTime(t, "enqueue with low priority only agents that wait when the account becomes unusable", func(t *testing.T) {
		h := newHarness(t, serial, always(denied.in(time.Second)))
		var lowPriority []string
		h.options.EnqueueLowPriority = func(key v1alpha1.AgentKey) { lowPriority = append(lowPriority, key.String()) }
		h.launch("1", edit)
		h.acquire("2", edit)
		elapse(time.Second)
		expect(t, "low priority", fmt.Sprint(lowPriority), "[support/acme/2]")
		expect(t, "enqueued", h.takeEnqueued(), "1")
	})

	runInFakeTime(t, "observe each request with the caller's context and the agent", func(t *testing.T) {
		type traceKey struct{}
		h := newHarness(t, generous, always(success))
		var observed string
		h.options.Observe = func(ctx context.Context, key v1alpha1.AgentKey, send SendFunc) (deepcall.Answer, error) {
			answer, err := send(ctx)
			observed = fmt.Sprint(key, " ", ctx.Value(traceKey{}), " ", answer.Code, " ", err)
			return answer, err
		}
		h.acquire("1", edit).Start(context.WithValue(t.Context(), traceKey{}, "trace"), requestOf("1"), func(Result) {})
		elapse(0)
		expect(t, "observed", observed, "support/acme/1 trace 200 <nil>")
	})
}

// canLock reports whether a lock is free, or another goroutine releases it soon. A mutex does not know its owner.
func canLock(mu *sync.Mutex) bool {
	for range 1_000_000 {
		if mu.TryLock() {
			mu.Unlock()
			return true
		}
		runtime.Gosched()
	}
	return false
}
