package plan

import (
	"fmt"
	"math"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

func TestRetryDelay(t *testing.T) {
	for failures, want := range map[int]time.Duration{
		1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 4: 8 * time.Second, 5: 16 * time.Second,
		6: 32 * time.Second, 7: 64 * time.Second, 8: 128 * time.Second, 9: 256 * time.Second,
		10: 5 * time.Minute, 11: 5 * time.Minute, 1000: 5 * time.Minute, math.MaxInt: 5 * time.Minute,
	} {
		t.Run(fmt.Sprintf("is %s after failure %d", want, failures), func(t *testing.T) {
			expect(t, "without jitter", retryDelay(failures, 0), want)
			earliest, latest := want, min(want+want/4, 5*time.Minute)
			if want == 5*time.Minute {
				earliest = want - want/4
			}
			for jitter := 0.0; jitter < 1; jitter += 0.01 {
				if got := retryDelay(failures, jitter); got < earliest || got > latest {
					t.Errorf("with jitter %.2f it is %s, want %s to %s", jitter, got, earliest, latest)
				}
			}
		})
	}

	for failures, want := range map[int]time.Duration{
		1: 5 * time.Minute, 2: 10 * time.Minute, 3: 20 * time.Minute, 4: 40 * time.Minute, 5: time.Hour, math.MaxInt: time.Hour,
	} {
		t.Run(fmt.Sprintf("is %[2]s after denial %[1]d", failures, want), func(t *testing.T) {
			expect(t, "without jitter", deniedDelay(failures, 0), want)
		})
	}

	t.Run("differs for requests that failed together", func(t *testing.T) {
		for _, failures := range []int{1, 1000} {
			if a, b := retryDelay(failures, 0.1), retryDelay(failures, 0.9); a == b {
				t.Errorf("after failure %d both are %s", failures, a)
			}
		}
	})
}

func TestResyncAt(t *testing.T) {
	last := day(1)
	const mappings = 2000

	t.Run("is never if the interval is zero", func(t *testing.T) {
		for _, interval := range []time.Duration{0, -time.Second} {
			expect(t, interval.String(), ResyncAt("support/asha", last, interval), time.Time{})
		}
	})

	for _, interval := range []time.Duration{time.Minute, time.Hour, 365 * 24 * time.Hour} {
		t.Run(fmt.Sprintf("varies by up to a tenth of %s", interval), func(t *testing.T) {
			var buckets [10]int
			least, most := interval*9/10, interval*11/10
			for n := range mappings {
				after := ResyncAt(fmt.Sprintf("support/agent-%d", n), last, interval).Sub(last)
				if after < least || after > most {
					t.Fatalf("after %s", after)
				}
				buckets[min(9, int(10*(after-least)/(most-least)))]++
			}
			for n, count := range buckets {
				if count < mappings/20 || count > mappings/5 {
					t.Errorf("%d of %d are in tenth %d of the range", count, mappings, n)
				}
			}
		})
	}

	t.Run("is the same after a restart", func(t *testing.T) {
		at := ResyncAt("support/asha", last, time.Hour)
		expect(t, "again", ResyncAt("support/asha", last, time.Hour), at)
		// A restart reads the time from the status, which has neither fractions of a second nor a time zone.
		read := last.In(time.FixedZone("", 3600)).Truncate(time.Second)
		expect(t, "after a restart", ResyncAt("support/asha", read, time.Hour).UTC(), at)
		written := last.Add(300 * time.Millisecond)
		expect(t, "its shift by a fraction of a second", ResyncAt("support/asha", written, time.Hour).Sub(at), 300*time.Millisecond)
	})

	t.Run("varies from interval to interval", func(t *testing.T) {
		seen := map[time.Duration]bool{}
		for n := range 50 {
			sent := last.Add(time.Duration(n) * time.Hour)
			seen[ResyncAt("support/asha", sent, time.Hour).Sub(sent)] = true
		}
		if len(seen) < 25 {
			t.Errorf("only %d different intervals", len(seen))
		}
	})
}

func FuzzScheduleBounds(f *testing.F) {
	f.Add("support/asha", int64(1_767_323_045), int64(time.Hour), 1, 0.5)
	f.Add("", int64(0), int64(time.Minute), 10, 0.0)
	f.Add("a/b", int64(math.MaxInt32), int64(99999*time.Hour), math.MaxInt, math.Nextafter(1, 0))
	f.Add("a/b", int64(-1), int64(-1), math.MinInt, 0.999)
	f.Fuzz(func(t *testing.T, mapping string, seconds, nanoseconds int64, failures int, jitter float64) {
		const longest = 3 * 99999 * time.Hour // the maximum in the CRD
		last, interval := time.Unix(seconds%(1<<33), 0).UTC(), time.Duration(nanoseconds)%longest
		switch at := ResyncAt(mapping, last, interval); {
		case interval <= 0:
			if !at.IsZero() {
				t.Errorf("an interval of %s ends at %s", interval, at)
			}
		case at.Sub(last) < interval-interval/10-time.Microsecond || at.Sub(last) > interval+interval/10+time.Microsecond:
			t.Errorf("an interval of %s lasts %s", interval, at.Sub(last))
		case !at.Equal(ResyncAt(mapping, last.Add(time.Millisecond).Local(), interval).Add(-time.Millisecond)):
			t.Errorf("the variation for %s depends on more than the mapping and the second", mapping)
		}
		if !(jitter >= 0 && jitter < 1) {
			return
		}
		delay, next := retryDelay(failures, jitter), retryDelay(max(failures, 1)%1000+1, jitter)
		if delay < FirstRetry || delay > MaxRetry {
			t.Errorf("after %d failures the delay is %s", failures, delay)
		}
		if failures > 9 && delay < MaxRetry*3/4 || failures < 10 && failures > 0 && next < delay*3/4 {
			t.Errorf("after %d failures the delay is %s, and then %s", failures, delay, next)
		}
	})
}

// An HTTP 413 rejects a mapping without an answer that the status could record.
func TestPlan_sends_a_mapping_rejected_without_a_code_once_per_interval(t *testing.T) {
	for name, tc := range map[string]struct {
		intervals       int
		isNew, restarts bool
	}{
		"of an edit":                             {intervals: 3},
		"of a new mapping, also after a restart": {intervals: 1, isNew: true, restarts: true},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMapping("mapping", 1, "1=Y")
			m.Spec.ResyncInterval = &metav1.Duration{Duration: time.Hour}
			a := newAgent(false, m)
			if !tc.isNew {
				a.runAll(t)
				m.edit("1=N")
			}
			for interval := range tc.intervals {
				next, ok := Plan(a.snapshot(), a.state).Next()
				if !ok {
					t.Fatalf("no request in interval %d", interval)
				}
				a.state = a.state.WithResult(Result{Next: next, Endpoint: endpoint, At: a.now, Failure: &deepcall.Error{
					Entry: deepcall.Entry{Reason: "RequestTooLarge", Message: "DeepCall answered HTTP 413", Class: deepcall.Rejected},
				}})
				a.reconcile()
				if tc.restarts {
					a.restart()
				}
				a.now = a.now.Add(50 * time.Minute)
				expect(t, fmt.Sprintf("another request in interval %d", interval), a.hasRequest(), false)
				a.now = a.now.Add(20 * time.Minute)
			}
			expect(t, "a request after the last interval", a.hasRequest(), true)
		})
	}
}

func TestNextResync_is_when_the_groups_are_sent_again(t *testing.T) {
	m := newMapping("mapping", 1, "1=Y")
	m.Spec.ResyncInterval = &metav1.Duration{Duration: time.Hour}
	a := newAgent(false, m)
	expect(t, "the resync of a mapping that was never sent", NextResync(m.AgentGroupMapping), time.Time{})
	a.runAll(t)
	at := NextResync(m.AgentGroupMapping)
	a.now = at.Add(-time.Second)
	expect(t, "a request before the resync is due", a.hasRequest(), false)
	a.now = at
	expect(t, "a request when the resync is due", a.hasRequest(), true)
}

func TestNewMapping_does_not_trust_times_of_the_status(t *testing.T) {
	for name, tc := range map[string]struct {
		ahead  time.Duration
		erased bool
		within time.Duration
	}{
		"a little ahead, as another replica's clock can be": {ahead: time.Hour, within: 2 * time.Hour},
		"far in the future": {ahead: 10 * 365 * 24 * time.Hour, within: 0},
		"erased":            {erased: true, within: 0},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMapping("asha", 1, "90=Y")
			a := newAgent(false, m)
			a.runAll(t)
			m.AgentGroupMapping = m.DeepCopy()
			m.Spec.ResyncInterval = &metav1.Duration{Duration: time.Hour}
			at := a.now.Add(tc.ahead)
			m.Status.LastSyncTime, m.Status.LastResponse.Time = &metav1.MicroTime{Time: at}, metav1.NewTime(at)
			m.Status.Conditions[0].LastTransitionTime = metav1.NewTime(at)
			if tc.erased {
				m.Status.LastSyncTime = nil
			}
			if next := Plan(a.snapshot(), a.state).ResyncAt; next.After(a.now.Add(tc.within)) || tc.within > 0 && !next.After(a.now) {
				t.Errorf("the next resync is at %s, now is %s", next, a.now)
			}
			changed := a.snapshot().Mappings[0].Status.Conditions[0].LastTransitionTime
			expect(t, "the condition changed in the future", changed.After(a.now), false)
		})
	}
}
