package plan

import (
	"fmt"
	"math"
	"testing"
	"time"
)

func TestARetryWaitsTwiceAsLongAfterEachFailure(t *testing.T) {
	for failures, want := range map[int]time.Duration{
		1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 4: 8 * time.Second, 5: 16 * time.Second,
		6: 32 * time.Second, 7: 64 * time.Second, 8: 128 * time.Second, 9: 256 * time.Second,
		10: 5 * time.Minute, 11: 5 * time.Minute, 1000: 5 * time.Minute, math.MaxInt: 5 * time.Minute,
	} {
		t.Run(fmt.Sprintf("after failure %d it waits %s", failures, want), func(t *testing.T) {
			if got := retryDelay(failures, 0); got != want {
				t.Errorf("without spread it waits %s", got)
			}
			earliest, latest := want, min(want+want/4, 5*time.Minute)
			if want == 5*time.Minute {
				earliest = want - want/4
			}
			for seed := 0.0; seed < 1; seed += 0.01 {
				if got := retryDelay(failures, seed); got < earliest || got > latest {
					t.Errorf("with seed %.2f it waits %s, not %s to %s", seed, got, earliest, latest)
				}
			}
		})
	}

	for failures, want := range map[int]time.Duration{
		1: 5 * time.Minute, 2: 10 * time.Minute, 3: 20 * time.Minute, 4: 40 * time.Minute, 5: time.Hour, math.MaxInt: time.Hour,
	} {
		t.Run(fmt.Sprintf("after denial %d it waits %s", failures, want), func(t *testing.T) {
			if got := deniedDelay(failures, 0); got != want {
				t.Errorf("without spread it waits %s", got)
			}
		})
	}

	t.Run("what failed together does not return together", func(t *testing.T) {
		for _, failures := range []int{1, 1000} {
			if a, b := retryDelay(failures, 0.1), retryDelay(failures, 0.9); a == b {
				t.Errorf("after failure %d both wait %s", failures, a)
			}
		}
	})
}

func TestAResyncComesAfterItsInterval(t *testing.T) {
	last := day(1)
	const owners = 2000

	t.Run("never when the interval is zero", func(t *testing.T) {
		for _, interval := range []time.Duration{0, -time.Second} {
			if at := ResyncAt("support/asha", last, interval); !at.IsZero() {
				t.Errorf("%s: at %s", interval, at)
			}
		}
	})

	for _, interval := range []time.Duration{time.Minute, time.Hour, 365 * 24 * time.Hour} {
		t.Run(fmt.Sprintf("give or take a tenth of %s", interval), func(t *testing.T) {
			var buckets [10]int
			least, most := interval*9/10, interval*11/10
			for n := range owners {
				after := ResyncAt(fmt.Sprintf("support/agent-%d", n), last, interval).Sub(last)
				if after < least || after > most {
					t.Fatalf("after %s", after)
				}
				buckets[min(9, int(10*(after-least)/(most-least)))]++
			}
			for n, count := range buckets {
				if count < owners/20 || count > owners/5 {
					t.Errorf("%d of %d come in tenth %d of the time between", count, owners, n)
				}
			}
		})
	}

	t.Run("at the same time after a restart", func(t *testing.T) {
		at := ResyncAt("support/asha", last, time.Hour)
		if again := ResyncAt("support/asha", last, time.Hour); !again.Equal(at) {
			t.Errorf("%s and %s", at, again)
		}
		// A restart reads the time from the status, which has neither fractions nor our time zone.
		read := last.In(time.FixedZone("", 3600)).Truncate(time.Second)
		if again := ResyncAt("support/asha", read, time.Hour); !again.Equal(at) {
			t.Errorf("%s and %s", at, again)
		}
		written := last.Add(300 * time.Millisecond)
		if shift := ResyncAt("support/asha", written, time.Hour).Sub(at); shift != 300*time.Millisecond {
			t.Errorf("a fraction of a second shifts it by %s", shift)
		}
	})

	t.Run("with another spread each time", func(t *testing.T) {
		seen := map[time.Duration]bool{}
		for n := range 50 {
			sent := last.Add(time.Duration(n) * time.Hour)
			seen[ResyncAt("support/asha", sent, time.Hour).Sub(sent)] = true
		}
		if len(seen) < 25 {
			t.Errorf("only %d different ones", len(seen))
		}
	})
}
