package dispatch

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestHooksAreCalledWithoutTheLock(t *testing.T) {
	scenario(t, "so that they may call back", func(t *testing.T) {
		deepCall := &switching{answer: denied.in(time.Second)}
		b := newBench(t, generous, deepCall.say)
		called := map[string]bool{}
		check := func(hook string) {
			called[hook] = true
			if !b.Account.mu.TryLock() {
				t.Errorf("%s is called under the lock", hook)
				return
			}
			b.Account.mu.Unlock()
			b.Standing()
			b.Settings()
			b.CanRemove()
			b.Leave("nobody")
		}
		b.hooks = Hooks{
			Wake:    func(agent string) { check("Wake"); b.Turn(agent, Want{Priority: Edit}) },
			Tell:    func(string) { check("Tell") },
			Changed: func() { check("Changed") },
		}
		b.launch("1")
		b.Turn("2", Want{Priority: Edit})
		elapse(time.Second)     // refused
		elapse(5 * time.Minute) // the timer wakes 2
		deepCall.becomes(success)
		_, _ = b.use(t, "2", Want{Priority: Edit})
		b.reconfigure(func(s *Settings) { s.Problem = Problem{Reason: "SecretNotFound"} })
		expect(t, "the hooks", fmt.Sprint(called), "map[Changed:true Tell:true Wake:true]")
	})

	scenario(t, "and Changed only when the standing did", func(t *testing.T) {
		deepCall := &switching{answer: success}
		b := newBench(t, generous, deepCall.say)
		b.changed = 0
		for n, step := range []struct {
			answer  answer
			changed int
		}{{success, 1}, {success, 1}, {rejected, 1}, {down, 1}, {success, 1}, {denied, 2}} {
			deepCall.becomes(step.answer)
			_ = b.now("1")
			expect(t, fmt.Sprintf("after call %d", n), b.changed, step.changed)
		}
		expect(t, "nobody waits", strings.TrimSpace(b.wakes()), "")
	})
}
