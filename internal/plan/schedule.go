package plan

import (
	"hash/fnv"
	"strconv"
	"time"
)

const (
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
)

// RetryAfter is how long a change waits after its failures-th passing failure in a row (from 1):
// from 1 s, doubling to 5 min. The seed, a random number in [0,1), spreads it by a quarter, so that
// what failed together does not return together.
func RetryAfter(failures int, seed float64) time.Duration {
	delay := firstRetry
	for i := 1; i < failures && delay < lastRetry; i++ {
		delay = min(2*delay, lastRetry)
	}
	spread := time.Duration(seed * float64(delay) / 4)
	if delay == lastRetry {
		return delay - spread
	}
	return min(delay+spread, lastRetry)
}

// ResyncAt is when groups that were last sent at the given time are sent again: after the
// interval, give or take a tenth. The spread follows from owner and time alone, so that a
// restart does not shift it. Zero when the interval is zero: never.
func ResyncAt(owner string, last time.Time, interval time.Duration) time.Time {
	if interval <= 0 {
		return time.Time{}
	}
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(owner + "@" + strconv.FormatInt(last.Unix(), 10)))
	spread := float64(hash.Sum64()%2001)/1000 - 1
	return last.Add(interval + time.Duration(spread*float64(interval)/10))
}
