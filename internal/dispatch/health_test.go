package dispatch

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// scenario runs in fake time.
func scenario(t *testing.T, name string, run func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, run) })
}

// switching is a DeepCall whose answer can be changed.
type switching struct {
	mu     sync.Mutex
	answer answer
}

func (s *switching) becomes(a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = a
}

func (s *switching) say(call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answer
}

func reasonOf(s Standing) string {
	if s.Cause == nil {
		return ""
	}
	return s.Cause.Reason
}

func TestCredentialsThatWereNotTriedYet(t *testing.T) {
	scenario(t, "get one call at a time until one succeeds, then all at once", func(t *testing.T) {
		b := newBench(t, generous, always(success.in(time.Second)))
		b.crowd(5, Want{Priority: Edit}, true)
		expect(t, "in flight at first", len(b.made()), 1)
		expect(t, "the state", b.Standing().State, Untried)
		b.until(time.Minute)
		expect(t, "the calls", b.starts(), "0s 1s 1s 1s 1s")
		expect(t, "the state", b.Standing().State, Usable)
	})

	scenario(t, "get one call at a time also while calls fail", func(t *testing.T) {
		b := newBench(t, generous, always(down.in(time.Second)))
		b.crowd(3, Want{Priority: Edit}, false)
		b.until(time.Minute)
		expect(t, "the calls", b.starts(), "0s 1s 2s")
	})

	scenario(t, "get one call at a time though turns were given before them", func(t *testing.T) {
		b := newBench(t, generous, always(success.in(time.Second)))
		_ = b.now("1")
		turns := []*Turn{b.Turn("1", Want{}), b.Turn("2", Want{}), b.Turn("3", Want{})}
		b.reconfigure(func(s *Settings) { s.Credentials = credentials(t, "1002") })
		for i, turn := range turns {
			if used := turn.Use(); used != (i == 0) {
				t.Errorf("turn %d used: %v", i, used)
			}
		}
		_, _ = turns[0].Call(t.Context(), deepcall.Request{AgentID: "1"})
		expect(t, "woken afterwards", b.wakes(), "2 3")
	})
}

func TestARefusedAccountIsNotHammered(t *testing.T) {
	scenario(t, "with many mappings there is one call, then single probes after 5 min, doubling to 1 h", func(t *testing.T) {
		b := newBench(t, generous, always(denied))
		b.crowd(100, Want{Priority: Edit}, true)
		b.until(30 * time.Minute)
		expect(t, "the calls", b.starts(), "0s 5m0s 15m0s")
		b.until(4 * time.Hour)
		expect(t, "the calls", b.starts(), "0s 5m0s 15m0s 35m0s 1h15m0s 2h15m0s 3h15m0s")
		expect(t, "at once", b.most, 1)
		expect(t, "the cause", reasonOf(b.Standing()), "PermissionDenied")
		expect(t, "ready", b.Standing().Ready(), false)
	})

	scenario(t, "calls in flight end, and none starts", func(t *testing.T) {
		deepCall := &switching{answer: success}
		b := newBench(t, Limits{RequestsPerSecond: 100, Burst: 100, MaxInFlight: 3}, deepCall.say)
		_ = b.now("0")
		deepCall.becomes(denied.in(time.Second))
		b.launch("a")
		deepCall.becomes(success.in(2 * time.Second))
		b.launch("b")
		deepCall.becomes(denied.in(3 * time.Second))
		b.launch("c")
		if b.Turn("d", Want{Priority: Edit}) != nil {
			t.Error("a fourth call at once")
		}
		elapse(time.Second)
		expect(t, "who waits is told", b.wakes(), "d")
		elapse(4*time.Minute + 59*time.Second)
		expect(t, "nobody is woken too early", b.wakes(), "")
		expect(t, "the state", b.Standing().State, Refused)
		elapse(time.Second)
		expect(t, "then the next one is", b.wakes(), "d")
	})

	for name, change := range map[string]func(*bench, *Settings){
		"new credentials":                 func(b *bench, s *Settings) { s.Credentials = credentials(b.t, "1002") },
		"a new revision of the account":   func(b *bench, s *Settings) { s.Revision = "2" },
		"another endpoint":                func(_ *bench, s *Settings) { s.Endpoint = "https://other.example" },
		"a new revision with new clients": func(b *bench, s *Settings) { s.Revision, s.Client = "2", b.client() },
	} {
		scenario(t, "after "+name+" the next call follows at once, and a success serves all", func(t *testing.T) {
			deepCall := &switching{answer: denied}
			b := newBench(t, generous, deepCall.say)
			b.crowd(20, Want{Priority: Edit}, true)
			b.until(time.Minute)
			epoch := b.Standing().Epoch
			b.reconfigure(func(s *Settings) { change(b, s) })
			elapse(0)
			expect(t, "the calls", b.starts(), "0s 1m0s")
			expect(t, "back-offs are void", b.Standing().Epoch > epoch, true)
			deepCall.becomes(success)
			b.reconfigure(func(s *Settings) { s.Revision = "3" })
			elapse(0)
			expect(t, "the calls", len(b.made()), 22)
			expect(t, "the state", b.Standing().State, Usable)
		})
	}

	scenario(t, "settings that did not change give it no other chance", func(t *testing.T) {
		b := newBench(t, generous, always(denied))
		b.crowd(3, Want{Priority: Edit}, true)
		for range 10 {
			b.reconfigure(func(s *Settings) { s.Credentials = credentials(t, "1001") })
			elapse(10 * time.Second)
		}
		expect(t, "the calls", b.starts(), "0s")
	})

	scenario(t, "a Secret that comes back as it was gives it no other chance", func(t *testing.T) {
		b := newBench(t, generous, always(denied))
		b.crowd(3, Want{Priority: Edit}, true)
		b.reconfigure(func(s *Settings) {
			s.Credentials, s.Problem = deepcall.Credentials{}, Problem{Reason: "SecretNotFound"}
		})
		b.reconfigure(func(s *Settings) { s.Credentials, s.Problem = credentials(t, "1001"), Problem{} })
		elapse(time.Minute)
		expect(t, "the calls", b.starts(), "0s")
	})

	scenario(t, "an answer to old credentials says nothing about new ones", func(t *testing.T) {
		deepCall := &switching{answer: denied.in(time.Second)}
		b := newBench(t, generous, deepCall.say)
		b.launch("1")
		b.reconfigure(func(s *Settings) { s.Credentials = credentials(t, "1002") })
		deepCall.becomes(success)
		elapse(2 * time.Second)
		expect(t, "the state", b.Standing().State, Untried)
		_ = b.now("2")
		expect(t, "the user", b.made()[1].user, "1002")
		expect(t, "the state", b.Standing().State, Usable)
	})

	scenario(t, "a new revision of a usable account changes nothing", func(t *testing.T) {
		b := newBench(t, generous, always(success))
		_ = b.now("1")
		before := b.Standing()
		b.reconfigure(func(s *Settings) { s.Revision = "2" })
		expect(t, "the standing", b.Standing(), before)
	})
}

func TestAnUnreachableAccountIsProbed(t *testing.T) {
	scenario(t, "by one call at a time, from 1 s to 1 min apart, and recovers at once", func(t *testing.T) {
		deepCall := &switching{answer: down}
		b := newBench(t, generous, deepCall.say)
		b.crowd(50, Want{Priority: Edit}, true)
		b.until(200 * time.Second)
		expect(t, "the calls", b.starts(), "0s 0s 0s 0s 0s 1s 3s 7s 15s 31s 1m3s 2m3s 3m3s")
		expect(t, "the state", b.Standing().State, Unreachable)
		epoch := b.Standing().Epoch
		deepCall.becomes(success)
		b.until(243 * time.Second)
		expect(t, "the calls", len(b.made()), 13+50)
		expect(t, "back-offs are void", b.Standing().Epoch > epoch, true)
	})

	scenario(t, "not after failures in flight together", func(t *testing.T) {
		deepCall := &switching{answer: success}
		b := newBench(t, generous, deepCall.say)
		_ = b.now("0")
		for n := range 8 {
			deepCall.becomes(failing.in(time.Duration(1+n) * time.Second))
			b.launch(fmt.Sprint(n))
		}
		elapse(time.Minute)
		expect(t, "the state", b.Standing().State, Usable)
	})

	scenario(t, "after answers that cannot be read, too", func(t *testing.T) {
		b := newBench(t, generous, always(answer{status: 200, body: "<html>"}))
		for n := range 5 {
			_ = b.now(fmt.Sprint(n))
		}
		expect(t, "the state", b.Standing().State, Unreachable)
		expect(t, "the cause", reasonOf(b.Standing()), "UnreadableAnswer")
	})

	scenario(t, "not after answers about a mapping", func(t *testing.T) {
		for _, a := range []answer{rejected, busy, code(4711)} {
			b := newBench(t, generous, always(a))
			for n := range 10 {
				_ = b.now(fmt.Sprint(n))
			}
			expect(t, "the state", b.Standing().State, Usable)
		}
	})
}

func TestARetryAfterHoldsAllAgents(t *testing.T) {
	scenario(t, "then one call probes, and its success opens the account at once", func(t *testing.T) {
		deepCall := &switching{answer: success}
		b := newBench(t, generous, deepCall.say)
		_ = b.now("0")
		deepCall.becomes(limited.retry("30").in(time.Second))
		_ = b.now("0")
		deepCall.becomes(success.in(time.Second))
		b.crowd(4, Want{Priority: Edit}, true)
		b.until(time.Minute)
		expect(t, "the calls", b.starts(), "0s 0s 31s 32s 32s 32s")
		expect(t, "ready throughout", b.Standing().Epoch, 0)
	})

	scenario(t, "even when calls that were in flight succeed", func(t *testing.T) {
		deepCall := &switching{answer: success}
		b := newBench(t, generous, deepCall.say)
		_ = b.now("0")
		deepCall.becomes(success.in(2 * time.Second))
		b.launch("1")
		deepCall.becomes(limited.retry("30").in(time.Second))
		b.launch("2")
		elapse(5 * time.Second)
		if b.Turn("3", Want{Priority: Edit}) != nil {
			t.Error("a call 4 s after HTTP 429 with Retry-After: 30")
		}
	})

	scenario(t, "at most for an hour, and a new revision does not lift it", func(t *testing.T) {
		deepCall := &switching{answer: failing.retry("99999")}
		b := newBench(t, generous, deepCall.say)
		_ = b.now("0")
		b.reconfigure(func(s *Settings) { s.Revision = "2" })
		deepCall.becomes(success)
		b.crowd(1, Want{Priority: Edit}, true)
		b.until(2 * time.Hour)
		expect(t, "the calls", b.starts(), "0s 1h0m0s")
	})
}
