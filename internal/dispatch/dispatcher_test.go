package dispatch

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

var acme = types.NamespacedName{Namespace: "support", Name: "acme"}

// newRegistry makes a registry whose one account is the bench's.
func newRegistry(t *testing.T, limits Limits, how func(call) answer) (*Registry, *bench) {
	t.Helper()
	b := &bench{t: t, begin: time.Now(), answer: how}
	r := NewRegistry(clock.RealClock{}, func(types.NamespacedName) Hooks { return Hooks{Wake: b.wake, Tell: b.wake, Changed: b.change} })
	b.Account = r.Configure(acme, b.settings("1001", limits))
	return r, b
}

func TestARegistryHoldsTheAccountsInUse(t *testing.T) {
	scenario(t, "each by its name, from its first settings to its removal", func(t *testing.T) {
		r, b := newRegistry(t, generous, always(success))
		expect(t, "the account", r.Get(acme), b.Account)
		expect(t, "another name", r.Get(types.NamespacedName{Namespace: "other", Name: "acme"}), nil)
		expect(t, "configured again", r.Configure(acme, b.settings("1002", generous)), b.Account)
		expect(t, "the settings", b.Settings().Credentials.Equal(credentials(t, "1002")), true)
		r.Remove(acme)
		r.Remove(acme)
		expect(t, "afterwards", r.Get(acme), nil)
		expect(t, "a new one", r.Configure(acme, b.settings("1001", generous)) != b.Account, true)
	})

	scenario(t, "and an account that is removed wakes who waits, and gives nothing", func(t *testing.T) {
		r, b := newRegistry(t, Limits{RequestsPerSecond: 1, Burst: 1, MaxInFlight: 2}, always(success.in(time.Second)))
		_ = b.now("0")
		unused := b.Turn("1", Want{})
		b.Turn("2", Want{})
		b.Turn("3", Want{})
		r.Remove(acme)
		expect(t, "woken", b.wakes(), "2 3")
		expect(t, "an unused turn used", unused.Use(), false)
		expect(t, "another turn", b.Turn("4", Want{Priority: Edit}), nil)
		elapse(time.Hour)
		expect(t, "woken later", b.wakes(), "")
	})

	scenario(t, "and a closed one gives no turn in any account, new or old, while calls in flight end", func(t *testing.T) {
		r, b := newRegistry(t, generous, always(success.in(time.Second)))
		_ = b.now("0")
		verdict := context.Canceled
		turn, unused := b.Turn("1", Want{}), b.Turn("2", Want{})
		turn.Use()
		go func() { _, verdict = turn.Call(context.Background(), deepcall.Request{AgentID: "1"}) }()
		synctest.Wait()
		r.Close()
		expect(t, "an unused turn used", unused.Use(), false)
		expect(t, "a turn", b.Turn("3", Want{Priority: Edit}), nil)
		late := r.Configure(types.NamespacedName{Name: "late"}, b.settings("1002", generous))
		expect(t, "a turn of a new account", late.Turn("4", Want{Priority: Edit}), nil)
		elapse(time.Hour)
		expect(t, "the verdict in flight", verdict, nil)
		expect(t, "woken", b.wakes(), "")
		expect(t, "the calls", len(b.made()), 2)
	})

	scenario(t, "and a slow, a limited and a refused one do not delay another", func(t *testing.T) {
		answers := map[string]answer{"slow": success.in(time.Hour / 2), "limited": limited.retry("3600"), "refused": denied, "fine": success}
		for name, a := range answers {
			b := newBench(t, generous, always(a))
			b.crowd(10, Want{Priority: Edit}, name == "fine")
			if name == "fine" {
				expect(t, "the calls", len(b.made()), 10)
			}
		}
		elapse(6 * time.Hour)
	})
}

func TestAnAccountTellsHowItIsConfigured(t *testing.T) {
	scenario(t, "its endpoint, its authentication and its problem", func(t *testing.T) {
		b := newBench(t, generous, always(success))
		s := b.Standing()
		expect(t, "the endpoint", s.Endpoint, "https://deepcall.example")
		expect(t, "the authentication", s.Authentication, "UserToken")
		expect(t, "ready while untried", s.Ready(), true)
		b.reconfigure(func(s *Settings) {
			s.Credentials, s.Problem = deepcall.Credentials{}, Problem{Reason: "SecretNotFound"}
		})
		s = b.Standing()
		expect(t, "the authentication", s.Authentication, "")
		expect(t, "the problem", s.Problem.Reason, "SecretNotFound")
		expect(t, "ready with a problem", s.Ready(), false)
		expect(t, "reachable with a problem", s.Reachable(), true)
	})

	scenario(t, "and wakes who waits when it goes out of use, and when it comes back", func(t *testing.T) {
		b := newBench(t, Limits{RequestsPerSecond: 1, Burst: 1, MaxInFlight: 1}, always(success.in(time.Second)))
		b.launch("0")
		b.Turn("1", Want{})
		epoch := b.Standing().Epoch
		b.reconfigure(func(s *Settings) { s.Problem = Problem{Reason: "InvalidSpec"} })
		expect(t, "woken", b.wakes(), "1")
		elapse(time.Minute)
		expect(t, "woken meanwhile", b.wakes(), "")
		b.reconfigure(func(s *Settings) { s.Problem = Problem{} })
		expect(t, "woken again", b.wakes(), "1")
		expect(t, "back-offs are void", b.Standing().Epoch > epoch, true)
	})
}

func TestAnAccountIsSafeForConcurrentUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seed := uint64(time.Now().UnixNano())
		limits := Limits{RequestsPerSecond: 50, Burst: 10, MaxInFlight: 5}
		var mu sync.Mutex
		r, end := rand.New(rand.NewPCG(seed, 0)), 10*time.Minute
		random := func(n int) int { mu.Lock(); defer mu.Unlock(); return r.IntN(n) }
		b := newBench(t, limits, func(c call) answer {
			latency := time.Duration(random(900)) * time.Millisecond
			if c.start > end {
				return success.in(latency)
			}
			return []answer{success, success, rejected, busy, down, failing.retry("2"), denied}[random(7)].in(latency)
		})
		b.crowd(60, Want{Priority: Retry}, true)

		var others sync.WaitGroup
		for n := range 20 {
			others.Go(func() {
				for time.Since(b.begin) < end {
					switch agent := fmt.Sprint(random(60)); random(6) {
					case 0:
						b.reconfigure(func(s *Settings) { s.Revision = fmt.Sprint(random(1000)) })
					case 1:
						b.reconfigure(func(s *Settings) { s.Credentials = credentials(t, fmt.Sprint(1000+random(3))) })
					case 2:
						b.Turn(fmt.Sprint("visitor", n), Want{Priority: Edit})
					case 3:
						b.Leave(fmt.Sprint("visitor", n))
					case 4:
						b.Standing()
						b.CanRemove()
					default:
						go b.wake(agent)
					}
					<-time.After(time.Duration(1+random(5000)) * time.Millisecond)
				}
				b.Leave(fmt.Sprint("visitor", n))
			})
		}
		others.Wait()
		b.reconfigure(func(s *Settings) { s.Revision = "last" })
		elapse(3 * time.Hour)

		served := map[string]bool{}
		busyUntil := map[string]time.Duration{}
		for _, c := range b.made() {
			if c.start < busyUntil[c.agent] {
				t.Errorf("seed %d: two calls at once for agent %s", seed, c.agent)
			}
			busyUntil[c.agent], served[c.agent] = c.end, true
		}
		expect(t, fmt.Sprintf("with seed %d, agents served", seed), len(served), 60)
		if b.most > limits.MaxInFlight {
			t.Errorf("seed %d: %d calls at once", seed, b.most)
		}
		expect(t, "who still waits", fmt.Sprint(b.Account.queue.agents()), "[]")
	})
}
