package dispatch

import (
	"testing"
	"time"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

func TestLimitsHoldExactly(t *testing.T) {
	scenario(t, "a burst at once, then so many a second", func(t *testing.T) {
		b := newBench(t, Limits{RequestsPerSecond: 10, Burst: 20, MaxInFlight: 1000}, always(success))
		b.crowd(45, Want{Priority: Edit}, true)
		b.until(time.Minute)
		for n, c := range b.made() {
			want := time.Duration(max(0, n-19)) * 100 * time.Millisecond
			if early, late := want-c.start, c.start-want; early > time.Microsecond || late > time.Microsecond {
				t.Errorf("call %d at %s, not %s", n, c.start, want)
			}
		}
		expect(t, "the calls", len(b.made()), 45)
	})

	scenario(t, "a burst comes back while nothing is sent", func(t *testing.T) {
		b := newBench(t, Limits{RequestsPerSecond: 1, Burst: 3, MaxInFlight: 10}, always(success))
		for _, pause := range []time.Duration{time.Hour, 2 * time.Second, 0} {
			b.crowd(3, Want{Priority: Edit}, true)
			elapse(pause)
		}
		elapse(time.Minute)
		want := "0s 0s 0s 1h0m0s 1h0m0s 1h0m0s 1h0m2s 1h0m2s 1h0m3s"
		expect(t, "the calls", b.starts(), want)
	})

	scenario(t, "no more in flight than allowed", func(t *testing.T) {
		b := newBench(t, Limits{RequestsPerSecond: 100, Burst: 100, MaxInFlight: 4}, always(success.in(time.Second)))
		b.crowd(10, Want{Priority: Edit}, true)
		b.until(time.Minute)
		expect(t, "the calls", b.starts(), "0s 1s 1s 1s 1s 2s 2s 2s 2s 3s")
		expect(t, "at once", b.most, 4)
	})

	scenario(t, "new limits count at once", func(t *testing.T) {
		b := newBench(t, Limits{RequestsPerSecond: 1, Burst: 1, MaxInFlight: 1}, always(success))
		b.crowd(30, Want{Priority: Edit}, true)
		b.until(2500 * time.Millisecond)
		expect(t, "the calls before", len(b.made()), 3)
		b.reconfigure(func(s *Settings) { s.Limits = Limits{RequestsPerSecond: 10, Burst: 5, MaxInFlight: 10} })
		elapse(0)
		expect(t, "the calls after", len(b.made()), 8)
		b.reconfigure(func(s *Settings) { s.Revision = "2" }) // the same limits give no new burst
		elapse(0)
		expect(t, "the calls after the same limits", len(b.made()), 8)
	})
}

func TestATurn(t *testing.T) {
	narrow := Limits{RequestsPerSecond: 1, Burst: 1, MaxInFlight: 1}

	scenario(t, "is one at a time for an agent", func(t *testing.T) {
		b := newBench(t, generous, always(success.in(time.Second)))
		turn := b.Turn("1", Want{})
		expect(t, "asking again gives the same", b.Turn("1", Want{Priority: Edit}), turn)
		expect(t, "used once", turn.Use(), true)
		expect(t, "used twice", turn.Use(), false)
		expect(t, "while it is used there is no other", b.Turn("1", Want{}), nil)
		_, _ = turn.Call(t.Context(), deepcall.Request{AgentID: "1"})
		expect(t, "afterwards there is", b.Turn("1", Want{}) != nil, true)
		expect(t, "nobody is woken for what it looks at itself", b.wakes(), "")
	})

	scenario(t, "that is given back is the next agent's, and costs nothing", func(t *testing.T) {
		b := newBench(t, narrow, always(success))
		turn := b.Turn("1", Want{})
		expect(t, "no second turn", b.Turn("2", Want{}), nil)
		b.Leave("1")
		expect(t, "a turn left is void", turn.Use(), false)
		expect(t, "woken", b.wakes(), "2")
		expect(t, "at once", b.Turn("2", Want{}).Use(), true)
	})

	scenario(t, "in use is not given back", func(t *testing.T) {
		b := newBench(t, Limits{RequestsPerSecond: 10, Burst: 10, MaxInFlight: 1}, always(success.in(time.Second)))
		b.launch("1")
		b.Leave("1")
		expect(t, "no second turn", b.Turn("2", Want{}), nil)
		elapse(2 * time.Second)
		expect(t, "woken", b.wakes(), "2")
	})

	scenario(t, "is not given to an agent that left the queue", func(t *testing.T) {
		b := newBench(t, narrow, always(success.in(time.Second)))
		b.launch("1")
		b.Turn("2", Want{})
		b.Leave("2")
		b.Leave("3") // which never asked
		elapse(time.Minute)
		expect(t, "woken", b.wakes(), "")
	})

	scenario(t, "is void after a refusal, and comes again when the account may be probed", func(t *testing.T) {
		deepCall := &switching{answer: success}
		b := newBench(t, generous, deepCall.say)
		_ = b.now("0")
		turn := b.Turn("1", Want{Priority: Edit})
		deepCall.becomes(denied)
		_ = b.now("0")
		expect(t, "used", turn.Use(), false)
		b.wakes()
		elapse(5 * time.Minute)
		expect(t, "woken", b.wakes(), "1")
		expect(t, "used then", b.Turn("1", Want{Priority: Edit}).Use(), true)
	})

	scenario(t, "is void while a Retry-After holds, and comes again afterwards", func(t *testing.T) {
		deepCall := &switching{answer: success}
		b := newBench(t, generous, deepCall.say)
		_ = b.now("0")
		turn := b.Turn("1", Want{Priority: Edit})
		deepCall.becomes(limited.retry("30"))
		_ = b.now("0")
		expect(t, "used", turn.Use(), false)
		elapse(30 * time.Second)
		expect(t, "woken", b.wakes(), "1")
	})

	scenario(t, "is void once the Secret is gone, but for a removal", func(t *testing.T) {
		b := newBench(t, generous, always(success))
		_ = b.now("0")
		edit, removal := b.Turn("1", Want{Priority: Edit}), b.Turn("2", Want{Priority: Edit, Removal: true})
		b.reconfigure(func(s *Settings) {
			s.Credentials, s.Problem = deepcall.Credentials{}, Problem{Reason: "SecretNotFound"}
		})
		expect(t, "the edit's used", edit.Use(), false)
		expect(t, "the removal's used", removal.Use(), true)
	})

	scenario(t, "is void while fewer calls are allowed in flight than when it was given", func(t *testing.T) {
		b := newBench(t, generous, always(success.in(time.Second)))
		_ = b.now("0")
		first, second := b.Turn("1", Want{Priority: Edit}), b.Turn("2", Want{Priority: Edit})
		b.reconfigure(func(s *Settings) { s.Limits.MaxInFlight = 1 })
		expect(t, "the first used", first.Use(), true)
		expect(t, "the second used", second.Use(), false)
		_, _ = first.Call(t.Context(), deepcall.Request{AgentID: "1"})
		expect(t, "woken", b.wakes(), "2")
	})

	scenario(t, "is void once the spec can't be used", func(t *testing.T) {
		b := newBench(t, generous, always(success))
		_ = b.now("0")
		removal := b.Turn("2", Want{Priority: Edit, Removal: true})
		b.reconfigure(func(s *Settings) { s.Client, s.Problem = nil, Problem{Reason: "InvalidSpec"} })
		expect(t, "used", removal.Use(), false)
		expect(t, "removals can be told", b.CanRemove(), false)
	})
}

func TestWhoIsNext(t *testing.T) {
	serial := Limits{RequestsPerSecond: 100, Burst: 100, MaxInFlight: 1}

	scenario(t, "an edit before a retry before a resync, and then who asked first", func(t *testing.T) {
		b := newBench(t, serial, always(success.in(time.Second)))
		b.launch("0")
		b.gather(Want{Priority: Resync}, true, "resync1", "resync2")
		b.gather(Want{Priority: Retry}, true, "retry1", "retry2")
		b.gather(Want{Priority: Edit}, true, "edit1", "edit2")
		elapse(time.Minute)
		expect(t, "the order", b.agents(), "0 edit1 edit2 retry1 retry2 resync1 resync2")
	})

	scenario(t, "a person's edit, also before a queued resync of the same agent", func(t *testing.T) {
		b := newBench(t, serial, always(success.in(time.Second)))
		b.launch("0")
		for _, agent := range []string{"1", "2", "3"} {
			b.Turn(agent, Want{Priority: Resync})
		}
		b.Turn("3", Want{Priority: Edit})
		elapse(time.Second)
		expect(t, "woken", b.wakes(), "3")
	})

	scenario(t, "only removals while the Secret is gone, with the credentials last read", func(t *testing.T) {
		b := newBench(t, serial, always(success))
		gone := func(s *Settings) {
			s.Credentials, s.Problem = deepcall.Credentials{}, Problem{Reason: "SecretNotFound"}
		}
		b.reconfigure(gone)
		expect(t, "removals can be told", b.CanRemove(), true)
		expect(t, "an edit's turn", b.Turn("1", Want{Priority: Edit}), nil)
		_, _ = b.use(t, "2", Want{Priority: Retry, Removal: true})
		expect(t, "the user", b.made()[0].user, "1001")
		b.wakes()
		b.reconfigure(func(s *Settings) { s.Credentials, s.Problem = credentials(t, "1002"), Problem{} })
		expect(t, "woken when the Secret is back", b.wakes(), "1")
	})

	scenario(t, "nobody while no credentials were ever read", func(t *testing.T) {
		b := newBench(t, serial, always(success))
		fresh := newAccount(b.clock, b.hooks)
		s := b.settings("1001", serial)
		s.Credentials, s.Problem = deepcall.Credentials{}, Problem{Reason: "SecretNotFound"}
		fresh.Configure(s)
		expect(t, "removals can be told", fresh.CanRemove(), false)
		expect(t, "a removal's turn", fresh.Turn("1", Want{Priority: Edit, Removal: true}), nil)
		expect(t, "an edit's turn", fresh.Turn("2", Want{Priority: Edit}), nil)
		elapse(time.Hour)
		expect(t, "woken", b.wakes(), "")
	})
}

// use makes a call that must be possible at once.
func (b *bench) use(t *testing.T, agent string, want Want) (deepcall.Answer, error) {
	t.Helper()
	turn := b.Turn(agent, want)
	if turn == nil || !turn.Use() {
		t.Fatalf("agent %s got no turn", agent)
	}
	return turn.Call(t.Context(), deepcall.Request{AgentID: agent, Groups: map[string]bool{"90": true}})
}

func TestATurnKnowsHowLongItWasWaitedFor(t *testing.T) {
	scenario(t, "one that is free at once, and one that the limits hold up", func(t *testing.T) {
		b := newBench(t, Limits{RequestsPerSecond: 1, Burst: 1, MaxInFlight: 10}, always(success))
		first := b.Turn("a", Want{Priority: Edit})
		expect(t, "the first waited", first.Waited(), 0)
		expect(t, "used", first.Use(), true)
		if b.Turn("b", Want{Priority: Edit}) != nil {
			t.Fatal("b got a turn past the limits")
		}
		_, _ = first.Call(t.Context(), deepcall.Request{AgentID: "a", Groups: map[string]bool{"90": true}})
		elapse(300 * time.Millisecond)
		b.Turn("b", Want{Priority: Edit}) // asking again does not begin anew
		elapse(time.Minute)
		expect(t, "the second waited", b.Turn("b", Want{Priority: Edit}).Waited().Round(time.Millisecond), time.Second)
		b.Leave("b")
	})
}

// What DeepCall accepted counts as applied at the endpoint that was called, which may be another one by now
// than when the turn was asked for, and yet another one at the end of the call.
func TestATurnTellsWhereItsCallGoes(t *testing.T) {
	scenario(t, "while the account moves there and back", func(t *testing.T) {
		b := newBench(t, generous, always(success.in(time.Second)))
		first := b.Settings().Endpoint
		turn := b.Turn("7", Want{Priority: Edit})
		b.reconfigure(func(s *Settings) { s.Endpoint, s.Client = "https://elsewhere.example", b.client() })
		expect(t, "in use", turn.Use(), true)
		b.reconfigure(func(s *Settings) { s.Endpoint, s.Client = first, b.client() })
		expect(t, "the endpoint", turn.Endpoint(), "https://elsewhere.example")
	})
}
