package year

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// hourStats counts what the manager did within an hour.
type hourStats struct {
	from                               time.Time
	requests, accepted                 map[string]int // by account
	writes                             map[string]int // by verb and resource
	edits, credentialChanges, restarts int
	recordedFailures, recordedAttempts int                     // failed requests that change a status, and those of them that add groups
	perMinute, perSecond               map[string]*peakCounter // requests, by account
}

func newHourStats(from time.Time) *hourStats {
	s := &hourStats{
		from: from, requests: map[string]int{}, accepted: map[string]int{}, writes: map[string]int{},
		perMinute: map[string]*peakCounter{}, perSecond: map[string]*peakCounter{},
	}
	for _, account := range []string{"acme", "beta"} {
		s.perMinute[account], s.perSecond[account] = &peakCounter{interval: minute}, &peakCounter{interval: time.Second}
	}
	return s
}

// changes returns the number of changes by users.
func (s *hourStats) changes() int { return s.edits + s.credentialChanges }

func (s *hourStats) String() string {
	parts := []string{fmt.Sprintf("%d changes by users; %d restarts; %d recorded failures, %d with an attempt",
		s.changes(), s.restarts, s.recordedFailures, s.recordedAttempts)}
	for _, account := range slices.Sorted(maps.Keys(s.requests)) {
		parts = append(parts, fmt.Sprintf("%d requests of %s, %d accepted", s.requests[account], account, s.accepted[account]))
	}
	for _, write := range slices.Sorted(maps.Keys(s.writes)) {
		parts = append(parts, fmt.Sprintf("%d × %s", s.writes[write], write))
	}
	return strings.Join(parts, "; ")
}

// peakCounter finds the interval with the most requests.
type peakCounter struct {
	interval time.Duration
	start    time.Time
	n, peak  int
}

func (c *peakCounter) add(now time.Time) {
	if start := now.Truncate(c.interval); !start.Equal(c.start) {
		c.start, c.n = start, 0
	}
	c.n++
	c.peak = max(c.peak, c.n)
}

// totals are the results of a run.
type totals struct {
	Hours, CalmHours, Requests, Writes int
	// The most requests in a calm hour, and in an hour that isn't steady.
	MaxCalm, MaxUnsteady int
	CalmRequests         int
	// The most requests of an account within a second, and within a minute after a day without faults.
	MaxPerSecond, MaxPerCalmMinute int
	// SteadyFaultHours counts the steady hours with a fault.
	SteadyFaultHours int
	// RecordedFailures counts the failures in these hours that changed a status.
	RecordedFailures int
	Restarts         int
	// LeakCheckedRequests counts the requests of the last process after its first calm day.
	LeakCheckedRequests int
}

// checkCoverage checks that the run was varied enough for its checks to mean something.
func (t totals) checkCoverage(actions []action) error {
	restarts := 0
	for _, a := range actions {
		if a.name == restartAction {
			restarts++
		}
	}
	switch {
	case t.Restarts != restarts || restarts == 0:
		return fmt.Errorf("%d restarts instead of %d", t.Restarts, restarts)
	case t.CalmHours < t.Hours/5:
		return fmt.Errorf("only %d of %d hours were calm", t.CalmHours, t.Hours)
	case t.SteadyFaultHours < t.Hours/50:
		return fmt.Errorf("only %d of %d hours were steady with a fault", t.SteadyFaultHours, t.Hours)
	case t.Hours >= 365*24 && t.RecordedFailures == 0:
		return errors.New("no change failed for the first time, or was denied, in a steady hour")
	case t.LeakCheckedRequests < t.Hours/2:
		return fmt.Errorf("the last process was checked for leaks over %d requests only", t.LeakCheckedRequests)
	}
	return nil
}

// The writes to a mapping: statusWrite is the one write of a resync (R15), attemptWrite precedes a request that adds groups (R5).
const (
	statusWrite  = "update agentgroupmappings/status"
	attemptWrite = "patch agentgroupmappings"
)

// finishHour checks the hour that ends now, adds it to the totals and begins the next.
func (e *testEnv) finishHour(total *totals) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now, stats := time.Now(), e.stats
	e.stats = newHourStats(now)
	requests, writes := sum(stats.requests), sum(stats.writes)
	total.Hours++
	total.Restarts += stats.restarts
	total.Requests += requests
	total.Writes += writes
	for _, account := range []string{"acme", "beta"} {
		e.checkRate(account, stats, now)
		e.checkPeaks(account, stats, now, total)
	}
	accepted := sum(stats.accepted)
	switch {
	case !e.isSteady(stats, now):
		total.MaxUnsteady = max(total.MaxUnsteady, requests)
		return
	case requests == accepted:
		total.CalmHours++
		total.CalmRequests += requests
		total.MaxCalm = max(total.MaxCalm, requests)
	default:
		total.SteadyFaultHours++
	}
	// The first answer to a new process can have another code than the account's status.
	if accounts := stats.writes["update deepcallaccounts/status"]; accounts <= 2*stats.restarts {
		writes -= accounts
	}
	total.RecordedFailures += stats.recordedFailures
	statuses, attempts := stats.writes[statusWrite], stats.writes[attemptWrite]
	if statuses < accepted || statuses > accepted+stats.recordedFailures || attempts > stats.recordedAttempts || writes != statuses+attempts {
		e.violateLocked("R15: an hour like this allows one status write per accepted resync or recorded failure, and one record per attempt: %s", stats)
	}
}

// isSteady reports whether the hour contained only resyncs, and each account either had no fault or had the
// same fault for longer than settlingTime. The caller holds mu.
func (e *testEnv) isSteady(stats *hourStats, now time.Time) bool {
	// Most changes during a fault are first sent within the next hour. recordFailure counts those that are sent later.
	if e.lastChange.After(stats.from.Add(-hour-10*minute)) || len(e.recreations) > 0 ||
		e.anyGroupDeleted("acme", stats.from) || e.anyGroupDeleted("beta", stats.from) {
		return false
	}
	for _, account := range []string{"acme", "beta"} {
		found := e.faultsBetween(account, stats.from, now)
		switch {
		case len(found) == 0 && stats.requests[account] != stats.accepted[account]:
			e.violateLocked("status: a request of %s failed without a fault: %s", account, stats)
		case len(found) == 0:
		case len(found) > 1, stats.restarts > 0, !found[0].active(), found[0].from.After(stats.from.Add(-settlingTime)):
			return false
		}
	}
	return true
}

// settlingTime is how long a fault lasts before its effects are steady: the first request can be nearly two
// hours away, and the next ones another hour each.
const settlingTime = 4 * hour

// maxPerCalmMinute is far above the mean of one request in ten minutes.
const maxPerCalmMinute = 6

// checkPeaks checks that no second exceeds the account's limits, and that resyncs are spread out after a day
// without faults, whatever aligned them before. The caller holds mu.
func (e *testEnv) checkPeaks(account string, stats *hourStats, now time.Time, total *totals) {
	perSecond, perMinute := stats.perSecond[account].peak, stats.perMinute[account].peak
	total.MaxPerSecond = max(total.MaxPerSecond, perSecond)
	if limit := 20 + 10; perSecond > limit {
		e.violateLocked("storm: %d requests of %s within a second", perSecond, account)
	}
	if stats.changes() > 0 || e.anyGroupDeleted(account, stats.from) || len(e.faultsBetween(account, stats.from.Add(-26*hour), now)) > 0 {
		return
	}
	total.MaxPerCalmMinute = max(total.MaxPerCalmMinute, perMinute)
	if perMinute > maxPerCalmMinute {
		e.violateLocked("storm: %d resyncs of %s within a minute, after a day without faults", perMinute, account)
	}
}

// checkRate bounds the requests of an account in an hour, by the intervals of R9 and R10. The caller holds mu.
func (e *testEnv) checkRate(account string, stats *hourStats, now time.Time) {
	mean := 0.0
	for _, f := range e.fixturesOf(account, "") {
		mean += float64(hour) / float64(f.interval)
	}
	mappings := len(e.fixturesOf(account, ""))
	limit := int(2*mean) + 6 + 4*stats.changes() + 15*stats.restarts
	for _, w := range e.faultsBetween(account, stats.from, now) {
		switch {
		case w.active() && w.from.Before(stats.from.Add(-settlingTime)):
			limit = w.fault.maxPerHour + 11*stats.credentialChanges + 15*stats.restarts
		case w.fault.suspend:
			limit += 3 + 4 + 4 + mappings // probes after 5, 15 and 35 min; all mappings that are due at the end
		case w.fault.script.Code != 0:
			limit += mappings * (9 + 16) // each mapping separately: from 1 s, doubling to 5 min less a quarter
		default:
			limit += 5*4 + 7 + 60 + mappings // 5 failures of 4 requests each, 1 s doubling to 1 min, once a minute
		}
	}
	if e.anyGroupDeleted(account, stats.from) {
		limit += 6 * mappings // isolating the rejected mapping takes a few requests
	}
	if stats.requests[account] > limit {
		e.violateLocked("storm: %d requests of %s since %s, at most %d are allowed (%s)",
			stats.requests[account], account, formatTime(stats.from), limit, stats)
	}
}

func sum(counts map[string]int) (n int) {
	for _, count := range counts {
		n += count
	}
	return n
}
